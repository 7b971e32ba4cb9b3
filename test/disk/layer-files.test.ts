/** Trees of layer files under a disk that goes on being written; qemu-img judges the files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CowDisk, type CowContents } from '../../src/disk/cow-disk';
import { WritableRaw } from '../../src/disk/images';
import { LayerFiles } from '../../src/disk/layer-files';
import type { DiskRequest, WritableFile } from '../../src/disk/types';
import { openNodeFile } from '../../src/host/disk/node-file';
import { openNodeFolder } from '../../src/host/disk/node-folder';
import { requireTool } from '../support/tools';

const SIZE = (1 << 20) + 4096 + 512;
const pattern = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, at) => (at * 7 + (at >> 9)) & 0xff);

async function run(disk: CowDisk, request: DiskRequest): Promise<Uint8Array> {
  const operation = disk.begin(request);
  await operation.whenReady();
  const result = operation.complete();
  assert.ok(result.ok);
  return result.data ?? new Uint8Array(0);
}

const fill = (disk: CowDisk, offset: number, length: number, value: number) =>
  run(disk, { op: 'write', offset, data: new Uint8Array(length).fill(value) });
const all = (disk: CowDisk) => run(disk, { op: 'read', offset: 0, length: SIZE });

/** What the disk shows when it goes back to these contents; it stays there. */
async function at(disk: CowDisk, contents: CowContents): Promise<Uint8Array> {
  disk.thaw(contents);
  return all(disk);
}

