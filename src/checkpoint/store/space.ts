/**
 * What a store lies in: a flat range of bytes, as RAM, as a file, or as a raw device. The store writes whole blocks of
 * 4 KiB, mostly many at once, and asks for durability by `sync` alone: between two syncs writes may reach the medium in
 * any order, in part, or not at all.
 */
import { invariant } from '../../base/errors';

export const BLOCK_BYTES = 4096;

export interface BlockSpace {
  /** Bytes that are there now; reads beyond them give zeroes. */
  readonly sizeBytes: number;
  /** Bytes that it can have at most; Infinity where only the medium's own limit counts. */
  readonly limitBytes: number;
  /** Whether writes beyond sizeBytes make it longer, and truncate makes it shorter. */
  readonly growable: boolean;
  /** Exactly `length` bytes. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Offset and length are multiples of BLOCK_BYTES. The bytes may be changed once the promise has settled. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** All writes that have settled are durable once this one has. */
  sync(): Promise<void>;
  /** Only where growable. */
  truncate(sizeBytes: number): Promise<void>;
  /** The range's contents are not needed any more, and may become anything. */
  discard(offset: number, length: number): void;
  close(): Promise<void>;
}

const CHUNK_BYTES = 65536;

/** A space in RAM: of fixed size with a limit and `growable` false. What was never written costs nothing. */
export class MemorySpace implements BlockSpace {
  private readonly chunks = new Map<number, Uint8Array>();
  private size: number;

  constructor(
    readonly limitBytes = Infinity,
    readonly growable = true,
  ) {
    invariant(growable || limitBytes < Infinity, 'a space of fixed size has a size');
    this.size = growable ? 0 : limitBytes;
  }

  get sizeBytes(): number {
    return this.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (let at = offset; at < offset + length; at = chunkEnd(at)) {
      const chunk = this.chunks.get(Math.floor(at / CHUNK_BYTES));
      const within = at % CHUNK_BYTES;
      if (chunk)
        out.set(chunk.subarray(within, within + Math.min(CHUNK_BYTES, offset + length - at)), at - offset);
    }
    return out;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    invariant(offset % BLOCK_BYTES === 0 && bytes.length % BLOCK_BYTES === 0, 'writes are whole blocks');
    const end = offset + bytes.length;
    invariant(end <= this.limitBytes, 'writes stay inside the space');
    for (let at = offset; at < end; at = chunkEnd(at)) {
      const index = Math.floor(at / CHUNK_BYTES);
      let chunk = this.chunks.get(index);
      if (!chunk) this.chunks.set(index, (chunk = new Uint8Array(CHUNK_BYTES)));
      chunk.set(bytes.subarray(at - offset, Math.min(chunkEnd(at), end) - offset), at % CHUNK_BYTES);
    }
    this.size = Math.max(this.size, end);
  }

  async sync(): Promise<void> {
    // RAM is as durable as it will get.
  }

  async truncate(sizeBytes: number): Promise<void> {
    invariant(this.growable, 'only a growable space is truncated');
    for (const index of [...this.chunks.keys()])
      if (index * CHUNK_BYTES >= sizeBytes) this.chunks.delete(index);
    this.size = Math.min(this.size, sizeBytes);
  }

  discard(offset: number, length: number): void {
    const end = Math.floor((offset + length) / CHUNK_BYTES);
    for (let index = Math.ceil(offset / CHUNK_BYTES); index < end; index++) this.chunks.delete(index);
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}

const chunkEnd = (at: number): number => at - (at % CHUNK_BYTES) + CHUNK_BYTES;
