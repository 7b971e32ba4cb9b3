/**
 * Disks of saved checkpoints, on every kind of store: what was written comes back in another process and on another machine,
 * layers come and go with their checkpoints, base images are checked. qemu-img judges the layers.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defined, UserError } from '../../src/base/errors';
import { CowContents } from '../../src/disk/cow-disk';
import { openArchive } from '../../src/host/archive';
import { openDiskArchive } from '../../src/host/disk/disk-archive';
import { requireTool } from '../support/tools';
import {
  BLOCK,
  SIZE,
  beginDisks,
  beginSave,
  close,
  complete,
  endDisks,
  fresh,
  judge,
  layersOf,
  open,
  original,
  qemuImg,
  rejects,
  resumed,
  save,
  shown,
  write,
} from './disk-support';

describe('disks of saved checkpoints', function () {
  this.timeout(20_000);
  let folder = '';
  let base = '';
  beforeEach(() => {
    ({ folder, base } = beginDisks());
  });
  afterEach(endDisks);

  for (const [kind, name] of [
    ['a folder', 'store'],
    ['a file', 'store.cvstore'],
  ] as const) {
    it(`S5, S20, S22: ${kind} gives back what was written, and the base is never changed`, async () => {
      let archive = await open(name);
      const { disk } = await fresh(archive);
      await write(disk, 3, 1, 20);
      await complete(disk, { op: 'writeZeroes', offset: 30 * BLOCK, length: 5 * BLOCK });
      await write(disk, SIZE / BLOCK - 1.375, 9);
      const [first, wasFirst, hashFirst] = [await save(archive, disk), await shown(disk), disk.contentHash()];
      await write(disk, 10, 2, 100);
      const [second, wasSecond, hashSecond] = [
        await save(archive, disk),
        await shown(disk),
        disk.contentHash(),
      ];
      assert.ok(!wasFirst.equals(wasSecond));
      assert.ok((await shown(disk)).equals(wasSecond), 'blocks that have left memory are read again');
      await close(archive);

      archive = await open(name);
      const one = await resumed(archive, first);
      assert.ok((await shown(one.disk)).equals(wasFirst));
      assert.equal(one.disk.contentHash(), hashFirst);
      const two = await resumed(archive, second);
      assert.ok((await shown(two.disk)).equals(wasSecond));
      assert.equal(two.disk.contentHash(), hashSecond);
      await write(two.disk, 4, 77);
      const [third, wasThird] = [await save(archive, two.disk), await shown(two.disk)];
      await close(archive);

      archive = await open(name);
      assert.ok((await shown((await resumed(archive, third)).disk)).equals(wasThird));
      assert.ok(readFileSync(base).equals(original()));
      for (const { id } of await archive.list()) assert.deepEqual((await archive.verify(id)).problems, []);
    });
  }

  it('S20: a store in RAM gives them back to another guest of the process', async () => {
    const archive = await open('ram', {}, true);
    const { disk } = await fresh(archive);
    await write(disk, 3, 1, 20);
    const id = await save(archive, disk);
    const before = await shown(disk);
    await write(disk, 3, 2, 20);
    assert.ok((await shown((await resumed(archive, id)).disk)).equals(before));
    assert.deepEqual(readdirSync(folder), ['base.raw']);
  });

  it('keeps layers as qcow2 files over each other, and makes none where nothing was written', async function () {
    requireTool(this, 'qemu-img');
    let archive = await open('store');
    const { disk } = await fresh(archive);
    await save(archive, disk);
    assert.deepEqual(layersOf('store'), []);
    const states: Buffer[] = [];
    for (let step = 1; step <= 3; step++) {
      await write(disk, 20 * step, step, 30);
      await save(archive, disk);
      await save(archive, disk);
      states.push(await shown(disk));
    }
    await close(archive);
    const layers = layersOf('store');
    assert.equal(layers.length, 3);
    layers.forEach((layer, at) => judge(layer, states[at] ?? new Uint8Array(0)));

    archive = await open('store');
    const ids = (await archive.list()).map(({ id }) => id);
    // Two checkpoints have the same layer: it stays until both are gone, and is merged into the next one then.
    for (const id of ids.slice(1, 3)) await archive.delete(id);
    await close(archive);
    const left = layersOf('store');
    assert.equal(left.length, 2);
    left.forEach((layer, at) => judge(layer, states[at + 1] ?? new Uint8Array(0)));
  });

  it('leaves nothing of a save that is cancelled or fails, nor of one that a crash ended', async () => {
    let archive = await open('store');
    const { disk, opened } = await fresh(archive);
    await write(disk, 0, 1, 500);
    const cancelled = beginSave(archive, disk);
    cancelled.cancel();
    await rejects(cancelled.done, 'SAVE_CANCELLED');
    const inner = await openArchive(join(folder, 'store'));
    const failing = Object.create(inner) as typeof inner;
    const value = () => ({
      ...{
        onProgress: () => ({ dispose: () => undefined }),
        cancel: () => undefined,
        hurry: () => undefined,
      },
      done: Promise.reject(new UserError('STORE_FULL', 'full')),
    });
    Object.defineProperty(failing, 'save', { value });
    const full = await openDiskArchive(failing);
    full.attach(disk, opened);
    await rejects(beginSave(full, disk).done, 'STORE_FULL');
    await full.close();
    await close(archive);

    // A guest reads from its layers what has left its memory; what no checkpoint names is gone once that guest is.
    archive = await open('store');
    const next = await fresh(archive);
    await write(next.disk, 0, 1, 500);
    const id = await save(archive, next.disk);
    assert.equal(layersOf('store').length, 1);
    await write(next.disk, 5, 2);
    const lost = await save(archive, next.disk);
    await close(archive);
    const bare = await openArchive(join(folder, 'store'));
    await bare.delete(lost);
    await bare.close();
    assert.equal(layersOf('store').length, 2);
    archive = await open('store');
    await resumed(archive, id);
    await close(archive);
    assert.equal(layersOf('store').length, 1);
  });

  it('a checkpoint that cannot be deleted keeps its layers', async () => {
    let archive = await open('store');
    const { disk } = await fresh(archive);
    await write(disk, 3, 1, 20);
    const [id, before] = [await save(archive, disk), await shown(disk)];
    await close(archive);
    const inner = await openArchive(join(folder, 'store'));
    const failing = Object.create(inner) as typeof inner;
    const value = (): Promise<void> => Promise.reject(new UserError('STORE_IO', 'no'));
    Object.defineProperty(failing, 'delete', { value });
    const broken = await openDiskArchive(failing);
    await rejects(broken.delete(id), 'STORE_IO');
    await broken.close();
    archive = await open('store');
    assert.ok((await shown((await resumed(archive, id)).disk)).equals(before));
  });

  it('S22: an exported file needs only the base image, wherever that is', async () => {
    let archive = await open('store');
    const { disk } = await fresh(archive);
    await write(disk, 3, 1, 20);
    await save(archive, disk);
    await write(disk, 10, 2, 40);
    const [id, before] = [await save(archive, disk), await shown(disk)];
    const file = join(folder, 'one.cvstore');
    await archive.exportTo(id, file);
    await close(archive);
    rmSync(join(folder, 'store'), { recursive: true });
    const moved = join(folder, 'elsewhere.raw');
    renameSync(base, moved);

    archive = await open('one.cvstore');
    assert.ok((await shown((await resumed(archive, '1', moved)).disk)).equals(before));
    await rejects(resumed(archive, '1'), 'FILE_MISSING');
    await close(archive);
    archive = await open('other', { relocated: new Map([[base, moved]]) });
    const [imported] = await archive.importFrom(file);
    assert.ok(imported !== undefined);
    const guest = await resumed(archive, imported);
    assert.ok((await shown(guest.disk)).equals(before));
    await write(guest.disk, 11, 3);
    const [next, after] = [await save(archive, guest.disk), await shown(guest.disk)];
    assert.ok((await shown((await resumed(archive, next)).disk)).equals(after));
  });

  it('S20: counts layers in the space budget; what does not fit is refused, and leaves nothing behind', async () => {
    const path = join(folder, 'store');
    const archive = await openDiskArchive(await openArchive(path, { maxBytes: 4 << 20 }));
    const random = (block: number, seed: number): Promise<Uint8Array> =>
      complete(disk, {
        op: 'write',
        offset: block * BLOCK,
        data: Uint8Array.from({ length: 200 * BLOCK }, (_, at) => (at * at * seed) >> 7),
      });
    const { disk } = await fresh(archive);
    const saved: string[] = [];
    const attempt = async (seed: number): Promise<string> => {
      await random(10, seed);
      const id = await save(archive, disk);
      saved.push(id);
      return attempt(seed + 2);
    };
    await rejects(attempt(1), 'STORE_FULL');
    assert.ok(saved.length >= 2, String(saved.length));
    const { sizeBytes, freeBytes } = await archive.statistics();
    assert.ok(sizeBytes > saved.length * 200 * BLOCK && freeBytes < 200 * BLOCK);
    for (const seed of [101, 103, 105]) await rejects(attempt(seed), 'STORE_FULL');
    const wasRefused = layersOf('store').length - saved.length;
    assert.ok(wasRefused <= 1, `${wasRefused} layers of refused saves`);
    await archive.close();

    const again = await open('store');
    for (const id of saved) assert.deepEqual((await again.verify(id)).problems, []);
    const guest = await resumed(again, defined(saved[0], 'one was saved'));
    assert.equal(layersOf('store').length, saved.length);
    await write(guest.disk, 10, 7, 2);
    await save(again, guest.disk);
  });

  it('goes on from the layers of one store, and saves into another', async () => {
    const [a, b] = [await open('a'), await open('b')];
    const first = await fresh(a);
    await write(first.disk, 3, 1, 20);
    const guest = await resumed(a, await save(a, first.disk));
    b.attach(guest.disk, guest.opened);
    const same = await save(b, guest.disk);
    const before = await shown(guest.disk);
    await write(guest.disk, 4, 2, 3);
    const next = await save(b, guest.disk);
    const after = await shown(guest.disk);
    await close(a);
    rmSync(join(folder, 'a'), { recursive: true });
    await close(b);
    const again = await open('b');
    assert.ok((await shown((await resumed(again, same)).disk)).equals(before));
    assert.ok((await shown((await resumed(again, next)).disk)).equals(after));
  });

  it('S18: a base image that is gone or changed is an error before anything runs', async function () {
    requireTool(this, 'qemu-img');
    const archive = await open('store');
    const over = join(folder, 'over.qcow2');
    qemuImg('create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', over);
    const { disk } = await fresh(archive, over);
    await write(disk, 3, 1, 20);
    const id = await save(archive, disk);
    await resumed(archive, id, over);
    // Another time, the same bytes.
    utimesSync(base, 1, 1);
    await resumed(archive, id, over);
    await rejects(resumed(archive, id, base), 'DISK_CHAIN_CHANGED');
    writeFileSync(base, original().fill(1, 100, 101));
    await rejects(resumed(archive, id, over), 'DISK_CONTENTS_CHANGED');
    await rejects(save(archive, disk), 'DISK_CONTENTS_CHANGED');
    writeFileSync(base, original().subarray(512));
    await rejects(resumed(archive, id, over), 'DISK_SIZE_CHANGED');
    rmSync(base);
    await rejects(resumed(archive, id, over), 'FILE_MISSING');
  });

  it('S22: a running guest goes to what a checkpoint had, and back', async () => {
    const archive = await open('store');
    const first = await fresh(archive);
    await write(first.disk, 3, 1, 20);
    const id = await save(archive, first.disk);
    const saved = await shown(first.disk);
    const { disk } = await fresh(archive);
    await write(disk, 5, 8, 2);
    const own = disk.freeze();
    const before = await shown(disk);
    const loaded = await archive.load(id);
    const [contents] = await archive.contents(loaded.disks, [disk]);
    loaded.close();
    assert.ok(contents instanceof CowContents);
    disk.thaw(contents);
    assert.ok((await shown(disk)).equals(saved));
    disk.thaw(own);
    assert.ok((await shown(disk)).equals(before));
    disk.thaw(contents);
    await write(disk, 4, 3);
    const [next, after] = [await save(archive, disk), await shown(disk)];
    contents.release();
    assert.ok((await shown((await resumed(archive, next)).disk)).equals(after));
    await rejects(archive.contents(loaded.disks, []), 'DISKS_DIFFER');
  });

  it('verify finds damage in a layer', async () => {
    let archive = await open('store');
    const { disk } = await fresh(archive);
    await write(disk, 32, 1, 16);
    const id = await save(archive, disk);
    await close(archive);
    const [layer] = layersOf('store');
    assert.ok(layer !== undefined);
    const bytes = readFileSync(layer);
    bytes[bytes.lastIndexOf(1)] = 2;
    writeFileSync(layer, bytes);
    archive = await open('store');
    const { problems } = await archive.verify(id);
    assert.match(problems.join('\n'), /block 47 is damaged/);
    await close(archive);
    rmSync(layer);
    archive = await open('store');
    assert.match((await archive.verify(id)).problems.join('\n'), /layer/);
    await rejects(resumed(archive, id), 'LAYER_MISSING');
  });
});
