/**
 * The harts' blocks: which one is in the engine's current block, views of all of them, the choice of who runs next.
 * Harts run in turn for a quantum; one that waits gives its turn away. All of it is state: equal after a restore.
 */
import { invariant } from '../base/errors';
import { MENVCFG } from './engine/cells';
import { csrCell } from './engine/csr';
import type { EngineExports } from './engine/module';
import { CURRENT, G, H, HART_SIZE, HARTS } from './layout';
import type { LinearMemory } from './memory';
import { derivePmp } from './pmp';

export type Field = number;

/** Hart fields that are derived, or differ between equal states: not saved, not hashed. */
const DERIVED: readonly (readonly [number, number])[] = [[H.pmpLow, H.csrs]];

/** `suspended` is the SBI's hart_suspend: it ends as WFI does, but is told apart by hart_get_status. */
export const Waiting = { no: 0, wfi: 1, stopped: 2, suspended: 3 } as const;
export type Waiting = (typeof Waiting)[keyof typeof Waiting];

/** Beside a Waiting in H.waiting: the debugger holds the hart, and it gets no turn. */
const HELD = 4;
/** The bits of H.waiting that are a Waiting, for who reads a saved block. */
export const WAITING_MASK = HELD - 1;

export class Harts {
  current = 0;
  /** Instructions left in the current hart's turn. */
  quantumLeft: number;

  constructor(
    private readonly linear: LinearMemory,
    private readonly engine: () => EngineExports,
    readonly count: number,
    private readonly quantum: number,
  ) {
    this.quantumLeft = quantum;
    linear.set32(G.hartCount, count);
  }

  private base(hart: number): number {
    return hart === this.current ? CURRENT : HARTS + hart * HART_SIZE;
  }
  get64(hart: number, field: Field): bigint {
    return this.linear.get64(this.base(hart) + field - CURRENT);
  }
  set64(hart: number, field: Field, value: bigint): void {
    this.linear.set64(this.base(hart) + field - CURRENT, value);
  }
  get32(hart: number, field: Field): number {
    return this.linear.get32(this.base(hart) + field - CURRENT);
  }
  set32(hart: number, field: Field, value: number): void {
    this.linear.set32(this.base(hart) + field - CURRENT, value);
  }

  waiting(hart: number): Waiting {
    return (this.get32(hart, H.waiting) & WAITING_MASK) as Waiting;
  }
  /** Whether the debugger holds the hart stays as it is. */
  setWaiting(hart: number, waiting: Waiting): void {
    this.set32(hart, H.waiting, (this.get32(hart, H.waiting) & HELD) | waiting);
  }

  /** The one hart that is not held while others are. */
  get alone(): number | undefined {
    let held = 0;
    let free: number | undefined;
    for (let hart = 0; hart < this.count; hart++) {
      if ((this.get32(hart, H.waiting) & HELD) !== 0) held++;
      else free ??= hart;
    }
    return held > 0 ? free : undefined;
  }
  /** Holds all harts but one, or none. A held hart keeps its state, and its interrupts stay pending. */
  set alone(alone: number | undefined) {
    for (let hart = 0; hart < this.count; hart++) {
      const held = alone !== undefined && hart !== alone ? HELD : 0;
      this.set32(hart, H.waiting, this.waiting(hart) | held);
    }
  }

  /** Brings a hart into the current block. */
  private select(hart: number): void {
    if (hart === this.current) return;
    const { u8 } = this.linear;
    const size = H.end - CURRENT;
    u8.copyWithin(HARTS + this.current * HART_SIZE, CURRENT, CURRENT + size);
    const from = HARTS + hart * HART_SIZE;
    u8.copyWithin(CURRENT, from, from + size);
    this.current = hart;
  }

  /** Runs `action` with the hart in the current block, for engine functions that look there. Not during a run. */
  with<T>(hart: number, action: () => T): T {
    invariant(hart >= 0 && hart < this.count, 'hart exists');
    const before = this.current;
    this.select(hart);
    try {
      return action();
    } finally {
      this.select(before);
    }
  }

  /** Chooses who runs next; false when all wait. Sets waiting harts running whose interrupts are pending. */
  pick(): boolean {
    if (this.quantumLeft > 0 && this.runnable(this.current)) return true;
    for (let step = 1; step <= this.count; step++) {
      const hart = (this.current + step) % this.count;
      if (!this.runnable(hart)) continue;
      // Other harts' stores are not compared with reservations: a turn ends them (SC may fail spuriously).
      if (hart !== this.current) this.set32(this.current, H.reservationValid, 0);
      this.select(hart);
      this.quantumLeft = this.quantum;
      return true;
    }
    return false;
  }