describe('layer files', function () {
  this.timeout(20_000);
  let folder = '';
  let files: LayerFiles;
  let baseFile: WritableFile;
  let base: WritableRaw;

  before(function () {
    requireTool(this, 'qemu-img');
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-layers-'));
    writeFileSync(join(folder, 'base.raw'), pattern());
    baseFile = await openNodeFile(join(folder, 'base.raw'), 'write');
    base = new WritableRaw(baseFile);
    files = await open([]);
  });
  afterEach(async () => {
    await files.close();
    await baseFile.close();
    rmSync(folder, { recursive: true });
  });

  const open = async (kept: readonly string[]): Promise<LayerFiles> =>
    LayerFiles.open(
      await openNodeFolder(join(folder, 'layers')),
      { name: join(folder, 'base.raw'), format: 'raw', image: base },
      kept,
    );

  /** What QEMU reads from a layer, which it also finds clean. */
  function judged(name: string): Buffer {
    const run = (...args: string[]) =>
      execFileSync('qemu-img', args, { cwd: join(folder, 'layers'), stdio: 'pipe' });
    run('check', `${name}.qcow2`);
    run('convert', '-O', 'raw', `${name}.qcow2`, '../judged.raw');
    return readFileSync(join(folder, 'judged.raw'));
  }

  const present = (): string[] => readdirSync(join(folder, 'layers')).sort();

  /** Three checkpoints in a row, and a disk that went on. */
  async function three(): Promise<{ disk: CowDisk; contents: CowContents[]; shown: Uint8Array[] }> {
    const disk = new CowDisk(base);
    const contents: CowContents[] = [];
    const shown: Uint8Array[] = [];
    for (const [index, name] of ['one', 'two', 'three'].entries()) {
      await fill(disk, index * 65536 + 512, 70_144, index + 1);
      await run(disk, { op: 'writeZeroes', offset: 512 * 1024 + index * 65536, length: 65536 + 4096 });
      await fill(disk, SIZE - 512, 512, 0x10 + index);
      contents.push(disk.freeze());
      shown.push(await all(disk));
      await files.save(contents.at(-1) ?? assert.fail(), name);
    }
    await fill(disk, 0, 1024, 0x99);
    return { disk, contents, shown };
  }

  it('shows the same to us and to QEMU, before and after it has left memory', async () => {
    const { disk, contents, shown } = await three();
    const now = await all(disk);
    for (const [index, name] of ['one', 'two', 'three'].entries()) {
      assert.ok(judged(name).equals(shown[index] ?? assert.fail()), name);
      const there = contents[index] ?? assert.fail();
      assert.deepEqual(await at(disk, there), shown[index]);
      assert.equal(disk.contentHash(), there.hash());
    }
    assert.notDeepEqual(now, shown[2]);
    assert.ok(readFileSync(join(folder, 'base.raw')).equals(pattern()), 'the base is never written (I3)');
  });

  it('goes on from a file in another process, with the same hashes (S22)', async () => {
    const { disk, contents, shown } = await three();
    const hash = contents[1]?.hash();
    disk.thaw(contents[1] ?? assert.fail());
    await fill(disk, 70_000 - (70_000 % 512), 512, 0x77);
    const [further, after] = [disk.contentHash(), await all(disk)];
    await files.close();
    files = await open(['two']);
    await files.settled();
    assert.deepEqual(
      present(),
      ['one.blocks', 'one.qcow2', 'two.blocks', 'two.qcow2'].slice(2),
      'three is gone, one merged',
    );
    const again = new CowDisk(base, { stored: await files.load('two') });
    assert.equal(again.contentHash(), hash);
    assert.deepEqual(await all(again), shown[1]);
    await fill(again, 70_000 - (70_000 % 512), 512, 0x77);
    assert.equal(again.contentHash(), further);
    assert.deepEqual(await all(again), after);
    await files.save(again.freeze(), 'next');
    assert.ok(judged('next').equals(after));
  });

  it('merges a checkpoint in the middle into its child, while the disk is used', async () => {
    const { disk, contents, shown } = await three();
    const reading = all(disk);
    contents[1]?.release();
    await files.release('two');
    assert.deepEqual(present(), ['one.blocks', 'one.qcow2', 'three.blocks', 'three.qcow2']);
    await reading;
    assert.ok(judged('one').equals(shown[0] ?? assert.fail()));
    assert.ok(judged('three').equals(shown[2] ?? assert.fail()));
    assert.deepEqual(await at(disk, contents[2] ?? assert.fail()), shown[2]);
    assert.deepEqual(await at(disk, contents[0] ?? assert.fail()), shown[0]);
    await files.close();
    files = await open(['one', 'three']);
    const again = new CowDisk(base, { stored: await files.load('three') });
    assert.equal(again.contentHash(), contents[2]?.hash());
  });

  it('keeps what branches share until one of them is left', async () => {
    const { disk, contents, shown } = await three();
    disk.thaw(contents[0] ?? assert.fail());
    await fill(disk, 300 * 1024, 8192, 0x44);
    const branch = disk.freeze();
    const there = await all(disk);
    await files.save(branch, 'branch');
    contents[0]?.release();
    await files.release('one');
    assert.ok(present().includes('one.qcow2'), 'two and branch stand on it');
    assert.ok(judged('branch').equals(there) && judged('two').equals(shown[1] ?? assert.fail()));
    branch.release();
    disk.thaw(contents[2] ?? assert.fail());
    await files.release('branch');
    assert.deepEqual(present(), ['three.blocks', 'three.qcow2', 'two.blocks', 'two.qcow2']);
    assert.ok(judged('two').equals(shown[1] ?? assert.fail()));
    assert.deepEqual(await at(disk, contents[1] ?? assert.fail()), shown[1]);
  });

  it('saves the same contents once, and cancels', async () => {
    const disk = new CowDisk(base);
    await fill(disk, 0, 65536 * 4, 1);
    const one = disk.freeze();
    const signal = { aborted: false };
    const cancelled = files.save(one, 'one', {
      signal,
      pace: async () => {
        signal.aborted = true;
      },
    });
    await assert.rejects(cancelled, { code: 'SAVE_CANCELLED' });
    assert.deepEqual(present(), []);
    assert.equal(await files.save(one, 'one'), 'one');
    assert.equal(await files.save(disk.freeze(), 'other'), 'one', 'nothing was written in between');
    await files.release('one');
    assert.ok(present().includes('one.qcow2'));
  });

  it('says what is wrong with a damaged or missing layer', async () => {
    await three();
    await assert.rejects(files.load('four'), { code: 'LAYER_MISSING' });
    await files.close();
    writeFileSync(join(folder, 'layers', 'two.blocks'), 'not a list');
    files = await open(['one', 'two', 'three']);
    await assert.rejects(files.load('two'), { code: 'LAYER_DAMAGED' });
    await files.close();
    writeFileSync(join(folder, 'layers', 'one.qcow2'), 'not an image');
    files = await open(['one', 'two', 'three']);
    for (const name of ['one', 'two', 'three'])
      await assert.rejects(files.load(name), { code: 'LAYER_DAMAGED' });
  });

  it('leaves nothing behind that an interrupted save, merge or list began', async () => {
    const { shown } = await three();
    await files.close();
    for (const name of ['x.qcow2.new', 'y.blocks.new', 'z.blocks'])
      writeFileSync(join(folder, 'layers', name), 'x');
    files = await open(['three']);
    await files.settled();
    assert.deepEqual(present(), ['three.blocks', 'three.qcow2']);
    assert.ok(judged('three').equals(shown[2] ?? assert.fail()));
  });
});
