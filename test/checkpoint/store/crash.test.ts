/**
 * Power cuts at every moment: whatever the medium has kept, the store opens, and is as before the operation that was
 * under way, or as after it. CHRONOVISOR_CRASHES: crash images a kind of space (default 250).
 */
import assert from 'node:assert/strict';
import { MemorySpace } from '../../../src/checkpoint/store/space';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { CrashSpace, randomFrom, type Image } from './crash-space';
import { assertHolds, begin, save, type Model } from './support';

const MIB = 1024 * 1024;
const CRASHES = Number(process.env['CHRONOVISOR_CRASHES'] ?? 250);

/** By name, in the order of the list. */
type Models = ReadonlyMap<string, Model>;

/** What the store may hold once the steps from `from` on have been taken. */
interface Mark {
  readonly from: number;
  readonly allowed: readonly Models[];
}

/** A run on a recorded space: what was done, and what may be found at each moment of it. */
class Recording {
  readonly marks: Mark[];

  constructor(
    readonly space: CrashSpace,
    public models: Models,
  ) {
    this.marks = [{ from: 0, allowed: [models] }];
  }

  /** Runs what may make of the present models any of `outcomes`, and returns the index of what it has made. */
  async during(outcomes: readonly Models[], action: () => Promise<number>): Promise<void> {
    this.marks.push({ from: this.space.steps.length, allowed: [this.models, ...outcomes] });
    this.models = outcomes[await action()] ?? assert.fail();
    this.marks.push({ from: this.space.steps.length, allowed: [this.models] });
  }

  allowedAt(step: number): readonly Models[] {
    const index = this.marks.findLastIndex(({ from }) => from <= step);
    // A step on the border belongs to both sides.
    return this.marks.filter(({ from }, i) => i === index || from === step).flatMap(({ allowed }) => allowed);
  }
}

const added = (models: Models, model: Model): Models => new Map([...models, [model.name, model]]);
const without = (models: Models, name: string): Models =>
  new Map([...models].filter(([key]) => key !== name));

let named = 0;
function randomModel(random: () => number, base?: Model): Model {
  const some = (count: number, limit: number): [number, number][] =>
    Array.from({ length: Math.floor(random() * count) }, () => [
      Math.floor(random() * limit),
      Math.floor(random() * 60),
    ]);
  return {
    name: `checkpoint ${++named}`,
    pages: new Map([...(base?.pages ?? []), ...some(24, 2500)]),
    blocks: new Map([...(base?.blocks ?? []), ...some(6, 100_000)]),
  };
}

const idOf = (store: CheckpointStore, name: string): string => {
  const found = store.list().find((summary) => summary.name === name);
  assert.ok(found, `${name} is listed`);
  return found.id;
};

/** Random operations on a store in the recorded space. */
async function live(recording: Recording, random: () => number, operations: number): Promise<void> {
  const store = await CheckpointStore.open(recording.space, { segmentBytes: 65536 });
  for (let i = 0; i < operations; i++) {
    const { models } = recording;
    const name = [...models.keys()][Math.floor(random() * models.size)];
    const chosen = name === undefined ? undefined : models.get(name);
    const choice = random();
    if (choice < 0.35 || name === undefined || chosen === undefined) {
      const like =
        chosen && name !== undefined && random() < 0.5 ? { id: idOf(store, name), model: chosen } : undefined;
      const model = randomModel(random, like?.model);
      await recording.during([added(models, model)], async () => {
        await save(store, model, like);
        return 0;
      });
    } else if (choice < 0.5) {
      const [first, second, third] = [randomModel(random), randomModel(random), randomModel(random)];
      const saves = [
        await begin(store, first),
        await begin(store, second),
        await begin(store, third),
      ] as const;
      saves[2].abort();
      const [one, other] = [added(models, first), added(models, second)];
      const outcomes = [one, other, added(one, second), added(other, first)];
      await recording.during(outcomes, async () => {
        const ids = await Promise.all([saves[0].commit(), saves[1].commit()]);
        return Number(ids[0].id) < Number(ids[1].id) ? 2 : 3;
      });
    } else if (choice < 0.6) {
      const file = new MemorySpace();
      const other = await CheckpointStore.open(file, { segmentBytes: 65536 });
      const model = randomModel(random);
      await save(other, model);
      await recording.during([added(models, model)], async () => {
        await store.importFrom(file);
        return 0;
      });
    } else {
      await recording.during([without(models, name)], async () => {
        await store.delete(idOf(store, name));
        return 0;
      });
    }
  }
}

async function matches(store: CheckpointStore, models: Models): Promise<boolean> {
  const listed = store.list();
  const names = [...models.keys()];
  if (listed.length !== names.length || listed.some(({ name }, i) => name !== names[i])) return false;
  for (const { id, name } of listed) {
    await assertHolds(store, id, models.get(name) ?? assert.fail());
  }
  return true;
}

/** What was found of the allowed; with it the store can go on. */
async function findState(
  image: Image,
  allowed: readonly Models[],
  make: (image: Image) => CrashSpace,
): Promise<Models> {
  const store = await CheckpointStore.open(make(image), { segmentBytes: 65536 });
  assert.equal(store.fellBack, false);
  for (const models of allowed) if (await matches(store, models)) return models;
  const names = store.list().map(({ name }) => name);
  assert.fail(
    `[${names.join()}] is none of ${allowed.map((models) => `[${[...models.keys()].join()}]`).join(' ')}`,
  );
}

/** Nothing is lost for good: with all checkpoints deleted, all space is free. */
async function assertNoLeak(space: CrashSpace): Promise<void> {
  const store = await CheckpointStore.open(space, { segmentBytes: 65536 });
  await save(store, randomModel(randomFrom(1)));
  for (const { id } of store.list()) await store.delete(id);
  const { objects, liveBytes } = store.statistics();
  assert.equal(objects, 0);
  assert.ok(liveBytes < 64 * 1024, `${liveBytes} bytes are still in use`);
}

describe('store: power cuts', function () {
  this.timeout(600_000);
  for (const growable of [true, false]) {
    it(`S20, S21: on a ${growable ? 'growing file' : 'device'}, leave the store as before or as after`, async () => {
      const make = (image: Image): CrashSpace => new CrashSpace(image, growable, 4 * MIB);
      let images = 0;
      for (let seed = 0; images < CRASHES; seed++) {
        const random = randomFrom(seed);
        let image: Image = new Map();
        let models: Models = new Map();
        // A life after a life: each goes on from what a power cut in the one before has left.
        for (let life = 0; life < 3; life++) {
          const recording = new Recording(make(image), models);
          await live(recording, random, 6);
          const { space } = recording;
          const every = Math.max(1, Math.floor(space.steps.length / 40));
          for (let step = Math.floor(random() * every); step <= space.steps.length; step += every) {
            image = space.imageAt(step, random);
            models = await findState(image, recording.allowedAt(step), make);
            images++;
          }
          const at = Math.floor(random() * (space.steps.length + 1));
          image = space.imageAt(at, random);
          models = await findState(image, recording.allowedAt(at), make);
        }
        await assertNoLeak(make(image));
      }
    });
  }
});
