/**
 * The input log (I2): all that entered the guest from outside, at its instant. With a checkpoint it determines every
 * later state (I4). Entries at one instant are applied in order, each after the machine has settled there.
 */
import type { Instret, PhysAddr } from '../base/brand';

export type LogEntry = { readonly at: Instret } & Input;

export type Input =
  | { readonly kind: 'console'; readonly bytes: Uint8Array }
  /** All harts waited; time jumped by `ticks`. */
  | { readonly kind: 'idle'; readonly ticks: number }
  /** From now on this hart alone gets turns; all do where it is undefined. */
  | { readonly kind: 'alone'; readonly hart: number | undefined }
  | { readonly kind: 'pc'; readonly hart: number; readonly value: bigint }
  | { readonly kind: 'x' | 'f'; readonly hart: number; readonly index: number; readonly value: bigint }
  | { readonly kind: 'csr'; readonly hart: number; readonly number: number; readonly value: bigint }
  | { readonly kind: 'memory'; readonly address: PhysAddr; readonly bytes: Uint8Array };

/** Bytes that can grow; the console's text of one branch. */
export class ByteLog {
  private buffer: Uint8Array;
  length: number;

  constructor(initial: Uint8Array = new Uint8Array(0)) {
    this.buffer = initial.slice();
    this.length = initial.length;
  }

  push(byte: number): void {
    if (this.length === this.buffer.length) {
      const larger = new Uint8Array(Math.max(256, this.buffer.length * 2));
      larger.set(this.buffer);
      this.buffer = larger;
    }
    this.buffer[this.length++] = byte;
  }

  at(index: number): number | undefined {
    return this.buffer[index];
  }

  slice(from: number, to: number): Uint8Array {
    return this.buffer.slice(from, Math.min(to, this.length));
  }
}

/**
 * One line of history. A branch begins as a copy of its parent's log up to the fork, so that the log of a branch is
 * whole by itself; checkpoints of the parent before the fork serve it too.
 */
export class Branch {
  /** Last instant that was reached. */
  end: Instret;

  constructor(
    readonly id: number,
    readonly parent: Branch | undefined,
    /** Where it left its parent, or where its history begins: instant and number of entries applied. */
    readonly forkAt: Instret,
    readonly forkIndex: number,
    readonly entries: LogEntry[],
    readonly console: ByteLog,
  ) {
    this.end = forkAt;
  }

  /** The branch that this one goes back to in the end: it left no other. */
  get origin(): Branch {
    return this.parent?.origin ?? this;
  }

  /** The first instant of its history. */
  get begin(): Instret {
    return this.origin.forkAt;
  }

  /** A new branch that leaves this one now. */
  fork(id: number, at: Instret, applied: number, consoleLength: number): Branch {
    return new Branch(
      id,
      this,
      at,
      applied,
      this.entries.slice(0, applied),
      new ByteLog(this.console.slice(0, consoleLength)),
    );
  }

  /** Whether a state of branch `id` at an instant, with `applied` entries, lies on this branch's history. */
  passes(id: number, at: Instret, applied: number): boolean {
    if (id === this.id) return true;
    if (!this.parent) return false;
    return at <= this.forkAt && applied <= this.forkIndex && this.parent.passes(id, at, applied);
  }
}
