/** Damaged, newer and foreign stores: coded errors only, and only those checkpoints suffer that need what is damaged. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DATA_START } from '../../../src/checkpoint/store/format';
import { MemorySpace } from '../../../src/checkpoint/store/space';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { UserError } from '../../../src/base/errors';
import { assertHolds, save, type Model } from './support';

const CODES = ['STORE_DAMAGED', 'STORE_NEWER', 'STORE_FOREIGN', 'CHECKPOINT_UNKNOWN', 'STORE_FULL'];

const model = (name: string, from: number, count: number): Model => ({
  name,
  pages: new Map(Array.from({ length: count }, (_, i) => [i * 3, from + i])),
  blocks: new Map([[77, from]]),
});
const models = [model('a', 2, 20), model('b', 12, 20), model('c', 101, 30)];

async function makeStore(): Promise<Uint8Array> {
  const space = new MemorySpace();
  const store = await CheckpointStore.open(space, { segmentBytes: 65536 });
  for (const one of models) await save(store, one);
  await store.close();
  return space.read(0, space.sizeBytes);
}

async function spaceOf(bytes: Uint8Array): Promise<MemorySpace> {
  const space = new MemorySpace();
  const whole = new Uint8Array(Math.ceil(bytes.length / 4096) * 4096);
  whole.set(bytes);
  await space.write(0, whole);
  return space;
}

/** Does all that can be done; only coded errors may come of it. What can be read must be right. */
async function useAll(bytes: Uint8Array): Promise<void> {
  const guarded = async <T>(action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (error) {
      assert.ok(
        error instanceof UserError && CODES.includes(error.code),
        `a coded error, not ${String(error)}`,
      );
      return undefined;
    }
  };
  const store = await guarded(async () => CheckpointStore.open(await spaceOf(bytes)));
  if (!store) return;
  for (const { id, name, damaged } of store.list()) {
    const verification = await guarded(() => store.verify(id));
    const found = models.find((one) => one.name === name);
    if (verification?.problems.length === 0 && !damaged) {
      assert.ok(found);
      await assertHolds(store, id, found);
    }
    await guarded(() => store.update(id, { notes: 'n' }));
  }
  await guarded(() => save(store, model('new', 300, 5)));
  for (const { id } of store.list()) await guarded(() => store.delete(id));
  await store.close();
}

describe('store: damage', function () {
  this.timeout(120_000);
  let whole: Uint8Array;
  before(async () => {
    whole = await makeStore();
  });

  it('of any bytes leads to coded errors, never to wrong contents', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
            fc.integer({ min: 1, max: 255 }),
          ),
          {
            minLength: 1,
            maxLength: 200,
          },
        ),
        fc.boolean(),
        async (flips, onlyData) => {
          const bytes = whole.slice();
          const start = onlyData ? DATA_START : 0;
          for (const [where, flip] of flips) {
            const at = start + Math.floor(where * (bytes.length - start));
            bytes[at] = (bytes[at] ?? 0) ^ flip;
          }
          await useAll(bytes);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('by being cut off leads to coded errors', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), (length) => useAll(whole.slice(0, length))),
      { numRuns: 60 },
    );
  });

  it('of one record harms only those that need it, and verify names it', async () => {
    const space = await spaceOf(whole);
    const intact = await CheckpointStore.open(space, { create: 'never' });
    const [a, b, c] = intact.list();
    assert.ok(a && b && c);
    // Pages of incompressible content are stored as they are: find one that only c has.
    const page = await intact.read(c.id).then((checkpoint) => checkpoint.ram.read(6));
    assert.ok(page);
    const at = Buffer.from(whole).indexOf(Buffer.from(page));
    assert.ok(at > 0, 'the page is in the store');
    const bytes = whole.slice();
    bytes[at + 5] = (bytes[at + 5] ?? 0) ^ 0x10;
    const store = await CheckpointStore.open(await spaceOf(bytes), { create: 'never' });
    assert.deepEqual((await store.verify(a.id)).problems, []);
    assert.deepEqual((await store.verify(b.id)).problems, []);
    const { problems, pages } = await store.verify(c.id);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^page 6: /);
    assert.equal(pages, models[2]?.pages.size ?? 0);
    await store.delete(c.id);
    await assertHolds(store, a.id, models[0] ?? assert.fail());
  });

  it('of either copy of header, anchor or list does no harm', async () => {
    // Each 4 KiB block of the beginning in turn; of two copies one remains.
    for (let at = 0; at < 10 * 4096; at += 4096) {
      const bytes = whole.slice();
      bytes.fill(0x55, at, at + 4096);
      const store = await CheckpointStore.open(await spaceOf(bytes), { create: 'never' });
      assert.deepEqual(
        store.list().map(({ name }) => name),
        ['a', 'b', 'c'],
      );
      assert.equal(store.fellBack, false);
    }
  });

  it('STORE_NEWER: a newer format is left alone', async () => {
    // Versions are part of what is hashed: make a store that says so by itself.
    const { sealedForTest } = await import('./newer');
    await assert.rejects(CheckpointStore.open(await spaceOf(sealedForTest(whole))), { code: 'STORE_NEWER' });
  });

  it('STORE_FOREIGN: other data are not overwritten', async () => {
    const space = await spaceOf(new TextEncoder().encode('precious'.repeat(10_000)));
    await assert.rejects(CheckpointStore.open(space), { code: 'STORE_FOREIGN' });
    assert.equal(new TextDecoder().decode(await space.read(0, 8)), 'precious');
    const store = await CheckpointStore.open(space, { create: 'erase' });
    assert.deepEqual(store.list(), []);
  });
});
