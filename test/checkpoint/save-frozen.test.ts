/** Saving by page tables: what is put, what is left out, and where absent pages come from. Tables are made by hand. */
import assert from 'node:assert/strict';
import type { FrozenRam, SaveProgress } from '../../src/checkpoint/archive';
import { saveFrozen, type FrozenState, type SaveSources } from '../../src/checkpoint/save-frozen';
import { MemorySpace } from '../../src/checkpoint/store/space';
import { CheckpointStore } from '../../src/checkpoint/store/store';
import type { StoredCheckpoint } from '../../src/checkpoint/store/stored';
import { Frames, LEAF_PAGES, type Cell, type Table } from './page-tables';
import { CrashSpace, randomFrom } from './store/crash-space';
import { contentOf, infoOf } from './store/support';

const LEAVES = 3;
const PAGES = LEAVES * LEAF_PAGES - 100;
const [inFirst, inSecond]: readonly [Cell, Cell] = [{ source: 0 }, { source: 1 }];

class Saver implements SaveSources {
  readonly progress: SaveProgress[] = [];
  cancelAfter = Infinity;
  sources: readonly StoredCheckpoint[] = [];

  constructor(readonly store: CheckpointStore) {}

  static async make(): Promise<Saver> {
    return new Saver(await CheckpointStore.open(new MemorySpace()));
  }

  absent(source: number): StoredCheckpoint['ram'] {
    const checkpoint = this.sources[source];
    assert(checkpoint);
    return checkpoint.ram;
  }
  async *blocks(): AsyncGenerator<never> {
    // No disks here.
  }
  isCancelled(): boolean {
    return this.cancelAfter-- <= 0;
  }
  onProgress(progress: SaveProgress): void {
    this.progress.push(progress);
  }

  async save(
    ram: FrozenRam,
    like?: FrozenState['like'],
  ): Promise<{ readonly id: string; readonly pages: number }> {
    const info = infoOf('saved', { ramBytes: ram.ramBytes });
    return saveFrozen(this.store, { info, sections: [], ram, disks: [], ...(like ? { like } : {}) }, this);
  }

  /** Content numbers of all pages are these. */
  async holds(id: string, expected: ReadonlyMap<number, number>): Promise<void> {
    const checkpoint = await this.store.read(id);
    for (let page = 0; page < PAGES; page++) {
      const bytes = (await checkpoint.ram.read(page)) ?? contentOf(0);
      const content = expected.get(page) ?? 0;
      assert.equal(Buffer.compare(bytes, contentOf(content)), 0, `page ${page} is ${content}`);
    }
    checkpoint.close();
  }
}

