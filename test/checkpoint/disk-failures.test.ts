/** Saves of disks that fail, and stores of which something cannot be read: layers neither pile up nor go. */
import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors';
import type { CheckpointArchive } from '../../src/checkpoint/archive';
import { openArchive } from '../../src/host/archive';
import { openDiskArchive } from '../../src/host/disk/disk-archive';
import {
  BLOCK,
  beginDisks,
  beginSave,
  close,
  complete,
  endDisks,
  fresh,
  layersOf,
  open,
  original,
  rejects,
  resumed,
  save,
  shown,
  write,
} from './disk-support';

const ATTEMPTS = 4;

/** Facts about a checkpoint that do not matter here. */
const INFO = {
  ...{ name: '', notes: '', automatic: false, savedAt: 0, instret: 7, stopMicroseconds: 1 },
  ...{ consoleTail: '', guest: null },
};

describe('disks of saved checkpoints, where something fails', () => {
  let folder = '';
  beforeEach(() => {
    ({ folder } = beginDisks());
  });
  afterEach(endDisks);

  /** The store, with something done otherwise. */
  async function but(changes: Partial<CheckpointArchive>): Promise<CheckpointArchive> {
    const inner = await openArchive(join(folder, 'store'));
    const other = Object.create(inner) as CheckpointArchive;
    for (const [name, value] of Object.entries(changes)) Object.defineProperty(other, name, { value });
    return other;
  }

  it('what the store refuses again and again leaves the layer of the last attempt at most', async () => {
    const archive = await openDiskArchive(
      await but({
        save: () => ({
          onProgress: () => ({ dispose: () => undefined }),
          ...{ cancel: () => undefined, hurry: () => undefined },
          done: Promise.reject(new UserError('STORE_FULL', 'full')),
        }),
      }),
    );
    const { disk } = await fresh(archive);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      await write(disk, attempt, attempt, 20);
      await rejects(beginSave(archive, disk).done, 'STORE_FULL');
    }
    // The guest reads from it what has left its memory.
    assert.ok(layersOf('store').length <= 1, layersOf('store').join());
    await archive.close();
  });

  it('a disk that cannot be saved takes the layers of those before it along', async () => {
    const archive = await open('store');
    const { disk } = await fresh(archive);
    const path = join(folder, 'other.raw');
    writeFileSync(path, original().fill(9));
    const other = await fresh(archive, path);
    // Nothing has been written: no layer. The image is known from then on.
    await save(archive, other.disk);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      await write(disk, attempt, attempt, 20);
      await write(other.disk, attempt, attempt);
      utimesSync(path, attempt, attempt);
      const contents = [disk.freeze(), other.disk.freeze()];
      await rejects(archive.saveDisks(contents, INFO).done, 'DISK_CONTENTS_CHANGED');
      for (const one of contents) one.release();
    }
    assert.ok(layersOf('store').length <= 1, layersOf('store').join());
    await close(archive);
  });

  it('S20: what alone is larger than the space budget is refused', async () => {
    const archive = await openDiskArchive(await openArchive(join(folder, 'store'), { maxBytes: 1536 << 10 }));
    const { disk } = await fresh(archive);
    const data = Uint8Array.from({ length: 500 * BLOCK }, (_, at) => (at * at * 3) >> 7);
    await complete(disk, { op: 'write', offset: 0, data });
    await rejects(beginSave(archive, disk).done, 'STORE_FULL');
    assert.deepEqual(await archive.list(), []);
    await archive.close();
  });

  it('closing the archive ends what is being saved first', async () => {
    const archive = await open('store');
    const { disk } = await fresh(archive);
    await write(disk, 0, 1, 500);
    const job = beginSave(archive, disk);
    let hasEnded = false;
    const done = job.done.catch(() => undefined).finally(() => (hasEnded = true));
    await close(archive);
    assert.ok(hasEnded);
    await done;
  });

  it('what is gone to in part keeps no layer', async () => {
    const archive = await open('store');
    const { disk } = await fresh(archive);
    await write(disk, 3, 1, 20);
    const id = await save(archive, disk);
    const loaded = await archive.load(id);
    const [saved] = loaded.disks;
    loaded.close();
    assert.ok(saved);
    await close(archive);
    const again = await open('store');
    const running = await fresh(again);
    const missing = { ...saved, pointer: { ...saved.pointer, layer: 'l99' } };
    const ports = [running.disk, running.disk];
    await rejects(again.contents([saved, missing], ports), 'LAYER_MISSING');
    await again.delete(id);
    assert.deepEqual(layersOf('store'), []);
  });

  it('while a checkpoint cannot be read, no layer is taken to be unused', async () => {
    let archive = await open('store');
    const one = await fresh(archive);
    await write(one.disk, 3, 1, 20);
    const id = await save(archive, one.disk);
    const two = await fresh(archive);
    await write(two.disk, 3, 2, 20);
    const [unread, before] = [await save(archive, two.disk), await shown(two.disk)];
    await close(archive);
    assert.equal(layersOf('store').length, 2);

    archive = await open('store');
    const summaries = await archive.list();
    await close(archive);
    const damaged = await openDiskArchive(
      await but({
        list: async () =>
          summaries.map((each) => (each.id === unread ? { ...each, damaged: true, disks: [] } : each)),
      }),
    );
    await resumed(damaged, id);
    await damaged.close();
    assert.equal(layersOf('store').length, 2);
    archive = await open('store');
    assert.ok((await shown((await resumed(archive, unread)).disk)).equals(before));
  });
});
