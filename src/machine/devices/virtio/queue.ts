/**
 * A split virtqueue as the device sees it (Virtual I/O Device specification 1.2, section 2.7), with indirect descriptors
 * and the event index. The rings are the guest's memory and are trusted for nothing: loops, wild addresses and
 * impossible indices end in 'fault', after a number of steps that is bounded by the size of the queue.
 */
import type { DmaMemory, SectionData } from '../../device';
import type { SectionReader } from '../section';

/** A piece of guest memory that the driver lent to the device. */
export interface Segment {
  readonly address: number;
  readonly length: number;
}

/** One request: what the device may read, then what it may write. `head` names it in the used ring. */
export interface Chain {
  readonly head: number;
  readonly readable: readonly Segment[];
  readonly writable: readonly Segment[];
}

/** Descriptors that a chain may have, all tables together; QEMU's limit too. */
const MAX_CHAIN = 1024;
const DESCRIPTOR_BYTES = 16;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const NO_INTERRUPT = 1;

interface Table {
  readonly address: number;
  readonly entries: number;
}

export class SplitQueue {
  size: number;
  ready = false;
  /** Physical addresses: descriptor table, available ring ("driver area"), used ring ("device area"). */
  descriptors = 0;
  available = 0;
  used = 0;
  private nextAvailable = 0;
  private nextUsed = 0;

  constructor(
    private readonly dma: DmaMemory,
    readonly maxSize: number,
  ) {
    this.size = maxSize;
  }

  /** The guest chooses the size; one that is no power of two or too large is ignored. */
  resize(size: number): void {
    if (size >= 1 && size <= this.maxSize && (size & (size - 1)) === 0) this.size = size;
  }

  /** From here on the rings are looked at, from their beginning. */
  start(): void {
    this.ready = true;
    this.nextAvailable = this.nextUsed = 0;
  }

  reset(): void {
    this.size = this.maxSize;
    this.ready = false;
    this.descriptors = this.available = this.used = 0;
    this.nextAvailable = this.nextUsed = 0;
  }

  /** The next request. With `eventIndex` the driver is asked to notify about the one after it. */
  pop(eventIndex: boolean): Chain | 'empty' | 'fault' {
    if (!this.ready) return 'empty';
    const index = this.u16(this.available + 2);
    if (index === undefined) return 'fault';
    const waiting = (index - this.nextAvailable) & 0xffff;
    if (waiting === 0) return 'empty';
    if (waiting > this.size) return 'fault';
    const head = this.u16(this.available + 4 + 2 * (this.nextAvailable % this.size));
    if (head === undefined || head >= this.size) return 'fault';
    const chain = this.walk(head);
    if (chain === undefined) return 'fault';
    this.nextAvailable = (this.nextAvailable + 1) & 0xffff;
    if (eventIndex && !this.setU16(this.used + 4 + 8 * this.size, this.nextAvailable)) return 'fault';
    return chain;
  }

  /** Returns a request to the driver; says whether the driver wants an interrupt for it. */
  push(head: number, written: number, eventIndex: boolean): boolean | 'fault' {
    if (!this.ready) return false;
    const element = new Uint8Array(8);
    const view = new DataView(element.buffer);
    view.setUint32(0, head, true);
    view.setUint32(4, written, true);
    if (!this.dma.write(this.used + 4 + 8 * (this.nextUsed % this.size), element)) return 'fault';
    this.nextUsed = (this.nextUsed + 1) & 0xffff;
    if (!this.setU16(this.used + 2, this.nextUsed)) return 'fault';
    if (eventIndex) {
      const event = this.u16(this.available + 4 + 2 * this.size);
      // One element at a time: the event is reached when it is the index just passed (2.7.7.2).
      return event === undefined ? 'fault' : event === ((this.nextUsed - 1) & 0xffff);
    }
    const flags = this.u16(this.available);
    return flags === undefined ? 'fault' : (flags & NO_INTERRUPT) === 0;
  }

  save(): SectionData {
    const { size, ready, descriptors, available, used, nextAvailable, nextUsed } = this;
    return { size, ready, descriptors, available, used, nextAvailable, nextUsed };
  }

