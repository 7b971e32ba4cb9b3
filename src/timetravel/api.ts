/**
 * The debuggee as the debug adapter and the command line see it: one guest with its recording, which can run, stop and
 * go to any instant of its past. Instants are attempted-instruction counts (I1). Everything that looks is synchronous
 * and free of side effects (I6); everything that moves time is asynchronous, yields to the host between slices and
 * can be stopped by its AbortSignal-like `cancel`. One moving operation at a time: starting a second one throws.
 */
import type { Instret, PhysAddr } from '../base/brand';
import type { Event } from '../base/events';
import type { CheckpointArchive, SaveJob } from '../checkpoint/archive';
import type { SavedAs } from '../checkpoint/tree';
import type { DiskContents, SectionData } from '../machine/device';
import type { SavedCheckpoint } from './saved-state';
import type { SaveCheckpointOptions } from './saving';

export type Privilege = 0 | 1 | 3;

/** One hart, now. Values are unsigned 64-bit bigints. */
export interface HartView {
  readonly id: number;
  readonly pc: bigint;
  readonly privilege: Privilege;
  /** True while the hart waits in WFI or (SBI HSM) is stopped. */
  readonly waiting: boolean;
  /** Integer register 0..31. */
  x(index: number): bigint;
  /** Raw bits of floating point register 0..31 (singles are NaN-boxed). */
  f(index: number): bigint;
  /** Undefined for a number that is no CSR of this machine. Read without side effects or privilege checks. */
  csr(number: number): bigint | undefined;
  /** Translates as the hart would now (current mode, satp); undefined when unmapped. Sets no A/D bits. */
  translate(virtualAddress: bigint): PhysAddr | undefined;
  /** Bytes at a virtual address, as many as are mapped from its start; undefined when not even the first is. */
  readMemory(virtualAddress: bigint, length: number): Uint8Array | undefined;
}

/** Changes of guest state by the debugger (I7): in the past each starts a new branch; all are logged (I2). */
export interface Pokes {
  setPc(hart: number, value: bigint): void;
  setX(hart: number, index: number, value: bigint): void;
  setF(hart: number, index: number, bits: bigint): void;
  /** Throws UserError('CSR_READ_ONLY' | 'CSR_UNKNOWN'). WARL masks apply. */
  setCsr(hart: number, number: number, value: bigint): void;
  /** Writes through the hart's translation; false, with nothing written, where not all is mapped RAM. */
  writeMemory(hart: number, virtualAddress: bigint, bytes: Uint8Array): boolean;
  writePhysical(address: PhysAddr, bytes: Uint8Array): boolean;
}

export interface WatchRange {
  /** Virtual address, unless `physical`. */
  readonly address: bigint;
  readonly length: number;
  readonly physical?: boolean;
  readonly access: 'read' | 'write' | 'readWrite';
}

/** What makes a run stop. Replaces the set before. */
export interface StopPoints {
  /** Virtual addresses of instructions; the stop is before the instruction executes. */
  readonly breakpoints: readonly bigint[];
  /** The stop is after the accessing instruction. */
  readonly watchpoints: readonly WatchRange[];
  /** Trap causes, stopping before the trap is taken, at the faulting instruction; TRAP_RETURN: before mret and sret. */
  readonly exceptions: readonly number[];
  readonly interrupts: readonly number[];
}

export type Hit =
  | { readonly kind: 'breakpoint'; readonly hart: number; readonly pc: bigint }
  | {
      readonly kind: 'watchpoint';
      readonly hart: number;
      /** Of the instruction that made the access; `address` is the virtual one. */
      readonly pc: bigint;
      readonly address: bigint;
      readonly sizeBytes: number;
      readonly write: boolean;
      readonly range: WatchRange;
    }
  | {
      readonly kind: 'trap';
      readonly hart: number;
      readonly pc: bigint;
      readonly cause: number;
      readonly interrupt: boolean;
      readonly tval: bigint;
    };

export type Stop =
  | Hit
  /** The step or the goal of a seek was reached. */
  | { readonly kind: 'done' }
  | { readonly kind: 'paused' }
  /** "beginning of recording": there is nothing before. */
  | { readonly kind: 'beginning' }
  | { readonly kind: 'exited'; readonly reason: 'poweroff' | 'fail' | 'htif'; readonly exitCode: number }
  /** I8: a replay did not give what was recorded. */
  | { readonly kind: 'diverged'; readonly message: string };

/** Aborts a moving operation at the next slice boundary (within about 10 ms). */
export interface CancelToken {
  readonly cancelled: boolean;
}

export interface MoveOptions {
  readonly cancel?: CancelToken;
  /** Called now and then during long seeks and searches: 0..1. */
  readonly onProgress?: (fraction: number, message: string) => void;
  /** Extra breakpoints for this move alone (step-over's return address, ...). */
  readonly temporary?: readonly bigint[];
  /** Whether a hit is one to stop at: conditions, hit counts, log points. Default: always. Must not move time. */
  readonly accept?: (hit: Hit) => boolean;
}

/** A node of the tree of checkpoints. */
export interface CheckpointInfo {
  readonly id: string;
  readonly parent: string | undefined;
  readonly name: string | undefined;
  readonly instret: Instret;
  readonly branch: number;
  readonly automatic: boolean;
  readonly hart: number;
  readonly pc: bigint;
  /** The last line or so that the guest's console showed. */
  readonly consoleTail: string;
  /** Bytes of memory that this checkpoint alone keeps, roughly. */
  readonly sizeBytes: number;
  /** How long the guest stood still for it, microseconds of host time. */
  readonly stopMicroseconds: number;
  /** Where it is kept for good: it was saved there, or comes from there. */
  readonly saved?: SavedAs;
  /** It is being saved: 0..1. */
  readonly saving?: number;
}

