/** Errors of the medium at random: coded errors, a store that goes on, and nothing lost that was reported as saved. */
import assert from 'node:assert/strict';
import { MemorySpace, type BlockSpace } from '../../../src/checkpoint/store/space';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { randomFrom } from './crash-space';
import { assertHolds, begin, save, type Model } from './support';

const MIB = 1024 * 1024;

/** Fails when it is told to, once; a failed write may have written a part. */
class FaultySpace implements BlockSpace {
  /** Calls until the next failure. */
  failIn = Infinity;
  failures = 0;

  constructor(
    private readonly inner: MemorySpace,
    private readonly random: () => number,
  ) {}

  get sizeBytes(): number {
    return this.inner.sizeBytes;
  }
  get limitBytes(): number {
    return this.inner.limitBytes;
  }
  get growable(): boolean {
    return this.inner.growable;
  }
  async read(offset: number, length: number): Promise<Uint8Array> {
    this.perhaps();
    return this.inner.read(offset, length);
  }
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      this.perhaps();
    } catch (error) {
      const part = Math.floor((this.random() * bytes.length) / 4096) * 4096;
      await this.inner.write(offset, bytes.subarray(0, part));
      throw error;
    }
    await this.inner.write(offset, bytes);
  }
  async sync(): Promise<void> {
    this.perhaps();
  }
  async truncate(sizeBytes: number): Promise<void> {
    this.perhaps();
    await this.inner.truncate(sizeBytes);
  }
  discard(offset: number, length: number): void {
    this.inner.discard(offset, length);
  }
  async close(): Promise<void> {
    // The medium stays.
  }

  private perhaps(): void {
    if (--this.failIn > 0) return;
    this.failIn = Infinity;
    this.failures++;
    throw new Error('EIO: i/o error');
  }
}

const modelFrom = (random: () => number, name: string): Model => ({
  name,
  pages: new Map(
    Array.from({ length: 1 + Math.floor(random() * 60) }, () => [
      Math.floor(random() * 3000),
      Math.floor(random() * 100),
    ]),
  ),
  blocks: new Map([[Math.floor(random() * 5000), Math.floor(random() * 100)]]),
});

class Life {
  readonly models = new Map<string, Model>();
  errors = 0;

  constructor(
    private readonly store: CheckpointStore,
    private readonly space: FaultySpace,
    private readonly random: () => number,
  ) {}

  async step(name: string): Promise<void> {
    const { store, random } = this;
    if (random() < 0.6) this.space.failIn = 1 + Math.floor(random() * 15);
    const before = new Map(this.models);
    const after = new Map(before);
    const [chosen] = [...before.keys()];
    try {
      if (chosen !== undefined && (random() < 0.4 || before.size > 5)) {
        after.delete(chosen);
        const found = store.list().find((one) => one.name === chosen);
        await store.delete(found?.id ?? assert.fail(`${chosen} is listed`));
      } else {
        const model = modelFrom(random, name);
        after.set(name, model);
        const bystander = await begin(store, modelFrom(random, 'bystander'));
        try {
          await save(store, model);
        } finally {
          bystander.abort();
        }
      }
      this.become(after);
    } catch (error) {
      this.errors++;
      assert.equal((error as { code?: unknown }).code, 'STORE_IO', String(error));
      this.space.failIn = Infinity;
      // The next change shows what is durable.
      await store.collect();
      const names = store
        .list()
        .map((one) => one.name)
        .join();
      const possible = [before, after].find((models) => [...models.keys()].join() === names);
      this.become(possible ?? assert.fail(`${names} is neither as before nor as after`));
    }
    this.space.failIn = Infinity;
    await this.check(store);
  }

  async check(store: CheckpointStore): Promise<void> {
    assert.deepEqual(
      store.list().map(({ name }) => name),
      [...this.models.keys()],
    );
    for (const { id, name } of store.list())
      await assertHolds(store, id, this.models.get(name) ?? assert.fail());
  }

  private become(models: Map<string, Model>): void {
    this.models.clear();
    for (const [name, model] of models) this.models.set(name, model);
  }
}

describe('store: errors of the medium', function () {
  this.timeout(120_000);

  for (const growable of [true, false]) {
    it(`are coded, and harm nothing, on a ${growable ? 'growing file' : 'device'}`, async () => {
      let errors = 0;
      for (let seed = 1; seed <= 10; seed++) {
        const random = randomFrom(seed);
        const space = new FaultySpace(growable ? new MemorySpace() : new MemorySpace(5 * MIB, false), random);
        const store = await CheckpointStore.open(space, { segmentBytes: 65536 });
        const life = new Life(store, space, random);
        for (let i = 0; i < 15; i++) await life.step(`c${i}`);
        errors += life.errors;
        await store.close();
        const reopened = await CheckpointStore.open(space);
        await life.check(reopened);
        for (const { id } of reopened.list()) await reopened.delete(id);
        assert.equal(reopened.statistics().objects, 0);
      }
      assert.ok(errors > 20, `${errors} errors`);
    });
  }

  it('end the saves that are under way, which say so', async () => {
    const space = new FaultySpace(new MemorySpace(), randomFrom(3));
    const store = await CheckpointStore.open(space);
    const [one, other] = [modelFrom(randomFrom(1), 'one'), modelFrom(randomFrom(2), 'other')];
    const id = await save(store, one);
    const underWay = await begin(store, other);
    space.failIn = 1;
    await assert.rejects(save(store, other), { code: 'STORE_IO' });
    await assert.rejects(underWay.commit(), { code: 'STORE_IO' });
    underWay.abort();
    await assertHolds(store, id, one);
    await save(store, other);
  });
});
