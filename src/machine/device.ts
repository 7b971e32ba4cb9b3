/**
 * What a device sees of the machine, and what the machine asks of a device. A device sees the bus, its interrupt line
 * and the schedule, never another device. All its times are virtual (I1); everything that comes from outside reaches
 * it through the input log (I2).
 */
import type { Instret } from '../base/brand';

export type AccessSize = 1 | 2 | 4;

/** Plain data of a saved section: no functions, no cycles, nothing shared with the living device. */
export type SectionData =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly SectionData[]
  | { readonly [key: string]: SectionData };

/** Saved state is named and versioned, never positional (style habit 7). */
export interface Section {
  readonly name: string;
  readonly version: number;
  readonly data: SectionData;
}

/** Guest RAM as a bus master sees it. Addresses are physical, as numbers (below 2^53). */
export interface DmaMemory {
  /** Copies out; undefined when any byte lies outside RAM. */
  read(address: number, sizeBytes: number): Uint8Array | undefined;
  /** Copies in (copy-on-write applies); false, with nothing written, when any byte lies outside RAM. */
  write(address: number, bytes: Uint8Array): boolean;
}

/** The machine as one device sees it. */
export interface DeviceContext {
  readonly dma: DmaMemory;
  /** Attempted instructions before the one that is being executed. */
  now(): Instret;
  /** Virtual time in ticks of the 10 MHz timebase. */
  ticks(): number;
  /** Instructions that make up one tick. */
  readonly instructionsPerTick: number;
  /** Drives this device's interrupt line into the PLIC (level-triggered). */
  setIrq(level: boolean): void;
  /** Tells the machine that `deadline()` has changed. */
  deadlineChanged(): void;
}

/** A memory-mapped device. 8-byte accesses arrive as two of 4 bytes, low half first. */
export interface Device {
  /** Name of its section and of its device tree node's basis: "uart0", "plic", "virtio3". */
  readonly name: string;
  readonly base: number;
  readonly sizeBytes: number;
  /** The guest reads: side effects happen. Returns an unsigned value of `size` bytes. */
  read(offset: number, size: AccessSize): number;
  /** The guest writes. */
  write(offset: number, size: AccessSize, value: number): void;
  /** The debugger looks (I6): same value as read, no effect. */
  peek(offset: number, size: AccessSize): number;
  /** Instant at which `onDeadline` wants to be called; Infinity when there is none. */
  deadline(): Instret | typeof Infinity;
  /** Called exactly at the deadline. May return an operation of the host that must finish first: see Waiting. */
  onDeadline(now: Instret): Waiting | undefined;
  save(): Section;
  /** Restores from a section that save() of the same version made. Throws UserError('SECTION_VERSION') otherwise. */
  restore(section: Section): void;
  /** System reset: the state of power-on. */
  reset(): void;
}

/**
 * The host is later than the guest: virtual time stands still until `whenReady` resolves; then onDeadline is called
 * again at the same instant. The instant itself is a function of the guest alone.
 */
export interface Waiting {
  whenReady(): Promise<void>;
}

// --- disks: implemented in the room disk/, used by virtio-blk

export type DiskRequest =
  | { readonly op: 'read'; readonly offset: number; readonly length: number }
  | { readonly op: 'write'; readonly offset: number; readonly data: Uint8Array }
  | { readonly op: 'flush' }
  | { readonly op: 'discard' | 'writeZeroes'; readonly offset: number; readonly length: number };

export type DiskResult =
  { readonly ok: true; readonly data?: Uint8Array } | { readonly ok: false; readonly error: string };

/** A request that the host works on. It has no effect on the disk's contents before `complete`. */
export interface DiskOperation extends Waiting {
  /** The host is done: complete() may be called. */
  readonly ready: boolean;
  /**
   * Makes the request take effect on the disk at this instant: a write becomes visible, a read returns the contents
   * as of now. Requests take effect in the order of these calls.
   */
  complete(): DiskResult;
  /** The request is forgotten: a restored checkpoint replaces the present. */
  cancel(): void;
}

/** A disk as a device sees it. */
export interface DiskPort {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Starts the host's work. Offsets and lengths are in bytes, multiples of 512, inside the disk. */
  begin(request: DiskRequest): DiskOperation;
  /** Freezes the contents as of now (I3) and returns a reference to them; writes go to a new layer. O(1). */
  freeze(): DiskContents;
  /** Goes back to frozen contents; the present layer is dropped. Operations begun before must have been cancelled. */
  thaw(contents: DiskContents): void;
  /** Hash of the present contents over the base, as DiskContents.hash. */
  contentHash(): string;
}

/** Frozen contents of a disk: opaque, kept by checkpoints. */
export interface DiskContents {
  /** Bytes that this layer alone holds. */
  readonly sizeBytes: number;
  /** A 64-bit hash of the written blocks, equal for equal contents over the same base. As 16 hex digits. */
  hash(): string;
  /** No checkpoint refers to it any longer: a layer that only it holds is merged or freed. */
  release(): void;
}
