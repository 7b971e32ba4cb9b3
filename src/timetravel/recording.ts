/**
 * A machine with its history: the branch it is on, what of the branch's log has been applied, the console as of now,
 * and the checkpoints. Moves by one slice at a time and synchronously; the loops around it are in time-machine.ts.
 */
import { physAddr, type Instret } from '../base/brand';
import { defined } from '../base/errors';
import { CheckpointTree, type Checkpoint, type SavedAs } from '../checkpoint/tree';
import { H } from '../machine/layout';
import { Machine, type MachineState } from '../machine/machine';
import type { MachineConfig } from '../machine/config';
import type { MachineStop } from '../machine/stop';
import { Branch, ByteLog, type Input, type LogEntry } from './log';
import { AUTOMATIC_INTERVAL, superfluous } from './retention';

export interface RecordingOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Bytes of frames that the guest and its history may use before automatic checkpoints are thinned harder. */
  readonly memoryBudgetBytes: number;
  /** Called for each byte that the console shows for the first time; true ends the slice at this instant. */
  readonly onFirstOutput?: (byte: number) => boolean;
  /** What the recording begins with, instead of power-on. */
  readonly from?: (machine: Machine) => SavedPast;
}

/** A state that comes from elsewhere, with what is known of the history before it. */
export interface SavedPast {
  readonly state: MachineState;
  /** What the console had shown. */
  readonly console: Uint8Array;
  readonly name: string | undefined;
  readonly stopMicroseconds: number;
  readonly saved: SavedAs | undefined;
}

export type SliceResult =
  | MachineStop
  /** A replay was not what had been recorded (I8). */
  | { readonly kind: 'diverged'; readonly message: string };

export class Recording {
  readonly machine: Machine;
  readonly tree: CheckpointTree;
  branch: Branch;
  /** Entries of the branch's log that have been applied. */
  applied = 0;
  /** Bytes that the console has shown by now. */
  consoleLength = 0;
  /** All there are, by number. */
  readonly branches = new Map<number, Branch>();
  /** The checkpoint that the history of a branch begins with, by the number of its origin. */
  private readonly roots = new Map<number, Checkpoint>();
  private lastAutomatic = 0;
  private divergence: string | undefined;
  /** The machine stands where a replay to this instant stops: not behind an interrupt taken for a stop point. */
  private settled = true;
  /** Checkpoints taken where a replay stops too, so that they can be compared. */
  private readonly marks = new WeakSet<Checkpoint>();
  /** What the recording began with. */
  readonly root: Checkpoint;

  constructor(
    config: MachineConfig,
    private readonly options: RecordingOptions,
  ) {
    this.machine = new Machine(config, (byte) => {
      this.showByte(byte);
    });
    this.tree = new CheckpointTree(this.machine, options.now);
    if (options.from) {
      this.root = this.adopt(options.from(this.machine));
      this.branch = defined(this.branches.get(this.root.branch));
      this.rewind(this.root);
    } else {
      this.branch = this.newOrigin(this.now, new Uint8Array(0));
      this.root = this.take('power-on', false);
      this.roots.set(this.branch.id, this.root);
    }
  }

  /** A branch with no history before it. */
  private newOrigin(at: Instret, console: Uint8Array): Branch {
    const branch = new Branch(this.branches.size, undefined, at, 0, [], new ByteLog(console));
    this.branches.set(branch.id, branch);
    return branch;
  }

  /** Takes in a state from elsewhere, as the beginning of a branch of its own. The guest stays where it is. */
  adopt({ state, console, name, stopMicroseconds, saved }: SavedPast): Checkpoint {
    const branch = this.newOrigin(state.instret, console);
    const checkpoint = this.tree.adopt(state, {
      automatic: false,
      branch: branch.id,
      logIndex: 0,
      consoleLength: branch.console.length,
      stopMicroseconds,
      ...(name === undefined ? {} : { name }),
      ...(saved === undefined ? {} : { saved }),
    });
    this.roots.set(branch.id, checkpoint);
    return checkpoint;
  }

  /** The first instant of the present branch's history. */
  get begin(): Instret {
    return this.branch.begin;
  }

  /** The checkpoint with which the history of a checkpoint's branch begins. */
  rootOf(branch: number): Checkpoint {
    const { origin } = defined(this.branches.get(branch), 'branch of a checkpoint');
    return defined(this.roots.get(origin.id), 'a history begins with a checkpoint');
  }

  get now(): Instret {
    return this.machine.instret;
  }
  get live(): boolean {
    return this.now >= this.branch.end && this.applied >= this.branch.entries.length;
  }

  private showByte(byte: number): void {
    const { console } = this.branch;
    if (this.consoleLength < console.length) {
      const recorded = console.at(this.consoleLength);
      if (recorded !== byte) {
        this.divergence ??= `the console shows byte ${byte} where ${String(recorded)} was recorded`;
        this.machine.interrupt();
      }
    } else {
      console.push(byte);
      if (this.options.onFirstOutput?.(byte)) this.machine.interrupt();
    }
    this.consoleLength++;
  }

