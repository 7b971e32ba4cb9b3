/** What a checkpoint's disks hold goes into their base images: also when it is interrupted. qemu-img judges the images. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiskArchive } from '../../src/checkpoint/disk-archive';
import { requireTool } from '../support/tools';
import {
  BLOCK,
  SIZE,
  beginDisks,
  close,
  complete,
  endDisks,
  fresh,
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

describe('disks of a saved checkpoint, committed into the base image', function () {
  this.timeout(20_000);
  let folder = '';
  let base = '';
  beforeEach(() => {
    ({ folder, base } = beginDisks());
  });
  afterEach(endDisks);

  for (const format of ['raw', 'qcow2'] as const) {
    it(`S16: ${format}, and the checkpoint stays as it is`, async function () {
      requireTool(this, 'qemu-img');
      const image = format === 'raw' ? base : join(folder, 'image.qcow2');
      if (format === 'qcow2') qemuImg('convert', '-q', '-f', 'raw', '-O', 'qcow2', '-c', base, image);
      let archive = await open('store');
      const { disk } = await fresh(archive, image);
      await write(disk, 3, 1, 20);
      await complete(disk, { op: 'writeZeroes', offset: 32 * BLOCK, length: 32 * BLOCK });
      const [id, before] = [await save(archive, disk), await shown(disk)];
      await write(disk, 5, 2, 2);
      const [above, after] = [await save(archive, disk), await shown(disk)];
      await close(archive);
      archive = await open('store');
      await rejects(archive.commitDisks(above), 'COMMIT_IN_USE');
      await archive.commitDisks(id);
      await archive.commitDisks(id);
      assert.ok((await shown((await resumed(archive, id, image)).disk)).equals(before));
      assert.ok((await shown((await resumed(archive, above, image)).disk)).equals(after));
      assert.ok((await shown((await fresh(archive, image)).disk)).equals(before));
      const file = join(folder, 'exported.cvstore');
      await archive.exportTo(above, file);
      await close(archive);
      const plain = join(folder, 'plain.raw');
      qemuImg('convert', '-f', format, '-O', 'raw', image, plain);
      assert.ok(readFileSync(plain).subarray(0, SIZE).equals(before));
      archive = await open('exported.cvstore');
      assert.ok((await shown((await resumed(archive, '1', image)).disk)).equals(after));
    });
  }

  it('refuses where others stand on the base, and needs a folder', async () => {
    const archive = await open('store');
    const { disk } = await fresh(archive);
    const pristine = await save(archive, disk);
    await write(disk, 3, 1, 20);
    const id = await save(archive, disk);
    await rejects(archive.commitDisks(id), 'COMMIT_IN_USE');
    await archive.delete(pristine);
    const file = await open('file.cvstore');
    const other = await fresh(file);
    await write(other.disk, 3, 1);
    await rejects(file.commitDisks(await save(file, other.disk)), 'COMMIT_NEEDS_FOLDER');
    assert.ok(readFileSync(base).equals(original()));
    await archive.commitDisks(id);
    assert.ok(readFileSync(base).equals(await shown(disk)));
  });

  it('knows who stands on an image that was committed into before, and saves on over the same layers', async () => {
    let archive = await open('store');
    const first = await fresh(archive);
    await write(first.disk, 3, 1, 20);
    const id = await save(archive, first.disk);
    await archive.commitDisks(id);
    const above = await resumed(archive, id);
    await write(above.disk, 4, 2);
    const [next, after] = [await save(archive, above.disk), await shown(above.disk)];
    assert.equal(layersOf('store').length, 2);
    await archive.commitDisks(id);
    assert.ok((await shown((await resumed(archive, next)).disk)).equals(after));

    const other = await fresh(archive);
    await write(other.disk, 60, 5);
    const [fork, forked] = [await save(archive, other.disk), await shown(other.disk)];
    await rejects(archive.commitDisks(fork), 'COMMIT_IN_USE');
    await archive.delete(id);
    await rejects(archive.commitDisks(next), 'COMMIT_IN_USE');
    assert.ok((await shown((await resumed(archive, fork)).disk)).equals(forked));
    await archive.delete(fork);
    // Guests that are still there go on from the layer underneath.
    await rejects(archive.commitDisks(next), 'COMMIT_IN_USE');
    await close(archive);
    archive = await open('store');
    await archive.commitDisks(next);
    assert.ok(readFileSync(base).equals(after));
    assert.ok((await shown((await resumed(archive, next)).disk)).equals(after));
  });

  for (const imported of [false, true]) {
    it(`interrupted anywhere, it is done again; blocks ${imported ? 'in the store' : 'in layers'}`, async () => {
      let archive = await open('store');
      const { disk } = await fresh(archive);
      await write(disk, 3, 1, 20);
      await write(disk, 100, 4, 20);
      let id = await save(archive, disk);
      const before = await shown(disk);
      if (imported) {
        await archive.exportTo(id, join(folder, 'x.cvstore'));
        await archive.delete(id);
        [id = ''] = await archive.importFrom(join(folder, 'x.cvstore'));
      }
      await close(archive);
      let interrupted = 0;
      let above: { readonly id: string; readonly shown: Buffer } | undefined;
      for (let writes = 0; ; writes++) {
        archive = await open('store');
        let [left, isFlushed] = [writes, true];
        const host = archive['host'];
        const dying = new DiskArchive(archive['inner'], {
          ...host,
          openWritable: async (path) => {
            const file = await host.openWritable(path);
            const die = <T>(work: () => Promise<T>): Promise<T> =>
              left-- > 0 ? work() : Promise.reject(new Error('killed'));
            return {
              sizeBytes: file.sizeBytes,
              read: (offset, length) => file.read(offset, length),
              write: (offset, bytes) => {
                isFlushed = false;
                return die(() => file.write(offset, bytes));
              },
              truncate: (size) => die(() => file.truncate(size)),
              flush: async () => {
                await die(() => file.flush());
                isFlushed = true;
              },
              close: () => file.close(),
            };
          },
        });
        const ended = await dying.commitDisks(id).then(
          () => true,
          () => false,
        );
        const guest = await resumed(archive, id);
        assert.ok((await shown(guest.disk)).equals(before));
        if (interrupted === 2 && !imported) {
          await write(guest.disk, 5, 6);
          above = { id: await save(archive, guest.disk), shown: await shown(guest.disk) };
        }
        await close(archive);
        if (ended) assert.ok(isFlushed, 'the image is on its medium before the commit is over');
        if (ended) break;
        interrupted++;
      }
      assert.ok(interrupted > 2, 'it was interrupted');
      assert.ok(readFileSync(base).equals(before));
      assert.equal(above === undefined, imported);
      if (above === undefined) return;
      archive = await open('store');
      assert.ok((await shown((await resumed(archive, above.id)).disk)).equals(above.shown));
    });
  }
});
