/**
 * Where a run stops for the debugger: breakpoints, watched ranges, trap causes. None of it is guest state: a guest runs
 * the same with and without. The hits are read back from the engine's cells here.
 */
import { invariant } from '../base/errors';
import type { CodeCache } from './code';
import { G, H } from './layout';
import type { LinearMemory } from './memory';
import type { MachineStop } from './stop';

/** An access range that stops the run after the instruction that touches it. Inclusive. */
export interface Watch {
  readonly first: bigint;
  readonly last: bigint;
  readonly read: boolean;
  readonly write: boolean;
  /** Addresses are physical ones; else virtual ones. */
  readonly physical: boolean;
}

/** Watchpoints that one machine can have. */
export const MAX_WATCHES = 16;

const setOf = (codes: readonly number[]): bigint =>
  codes.reduce((bits, code) => bits | (1n << BigInt(code)), 0n);

export class StopPoints {
  constructor(
    private readonly linear: LinearMemory,
    private readonly code: CodeCache,
    private readonly flushTlbs: () => void,
  ) {
    this.passBreakpoint(-1, 0n);
    this.passTrap(-1);
  }

  /**
   * The breakpoint at `pc` does not stop at this instant: the debuggee stands there and goes on. -1: nowhere. Another
   * one at the same instant does: an interrupt that is taken there leads to its handler without an attempt.
   */
  passBreakpoint(instant: number, pc: bigint): void {
    this.linear.setCount(G.skipAt, instant);
    this.linear.set64(G.skipPc, pc);
  }

  /** Trap stops do not stop at this instant: the debuggee has stopped before this trap. -1: nowhere. */
  passTrap(instant: number): void {
    this.linear.setCount(G.skipTrapAt, instant);
  }

  /** Virtual addresses; replaces the set before. */
  setBreakpoints(addresses: Iterable<bigint>): void {
    if (this.code.setBreakpoints(addresses)) this.flushTlbs();
  }

  /** Cause codes that stop before the trap is taken. */
  setTraps(exceptions: readonly number[], interrupts: readonly number[]): void {
    this.linear.set64(G.stopExceptions, setOf(exceptions));
    this.linear.set64(G.stopInterrupts, setOf(interrupts));
  }

  /** At most MAX_WATCHES; replaces the set before. */
  setWatches(watches: readonly Watch[]): void {
    invariant(watches.length <= MAX_WATCHES, 'watch ranges fit');
    const before = this.linear.get32(G.watchCount);
    watches.forEach((watch, index) => {
      const at = G.watches + 24 * index;
      this.linear.set64(at, watch.first);
      this.linear.set64(at + 8, watch.last);
      this.linear.set64(
        at + 16,
        (watch.read ? 1n : 0n) | (watch.write ? 2n : 0n) | (watch.physical ? 4n : 0n),
      );
    });
    this.linear.set32(G.watchCount, watches.length);
    this.linear.set32(G.watchHit, 0);
    if (before > 0 || watches.length > 0) this.flushTlbs();
  }

  /** The watched access for which the engine left. */
  watchHit(hart: number): MachineStop {
    const { linear } = this;
    const index = linear.get32(G.watchHit) - 1;
    const size = linear.get32(G.watchHitSize);
    linear.set32(G.watchHit, 0);
    return {
      kind: 'watchpoint',
      hart,
      pc: linear.get64(G.watchHitPc),
      address: linear.get64(G.watchHitAddress),
      sizeBytes: size & 0xff,
      write: size >> 8 !== 0,
      index,
    };
  }

  /** The trap before which the engine left. */
  trapHit(hart: number): MachineStop {
    const { linear } = this;
    const cause = linear.get32(G.trapCause);
    return {
      kind: 'trap',
      hart,
      pc: linear.get64(H.pc),
      cause: cause & 0x7fff_ffff,
      interrupt: cause >>> 31 === 1,
      tval: linear.get64(G.trapTval),
    };
  }
}
