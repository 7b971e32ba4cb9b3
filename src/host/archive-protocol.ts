/**
 * What the thread that owns the stores (archive.worker.ts) and its client (archive-thread.ts) say to each other. Calls are
 * answered once, by number. Page reads that a guest waits for go past them, through shared memory (FillRequest).
 */
import { messageOf, UserError } from '../base/errors';
import type { SavedDisk, SaveProgress, SaveRequest } from '../checkpoint/archive';
import type { DiskPointer } from '../checkpoint/store/manifest';
import { BLOCK_BYTES } from '../checkpoint/store/space';
import type { StoreStatistics } from '../checkpoint/store/store';
import type { CheckpointSummary } from '../checkpoint/store/stored';
import type { Verification } from '../checkpoint/store/verify';
import type { Section } from '../machine/device';
import type { OpenStoreOptions } from './store/open-store';

export interface OpenArchiveOptions extends Pick<
  OpenStoreOptions,
  'create' | 'fixed' | 'maxBytes' | 'readOnly'
> {
  /** The store is kept in RAM and gone when it is closed; the path is but a name. */
  readonly memory?: boolean;
}

/** Blocks of a disk, one after another in `bytes`: views of large buffers would be sent with all of the buffer. */
export interface PackedBlocks {
  readonly numbers: readonly number[];
  readonly bytes: Uint8Array;
}

/** A SaveRequest whose blocks are sent when they are asked for, a few at a time: sending takes the guest's time. */
export interface SaveMessage extends Omit<SaveRequest, 'disks' | 'frozenDisks'> {
  readonly disks: readonly { readonly pointer: DiskPointer; readonly blockCount: number }[];
}

/** A SavedDisk. */
export interface PackedDisk {
  readonly pointer: DiskPointer;
  readonly blocks: PackedBlocks;
}

export interface LoadMessage {
  readonly summary: CheckpointSummary;
  readonly sections: readonly Section[];
  readonly disks: readonly PackedDisk[];
}

export function packBlocks(blocks: SavedDisk['blocks']): PackedBlocks & { bytes: Uint8Array<ArrayBuffer> } {
  const bytes = new Uint8Array(blocks.length * BLOCK_BYTES);
  blocks.forEach(([, block], index) => bytes.set(block, index * BLOCK_BYTES));
  return { numbers: blocks.map(([number]) => number), bytes };
}

export const unpackBlocks = ({ numbers, bytes }: PackedBlocks): SavedDisk['blocks'] =>
  numbers.map((number, index) => [number, bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)]);

export const packDisk = ({ pointer, blocks }: SavedDisk): PackedDisk => ({
  pointer,
  blocks: packBlocks(blocks),
});

export const unpackDisk = ({ pointer, blocks }: PackedDisk): SavedDisk => ({
  pointer,
  blocks: unpackBlocks(blocks),
});

/** Calls by name: arguments and result. `archive` and `handle` are numbers that the client gives. */
export interface ArchiveCalls {
  open(archive: number, path: string, options: OpenArchiveOptions): { path: string; fellBack: boolean };
  list(archive: number): readonly CheckpointSummary[];
  save(archive: number, save: number, message: SaveMessage): CheckpointSummary;
  load(archive: number, id: string, handle: number): LoadMessage;
  unload(handle: number): void;
  update(archive: number, id: string, change: { readonly name?: string; readonly notes?: string }): void;
  delete(archive: number, id: string): void;
  verify(archive: number, id: string): Verification;
  exportTo(archive: number, id: string, path: string, disks?: readonly PackedDisk[]): void;
  importFrom(archive: number, path: string): readonly string[];
  statistics(archive: number): StoreStatistics;
  close(archive: number): void;
}

export type CallName = keyof ArchiveCalls;

export interface CallMessage<Name extends CallName = CallName> {
  readonly kind: 'call';
  readonly call: number;
  readonly name: Name;
  readonly args: Parameters<ArchiveCalls[Name]>;
}

export type ToThread =
  | CallMessage
  | { readonly kind: 'cancel' | 'hurry'; readonly save: number }
  | { readonly kind: 'blocks'; readonly save: number; readonly blocks: PackedBlocks }
  | FillRequest;

export type FromThread =
  | { readonly kind: 'result'; readonly call: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly call: number; readonly error: SentError }
  | { readonly kind: 'progress'; readonly save: number; readonly progress: SaveProgress }
  /** Wants blocks of a disk from this index of the list on. */
  | { readonly kind: 'pull'; readonly save: number; readonly disk: number; readonly from: number };

// --- errors

export interface SentError {
  /** Of a UserError. */
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
}

export const packError = (error: unknown): SentError => ({
  ...(error instanceof UserError ? { code: error.code } : {}),
  message: messageOf(error),
  ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
});

export function unpackError({ code, message, stack }: SentError): Error {
  if (code !== undefined) return new UserError(code, message);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

// --- pages for a guest that waits

/**
 * `shared`: words [state, bytes of the error], then a flag for each page, then ERROR_BYTES for a SentError as JSON. The
 * thread writes frames only between the states `writing` and `done`, and `writing` follows `wanted` alone; so a client
 * that gives up makes it `givenUp` and knows that nothing will be written.
 */
export interface FillRequest {
  readonly kind: 'fill';
  readonly handle: number;
  readonly memory: WebAssembly.Memory;
  readonly pages: readonly number[];
  readonly frames: readonly number[];
  readonly shared: SharedArrayBuffer;
}

export const FillState = { wanted: 0, writing: 1, done: 2, failed: 3, givenUp: 4 } as const;

const ERROR_BYTES = 2048;
const WORDS_BYTES = 8;

/** A FillRequest's shared memory, as both sides see it. */
export class FillCells {
  readonly words: Int32Array;
  /** 1 where a page is all zero. */
  readonly isZero: Uint8Array;
  private readonly error: Uint8Array;

  constructor(
    readonly shared: SharedArrayBuffer,
    pages: number,
  ) {
    this.words = new Int32Array(shared, 0, 2);
    this.isZero = new Uint8Array(shared, WORDS_BYTES, pages);
    this.error = new Uint8Array(shared, WORDS_BYTES + pages, ERROR_BYTES);
  }

  static make(pages: number): FillCells {
    return new FillCells(new SharedArrayBuffer(WORDS_BYTES + pages + ERROR_BYTES), pages);
  }

  get state(): number {
    return Atomics.load(this.words, 0);
  }

  /** False when it is in another state already. */
  change(from: number, to: number): boolean {
    return Atomics.compareExchange(this.words, 0, from, to) === from;
  }

  /** Sets the state and wakes who waits for it. */
  end(state: number): void {
    Atomics.store(this.words, 0, state);
    Atomics.notify(this.words, 0);
  }

  setError({ code, message }: SentError): void {
    // A message may be cut; what is left must still be JSON.
    const short = message.slice(0, ERROR_BYTES / 8);
    const bytes = new TextEncoder().encode(JSON.stringify({ code, message: short }));
    this.error.set(bytes.subarray(0, ERROR_BYTES));
    this.words[1] = bytes.length;
  }

  takeError(): Error {
    const text = new TextDecoder().decode(this.error.slice(0, this.words[1]));
    return unpackError(JSON.parse(text) as SentError);
  }
}

/** The word that the thread changes as long as it lives (see Heart); ENDED once it has ended by an error. */
export const HEART_BYTES = 4;
export const HEART_ENDED = -1;
