/**
 * Pages that are fetched when they are first touched: a guest that was resumed lazily is in every way the guest whose RAM
 * was there from the beginning, whoever touches a page first, and whatever checkpoints are taken and deleted meanwhile.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { userError, UserError } from '../../src/base/errors';
import { physAddr } from '../../src/base/brand';
import { CowDisk } from '../../src/disk/cow-disk';
import { MemoryImage } from '../../src/disk/images';
import type { PageSource } from '../../src/machine/absent';
import { Machine, type MachineState } from '../../src/machine/machine';
import { bareGuest, Bench, RAM } from '../support/bare-guest';
import { busyGuest } from '../support/busy-guest';
import { DiskGuest, page, SECTOR } from '../support/disk-guest';
import { reach } from '../support/reach';
import { TestDisk } from '../support/test-disk';
import { PLAIN, TreeModel, type TreeStep } from '../support/tree-model';

const PAGE = 4096;
const LEAF = 1024 * PAGE;
const DATA = RAM + 2 * LEAF;

const ZERO_PAGE = Buffer.alloc(PAGE);

/** A copy of RAM, given out page by page. */
class CopiedRam implements PageSource {
  readonly fetched = new Set<number>();
  fills = 0;
  broken = false;

  constructor(private readonly ram: Uint8Array) {}

  static of(machine: Machine): CopiedRam {
    return new CopiedRam(machine.memory.read(RAM, machine.config.ramBytes));
  }

  fill(memory: WebAssembly.Memory, pages: readonly number[], frames: readonly number[]): boolean[] {
    this.fills++;
    const bytes = new Uint8Array(memory.buffer);
    return pages.map((page, index) => {
      const own = this.ram.subarray(page * PAGE, (page + 1) * PAGE);
      assert.equal(own.length, PAGE, 'a page of RAM');
      this.fetched.add(page);
      // Half done when it fails.
      if (this.broken && index > 0) throw userError('STORE_IO', 'The store cannot be read.');
      const isZero = ZERO_PAGE.equals(own);
      if (!isZero) bytes.set(own, (frames[index] ?? 0) * PAGE);
      return isZero;
    });
  }
}

/** The machine goes on from `state` with all of its RAM absent. */
function resumeLazily(machine: Machine, state: MachineState, source: PageSource): void {
  machine.restore({ ...state, pages: machine.memory.attach(source).pages });
}