  restore(fields: SectionReader): void {
    this.size = 0;
    this.resize(fields.number('size', this.maxSize));
    // A size that no driver could have chosen.
    if (this.size === 0) this.size = this.maxSize;
    this.ready = fields.boolean('ready');
    this.descriptors = fields.number('descriptors');
    this.available = fields.number('available');
    this.used = fields.number('used');
    this.nextAvailable = fields.number('nextAvailable', 0xffff);
    this.nextUsed = fields.number('nextUsed', 0xffff);
  }

  private walk(head: number): Chain | undefined {
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    let table: Table = { address: this.descriptors, entries: this.size };
    let index = head;
    let inside = false;
    for (let count = 0; count < MAX_CHAIN; count++) {
      if (index >= table.entries) return undefined;
      const bytes = this.dma.read(table.address + DESCRIPTOR_BYTES * index, DESCRIPTOR_BYTES);
      if (bytes === undefined) return undefined;
      const view = new DataView(bytes.buffer, bytes.byteOffset, DESCRIPTOR_BYTES);
      const address = readAddress(view, 0);
      const length = view.getUint32(8, true);
      const flags = view.getUint16(12, true);
      if ((flags & INDIRECT) !== 0) {
        // A table inside a table, or one that is not a whole number of descriptors (2.7.5.3).
        if (inside || length === 0 || length % DESCRIPTOR_BYTES !== 0) return undefined;
        table = { address, entries: length / DESCRIPTOR_BYTES };
        index = 0;
        inside = true;
        continue;
      }
      const isWritable = (flags & WRITE) !== 0;
      // All that the device reads comes before all that it writes (2.7.4.2).
      if (!isWritable && writable.length > 0) return undefined;
      if (length > 0) (isWritable ? writable : readable).push({ address, length });
      if ((flags & NEXT) === 0) return { head, readable, writable };
      index = view.getUint16(14, true);
    }
    return undefined;
  }

  private u16(address: number): number | undefined {
    const bytes = this.dma.read(address, 2);
    return bytes === undefined ? undefined : (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  }

  private setU16(address: number, value: number): boolean {
    return this.dma.write(address, Uint8Array.of(value & 0xff, value >> 8));
  }
}

const readAddress = (view: DataView, offset: number): number =>
  guestAddress(view.getUint32(offset + 4, true), view.getUint32(offset, true));

/**
 * A 64-bit address as a number. Those from 2^53 on, where numbers are not exact, become others that no RAM has either:
 * the DMA refuses both.
 */
export const guestAddress = (high: number, low: number): number =>
  Math.min(high, 2 ** 21 - 1) * 2 ** 32 + low;

export const totalLength = (segments: readonly Segment[]): number =>
  segments.reduce((sum, { length }) => sum + length, 0);

/** Bytes `from`..`to` of the segments taken as one stream; undefined when one lies outside RAM. */
export function gather(
  dma: DmaMemory,
  segments: readonly Segment[],
  from: number,
  to: number,
): Uint8Array | undefined {
  const result = new Uint8Array(Math.max(0, Math.min(to, totalLength(segments)) - from));
  let at = 0;
  for (const { address, length } of segments) {
    const first = Math.max(from - at, 0);
    const last = Math.min(to - at, length);
    if (first < last) {
      const bytes = dma.read(address + first, last - first);
      if (bytes === undefined) return undefined;
      result.set(bytes, at + first - from);
    }
    at += length;
  }
  return result;
}

/** Writes `bytes` into the segments from stream position `from` on; false when some lay outside RAM. */
export function scatter(
  dma: DmaMemory,
  segments: readonly Segment[],
  from: number,
  bytes: Uint8Array,
): boolean {
  let at = 0;
  let ok = true;
  const to = from + bytes.length;
  for (const { address, length } of segments) {
    const first = Math.max(from - at, 0);
    const last = Math.min(to - at, length);
    if (first < last)
      ok = dma.write(address + first, bytes.subarray(at + first - from, at + last - from)) && ok;
    at += length;
  }
  return ok;
}
