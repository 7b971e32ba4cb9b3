/**
 * An archive used at random while the guest runs on: saves that overlap, descend from one another and are cancelled, deletions
 * and loads beside them, closing and opening. What is loaded is always what was at that instant. CHRONOVISOR_SEED: which one.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { CheckpointArchive, SaveJob } from '../../src/checkpoint/archive';
import { randomFrom } from '../checkpoint/store/crash-space';
import { reach } from '../support/reach';
import { Archives, freeze, MIB, ramOf, writer } from './archive-support';

const SEED = Number(process.env['CHRONOVISOR_SEED'] ?? 1);
const STEPS = 80;

const digest = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

interface Saved {
  readonly name: string;
  readonly ram: string;
  readonly directory: Uint32Array;
}

describe('archive: random use', function () {
  this.timeout(60_000);
  let archives: Archives;
  beforeEach(() => {
    archives = new Archives();
  });
  afterEach(() => archives.end());

  it(`S4 S5 S6: holds what was, whatever goes on beside (seed ${SEED})`, async () => {
    // What is done follows from the seed alone; to what, also from what is done when.
    const [choices, random] = [randomFrom(SEED), randomFrom(SEED + 1)];
    const pick = (limit: number): number => Math.floor(random() * limit);
    const any = <T>(all: readonly T[]): T | undefined => all[pick(all.length)];
    const { machine } = writer({ ramBytes: 8 * MIB, windowBytes: MIB });
    let archive: CheckpointArchive = await archives.open();
    const saved = new Map<string, Saved>();
    const underWay = new Map<SaveJob, Promise<void>>();
    const counts = { saved: 0, cancelled: 0, deleted: 0, loaded: 0, opened: 0 };

    const save = (): SaveJob => {
      const name = `at ${machine.instret}`;
      const like = random() < 0.7 ? any([...saved]) : undefined;
      const instant = freeze(machine, name, {
        ...(like ? { like: { id: like[0], directory: like[1].directory } } : {}),
      });
      const entry = { name, ram: digest(instant.ram), directory: instant.state.pages.directory };
      const job = archive.save(instant.request);
      const ended = job.done.then(
        ({ id }) => {
          saved.set(id, entry);
          counts.saved++;
        },
        (error: unknown) => {
          assert.equal(error instanceof Error && 'code' in error && error.code, 'SAVE_CANCELLED');
          counts.cancelled++;
        },
      );
      underWay.set(
        job,
        ended.finally(() => underWay.delete(job)),
      );
      return job;
    };
    const load = async (id: string): Promise<void> => {
      const loaded = await archive.load(id);
      assert.equal(digest(ramOf(loaded)), saved.get(id)?.ram, loaded.summary.name);
      loaded.close();
      counts.loaded++;
    };

    for (let step = 0; step < STEPS; step++) {
      await reach(machine, machine.instret + 1 + pick(20_000));
      await setImmediate();
      if (underWay.size > 3) await Promise.race(underWay.values());
      const choice = choices();
      const id = any([...saved.keys()]);
      if (choice < 0.45 || id === undefined) save();
      else if (choice < 0.55) {
        save().cancel();
      } else if (choice < 0.7) {
        saved.delete(id);
        await archive.delete(id);
        counts.deleted++;
      } else if (choice < 0.94) await load(id);
      else {
        await archive.close();
        await Promise.all(underWay.values());
        archive = await archives.open();
        counts.opened++;
      }
    }
    await Promise.all(underWay.values());
    const listed = (await archive.list()).map(({ id, name }) => [id, name]);
    assert.deepEqual(
      new Map(listed as [string, string][]),
      new Map([...saved].map(([id, { name }]) => [id, name])),
    );
    for (const id of saved.keys()) await load(id);
    assert.ok(
      Object.values(counts).every((count) => count > 0),
      JSON.stringify(counts),
    );
  });
});