  // --- moving forward

  /** The instant of the next log entry, when it lies in the future of this branch. */
  private nextEntry(): LogEntry | undefined {
    return this.branch.entries[this.applied];
  }

  /**
   * Runs at most one slice towards `goal`, applying what the log holds. 'reached' means `goal`; 'interrupted' means
   * there is more to do; 'idle' is returned only when live: the caller decides how time goes on.
   */
  slice(goal: number): SliceResult {
    const entry = this.nextEntry();
    const replaying = !this.live;
    const mark = replaying ? this.nextMark() : undefined;
    const ahead = entry?.at ?? (replaying ? this.branch.end : Infinity);
    const bound = Math.min(goal, ahead, mark?.state.instret ?? Infinity);
    const stop = this.runGuarded(bound);
    if (stop.kind === 'watchpoint') this.settle();
    if (this.divergence !== undefined) return { kind: 'diverged', message: this.divergence };
    if (this.now > this.branch.end) this.branch.end = this.now;
    if (stop.kind === 'idle') {
      if (!this.live) return { kind: 'diverged', message: 'the guest waits where it did not when recorded' };
      return stop;
    }
    this.settled = stop.kind === 'reached' || stop.kind === 'interrupted';
    if (stop.kind !== 'reached') return stop;
    if (mark && this.now === mark.state.instret && this.applied === mark.logIndex && !this.agreesWith(mark)) {
      this.divergence = `the harts at instruction ${this.now} are not those of checkpoint ${mark.id}`;
      return { kind: 'diverged', message: this.divergence };
    }
    // An instant means the state before its entries, but for the end of the branch: there all have been applied.
    if (entry?.at === this.now && (goal > this.now || this.now === this.branch.end)) {
      this.applied++;
      this.guarded(() => {
        this.apply(entry);
      });
      return { kind: 'interrupted' };
    }
    return this.now >= goal ? { kind: 'reached' } : { kind: 'interrupted' };
  }

  private runGuarded(bound: number): MachineStop {
    return this.guarded(() => this.machine.run(bound, 1));
  }

