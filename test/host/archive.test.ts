/** Saving a guest that runs on, and getting back what it was: on every kind of store. */
import assert from 'node:assert/strict';
import { busyGuest } from '../support/busy-guest';
import { Bench } from '../support/bare-guest';
import { inCi, skipBecause } from '../support/tools';
import {
  Archives,
  assertHolds,
  freeze,
  placeKinds,
  reach,
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
        if (kind.missing !== undefined) {
          // The preallocated file is written in the same way.
          if (inCi()) this.skip();
          skipBecause(this, kind.missing);
        }
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
    });
  }

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
