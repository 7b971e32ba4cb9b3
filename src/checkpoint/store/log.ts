/**
 * The log: segments that are filled from their beginning and never written twice before they are free again (row S21).
 * Bytes are appended in memory and leave it in large aligned writes, in order; `flush` waits for them.
 *
 * A segment is free when nothing live is in it now (`usage`), nothing that the durable state needs (`durable`), and
 * nothing on its way. Which bytes are live is the business of the rooms above: they append and release.
 */
import { invariant } from '../../base/errors';
import { storeFull, storeIo } from './errors';
import { BLOCK_BYTES, type BlockSpace } from './space';

/** Where bytes are: 8 bytes in tables. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

export interface Layout {
  readonly segmentBytes: number;
  /** Where segment 0 begins. */
  readonly dataStart: number;
  /** Segments that there can be at most. */
  readonly maxSegments: number;
}

/** Bytes that are gathered before they are written, unless somebody flushes. */
const WRITE_BYTES = 256 * 1024;
/** Bytes read at once around what is asked for, and how many such windows are kept: pages saved together are read together. */
const WINDOW_BYTES = 64 * 1024;
const WINDOWS = 64;

interface Head {
  readonly segment: number;
  readonly buffer: Uint8Array;
  fill: number;
  queued: number;
}

export class SegmentLog {
  /** Live bytes of each segment, now. */
  private readonly usage: number[];
  /** The same in the last durable state. */
  private durable: readonly number[];
  private head: Head | undefined;
  /** Contents of segments that are not wholly on the medium. */
  private readonly buffers = new Map<number, Uint8Array>();
  private readonly windows = new Map<number, Promise<Uint8Array>>();
  private writes = Promise.resolve();
  private pending = 0;
  private failure: Error | undefined;
  private cursor = 0;
  bytesWritten = 0;

  constructor(
    private readonly space: BlockSpace,
    readonly layout: Layout,
    usage: readonly number[],
  ) {
    this.usage = [...usage];
    this.durable = usage;
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.pending;
  }

  /** The error of a write in the background: nothing since the last durable state can be trusted. */
  get failed(): Error | undefined {
    return this.failure;
  }

  /**
   * Takes bytes up and says where they will be. `reserve`: free segments that must be left over; throws UserError
   * 'STORE_FULL' when they would not be.
   */
  append(bytes: Uint8Array, reserve: number): Place {
    invariant(bytes.length <= this.layout.segmentBytes, 'a record fits a segment');
    if (!this.head || this.head.fill + bytes.length > this.layout.segmentBytes) {
      const segment = this.allocate(reserve);
      this.seal();
      // It may hold what a save left behind that was given up.
      this.space.discard(this.offsetOf(segment), this.layout.segmentBytes);
      const buffer = new Uint8Array(this.layout.segmentBytes);
      this.head = { segment, buffer, fill: 0, queued: 0 };
      this.buffers.set(segment, buffer);
    }
    const { head } = this;
    const place = { segment: head.segment, offset: head.fill };
    head.buffer.set(bytes, head.fill);
    head.fill += bytes.length;
    this.usage[head.segment] = this.usageOf(head.segment) + bytes.length;
    if (head.fill - head.queued >= WRITE_BYTES) this.queue(head, head.fill - (head.fill % BLOCK_BYTES));
    return place;
  }

  release(place: Place, length: number): void {
    const left = this.usageOf(place.segment) - length;
    invariant(left >= 0, 'no more is released than was appended');
    this.usage[place.segment] = left;
  }

  usageOf(segment: number): number {
    return this.usage[segment] ?? 0;
  }

  snapshot(): number[] {
    return [...this.usage];
  }

  get segments(): number {
    return this.usage.length;
  }

  /** The state with this usage is durable: what only older states needed is free. */
  setDurable(usage: readonly number[]): void {
    const before = this.durable;
    this.durable = usage;
    for (let segment = 0; segment < before.length; segment++) {
      if ((before[segment] ?? 0) > 0 && this.isFree(segment)) {
        this.space.discard(this.offsetOf(segment), this.layout.segmentBytes);
      }
    }
  }

  /** Bytes up to the end of the last segment that is in use. */
  usedEnd(): number {
    let end = this.usage.length;
    while (end > 0 && this.isFree(end - 1)) end--;
    this.usage.length = end;
    return this.offsetOf(end);
  }

  isFree(segment: number): boolean {
    return this.usageOf(segment) === 0 && (this.durable[segment] ?? 0) === 0 && !this.buffers.has(segment);
  }

  /** Whether bytes may still be appended to it. */
  isOpen(segment: number): boolean {
    return this.buffers.has(segment);
  }

  /** Appends no more to a segment that lies behind many free ones: it would keep a file from becoming shorter. */
  async leaveHighGround(): Promise<void> {
    const { head } = this;
    if (!head) return;
    let holes = 0;
    for (let segment = 0; segment < head.segment; segment++) if (this.isFree(segment)) holes++;
    if (holes < Math.max(2, head.segment / 4)) return;
    this.seal();
    await this.writes;
  }

