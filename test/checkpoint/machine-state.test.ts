/** A machine's state as named sections: what comes back is the state that was saved, on harts, devices and RAM. */
import assert from 'node:assert/strict';
import { stateFromSections, stateToSections } from '../../src/checkpoint/store/machine-state';
import { Bench } from '../support/bare-guest';
import { busyGuest } from '../support/busy-guest';
import { reach } from '../support/reach';

describe('checkpoint: machine state in sections', () => {
  it('is restored from its sections as it was', async () => {
    const bench = new Bench(busyGuest(2));
    const { machine } = bench;
    await reach(machine, 30_011);
    const hash = machine.stateHash();
    const { pages, disks, ...state } = machine.freeze();
    const sections = stateToSections(state);
    await reach(machine, 60_000);
    assert.notEqual(machine.stateHash(), hash);
    machine.restore({ ...stateFromSections(sections), pages, disks });
    assert.equal(machine.stateHash(), hash);
  });

  it('refuses sections that lack a hart', () => {
    const { machine } = new Bench(busyGuest(1));
    const sections = stateToSections(machine.freeze()).filter(({ name }) => name !== 'hart0');
    assert.throws(() => stateFromSections(sections), /hart0/u);
  });
});
