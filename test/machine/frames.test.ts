/** Page frames: sharing of zero pages, copy-on-write, and a tree of frozen tables against plain arrays (I3). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CheckpointTree } from '../../src/checkpoint/tree';
import { Machine } from '../../src/machine/machine';
import { bareGuest, Bench, RAM } from '../support/bare-guest';

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
        .equ root, 0x80010000
        .equ data, 0x80400000
        la t0, root
        li t1, 0x20000000 + 0xcf
        sd t1, 16(t0)
        sd t1, 8(t0)
        li t1, 0xcf
        sd t1, (t0)
        srli t0, t0, 12
        li t1, 8
        slli t1, t1, 60
        or t0, t0, t1
        csrw satp, t0
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

type Step =
  | { readonly do: 'write'; readonly place: number; readonly offset: number; readonly value: number }
  | { readonly do: 'clear' }
  | { readonly do: 'take' }
  | { readonly do: 'restore' | 'delete'; readonly pick: number };

const step: fc.Arbitrary<Step> = fc.oneof(
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

/** What the places hold. */
const contents = (machine: Machine): number[][] => PLACES.map((place) => [...machine.memory.read(place, 8)]);

class Model {
  readonly machine = idle();
  readonly tree = new CheckpointTree(this.machine, () => 0);
  readonly expected = new Map<string, number[][]>();
  private present = contents(this.machine);

  take(): void {
    const { id } = this.tree.take({ automatic: false, branch: 0, logIndex: 0, consoleLength: 0 });
    this.expected.set(
      id,
      this.present.map((bytes) => [...bytes]),
    );
  }

  apply(action: Step): void {
    const { machine, tree, expected } = this;
    const ids = [...expected.keys()];
    switch (action.do) {
      case 'write': {
        machine.memory.write((PLACES[action.place] ?? 0) + action.offset, Uint8Array.of(action.value));
        const bytes = this.present[action.place];
        if (bytes) bytes[action.offset] = action.value;
        return;
      }
      case 'clear':
        machine.memory.clear();
        this.present = PLACES.map(() => new Array<number>(8).fill(0));
        return;
      case 'take':
        this.take();
        return;
      case 'restore': {
        const id = ids[action.pick % ids.length];
        if (id === undefined) return;
        tree.restore(id);
        this.present = (expected.get(id) ?? []).map((bytes) => [...bytes]);
        return;
      }
      case 'delete': {
        // The first one stays, as in a recording.
        const id = ids[1 + (action.pick % Math.max(1, ids.length - 1))];
        if (id === undefined) return;
        tree.delete(id);
        expected.delete(id);
        return;
      }
    }
  }

  check(): void {
    assert.deepEqual(contents(this.machine), this.present);
  }
}

describe('a tree of frozen page tables', () => {
  it('keeps a frame that two siblings share when the table between them is deleted', () => {
    const model = new Model();
    const run = (...steps: Step[]): void => steps.forEach((action) => model.apply(action));
    const write = (value: number): Step => ({ do: 'write', place: 0, offset: 0, value });
    model.take();
    run(write(1), { do: 'take' }, { do: 'take' });
    run({ do: 'restore', pick: 1 }, { do: 'take' });
    // Deletes the one between, then one of the two that descend from it; the freed frame would be handed out again.
    run({ do: 'delete', pick: 0 }, { do: 'delete', pick: 0 }, { do: 'take' });
    for (const place of PLACES.keys()) run({ do: 'write', place, offset: 1, value: 7 });
    run({ do: 'restore', pick: 1 });
    model.check();
  });

  it('holds what plain arrays hold, never changes a frozen frame, and leaks none', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const model = new Model();
        model.take();
        const baseline = model.machine.memory.framesInUse;
        for (const action of steps) {
          model.apply(action);
          model.check();
        }
        // Every frozen table, in the order of taking, still holds its bytes (I3).
        for (const [id, expected] of model.expected) {
          model.tree.restore(id);
          assert.deepEqual(contents(model.machine), expected, `checkpoint ${id}`);
        }
        const [root, ...others] = model.expected.keys();
        model.tree.restore(root ?? '');
        for (const id of others) model.tree.delete(id);
        assert.equal(model.machine.memory.framesInUse, baseline, 'frames in use');
      }),
      { numRuns: 40 },
    );
  });
});