  /** Infinity where the medium decides. */
  freeSegments(): number {
    if (this.layout.maxSegments === Infinity) return Infinity;
    let free = 0;
    for (let segment = 0; segment < this.layout.maxSegments; segment++) if (this.isFree(segment)) free++;
    return free;
  }

  /** Bytes that can be appended at least, with so many segments left over. */
  room(reserve: number): number {
    const inHead = this.head ? this.layout.segmentBytes - this.head.fill : 0;
    return Math.max(0, this.freeSegments() - reserve) * this.layout.segmentBytes + inHead;
  }

  /** All that was appended is written; not yet durable. Rejects with the first error since the log was made. */
  async flush(): Promise<void> {
    if (this.head && this.head.fill > this.head.queued) {
      // The rest of the block stays empty: it is never written again.
      this.head.fill = Math.ceil(this.head.fill / BLOCK_BYTES) * BLOCK_BYTES;
      this.queue(this.head, this.head.fill);
    }
    await this.writes;
    if (this.failure) throw this.failure;
  }

  /** Waits for all writes that are on their way; does not throw. */
  settle(): Promise<void> {
    return this.writes;
  }

  /** Nothing more is written: what is on its way ends before this resolves. */
  abandon(error: Error): Promise<void> {
    this.failure ??= error;
    return this.writes;
  }

  /** Waits until at most `bytes` wait to be written. */
  async drain(bytes: number): Promise<void> {
    while (this.pending > bytes && !this.failure) await this.writes;
  }

  /** Exactly these bytes. `fresh`: not from what was read before. */
  async read(place: Place, length: number, fresh = false): Promise<Uint8Array> {
    const buffer = this.buffers.get(place.segment);
    if (buffer) return buffer.slice(place.offset, place.offset + length);
    const out = new Uint8Array(length);
    const start = this.offsetOf(place.segment) + place.offset;
    for (let at = start; at < start + length;) {
      const index = Math.floor(at / WINDOW_BYTES);
      if (fresh) this.windows.delete(index);
      const window = await this.window(index);
      const within = at - index * WINDOW_BYTES;
      const part = window.subarray(within, Math.min(WINDOW_BYTES, within + start + length - at));
      out.set(part, at - start);
      at += part.length;
    }
    return out;
  }

  /** A whole segment, past the windows. */
  async readSegment(segment: number): Promise<Uint8Array> {
    return (
      this.buffers.get(segment) ??
      (await this.space.read(this.offsetOf(segment), this.layout.segmentBytes).catch((error: unknown) => {
        throw storeIo(error);
      }))
    );
  }

  offsetOf(segment: number): number {
    return this.layout.dataStart + segment * this.layout.segmentBytes;
  }

  private window(index: number): Promise<Uint8Array> {
    const known = this.windows.get(index);
    this.windows.delete(index);
    const window =
      known ??
      this.space.read(index * WINDOW_BYTES, WINDOW_BYTES).catch((error: unknown) => {
        this.windows.delete(index);
        throw storeIo(error);
      });
    this.windows.set(index, window);
    const oldest = this.windows.keys().next();
    if (this.windows.size > WINDOWS && !oldest.done) this.windows.delete(oldest.value);
    return window;
  }

  private allocate(reserve: number): number {
    const { maxSegments } = this.layout;
    if (maxSegments === Infinity) {
      for (let segment = 0; segment < this.usage.length; segment++) if (this.isFree(segment)) return segment;
      return this.usage.length;
    }
    if (this.freeSegments() <= reserve) throw storeFull();
    // A file is filled from its beginning, so that its end can be cut off; a device all around, so that it wears evenly.
    const start = this.space.growable ? 0 : this.cursor;
    for (let i = 0; i < maxSegments; i++) {
      const segment = (start + i) % maxSegments;
      if (!this.isFree(segment)) continue;
      this.cursor = segment + 1;
      return segment;
    }
    throw storeFull();
  }

  private seal(): void {
    const { head } = this;
    if (!head) return;
    this.head = undefined;
    if (head.fill > head.queued) this.queue(head, Math.ceil(head.fill / BLOCK_BYTES) * BLOCK_BYTES);
    const done = (): void => {
      if (!this.failure) this.buffers.delete(head.segment);
    };
    this.writes = this.writes.then(done);
  }

  private queue(head: Head, end: number): void {
    const bytes = head.buffer.subarray(head.queued, end);
    const offset = this.offsetOf(head.segment) + head.queued;
    head.queued = end;
    this.pending += bytes.length;
    this.writes = this.writes.then(async () => {
      try {
        if (!this.failure) {
          const first = Math.floor(offset / WINDOW_BYTES);
          const last = Math.floor((offset + bytes.length - 1) / WINDOW_BYTES);
          await this.space.write(offset, bytes);
          for (let index = first; index <= last; index++) this.windows.delete(index);
          this.bytesWritten += bytes.length;
        }
      } catch (error) {
        this.failure = storeIo(error);
      } finally {
        this.pending -= bytes.length;
      }
    });
  }
}