describe('absent pages', () => {
  for (const harts of [1, 2, 3, 8]) {
    it(`a busy guest of ${harts} harts with a disk runs as the original does`, async () => {
      const { machine } = new Bench(busyGuest(harts));
      await reach(machine, 40_000);
      const state = machine.freeze();
      const source = CopiedRam.of(machine);
      const hashes: string[] = [];
      const instants = [40_001, 40_500, 60_000, 90_000];
      for (const at of instants) {
        await reach(machine, at);
        hashes.push(machine.stateHash());
      }
      resumeLazily(machine, state, source);
      assert.equal(source.fills, 0, 'resuming reads nothing');
      const later: string[] = [];
      for (const [index, at] of instants.entries()) {
        await reach(machine, at);
        if (index === 0) assert(source.fetched.size < 3000, `${source.fetched.size} pages came`);
        later.push(machine.stateHash());
      }
      assert.deepEqual(later, hashes);
    });
  }

  it('each page comes once, with its neighbours, and looks change nothing (I6)', () => {
    const { machine } = new Bench(bareGuest('j .'));
    for (let page = 0; page < 200; page += 3)
      machine.memory.write(RAM + LEAF + page * PAGE, Uint8Array.of(page));
    const state = machine.freeze();
    const hash = machine.stateHash();
    const source = CopiedRam.of(machine);
    resumeLazily(machine, state, source);
    assert.deepEqual(
      [...(machine.looks.physical(physAddr(BigInt(RAM + LEAF + 66 * PAGE)), 2) ?? [])],
      [66, 0],
    );
    assert.deepEqual(
      [...source.fetched],
      Array.from({ length: 64 }, (_, index) => 1024 + 64 + index),
    );
    assert.equal(source.fills, 1);
    assert.equal(machine.looks.physical(physAddr(BigInt(RAM + LEAF + 127 * PAGE)), 1)?.[0], 0);
    assert.equal(source.fills, 1);
    assert.equal(machine.stateHash(), hash);
  });

  it("a guest's store brings neighbours, too, and they stay", () => {
    const bench = new Bench(`
        li s0, ${DATA}
        li s1, 4096
        sd s0, (s0)
        add s0, s0, s1
        ld a0, (s0)
        add s0, s0, s1
        sd a0, (s0)
        j poweroff`);
    const { machine } = bench;
    machine.memory.write(DATA + PAGE, Uint8Array.of(5));
    const source = CopiedRam.of(machine);
    resumeLazily(machine, machine.freeze(), source);
    bench.poweroff();
    assert.equal(bench.x('a0'), 5n);
    assert.equal(source.fills, 2, 'the code, and the data');
  });

  it('an error of the store comes out as it is, and the guest is as before', () => {
    const bench = new Bench(`
        li t0, 0x80400000
        ld a0, (t0)
        j poweroff`);
    const { machine } = bench;
    machine.memory.write(RAM + LEAF, Uint8Array.of(77));
    const state = machine.freeze();
    const source = CopiedRam.of(machine);
    resumeLazily(machine, state, source);
    const again = machine.freeze();
    machine.run(1);
    source.broken = true;
    const frames = machine.memory.framesInUse;
    assert.throws(
      () => machine.run(100),
      (error) => error instanceof UserError && error.code === 'STORE_IO',
    );
    assert.throws(() => machine.memory.read(RAM + LEAF, 1), { code: 'STORE_IO' });
    assert.equal(machine.memory.framesInUse, frames);
    source.broken = false;
    machine.restore(again);
    bench.poweroff();
    assert.equal(bench.x('a0'), 77n);
  });
});

// --- who touches a page first

