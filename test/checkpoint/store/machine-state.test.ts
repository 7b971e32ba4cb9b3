/** A machine's state through sections, the store, and back. */
import assert from 'node:assert/strict';
import { instret } from '../../../src/base/brand';
import {
  stateFromSections,
  stateToSections,
  type StateWithoutPages,
} from '../../../src/checkpoint/store/machine-state';
import { MemorySpace } from '../../../src/checkpoint/store/space';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { infoOf, sectionsOf } from './support';

const state: StateWithoutPages = {
  instret: instret(2 ** 40 + 7),
  timeSkew: 12,
  current: 1,
  quantumLeft: 345,
  harts: [new Uint8Array(4096).fill(1), new Uint8Array(4096).fill(2)],
  sections: sectionsOf('x'),
  finished: undefined,
};

describe('store: machine state', () => {
  it('comes back as it was', async () => {
    const store = await CheckpointStore.open(new MemorySpace());
    for (const finished of [undefined, { kind: 'finished', reason: 'htif', exitCode: 3 }] as const) {
      const saved = { ...state, finished };
      const extra = { name: 'log', version: 1, data: new Uint8Array(100_000).fill(9) };
      const sections = [...stateToSections(saved), extra];
      const { id } = await (await store.begin({ info: infoOf('state'), sections })).commit();
      const checkpoint = await store.read(id);
      assert.deepEqual(stateFromSections(await checkpoint.sections()), saved);
      assert.deepEqual(await checkpoint.section('log'), extra);
      assert.equal(await checkpoint.section('none'), undefined);
      checkpoint.close();
    }
  });

  it('what is missing or newer is a coded error', () => {
    const sections = stateToSections(state);
    for (const { name } of sections) {
      const rest = sections.filter((section) => section.name !== name);
      assert.throws(() => stateFromSections(rest), { code: 'STORE_DAMAGED' }, name);
    }
    const newer = sections.map((section) => ({ ...section, version: section.version + 1 }));
    assert.throws(() => stateFromSections(newer), { code: 'STORE_NEWER' });
  });
});
