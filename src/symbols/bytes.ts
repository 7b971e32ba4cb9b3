/**
 * Bounded reading of bytes from outside. Every read is checked against the end of its section, so that damaged or
 * hostile files give a UserError and never an endless loop or a wild read.
 */
import { userError } from '../base/errors';

/** A file, or a part of one, that need not be in memory as a whole. Synchronous. Nothing that it returns is written to. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** The bytes [offset, offset + length), to be kept as long as one likes; fewer when the source ends before. */
  read(offset: number, length: number): Uint8Array;
  /**
   * Like read, with as many bytes behind them as cost nothing. They may be a view of what a cache holds, so that keeping a
   * few of them would keep a page.
   */
  window(offset: number, length: number): Uint8Array;
  /** True where read gives views and everything stays in memory anyway. */
  readonly inMemory: boolean;
}

/** A source over bytes in memory; what it returns are views, not copies. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  inMemory: true,
  read: (offset, length) => bytes.subarray(offset, offset + length),
  window: (offset) => bytes.subarray(offset),
});

/** [offset, offset + size) of a source, which must hold it. */
export const partOf = (source: ByteSource, offset: number, size: number): ByteSource => ({
  size,
  inMemory: source.inMemory,
  read: (at, length) => source.read(offset + at, Math.min(length, size - at)),
  window: (at, length) => {
    const found = source.window(offset + at, Math.min(length, size - at));
    return found.length > size - at ? found.subarray(0, size - at) : found;
  },
});

export const NO_BYTES: ByteSource = bytesSource(new Uint8Array(0));

/** Where a reader stands, for messages: the coded error to throw and the name of what is being read. */
export interface ReadContext {
  readonly code: string;
  readonly name: string;
}

const EMPTY_BYTES = new Uint8Array(0);
const EMPTY_VIEW = new DataView(EMPTY_BYTES.buffer);
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_SAFE_HALF = 0x1f_ffff;

/**
 * A cursor over little-endian bytes [offset, end) of a source. Every method throws a UserError of `context.code` at the
 * end. Bytes come from a window of the source, which is moved when a value lies outside of it.
 */
export class ByteReader {
  readonly end: number;
  readonly source: ByteSource;
  private view: DataView = EMPTY_VIEW;
  private bytes: Uint8Array = EMPTY_BYTES;
  /** Offset of the window's first byte, and of the first byte behind it (never beyond `end`). */
  private base = 0;
  private limit = 0;

  constructor(
    source: ByteSource | Uint8Array,
    readonly context: ReadContext,
    public offset = 0,
    end = Infinity,
  ) {
    this.source = source instanceof Uint8Array ? bytesSource(source) : source;
    this.end = Math.min(end, this.source.size);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.end) this.fail();
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** Throws the coded error of this reader. */
  fail(what = 'ends in the middle of a value'): never {
    throw userError(
      this.context.code,
      `${this.context.name} ${what} (at offset 0x${this.offset.toString(16)}); the file is truncated or damaged: build or copy it again`,
    );
  }

  /** A reader of its own over the next `length` bytes, which this one skips. */
  take(length: number): ByteReader {
    const start = this.offset;
    this.skip(length);
    return this.sharing(start, start + length);
  }

  /** A reader of its own from `offset` to the end of this one. */
  at(offset: number): ByteReader {
    return this.sharing(offset, this.end);
  }

  skip(length: number): void {
    if (!(length >= 0 && length <= this.end - this.offset)) this.fail();
    this.offset += length;
  }

  /** The next bytes, which may be kept. */
  block(length: number): Uint8Array {
    const start = this.offset;
    this.skip(length);
    const at = start - this.base;
    if (at < 0 || start + length > this.limit) return this.source.read(start, length);
    return this.source.inMemory ? this.bytes.subarray(at, at + length) : this.bytes.slice(at, at + length);
  }

  u8(): number {
    const at = this.advance(1);
    return this.view.getUint8(at);
  }

  i8(): number {
    const at = this.advance(1);
    return this.view.getInt8(at);
  }

  u16(): number {
    const at = this.advance(2);
    return this.view.getUint16(at, true);
  }

  i16(): number {
    const at = this.advance(2);
    return this.view.getInt16(at, true);
  }

  u24(): number {
    const at = this.advance(3);
    return this.view.getUint16(at, true) | (this.view.getUint8(at + 2) << 16);
  }

  u32(): number {
    const at = this.advance(4);
    return this.view.getUint32(at, true);
  }

  i32(): number {
    const at = this.advance(4);
    return this.view.getInt32(at, true);
  }

  u64(): bigint {
    const at = this.advance(8);
    return this.view.getBigUint64(at, true);
  }

  i64(): bigint {
    const at = this.advance(8);
    return this.view.getBigInt64(at, true);
  }

  /** A 64-bit file offset or size, which has to be a safe integer. */
  offset64(): number {
    const at = this.advance(8);
    const high = this.view.getUint32(at + 4, true);
    if (high > MAX_SAFE_HALF) this.fail('has an offset that is too large');
    return high * 0x1_0000_0000 + this.view.getUint32(at, true);
  }