describe('the first touch of an absent page', () => {
  const touches: Readonly<Record<string, string>> = {
    'a load': 'ld a0, (s0)',
    'a misaligned load over two pages': 'addi s0, s0, -4\n ld a0, (s0)',
    'a store': 'sb s1, 3(s0)\n ld a0, (s0)',
    'a misaligned store over two pages': 'addi s0, s0, -4\n sd s1, (s0)\n ld a0, 4(s0)',
    'an AMO': 'amoadd.d a0, s1, (s0)\n ld a1, (s0)',
    'LR and SC': 'lr.d a0, (s0)\n sc.d a1, s1, (s0)\n ld a2, (s0)',
    'a floating-point load': 'li t0, 0x6000\n csrs mstatus, t0\n fld fa0, (s0)\n fmv.x.d a0, fa0',
    'cbo.zero': 'cbo.zero (s0)\n ld a0, (s0)\n ld a1, 64(s0)',
  };
  for (const [name, code] of Object.entries(touches)) {
    it(name, () => {
      const ends = [false, true].map((isLazy) => {
        const bench = new Bench(`
          li s0, ${DATA}
          li s1, 0x1234567
          ${code}
          j poweroff`);
        const { machine } = bench;
        const bytes = Uint8Array.from({ length: 2 * PAGE }, (_, at) => at * 7 + (at >> 8));
        machine.memory.write(DATA - PAGE, bytes);
        if (isLazy) resumeLazily(machine, machine.freeze(), CopiedRam.of(machine));
        bench.poweroff();
        return { hash: machine.stateHash(), a0: bench.x('a0'), instret: machine.instret };
      });
      assert.deepEqual(ends[1], ends[0]);
    });
  }

  it('fetching code, also an instruction that crosses into the page', () => {
    const at = (isLazy: boolean): [string, bigint] => {
      const bench = new Bench(`
        li t0, ${DATA - 2}
        jr t0`);
      const { machine } = bench;
      // li a0, 5 (4 bytes, over the boundary); ebreak-free end: jump back to the program's poweroff.
      const code = new DataView(new ArrayBuffer(12));
      code.setUint32(0, 0x0050_0513, true);
      const jump = bench.program.at('poweroff');
      code.setUint32(4, 0x0000_0297 | ((jump - (DATA + 2)) & 0xffff_f000), true); // auipc t0
      const low = (jump - (DATA + 2)) & 0xfff;
      code.setUint32(4, (0x297 | (((jump - (DATA + 2) + 0x800) & 0xffff_f000) >>> 0)) >>> 0, true);
      code.setUint32(8, (0x0002_8067 | (low << 20)) >>> 0, true); // jr low(t0)
      machine.memory.write(DATA - 2, new Uint8Array(code.buffer));
      if (isLazy) resumeLazily(machine, machine.freeze(), CopiedRam.of(machine));
      bench.poweroff();
      return [machine.stateHash(), bench.x('a0')];
    };
    const eager = at(false);
    assert.equal(eager[1], 5n);
    assert.deepEqual(at(true), eager);
  });

  it('a virtio disk, whose request was pending when the state was frozen', async () => {
    const end = async (isLazy: boolean): Promise<readonly unknown[]> => {
      const image = Uint8Array.from({ length: 64 * SECTOR }, (_, at) => at >> 9);
      const disk = new TestDisk(new CowDisk(new MemoryImage(image)));
      const guest = new DiskGuest(disk);
      const { machine } = guest;
      machine.memory.write(page(0), new Uint8Array(PAGE).fill(0x77));
      guest.read(9, 2, page(0) + SECTOR);
      guest.write(20, new Uint8Array(SECTOR).fill(0x99), page(1));
      const state = machine.freeze();
      const source = CopiedRam.of(machine);
      if (isLazy) resumeLazily(machine, state, source);
      else machine.restore(state);
      // From before the restore and after it; only what belongs to this world counts.
      await disk.letGoReversed();
      await guest.drain();
      const dma = (page(0) - RAM) / PAGE;
      assert.equal(source.fetched.has(dma), isLazy);
      guest.read(20, 1, page(2));
      await disk.letGoReversed();
      await guest.drain();
      assert.equal(guest.answered, 3);
      return [0, 1, 2].map((index) => [guest.status(index), guest.bytes(page(index), PAGE)]);
    };
    const eager = await end(false);
    const expected = new Uint8Array(PAGE).fill(0x77);
    expected.fill(9, SECTOR, 2 * SECTOR).fill(10, 2 * SECTOR, 3 * SECTOR);
    assert.deepEqual(eager[0], [0, expected]);
    assert.deepEqual(await end(true), eager);
  });

  it('a page walk, and the A and D bits that it sets', () => {
    const end = (isLazy: boolean): string => {
      const bench = new Bench(
        `
        .equ root, ${DATA}
        li t0, root
        srli t0, t0, 12
        li t1, 8
        slli t1, t1, 60
        or t0, t0, t1
        csrw satp, t0
        li s0, 0x40400000
        ld a0, (s0)
        sd a0, 8(s0)
        j poweroff`,
        { firmware: 'builtin' },
      );
      const { machine } = bench;
      const table = new DataView(new ArrayBuffer(32));
      const leaf = (physical: number, flags: number): bigint => BigInt((physical / 4096) * 1024 + flags);
      table.setBigUint64(0, leaf(0, 0xcf), true);
      table.setBigUint64(8, leaf(RAM, 0x0f), true);
      table.setBigUint64(16, leaf(RAM, 0xcf), true);
      machine.memory.write(DATA, new Uint8Array(table.buffer));
      machine.memory.write(RAM + LEAF, Uint8Array.of(1, 2, 3));
      if (isLazy) resumeLazily(machine, machine.freeze(), CopiedRam.of(machine));
      bench.poweroff();
      assert.equal(bench.x('a0'), 0x30201n);
      return machine.stateHash();
    };
    assert.equal(end(true), end(false));
  });
});