describe('checkpoint: saving a frozen page table', function () {
  this.timeout(60_000);

  it('S6: puts all pages that are not zero, in their places', async () => {
    const [saver, frames] = [await Saver.make(), new Frames(PAGES)];
    const table = new Map([5, 1023, 1024, 2500, PAGES - 1].map((page, index) => [page, index + 1]));
    const { id, pages } = await saver.save(frames.table(table));
    assert.equal(pages, 5);
    await saver.holds(id, table);
  });

  it('looks only at what differs from the checkpoint that it descends from', async () => {
    const [saver, frames] = [await Saver.make(), new Frames(PAGES)];
    const first = new Map(Array.from({ length: 600 }, (_, index) => [3 * index, index + 1]));
    const firstRam = frames.table(first);
    const { id } = await saver.save(firstRam);
    // One page of the first leaf becomes zero, one another, one is new; the second leaf is gone, the third is shared.
    const second = new Map([...first].filter(([page]) => page < 1024 || page >= 2048));
    second.set(0, 0).set(3, 9000).set(4, 9001);
    const secondRam = frames.table(second, { table: first, ram: firstRam });
    const all: number[] = [];
    const like = { id, directory: firstRam.directory };
    const saved = await saver.save(secondRam, like);
    assert.equal(saved.pages, 2);
    await saver.holds(saved.id, second);
    for (const { pages, totalPages } of saver.progress.slice(-4)) {
      all.push(pages);
      assert.equal(totalPages, PAGES);
    }
    assert.equal(all.at(-1), PAGES);
  });

  it('saves in full when what it was to be like is gone', async () => {
    const [saver, frames] = [await Saver.make(), new Frames(PAGES)];
    const first = new Map([[7, 1]]);
    const firstRam = frames.table(first);
    const { id } = await saver.save(firstRam);
    const second = new Map([
      [7, 1],
      [8, 2],
    ]);
    const secondRam = frames.table(second);
    await saver.store.delete(id);
    const saved = await saver.save(secondRam, { id, directory: firstRam.directory });
    await saver.holds(saved.id, second);
  });

  for (const place of ['the same store', 'another store'] as const) {
    it(`takes absent pages from ${place}, also when they were deleted from it`, async () => {
      const [saver, frames] = [await Saver.make(), new Frames(PAGES)];
      const from = place === 'the same store' ? saver : await Saver.make();
      const source = new Map(Array.from({ length: 900 }, (_, index) => [2 * index, index + 1]));
      const { id } = await from.save(frames.table(source));
      saver.sources = [await from.store.read(id)];
      await from.store.delete(id);
      await from.store.collect();
      // The first leaf is the source's as a whole, the second partly.
      const table = new Map<number, Cell>();
      for (let page = 0; page < 1500; page++) table.set(page, inFirst);
      table.set(1030, 5000).set(1031, 0);
      const saved = await saver.save(frames.table(table));
      const expected = new Map([...source].filter(([page]) => page < 1500));
      expected.set(1030, 5000).set(1031, 0);
      await saver.holds(saved.id, expected);
      for (const one of saver.sources) one.close();
      await saver.store.collect();
      assert.deepEqual((await saver.store.verify(saved.id)).problems, []);
    });
  }

  it('S21: goes out in large aligned writes, none of them over another', async () => {
    // Which sees to it that they are aligned, and that no block is written twice.
    const space = new CrashSpace(new Map(), false, 32 * 2 ** 20);
    const saver = new Saver(await CheckpointStore.open(space));
    const frames = new Frames(PAGES);
    const first = new Map(Array.from({ length: 1500 }, (_, index) => [index, 2 * index + 1]));
    const firstRam = frames.table(first);
    const { id } = await saver.save(firstRam);
    const second = new Map(first).set(7, 8001).set(1500, 8003);
    const like = { id, directory: firstRam.directory };
    const saved = await saver.save(frames.table(second, { table: first, ram: firstRam }), like);
    await saver.holds(saved.id, second);
    const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
    const large = space.writeSizes.filter((size) => size >= 252 * 1024);
    const share = sum(large) / sum(space.writeSizes);
    assert.ok(share > 0.9, `${share} of the bytes are in large writes`);
  });

  it('SAVE_CANCELLED: at any point, and leaves nothing behind', async () => {
    const [saver, frames] = [await Saver.make(), new Frames(PAGES)];
    const ram = frames.table(new Map(Array.from({ length: 100 }, (_, index) => [index, 2 * index + 1])));
    for (const cancelAfter of [0, 1, 4]) {
      saver.cancelAfter = cancelAfter;
      await assert.rejects(saver.save(ram), { code: 'SAVE_CANCELLED' });
      assert.deepEqual(saver.store.list(), []);
      assert.equal(saver.store.statistics().objects, 0);
    }
    saver.cancelAfter = 1000;
    await saver.save(ram);
  });

  it('agrees with a model over random generations of tables, their sources and deletions', async () => {
    const random = randomFrom(20_261_122);
    const pick = (limit: number): number => Math.floor(random() * limit);
    const [saver, other] = [await Saver.make(), await Saver.make()];
    const frames = new Frames(PAGES);
    const sourceModel = new Map(Array.from({ length: 300 }, () => [pick(PAGES), pick(500)]));
    const models = new Map<string, ReadonlyMap<number, number>>();
    const [inSame, inOther] = [
      await saver.save(frames.table(sourceModel)),
      await other.save(frames.table(sourceModel)),
    ];
    models.set(inSame.id, sourceModel);
    saver.sources = [await saver.store.read(inSame.id), await other.store.read(inOther.id)];
    // A guest resumed from the source: all its pages are absent.
    let table = new Map<number, Cell>(Array.from({ length: PAGES }, (_, page) => [page, inFirst]));
    let before: { id: string; table: Table; ram: FrozenRam } | undefined;
    for (let round = 0; round < 12; round++) {
      table = new Map(table);
      const hot = pick(LEAVES);
      for (let change = 0; change < 60; change++) {
        const page = Math.min(PAGES - 1, hot * LEAF_PAGES + pick(LEAF_PAGES));
        const cell = table.get(page);
        // Fetched, written, or cleared.
        if (typeof cell === 'object' && pick(3) > 0) table.set(page, sourceModel.get(page) ?? 0);
        else if (pick(4) === 0) table.delete(page);
        else table.set(page, pick(500));
      }
      if (round === 5) {
        // Resumed from the other store, in the middle.
        table = new Map([...table].map(([page, cell]) => [page, typeof cell === 'object' ? inSecond : cell]));
        before = undefined;
      }
      const ram = frames.table(table, before);
      const like = before ? { id: before.id, directory: before.ram.directory } : undefined;
      const { id } = await saver.save(ram, like);
      const model = new Map(
        [...table].map(([page, cell]) => [
          page,
          typeof cell === 'number' ? cell : (sourceModel.get(page) ?? 0),
        ]),
      );
      models.set(id, model);
      before = { id, table, ram };
      if (pick(3) === 0) {
        const victim = [...models.keys()][pick(models.size)] ?? '';
        await saver.store.delete(victim);
        models.delete(victim);
      }
    }
    for (const [id, model] of models) await saver.holds(id, model);
  });
});
