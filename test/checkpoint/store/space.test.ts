/** Space: what is kept once, what costs nothing, what comes back, and what happens when there is none left. */
import assert from 'node:assert/strict';
import { MemorySpace } from '../../../src/checkpoint/store/space';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { CrashSpace } from './crash-space';
import { assertHolds, assertStore, begin, contentOf, infoOf, save, sectionsOf, type Model } from './support';

const MIB = 1024 * 1024;
const none: ReadonlyMap<number, number> = new Map();

/** Odd numbers from `from` on: pages that do not compress, and are in no other such checkpoint. */
const dense = (name: string, from: number, count: number): Model => ({
  name,
  pages: new Map(Array.from({ length: count }, (_, i) => [i, 2 * (from + i) + 1])),
  blocks: none,
});

describe('store: space', function () {
  this.timeout(120_000);

  it('keeps equal pages once, across checkpoints, disks and places', async () => {
    const store = await CheckpointStore.open(new MemorySpace());
    await save(store, dense('first', 0, 500));
    const before = store.statistics();
    const shifted = new Map([...dense('', 0, 500).pages].map(([page, content]) => [page + 5000, content]));
    const id = await save(store, { name: 'second', pages: shifted, blocks: dense('', 0, 500).pages });
    const after = store.statistics();
    assert.ok(before.liveBytes > 500 * 4096);
    assert.ok(
      after.liveBytes - before.liveBytes < 40_000,
      `${after.liveBytes - before.liveBytes} bytes more`,
    );
    await assertHolds(store, id, { name: 'second', pages: shifted, blocks: dense('', 0, 500).pages });
  });

  it('compresses, and zero pages cost nothing', async () => {
    const store = await CheckpointStore.open(new MemorySpace());
    const even = new Map(Array.from({ length: 500 }, (_, i) => [i, 2 * i + 2]));
    await save(store, { name: 'even', pages: even, blocks: none });
    const { liveBytes } = store.statistics();
    assert.ok(liveBytes < (500 * 4096) / 2, `${liveBytes} bytes`);
    const transaction = await store.begin({ info: infoOf('zero'), sections: sectionsOf('zero') });
    for (let page = 0; page < 20_000; page++) transaction.putPage(page, contentOf(0));
    const { pages, id } = await transaction.commit();
    assert.equal(pages, 0);
    assert.ok(store.statistics().liveBytes - liveBytes < 4096);
    const checkpoint = await store.read(id);
    assert.equal(await checkpoint.ram.read(7), undefined);
    checkpoint.close();
  });

  it('takes pages from shared memory', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3 * 4096));
    shared.set(contentOf(9), 4096);
    const store = await CheckpointStore.open(new MemorySpace());
    const transaction = await store.begin({ info: infoOf('shared'), sections: [] });
    transaction.putPage(5, shared.subarray(4096, 8192));
    shared.fill(0);
    const { id } = await transaction.commit();
    assert.deepEqual(await (await store.read(id)).ram.read(5), contentOf(9));
  });

  it('S21: a large save goes out in large writes', async () => {
    const space = new CrashSpace(new Map(), true, Infinity);
    const store = await CheckpointStore.open(space);
    await save(store, dense('large', 0, 2048));
    const bytes = space.writeSizes.reduce((sum, size) => sum + size, 0);
    const large = space.writeSizes
      .filter((size) => size >= 256 * 1024 - 4096)
      .reduce((sum, size) => sum + size, 0);
    assert.ok(large > 0.9 * bytes, `${large} of ${bytes} bytes in large writes`);
    assert.ok(space.writeSizes.length < 60, `${space.writeSizes.length} writes`);
  });

  it('deleting makes the file shorter', async () => {
    const space = new MemorySpace();
    const store = await CheckpointStore.open(space);
    const kept = dense('kept', 0, 300);
    const ids = [];
    for (let i = 1; i <= 4; i++) ids.push(await save(store, dense(`gone ${i}`, 10_000 * i, 1000)));
    const keptId = await save(store, kept);
    const before = space.sizeBytes;
    for (const id of ids) await store.delete(id);
    assert.ok(before > 16 * MIB && space.sizeBytes < 5 * MIB, `${before} bytes, then ${space.sizeBytes}`);
    await assertStore(store, new Map([[keptId, kept]]));
    await store.close();
    const reopened = await CheckpointStore.open(space);
    await reopened.delete(keptId);
    assert.ok(space.sizeBytes < 3 * MIB, `${space.sizeBytes} bytes`);
  });

  it('deletes and saves forever on a device that is nearly full', async () => {
    const store = await CheckpointStore.open(new MemorySpace(8 * MIB, false));
    const models = new Map<string, Model>();
    for (let round = 0; round < 60; round++) {
      // Every other page changes: holes are everywhere.
      const pages = new Map(
        Array.from({ length: 500 }, (_, i) => [i, 2 * (i % 2 === 0 ? i : round * 1000 + i) + 1]),
      );
      const model = { name: `round ${round}`, pages, blocks: none };
      models.set(await save(store, model), model);
      const [oldest] = models.keys();
      if (models.size > 4 && oldest !== undefined) {
        await store.delete(oldest);
        models.delete(oldest);
      }
    }
    await assertStore(store, models);
  });

  it('STORE_FULL: says so, harms nothing, and goes on after a deletion', async () => {
    for (const space of [new MemorySpace(6 * MIB, false), new MemorySpace(6 * MIB, true)]) {
      const store = await CheckpointStore.open(space);
      const first = dense('first', 0, 500);
      const other = dense('other', 5000, 200);
      const models = new Map([[await save(store, first), first]]);
      const underWay = await begin(store, other);
      await assert.rejects(save(store, dense('too large', 10_000, 2000)), { code: 'STORE_FULL' });
      await assertStore(store, models);
      const { id } = await underWay.commit();
      models.set(id, other);
      await assertStore(store, models);
      const [firstId] = models.keys();
      await store.delete(firstId ?? '');
      models.delete(firstId ?? '');
      const next = dense('next', 20_000, 700);
      models.set(await save(store, next), next);
      await assertStore(store, models);
      await store.close();
      await assertStore(await CheckpointStore.open(space), models);
    }
  });

  it('a full store can be emptied, whatever its size', async () => {
    for (const mib of [2, 3, 8]) {
      const store = await CheckpointStore.open(new MemorySpace(mib * MIB, false));
      const ids: string[] = [];
      const fill = async (): Promise<void> => {
        for (let i = 0; ; i++) ids.push(await save(store, dense(`c${i}`, i * 20, 20)));
      };
      await assert.rejects(fill(), { code: 'STORE_FULL' });
      assert.ok(ids.length > 5);
      for (const id of ids.reverse()) await store.delete(id);
      assert.equal(store.statistics().objects, 0);
      const room = store.statistics().freeBytes;
      assert.ok(room > 0.7 * mib * MIB, `${room} of ${mib} MiB are free`);
    }
  });

  it('STORE_TOO_SMALL', async () => {
    await assert.rejects(CheckpointStore.open(new MemorySpace(MIB, false)), { code: 'STORE_TOO_SMALL' });
  });

  it('an open checkpoint stays readable when it is deleted, and is gone when closed', async () => {
    const store = await CheckpointStore.open(new MemorySpace());
    const model = dense('read', 0, 200);
    const id = await save(store, model);
    const checkpoint = await store.read(id);
    await store.delete(id);
    const later = dense('later', 5000, 400);
    const laterId = await save(store, later);
    for (const [page, content] of model.pages)
      assert.deepEqual(await checkpoint.ram.read(page), contentOf(content));
    checkpoint.close();
    await store.collect();
    await assertStore(store, new Map([[laterId, later]]));
    await store.delete(laterId);
    assert.equal(store.statistics().objects, 0);
  });

  it('gives back what a save had put that is given up, at once', async () => {
    const store = await CheckpointStore.open(new MemorySpace());
    const shared = await begin(store, dense('one', 0, 100));
    const other = await begin(store, dense('two', 50, 100));
    const before = store.statistics().objects;
    other.abort();
    // 50 pages and a section.
    assert.equal(store.statistics().objects, before - 51);
    const { id } = await shared.commit();
    await assertHolds(store, id, dense('one', 0, 100));
    await assert.rejects(other.commit(), { code: 'SAVE_ENDED' });
    await store.close();
    await assert.rejects(store.begin({ info: infoOf('x'), sections: [] }), { code: 'STORE_CLOSED' });
  });

  it('keeps what a save has found in a checkpoint that is deleted meanwhile', async () => {
    const store = await CheckpointStore.open(new MemorySpace());
    const model = dense('found', 0, 100);
    const id = await save(store, { ...model, name: 'old' });
    const transaction = await begin(store, model);
    await store.delete(id);
    await save(store, dense('other', 5000, 300));
    await assertHolds(store, (await transaction.commit()).id, model);
  });

  it('gives back what a save had put that a power cut has ended', async () => {
    const space = new CrashSpace(new Map(), false, 8 * MIB);
    const store = await CheckpointStore.open(space);
    await begin(store, dense('never', 0, 1000));
    const model = dense('kept', 5000, 100);
    await save(store, model);
    const after = new CrashSpace(
      space.imageAt(space.steps.length, () => 0),
      false,
      8 * MIB,
    );
    const reopened = await CheckpointStore.open(after);
    const large = dense('large', 10_000, 1400);
    const id = await save(reopened, large);
    await assertStore(
      reopened,
      new Map([
        ['1', model],
        [id, large],
      ]),
    );
  });

  it('a store that is only read is never written', async () => {
    const space = new MemorySpace();
    const writer = await CheckpointStore.open(space);
    const model = dense('only', 0, 30);
    const id = await save(writer, model);
    space.write = () => assert.fail('written');
    const store = await CheckpointStore.open(space, { readOnly: true });
    await assertStore(store, new Map([[id, model]]));
    await assert.rejects(store.delete(id), { code: 'STORE_READ_ONLY' });
    await assert.rejects(store.begin({ info: infoOf('x'), sections: [] }), { code: 'STORE_READ_ONLY' });
  });
});