// --- checkpoints over absent pages, against plain arrays

const PLACES = [0, 1, 70, 1023, 1024, 1025, 2047, 2048, 3000].map((page) => RAM + LEAF + page * PAGE);

type Step =
  | TreeStep
  | { readonly do: 'read'; readonly place: number }
  | { readonly do: 'attach' | 'hash' | 'detach' | 'deletePresent' };

const place = fc.nat(PLACES.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      place,
      offset: fc.nat(7),
      value: fc.nat(255),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), place }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('take' as const, 'take' as const, 'clear' as const) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'attach' as const,
        'attach' as const,
        'hash' as const,
        'detach' as const,
        'deletePresent' as const,
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('restore' as const, 'delete' as const), pick: fc.nat(1000) }),
  },
);

/** Machines are dear: one for all runs. */
const shared = new Machine(bareGuest('j .', { ramBytes: 16 << 20 }).config, () => undefined);

class Model extends TreeModel {
  /** The checkpoint that was gone to last. */
  private gone: string | undefined;

  constructor() {
    shared.memory.clear();
    super(shared, PLACES);
  }

  protected override restore(id: string): void {
    super.restore(id);
    this.gone = id;
  }

  apply(action: Step): void {
    const { tree, expected, machine } = this;
    switch (action.do) {
      case 'read':
        this.check(action.place);
        return;
      case 'hash':
        machine.stateHash();
        return;
      case 'detach':
        machine.memory.detachUnused();
        return;
      case 'deletePresent': {
        // The guest's pages descend from one that is gone, and are its own.
        const id = this.gone;
        if (id === expected.keys().next().value || id === undefined || !expected.has(id)) return;
        this.delete(id);
        return;
      }
      case 'attach': {
        // What is present comes back with all pages absent.
        const ram = new Uint8Array(machine.config.ramBytes);
        PLACES.forEach((address, index) => ram.set(this.present[index] ?? [], address - RAM));
        const state = { ...this.take(), pages: machine.memory.attach(new CopiedRam(ram)).pages };
        const { id } = tree.adopt(state, PLAIN);
        this.note(id);
        this.restore(id);
        return;
      }
      default:
        this.applyStep(action);
    }
  }
}

describe('a tree of page tables with absent pages', () => {
  it('keeps what was fetched when the table that it came through is deleted, and writes it in place', () => {
    shared.memory.detachUnused();
    const model = new Model();
    const baseline = shared.memory.framesInUse;
    const write = (index: number, value: number): Step => ({ do: 'write', place: index, offset: 0, value });
    for (const action of [write(0, 1), write(4, 2), { do: 'attach' }] satisfies Step[]) model.apply(action);
    model.check(0);
    model.apply({ do: 'deletePresent' });
    const before = shared.memory.framesInUse;
    model.apply(write(0, 3));
    assert.equal(shared.memory.framesInUse, before, 'its own page and leaf');
    model.apply(write(4, 4));
    // 64 pages came together; those that are zero cost nothing.
    assert.equal(shared.memory.framesInUse, before + 2, 'a page and its leaf, written where they were put');
    model.checkAll();
    model.tree.restore(model.expected.keys().next().value ?? '');
    for (const id of [...model.expected.keys()].slice(1)) model.tree.delete(id);
    assert.deepEqual(shared.memory.detachUnused().length, 1);
    assert.equal(shared.memory.framesInUse, baseline);
  });

  it('holds what plain arrays hold, and leaks no frame and no source', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
        shared.memory.detachUnused();
        const model = new Model();
        const baseline = shared.memory.framesInUse;
        for (const action of steps) model.apply(action);
        model.checkAll();
        model.finish();
        shared.memory.detachUnused();
        assert.equal(shared.memory.framesInUse, baseline, 'frames in use');
      }),
      { numRuns: 50 },
    );
  });
});