  /**
   * An exception out of the machine (no more memory for frames; a page that cannot be fetched; a defect) leaves half an
   * instruction done: the state is taken back to the last checkpoint before it is told, so that what the user sees is
   * sound.
   */
  private guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.rewind(this.before(this.now));
      throw error;
    }
  }

  /** The next checkpoint ahead with which a replay can be compared (I8). */
  private nextMark(): Checkpoint | undefined {
    let next: Checkpoint | undefined;
    for (const checkpoint of this.tree.all()) {
      if (checkpoint.state.instret <= this.now || !this.marks.has(checkpoint) || !this.onPath(checkpoint))
        continue;
      if (!next || checkpoint.state.instret < next.state.instret) next = checkpoint;
    }
    return next;
  }

  /** Takes an automatic checkpoint when one is due: when the last one is `interval` instructions away. */
  automaticCheckpoint(interval = AUTOMATIC_INTERVAL): void {
    if (Math.abs(this.now - this.lastAutomatic) < interval) return;
    this.lastAutomatic = this.now;
    if (this.checkpointAt(this.now)) return;
    this.take(undefined, true);
    this.thin();
  }

  private thin(): void {
    const budget = this.options.memoryBudgetBytes / 4096;
    for (const id of superfluous(this.path(), this.now)) this.tree.delete(id);
    for (let scale = 4; this.machine.memory.framesInUse > budget && scale <= 1 << 16; scale *= 4) {
      for (const id of superfluous(this.path(), this.now, scale)) this.tree.delete(id);
      for (const checkpoint of this.tree.all()) {
        if (checkpoint.automatic && !this.onPath(checkpoint)) this.tree.delete(checkpoint.id);
      }
    }
  }

  // --- input

  /** Something enters from outside, now (I2). In the past this starts a branch (I7). */
  input(input: Input): void {
    if (!this.live) this.fork();
    this.settle();
    // Pages that are changed come before the change is told of: they may fail to.
    if (input.kind === 'memory') this.machine.looks.physical(input.address, input.bytes.length);
    const entry: LogEntry = { at: this.now, ...input };
    this.branch.entries.push(entry);
    this.applied = this.branch.entries.length;
    this.guarded(() => {
      this.apply(entry);
    });
    this.settle();
  }

  /**
   * Serves what is due at this instant and chooses who runs next, as a replay does before and after it applies an
   * entry: so the state at an instant does not tell why the machine stopped there. False while a disk must be waited for.
   */
  settle(): boolean {
    return this.runGuarded(this.now).kind !== 'waiting';
  }

  /** Where history is made, rather than replayed, `alone` is the only hart with turns from now on; all have them without. */
  hold(alone: number | undefined): void {
    const { harts } = this.machine;
    if (harts.count === 1 || harts.alone === alone || !this.live || !this.settle()) return;
    this.input({ kind: 'alone', hart: alone });
  }

  /** A new branch begins here. */
  fork(): void {
    this.branch = this.branch.fork(this.branches.size, this.now, this.applied, this.consoleLength);
    this.branches.set(this.branch.id, this.branch);
  }

  private apply(entry: LogEntry): void {
    const { machine } = this;
    switch (entry.kind) {
      case 'console':
        machine.board.consoleInput(entry.bytes);
        break;
      case 'idle':
        machine.skipIdle(entry.ticks);
        break;
      case 'alone':
        machine.harts.alone = entry.hart;
        break;
      case 'pc':
        machine.harts.set64(entry.hart, H.pc, entry.value);
        break;
      case 'x':
        if (entry.index > 0) machine.harts.set64(entry.hart, H.x + 8 * entry.index, entry.value);
        break;
      case 'f':
        machine.harts.set64(entry.hart, H.f + 8 * entry.index, entry.value);
        break;
      case 'csr':
        machine.setCsr(entry.hart, entry.number, entry.value);
        break;
      case 'memory':
        machine.pokePhysical(entry.address, entry.bytes);
        break;
    }
  }

  // --- checkpoints

  take(name: string | undefined, automatic: boolean): Checkpoint {
    const checkpoint = this.tree.take({
      automatic,
      branch: this.branch.id,
      logIndex: this.applied,
      consoleLength: this.consoleLength,
      ...(name === undefined ? {} : { name }),
    });
    if (this.settled) this.marks.add(checkpoint);
    return checkpoint;
  }

  /** Whether a checkpoint lies on the history of the present branch. */
  onPath(checkpoint: Checkpoint): boolean {
    return this.branch.passes(checkpoint.branch, checkpoint.state.instret, checkpoint.logIndex);
  }

  /** Checkpoints of the present branch's history by instant. */
  path(): Checkpoint[] {
    return this.tree
      .all()
      .filter((checkpoint) => this.onPath(checkpoint))
      .sort((x, y) => x.state.instret - y.state.instret || x.logIndex - y.logIndex);
  }

  /** Entries that have been applied in the state that an instant stands for: those before it; at the end, all. */
  private entriesAt(at: number): number {
    const { entries, end } = this.branch;
    if (at >= end) return entries.length;
    const first = entries.findIndex((entry) => entry.at >= at);
    return first < 0 ? entries.length : first;
  }

  /** The last checkpoint on the path at or before an instant, or before the state after so many entries there. */
  before(at: number, applied = this.entriesAt(at)): Checkpoint {
    let best = this.rootOf(this.branch.id);
    for (const checkpoint of this.tree.all()) {
      if (checkpoint.state.instret > at || !this.onPath(checkpoint)) continue;
      if (checkpoint.state.instret === at && checkpoint.logIndex > applied) continue;
      if (checkpoint.state.instret >= best.state.instret) best = checkpoint;
    }
    return best;
  }

  private checkpointAt(at: number): boolean {
    return this.before(at, this.applied).state.instret === at;
  }

  /** Goes to a checkpoint on the present branch's history; the branch stays, and with it what follows. */
  rewind(checkpoint: Checkpoint): void {
    this.tree.restore(checkpoint.id);
    this.applied = checkpoint.logIndex;
    this.consoleLength = checkpoint.consoleLength;
    this.lastAutomatic = checkpoint.state.instret;
    this.divergence = undefined;
    this.settled = this.marks.has(checkpoint);
  }

  /** Goes to any checkpoint; its branch becomes the present one. When it cannot be restored, all stays nearly as it is. */
  restore(id: string): Checkpoint {
    const checkpoint = this.tree.get(id);
    const present = { branch: this.branch, checkpoint: this.before(this.now, this.applied) };
    this.branch = defined(this.branches.get(checkpoint.branch), 'branch of a checkpoint');
    try {
      this.rewind(checkpoint);
    } catch (error) {
      this.branch = present.branch;
      this.rewind(present.checkpoint);
      throw error;
    }
    return checkpoint;
  }

  /** Whether a replay that passes a checkpoint's instant is in the state that it holds: harts only, cheap (I8). */
  private agreesWith(checkpoint: Checkpoint): boolean {
    const { harts } = this.machine;
    if (checkpoint.state.current !== harts.current) return false;
    return checkpoint.state.harts.every((saved, hart) => {
      const present = harts.saveBlock(hart);
      return present.every((byte, index) => byte === saved[index]);
    });
  }

  /** Translates as a hart would and reads memory without effects (I6); stops at the first unmapped page. */
  readVirtual(hart: number, address: bigint, length: number): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    let done = 0;
    while (done < length) {
      const at = BigInt.asUintN(64, address + BigInt(done));
      const count = Math.min(length - done, 4096 - Number(at & 4095n));
      const pa = this.machine.looks.translate(hart, at);
      const bytes = pa === undefined ? undefined : this.machine.looks.physical(physAddr(pa), count);
      if (!bytes) break;
      parts.push(bytes);
      done += count;
    }
    if (done === 0) return undefined;
    const out = new Uint8Array(done);
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