  /** An unsigned little-endian number of 1, 2, 4 or 8 bytes. */
  unsigned(sizeBytes: number): bigint {
    switch (sizeBytes) {
      case 1:
        return BigInt(this.u8());
      case 2:
        return BigInt(this.u16());
      case 4:
        return BigInt(this.u32());
      case 8:
        return this.u64();
      default:
        return this.fail('has a number of an unknown size');
    }
  }

  /** ULEB128 as a number; more than 2^53 is an error. */
  uleb(): number {
    let result = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      result += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(result)) this.fail('has a number that is too large');
      if (byte < 0x80) return result;
      // Padding bytes of zero are legal (assemblers emit them); the scale only has to stay finite.
      if (scale < 2 ** 60) scale *= 128;
      else if ((byte & 0x7f) !== 0) this.fail('has a number that is too large');
    }
  }

  /** ULEB128 modulo 2^64. */
  uleb64(): bigint {
    const start = this.offset;
    for (let shift = 0, low = 0; shift < 49; shift += 7) {
      const byte = this.u8();
      low += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return BigInt(low);
    }
    this.offset = start;
    return BigInt.asUintN(64, this.lebBits().value);
  }

  /** SLEB128, wrapped to 64 bits, signed. */
  sleb64(): bigint {
    const { value, bits, negative } = this.lebBits();
    return BigInt.asIntN(64, negative ? value - (1n << BigInt(bits)) : value);
  }

  /** SLEB128 as a number; beyond 2^53 is an error. */
  sleb(): number {
    const value = this.sleb64();
    if (value > MAX_SAFE || value < -MAX_SAFE) this.fail('has a number that is too large');
    return Number(value);
  }

  /** The text up to a NUL byte, which it skips. */
  cstring(): string {
    const start = this.offset;
    for (let length = 1; ; length = Math.max(256, 2 * (this.limit - start))) {
      const at = this.advance(Math.min(length, Math.max(1, this.end - start)));
      const zero = this.bytes.indexOf(0, at);
      if (zero >= 0 && this.base + zero < this.limit) {
        this.offset = this.base + zero + 1;
        return decodeUtf8(this.bytes, at, zero);
      }
      if (this.limit >= this.end) this.fail('has a text without an end');
      this.offset = start;
    }
  }

  private lebBits(): { value: bigint; bits: number; negative: boolean } {
    let value = 0n;
    let bits = 0;
    for (;;) {
      const byte = this.u8();
      if (bits < 70) {
        value |= BigInt(byte & 0x7f) << BigInt(bits);
        bits += 7;
      }
      if (byte < 0x80) return { value, bits, negative: (byte & 0x40) !== 0 };
    }
  }

  /** Skips the next bytes and returns where in the window they are; `view` and `bytes` may be others afterwards. */
  private advance(length: number): number {
    const start = this.offset;
    const next = start + length;
    if (start < this.base || next > this.limit) this.moveWindow(start, next);
    this.offset = next;
    return start - this.base;
  }

  private moveWindow(start: number, next: number): void {
    if (!(start >= 0 && next >= start && next <= this.end)) this.fail();
    this.bytes = this.source.window(start, next - start);
    this.base = start;
    this.limit = Math.min(this.end, start + this.bytes.length);
    // The file became shorter while it was open.
    if (next > this.limit) this.fail();
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  private sharing(offset: number, end: number): ByteReader {
    const reader = new ByteReader(this.source, this.context, offset, end);
    reader.bytes = this.bytes;
    reader.view = this.view;
    reader.base = this.base;
    reader.limit = Math.min(this.limit, reader.end);
    return reader;
  }
}

const utf8 = new TextDecoder();

/** UTF-8 text of bytes [start, end); what is not UTF-8 becomes U+FFFD. Names are short and nearly always ASCII. */
const decodeUtf8 = (bytes: Uint8Array, start: number, end: number): string => {
  if (end - start > MAX_SHORT_TEXT) return utf8.decode(bytes.subarray(start, end));
  for (let at = start; at < end; at++) {
    if ((bytes[at] ?? 0) >= 0x80) return utf8.decode(bytes.subarray(start, end));
  }
  // One call makes one flat string; a chain of concatenations takes many times its length in memory.
  return String.fromCharCode(...bytes.subarray(start, end));
};

const MAX_SHORT_TEXT = 96;

/** The NUL-terminated text at `offset` of a string section; '' when the offset is outside. */
export const stringAt = (source: ByteSource | Uint8Array, offset: number): string => {
  const from = source instanceof Uint8Array ? bytesSource(source) : source;
  if (!(Number.isSafeInteger(offset) && offset >= 0 && offset < from.size)) return '';
  for (let length = 1; ; length = Math.max(256, 2 * length)) {
    const bytes = from.window(offset, length);
    const zero = bytes.indexOf(0);
    if (zero >= 0) return decodeUtf8(bytes, 0, zero);
    if (bytes.length >= from.size - offset || bytes.length < length)
      return decodeUtf8(bytes, 0, bytes.length);
    length = bytes.length;
  }
};