export interface ConsoleOutput {
  readonly data: Uint8Array;
  /** True: time has jumped; `data` is all that the console had shown by now. */
  readonly reset: boolean;
}

/** What a device holds, by the names under which it is saved. */
export interface DeviceState {
  readonly name: string;
  /** Physical. */
  readonly base: number;
  readonly sizeBytes: number;
  readonly state: SectionData;
}

export interface Debuggee {
  readonly hartCount: number;
  readonly now: Instret;
  /** Last instant of the present branch: equals `now` when live. */
  readonly end: Instret;
  /** First instant of the present branch's history: 0, or that of the saved checkpoint that it began with. */
  readonly begin: Instret;
  /** At the end of what is recorded, with all of its input applied: going on is living on. */
  readonly live: boolean;
  /** Number of the present branch, 0 first. */
  readonly branch: number;
  /** Ended by poweroff etc.; only the past is left. */
  readonly exited: Extract<Stop, { kind: 'exited' }> | undefined;
  /** The hart that runs next, or that hit last. */
  readonly activeHart: number;
  hart(id: number): HartView;
  readPhysical(address: PhysAddr, length: number): Uint8Array | undefined;
  readonly poke: Pokes;

  setStopPoints(points: StopPoints): void;
  /**
   * Until it is taken back (undefined), no hart but this one gets a turn where moves go on beyond what is recorded. What is
   * recorded is replayed as it was. Who is held is input (I2), and part of checkpoints; it ends with the next move that goes on.
   */
  setAlone(hart: number | undefined): void;
  /** Forwards: replays up to `end`, then lives on. */
  resume(options?: MoveOptions): Promise<Stop>;
  /**
   * Lets a hart attempt `count` instructions (other harts take their turns as always); temporary and permanent
   * breakpoints stop it, except at the very instruction where it stands. A hart in WFI: time goes on until it wakes.
   */
  stepInstructions(hart: number, count: number, options?: MoveOptions): Promise<Stop>;
  /**
   * The same, synchronously and ignoring stop points, for callers that look after each one: a line step. Undefined
   * when it could not step without waiting (idle, disk, exit): use stepInstructions then.
   */
  stepSync(hart: number): { readonly kind: 'done' } | undefined;
  /** To the last accepted hit strictly before now, else stops at 'beginning'. */
  reverseResume(options?: MoveOptions): Promise<Stop>;
  /** The state `count` instructions of this hart ago. */
  reverseStepInstructions(hart: number, count: number, options?: MoveOptions): Promise<Stop>;
  /** To an instant in begin..end; beyond `end` it runs live up to there. */
  seek(goal: Instret, options?: MoveOptions): Promise<Stop>;
  /** Back to what the recording began with (power-on, or a saved checkpoint), in a new branch where something was recorded. */
  restart(): Promise<void>;

  takeCheckpoint(name?: string): CheckpointInfo;
  /** Goes there. Throws UserError('CHECKPOINT_UNKNOWN'). */
  restoreCheckpoint(id: string, options?: MoveOptions): Promise<Stop>;
  renameCheckpoint(id: string, name: string): void;
  /** Throws UserError('CHECKPOINT_UNKNOWN' | 'CHECKPOINT_ROOT'). Saving it goes on. */
  deleteCheckpoint(id: string): void;
  /**
   * Keeps a checkpoint for good, in the background. Waits for nothing; progress and end show in `checkpoints()`, too.
   * Throws UserError('CHECKPOINT_UNKNOWN').
   */
  saveCheckpoint(id: string, archive: CheckpointArchive, options: SaveCheckpointOptions): SaveJob;
  /**
   * Takes in a saved checkpoint, as the beginning of a branch of its own: go there with restoreCheckpoint. `disks` are the
   * contents that the machine's disks had, one for each. From then on the debuggee closes `saved.loaded`. Throws
   * UserError('CHECKPOINT_OTHER_GUEST' | 'STORE_DAMAGED'); then `loaded` is the caller's to close.
   */
  adoptCheckpoint(saved: SavedCheckpoint, disks?: readonly DiskContents[]): CheckpointInfo;
  /** An archive has deleted a checkpoint: none is marked as saved there any more. */
  forgetSaved(archivePath: string, savedId: string): void;
  checkpoints(): readonly CheckpointInfo[];
  /** The checkpoint at or before now, on this branch. */
  readonly currentCheckpoint: string | undefined;

  /** Input typed at the guest's console; in the past it starts a branch (I7). */
  consoleInput(bytes: Uint8Array): void;
  /** All that the console had shown by now. */
  consoleHistory(): Uint8Array;
  /** Memory-mapped devices as they are now, in the order of their addresses. */
  devices(): readonly DeviceState[];
  /** 16 hex digits over the whole guest state: harts, RAM, devices, disks. */
  stateHash(): string;

  readonly onConsole: Event<ConsoleOutput>;
  readonly onCheckpointsChanged: Event<void>;
  /** `now`, `end` or `branch` changed by more than running live does; also fired every so often while running. */
  readonly onTime: Event<void>;
  dispose(): void;
}

/** What the pure rooms need of the host's event loop and clock; injected (style habit 12). */
export interface HostClock {
  /** Milliseconds, monotonic; for measuring and pacing only, never seen by the guest. */
  now(): number;
  /** Lets waiting messages be handled. */
  yield(): Promise<void>;
  /** Resolves after `ms`, or as soon as `wake` is called. */
  sleep(ms: number): { readonly done: Promise<void>; wake(): void };
}
