/**
 * The rows of the design of live checkpoints that concern disk layers as files: a guest with a virtio disk goes on
 * while its layers are made, saved, merged, committed and copied. qemu-img judges what is in the files.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CowDisk, type CowContents } from '../../src/disk/cow-disk';
import { MemoryFolder, type DiskFolder } from '../../src/disk/folder';
import { WritableRaw } from '../../src/disk/images';
import { LayerFiles } from '../../src/disk/layer-files';
import { checkPointer, makePointer } from '../../src/disk/pointer';
import type { WritableFile } from '../../src/disk/types';
import { nodeDiskFiles } from '../../src/host/disk/disk-files';
import { openNodeFile } from '../../src/host/disk/node-file';
import { cloneFile, openNodeFolder } from '../../src/host/disk/node-folder';
import { DiskGuest, page, SECTOR } from '../support/disk-guest';
import { TestDisk } from '../support/test-disk';
import { requireTool } from '../support/tools';

const SIZE = (2 << 20) + 1536;
const original = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, at) => (at * 3 + (at >> 9)) & 0xff);
const filled = (value: number, sectors = 1): Uint8Array => new Uint8Array(sectors * SECTOR).fill(value);

describe('live checkpoints: disk layers', function () {
  this.timeout(20_000);
  let folder = '';
  let baseFile: WritableFile;
  let base: WritableRaw;
  let cow: CowDisk;
  let disk: TestDisk;
  let guest: DiskGuest;
  let files: LayerFiles;

  before(function () {
    requireTool(this, 'qemu-img');
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-rows-'));
    writeFileSync(join(folder, 'base.raw'), original());
    baseFile = await openNodeFile(join(folder, 'base.raw'), 'write');
    base = new WritableRaw(baseFile);
    cow = new CowDisk(base);
    disk = new TestDisk(cow);
    disk.holding = false;
    guest = new DiskGuest(disk);
    files = await openFiles();
  });
  afterEach(async () => {
    await files.close();
    await baseFile.close();
    rmSync(folder, { recursive: true });
  });

  async function openFiles(kept: string[] = [], where?: DiskFolder): Promise<LayerFiles> {
    const layers = where ?? (await openNodeFolder(join(folder, 'layers')));
    return LayerFiles.open(layers, { name: join(folder, 'base.raw'), format: 'raw', image: base }, kept);
  }

  /** The guest writes, and gets its answer. */
  async function writes(sector: number, value: number, sectors = 1): Promise<void> {
    guest.write(sector, filled(value, sectors), page(0));
    await guest.drain();
  }

  async function shown(of: CowDisk = cow): Promise<Buffer> {
    const operation = of.begin({ op: 'read', offset: 0, length: SIZE });
    await operation.whenReady();
    const result = operation.complete();
    assert.ok(result.ok && result.data);
    return Buffer.from(result.data);
  }

  const qemuImg = (...args: string[]): string =>
    execFileSync('qemu-img', args, { cwd: join(folder, 'layers'), encoding: 'utf8', stdio: 'pipe' });

  /** QEMU finds the file clean, and reads these contents from it. */
  function assertJudged(name: string, expected: Uint8Array): void {
    const file = name.includes('.') ? name : `${name}.qcow2`;
    qemuImg('check', '-f', 'qcow2', file);
    writeFileSync(join(folder, 'expected.raw'), expected);
    qemuImg('compare', '-f', 'qcow2', '-F', 'raw', file, '../expected.raw');
  }

  /** A checkpoint of the disk that is kept in a file. */
  async function keep(name: string): Promise<{ contents: CowContents; bytes: Buffer; name: string }> {
    const contents = cow.freeze();
    const bytes = await shown();
    await files.save(contents, name);
    return { contents, bytes, name };
  }

  it('S1: the COW disk is made while the guest runs, and the switch to it does no I/O', async () => {
    await writes(4, 0x11);
    disk.holding = true;
    guest.write(5, filled(0x12), page(1));
    const making = files.prepare('one', SIZE, undefined);
    let isMade = false;
    void making.then(() => (isMade = true));
    assert.equal(guest.run(1000).kind, 'reached');
    assert.equal(isMade, false, 'the guest has run meanwhile');
    await making;
    assert.match(qemuImg('info', 'one.qcow2.new'), /backing file: .*base\.raw/);
    await disk.letGo();
    await guest.drain();
    // Step 2 is synchronous: nothing is awaited, nothing is read or written.
    const state = guest.machine.freeze();
    const [contents] = state.disks;
    assert.ok(contents);
    const bytes = await shown();
    disk.holding = false;
    const frozen = cow.freeze();
    const saving = files.save(frozen, 'one');
    await writes(4, 0x13);
    await saving;
    assertJudged('one', bytes);
    assert.equal((await shown())[4 * SECTOR], 0x13);
  });

  it('S5: disk COW faults are served on the COW disk; the parent never changes', async () => {
    await writes(4, 0x21, 3);
    const { contents, bytes } = await keep('parent');
    const file = readFileSync(join(folder, 'layers', 'parent.qcow2'));
    const hash = contents.hash();
    await writes(5, 0x22);
    await writes(130, 0x23, 8);
    const child = await keep('child');
    assert.ok(readFileSync(join(folder, 'layers', 'parent.qcow2')).equals(file), 'not a byte of the file');
    assert.equal(contents.hash(), hash);
    assertJudged('parent', bytes);
    assertJudged('child', child.bytes);
    assert.deepEqual(child.bytes.subarray(4 * SECTOR, 5 * SECTOR), Buffer.from(filled(0x21)));
    assert.ok(readFileSync(join(folder, 'base.raw')).equals(original()), 'nor of the base');
  });

  it('S15: the parent can be copied after its pending writes, and the copy serves the checkpoint', async () => {
    disk.holding = true;
    guest.write(6, filled(0x31), page(0));
    // What is pending belongs to the copy: it is complete before the parent is frozen and copied.
    await disk.letGo();
    await guest.drain();
    disk.holding = false;
    const parent = await keep('parent');
    const copying = files.copy('parent', 'copy.qcow2');
    await writes(6, 0x32);
    await copying;
    assertJudged('copy.qcow2', parent.bytes);
    assert.doesNotMatch(qemuImg('info', 'copy.qcow2'), /backing/);
    assert.equal(parent.bytes[6 * SECTOR], 0x31);
    writeFileSync(join(folder, 'base.raw'), new Uint8Array(SIZE));
    assertJudged('copy.qcow2', parent.bytes);
  });

  it('S16: a COW disk is committed into its parent while the guest runs on', async () => {
    await writes(4, 0x41, 7);
    const one = await keep('one');
    await writes(300, 0x42);
    const two = await keep('two');
    await writes(301, 0x43);
    await assert.rejects(files.commit('two'), { code: 'COMMIT_IN_USE' }, 'one is kept, and would be lost');
    assert.deepEqual([one.contents.isUnderAll, two.contents.isUnderAll], [true, false]);
    const reading = shown();
    const committing = files.commit('one', base);
    await writes(5, 0x44);
    await committing;
    assert.deepEqual(
      (await reading).subarray(300 * SECTOR, 302 * SECTOR),
      Buffer.from([...filled(0x42), ...filled(0x43)]),
    );
    assert.ok(readFileSync(join(folder, 'base.raw')).equals(one.bytes), 'it is in the base');
    assertJudged('one', one.bytes);
    assertJudged('two', two.bytes);
    assert.ok(readFileSync(join(folder, 'layers', 'one.qcow2')).length < 6 * 65536, 'and its space is free');
    cow.thaw(one.contents);
    assert.ok((await shown()).equals(one.bytes));
    cow.thaw(two.contents);
    assert.ok((await shown()).equals(two.bytes));
    await files.close();
    files = await openFiles(['one', 'two']);
    const again = new CowDisk(base, { stored: await files.load('two') });
    assert.ok((await shown(again)).equals(two.bytes));
    assert.equal(again.contentHash(), two.contents.hash());
  });

  it('S17: while one layer is committed, new ones take the writes, chained to any depth', async function () {
    this.timeout(60_000);
    await writes(0, 0x51, 8);
    const first = await keep('layer0');
    const committing = files.commit('layer0', base);
    const kept = [first];
    for (let depth = 1; depth <= 70; depth++) {
      await writes((depth * 8) % 4000, depth, (depth % 7) + 1);
      kept.push(await keep(`layer${depth}`));
    }
    await committing;
    assert.equal(files.chainOf('layer70').length, 71);
    for (const at of [0, 1, 35, 70]) assertJudged(`layer${at}`, kept[at]?.bytes ?? assert.fail());
    await files.close();
    files = await openFiles(kept.map(({ name }) => name));
    const again = new CowDisk(base, { stored: await files.load('layer70') });
    assert.ok((await shown(again)).equals(kept[70]?.bytes ?? assert.fail()));
    assert.equal(again.contentHash(), kept[70]?.contents.hash());
    // From the middle, all but two: their blocks merge into their children.
    for (const { name } of kept.slice(1, 70)) void files.release(name).catch(() => undefined);
    await files.settled();
    assert.deepEqual(files.names.sort(), ['layer0', 'layer70']);
    assertJudged('layer70', kept[70]?.bytes ?? assert.fail());
    assert.ok((await shown(again)).equals(kept[70]?.bytes ?? assert.fail()));
  });

  it('S18: a missing or changed base is a clear error before anything runs', async () => {
    const path = join(folder, 'base.raw');
    const pointer = await makePointer(path, 'raw', nodeDiskFiles);
    assert.deepEqual(await checkPointer(pointer, nodeDiskFiles), pointer);
    utimesSync(path, 1, 1);
    const touched = await checkPointer(pointer, nodeDiskFiles);
    assert.equal(touched.hash, pointer.hash, 'the same bytes at another time are the same disk');
    const changed = original();
    changed[SIZE - 1] = ~(changed[SIZE - 1] ?? 0) & 0xff;
    writeFileSync(path, changed);
    await assert.rejects(checkPointer(pointer, nodeDiskFiles), {
      code: 'DISK_CONTENTS_CHANGED',
      message: /base\.raw has been written since.*relocate/,
    });
    writeFileSync(path, original().subarray(512));
    await assert.rejects(checkPointer(pointer, nodeDiskFiles), {
      code: 'DISK_SIZE_CHANGED',
      message: new RegExp(`${SIZE - 512} bytes and had ${SIZE}`),
    });
    renameSync(path, join(folder, 'moved.raw'));
    await assert.rejects(checkPointer(pointer, nodeDiskFiles), {
      code: 'DISK_MISSING',
      message: /not there.*relocate/,
    });
    await assert.rejects(makePointer(path, 'raw', nodeDiskFiles), { code: 'DISK_MISSING' });
    writeFileSync(join(folder, 'moved.raw'), original());
    const moved = await checkPointer(pointer, nodeDiskFiles, join(folder, 'moved.raw'));
    assert.deepEqual([moved.path, moved.hash], [join(folder, 'moved.raw'), pointer.hash]);
    await assert.rejects(checkPointer(pointer, nodeDiskFiles, join(folder, 'nowhere.raw')), {
      code: 'DISK_MISSING',
    });
  });

  it('S19: where the storage clones files, the COW disk is a clone of its parent', async () => {
    await files.close();
    const storage = new CloningFolder();
    files = await openFiles([], storage);
    await writes(4, 0x61, 3);
    const one = await keep('one');
    await writes(5, 0x62);
    const two = await keep('two');
    await writes(200, 0x63);
    const three = await keep('three');
    assert.deepEqual(storage.clones, ['one.qcow2', 'two.qcow2']);
    assert.deepEqual(files.chainOf('three'), ['three'], 'no chain');
    await files.close();
    files = await openFiles(['one', 'two', 'three'], storage);
    for (const { name, bytes, contents } of [one, two, three]) {
      const again = new CowDisk(base, { stored: await files.load(name) });
      assert.ok((await shown(again)).equals(bytes), name);
      assert.equal(again.contentHash(), contents.hash(), name);
      writeFileSync(join(folder, 'layers', `${name}-clone.qcow2`), await storage.bytes(`${name}.qcow2`));
      assertJudged(`${name}-clone`, bytes);
    }
    await files.release('two');
    assert.ok((await shown()).equals(three.bytes));
  });

  it('S19: asks the file system, and does without where it cannot clone', async () => {
    const cloned = await cloneFile(join(folder, 'base.raw'), join(folder, 'clone.raw'));
    if (cloned) assert.ok(readFileSync(join(folder, 'clone.raw')).equals(original()));
    else assert.throws(() => readFileSync(join(folder, 'clone.raw')), { code: 'ENOENT' });
    await writes(4, 0x64);
    const one = await keep('one');
    await writes(4, 0x65);
    const two = await keep('two');
    assertJudged('one', one.bytes);
    assertJudged('two', two.bytes);
    await assert.rejects(cloneFile(join(folder, 'no.raw'), join(folder, 'x.raw')), { code: 'FILE_MISSING' });
  });

  it('S23: the disk alone goes back to a snapshot, and forward again; the guest runs on', async () => {
    await writes(4, 0x71);
    const snapshot = await keep('snapshot');
    await writes(4, 0x72);
    await writes(900, 0x73);
    const later = await keep('later');
    const instant = guest.machine.instret;
    cow.thaw(snapshot.contents);
    assert.ok((await shown()).equals(snapshot.bytes));
    guest.read(4, 1, page(3));
    await guest.drain();
    assert.deepEqual(guest.bytes(page(3), SECTOR), filled(0x71), 'the guest sees the disk of then');
    assert.ok(guest.machine.instret > instant, 'and is itself where it was');
    await writes(5, 0x74);
    cow.thaw(later.contents);
    assert.ok((await shown()).equals(later.bytes));
    cow.thaw(snapshot.contents);
    assert.ok((await shown()).equals(snapshot.bytes));
  });
});

/** Storage that clones files, as Btrfs and XFS do. */
class CloningFolder extends MemoryFolder {
  readonly clones: string[] = [];

  async clone(from: string, to: string): Promise<boolean> {
    this.clones.push(from);
    const file = await this.create(to);
    await file.write(0, await this.bytes(from));
    return true;
  }

  async bytes(name: string): Promise<Uint8Array> {
    const file = await this.open(name);
    return file.read(0, file.sizeBytes);
  }
}