  /** What pick() would choose, without doing it. */
  upcoming(): { readonly hart: number; readonly turn: number } | undefined {
    if (this.quantumLeft > 0 && this.couldRun(this.current)) {
      return { hart: this.current, turn: this.count === 1 ? Infinity : this.quantumLeft };
    }
    for (let step = 1; step <= this.count; step++) {
      const hart = (this.current + step) % this.count;
      if (this.couldRun(hart)) return { hart, turn: this.count === 1 ? Infinity : this.quantum };
    }
    return undefined;
  }

  private couldRun(hart: number): boolean {
    const waiting = this.get32(hart, H.waiting);
    if (waiting === Waiting.no) return true;
    if ((waiting & HELD) !== 0) return false;
    return waiting !== Waiting.stopped && this.interruptPending(hart);
  }

  private runnable(hart: number): boolean {
    if (!this.couldRun(hart)) return false;
    this.set32(hart, H.waiting, Waiting.no);
    return true;
  }

  private interruptPending(hart: number): boolean {
    const base = this.base(hart) - CURRENT;
    const low = (field: number): number => this.linear.get32(base + field);
    return ((low(H.mip) | low(H.lines)) & low(H.mie)) !== 0;
  }

  setLine(hart: number, bit: number, level: boolean): void {
    const old = this.get32(hart, H.lines);
    const next = level ? old | (1 << bit) : old & ~(1 << bit);
    if (next !== old) this.set32(hart, H.lines, next);
  }

  /** A reset hart: M-mode at `pc`. */
  reset(pc: number, svadu: boolean): void {
    for (let hart = 0; hart < this.count; hart++) {
      this.with(hart, () => {
        this.linear.u8.fill(0, CURRENT, H.end);
        this.linear.set64(H.hartid, BigInt(hart));
        this.linear.set64(H.pc, BigInt(pc));
        this.linear.set32(H.priv, 3);
        if (svadu) this.linear.set64(H.menvcfg, MENVCFG.ADUE);
        this.linear.set64(H.stimecmp, (1n << 64n) - 1n);
        this.rederive();
      });
    }
    this.select(0);
    this.quantumLeft = this.quantum;
  }

  /** As the built-in firmware leaves the harts to a supervisor: hart 0 at `pc` with a0, a1; the others stopped. */
  enterSupervisor(pc: number, fdtAddress: number): void {
    for (let hart = 0; hart < this.count; hart++) {
      this.with(hart, () => {
        this.linear.set32(H.priv, 1);
        this.linear.set32(H.waiting, hart === 0 ? Waiting.no : Waiting.stopped);
        this.linear.set64(H.pc, BigInt(pc));
        this.linear.set64(H.x + 8 * 10, BigInt(hart));
        this.linear.set64(H.x + 8 * 11, BigInt(fdtAddress));
        // All that can be delegated is, but ecall from S-mode, which is the call to the firmware.
        this.engine().csrWrite(0x302, 0xffff_ffffn & ~(1n << 9n));
        this.linear.set64(H.mideleg, 0x222n);
        this.linear.set64(csrCell('mcounteren'), 0xffff_ffffn);
        const environment = MENVCFG.STCE | MENVCFG.PBMTE | MENVCFG.CBIE | MENVCFG.CBCFE | MENVCFG.CBZE;
        this.linear.set64(H.menvcfg, this.linear.get64(H.menvcfg) | environment);
        // One entry that allows everything.
        this.linear.set64(H.pmpaddr, (1n << 54n) - 1n);
        this.linear.dv.setUint8(H.pmpcfg, 0x1f);
        this.rederive();
      });
    }
  }

  /** Rebuilds what is derived, for the hart in the current block. */
  private rederive(): void {
    derivePmp(this.linear);
    this.engine().flushTlb();
    this.engine().updateContext();
  }

  /** A hart's state without what is derived: equal for equal states. */
  saveBlock(hart: number): Uint8Array {
    const base = this.base(hart);
    // By words: copying shared memory is done an element at a time.
    const block = new Uint8Array(this.linear.u32.slice(base / 4, (base + H.end - CURRENT) / 4).buffer);
    for (const [from, to] of DERIVED) block.fill(0, from - CURRENT, to - CURRENT);
    return block;
  }

  restoreBlocks(blocks: readonly Uint8Array[], current: number, quantumLeft: number): void {
    invariant(blocks.length === this.count, 'as many harts as were saved');
    blocks.forEach((block, hart) => {
      this.with(hart, () => {
        this.linear.u8.set(block, CURRENT);
        this.rederive();
      });
    });
    this.select(current);
    this.quantumLeft = quantumLeft;
  }
}
