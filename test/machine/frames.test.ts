/** Page frames: sharing of zero pages, copy-on-write, and a tree of frozen tables against plain arrays (I3). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Machine } from '../../src/machine/machine';
import { bareGuest, Bench, RAM } from '../support/bare-guest';
import { MAP_ALIAS } from '../support/guest-code';
import { TreeModel, type TreeStep } from '../support/tree-model';

const PAGE = 4096;
const LEAF = 1024 * PAGE;

const idle = (): Machine => new Machine(bareGuest('j .').config, () => undefined);

describe('page frames', () => {
  it('zero pages cost none, reading costs none, a written page costs itself and its leaf', () => {
    const { memory } = idle();
    const before = memory.framesInUse;
    memory.write(RAM + 2 * LEAF, new Uint8Array(LEAF));
    assert(memory.read(RAM + 2 * LEAF, LEAF).every((byte) => byte === 0));
    assert.equal(memory.framesInUse, before);
    memory.write(RAM + 2 * LEAF + 5, Uint8Array.of(1));
    assert.equal(memory.framesInUse, before + 2);
    memory.write(RAM + 2 * LEAF + 3 * PAGE, Uint8Array.of(1));
    assert.equal(memory.framesInUse, before + 3);
  });

  it('a guest that reads all of its RAM costs none either', () => {
    const bench = new Bench(`
        li t0, 0x80400000
        li t1, 0x81000000
        li t2, 4096
    1:  ld t3, (t0)
        bnez t3, fail
        add t0, t0, t2
        bltu t0, t1, 1b
        j poweroff`);
    const before = bench.machine.memory.framesInUse;
    // The device tree lies there too.
    const tree = bench.machine.config.boot.fdtAddress;
    bench.machine.memory.write(tree, new Uint8Array(8));
    bench.poweroff();
    assert.equal(bench.machine.memory.framesInUse, before);
  });

  it('after a freeze each written page is copied once', () => {
    const { memory } = idle();
    const at = RAM + LEAF;
    memory.write(at, Uint8Array.of(1, 2, 3));
    const before = memory.framesInUse;
    const table = memory.freeze();
    assert.equal(memory.framesInUse, before);
    memory.write(at + 1, Uint8Array.of(9));
    memory.write(at + 2, Uint8Array.of(8));
    assert.equal(memory.framesInUse, before + 2, 'page and leaf');
    assert.deepEqual([...memory.read(at, 3)], [1, 9, 8]);
    memory.thaw(table);
    assert.deepEqual([...memory.read(at, 3)], [1, 2, 3]);
    assert.equal(memory.framesInUse, before);
  });

  it('a guest sees its own writes after a freeze through every alias, and the frozen frames stay', () => {
    // Reads through Sv39 address 0x40000000 and through the identity map; writes through the latter.
    const bench = new Bench(
      `
        .equ data, 0x80400000
        ${MAP_ALIAS}
        li s0, 0x40400000
        la s1, data
        li s2, 0
    1:  addi s2, s2, 1
        sd s2, (s1)
        ld t0, (s0)
        bne t0, s2, fail
        sd s2, 8(s0)
        ld t0, 8(s1)
        bne t0, s2, fail
        li t0, 5000
        bltu s2, t0, 1b
        j poweroff`,
      { firmware: 'builtin' },
    );
    const { machine } = bench;
    const frozen: { state: ReturnType<Machine['freeze']>; hash: string }[] = [];
    while (machine.run(machine.instret + 997).kind === 'reached')
      frozen.push({ state: machine.freeze(), hash: machine.stateHash() });
    bench.poweroff();
    assert(frozen.length > 10);
    for (const { state, hash } of [...frozen].reverse()) {
      machine.restore(state);
      assert.equal(machine.stateHash(), hash, `frozen at ${state.instret}`);
    }
  });
});

// --- a tree of checkpoints, against plain arrays

/** A few pages in three leaves, so that leaves and frames are shared in all ways. */
const PLACES = [0, 1, 2, 1023, 1024, 1025, 2048].map((page) => RAM + LEAF + page * PAGE);

const step: fc.Arbitrary<TreeStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      place: fc.nat(PLACES.length - 1),
      offset: fc.nat(7),
      value: fc.nat(255),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('restore' as const, 'delete' as const), pick: fc.nat(1000) }),
  },
);

describe('a tree of frozen page tables', () => {
  it('keeps a frame that two siblings share when the table between them is deleted', () => {
    const model = new TreeModel(idle(), PLACES);
    const run = (...steps: TreeStep[]): void => steps.forEach((action) => model.applyStep(action));
    const write = (value: number): TreeStep => ({ do: 'write', place: 0, offset: 0, value });
    run(write(1), { do: 'take' }, { do: 'take' });
    run({ do: 'restore', pick: 1 }, { do: 'take' });
    // Deletes the one between, then one of the two that descend from it; the freed frame would be handed out again.
    run({ do: 'delete', pick: 0 }, { do: 'delete', pick: 0 }, { do: 'take' });
    for (const place of PLACES.keys()) run({ do: 'write', place, offset: 1, value: 7 });
    run({ do: 'restore', pick: 1 });
    model.checkAll();
  });

  it('holds what plain arrays hold, never changes a frozen frame, and leaks none', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const model = new TreeModel(idle(), PLACES);
        const baseline = model.machine.memory.framesInUse;
        for (const action of steps) {
          model.applyStep(action);
          model.checkAll();
        }
        model.finish();
        assert.equal(model.machine.memory.framesInUse, baseline, 'frames in use');
      }),
      { numRuns: 40 },
    );
  });
});
