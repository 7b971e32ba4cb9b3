/** Saving a guest that runs on, and getting back what it was: on every kind of store. */
import assert from 'node:assert/strict';
import { serialize } from 'node:v8';
import { stateToSections } from '../../src/checkpoint/store/machine-state';
import { busyGuest } from '../support/busy-guest';
import { Bench } from '../support/bare-guest';
import { reach } from '../support/reach';
import { skipBecause } from '../support/tools';
import {
  Archives,
  assertHolds,
  freeze,
  infoOf,
  MIB,
  placeKinds,
  runUntil,
  writer,
  type Place,
} from './archive-support';

describe('archive', function () {
  this.timeout(60_000);
  let archives: Archives;
  beforeEach(() => {
    archives = new Archives();
  });
  afterEach(() => archives.end());

  for (const kind of placeKinds()) {
    describe(`in ${kind.name}`, () => {
      let place: Place | undefined;
      beforeEach(async function () {
        if (kind.missing !== undefined) skipBecause(this, kind.missing);
        place = await kind.make(archives.folder);
      });
      afterEach(async () => {
        await archives.end();
        if (place) kind.remove?.(place);
        place = undefined;
      });

      it('S4 S6 S20: holds RAM bit for bit as it was, while the guest runs on and writes', async () => {
        assert(place);
        const archive = await archives.at(place);
        const { machine } = writer();
        await reach(machine, 200_000);
        const instant = freeze(machine, 'first');
        const { done } = archive.save(instant.request);
        const slices = await runUntil(machine, done);
        const { id } = await done;
        assert.ok(slices > 1, `the guest ran ${slices} slices meanwhile`);
        await assertHolds(archive, id, instant);
      });

      it('S5 S20 S22: keeps what descends from a checkpoint that is deleted, over closing and opening', async () => {
        assert(place);
        const archive = await archives.at(place);
        const { machine } = writer();
        await reach(machine, 100_000);
        const first = freeze(machine, 'first');
        const { id } = await archive.save(first.request).done;
        await reach(machine, machine.instret + 5_000);
        const like = { id, directory: first.state.pages.directory };
        const second = freeze(machine, 'second', { like });
        await reach(machine, machine.instret + 5_000);
        const third = freeze(machine, 'third', { like });
        const jobs = [archive.save(second.request), archive.save(third.request)] as const;
        await runUntil(machine, Promise.all(jobs.map(({ done }) => done)));
        await archive.delete(id);
        const saved = [
          [(await jobs[0].done).id, second],
          [(await jobs[1].done).id, third],
        ] as const;
        if (place.keeps) await archive.close();
        const opened = place.keeps ? await archives.at(place) : archive;
        assert.deepEqual((await opened.list()).map((one) => one.id).sort(), saved.map(([one]) => one).sort());
        for (const [one, instant] of saved) {
          await assertHolds(opened, one, instant);
          assert.deepEqual((await opened.verify(one)).problems, []);
        }
      });
    });
  }

  it('S2: what is copied while the guest stands still is as much for 512 MiB of RAM as for 16 MiB', async () => {
    const archive = await archives.open();
    const copied: number[] = [];
    for (const ramBytes of [16 * MIB, 512 * MIB]) {
      const { machine } = writer({ ramBytes });
      await reach(machine, 100_000);
      const before = machine.memory.framesInUse;
      const { pages, disks: _disks, ...state } = machine.freeze();
      assert.equal(machine.memory.framesInUse, before, 'no page is copied');
      const sections = stateToSections(state);
      copied.push(serialize([sections, pages.directory]).length);
      const ram = { memory: machine.linear.memory, directory: pages.directory, ramBytes };
      const info = infoOf('stop', { ramBytes });
      const { done } = archive.save({ info, sections, ram, disks: [], sources: [] });
      // The guest goes on at once; that it is being saved shows afterwards.
      const slices = await runUntil(machine, done, 10_000);
      assert.ok(slices > 1, `the guest ran ${slices} slices meanwhile`);
    }
    const [small = 0, large = 0] = copied;
    assert.ok(Math.abs(large - small) < 64, `${small} and ${large} bytes`);
  });

  it('S3 S4: device state is that of the instant; guest and checkpoint do not disturb each other', async () => {
    const archive = await archives.open();
    const { machine } = new Bench(busyGuest(2));
    const reference = new Bench(busyGuest(2)).machine;
    await reach(machine, 30_011);
    const instant = freeze(machine, 'busy');
    const { done } = archive.save(instant.request);
    await runUntil(machine, done);
    await assertHolds(archive, (await done).id, instant);
    await reach(reference, machine.instret);
    assert.equal(machine.stateHash(), reference.stateHash());
  });
});
