/**
 * Bounded reading of bytes from outside. Every read is checked against the end of its section, so that damaged or
 * hostile files give a UserError and never an endless loop or a wild read.
 */
import { userError } from '../base/errors';

/** A file, or anything like one, that need not be in memory as a whole. Synchronous. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** The bytes [offset, offset + length); fewer when the source ends before. */
  read(offset: number, length: number): Uint8Array;
}

/** A source over bytes in memory; what it returns are views, not copies. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

/** Where a reader stands, for messages: the coded error to throw and the name of what is being read. */
export interface ReadContext {
  readonly code: string;
  readonly name: string;
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_SAFE_HALF = 0x1f_ffff;

/** A cursor over little-endian bytes [offset, end). Every method throws a UserError of `context.code` at the end. */
export class ByteReader {
  readonly end: number;
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly context: ReadContext,
    public offset = 0,
    end = bytes.length,
  ) {
    this.end = Math.min(end, bytes.length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    const start = this.advance(length);
    return new ByteReader(this.bytes, this.context, start, start + length);
  }

  /** A reader of its own from `offset` to the end of this one. */
  at(offset: number): ByteReader {
    return new ByteReader(this.bytes, this.context, offset, this.end);
  }

  skip(length: number): void {
    this.advance(length);
  }

  block(length: number): Uint8Array {
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }

  i8(): number {
    return this.view.getInt8(this.advance(1));
  }

  u16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  i16(): number {
    return this.view.getInt16(this.advance(2), true);
  }

  u24(): number {
    const at = this.advance(3);
    return this.view.getUint16(at, true) | (this.view.getUint8(at + 2) << 16);
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  i32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true);
  }

  i64(): bigint {
    return this.view.getBigInt64(this.advance(8), true);
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
    const zero = this.bytes.indexOf(0, this.offset);
    if (zero < 0 || zero >= this.end) this.fail('has a text without an end');
    const text = decodeUtf8(this.bytes, this.offset, zero);
    this.offset = zero + 1;
    return text;
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

  private advance(length: number): number {
    const start = this.offset;
    if (length < 0 || !(length <= this.end - start)) this.fail();
    this.offset = start + length;
    return start;
  }
}

const utf8 = new TextDecoder();

/** UTF-8 text of bytes [start, end); what is not UTF-8 becomes U+FFFD. Names are short and nearly always ASCII. */
const decodeUtf8 = (bytes: Uint8Array, start: number, end: number): string => {
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x80) return utf8.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
};

/** The NUL-terminated text at `offset` of a string section; '' when the offset is outside. */
export const stringAt = (bytes: Uint8Array, offset: number): string => {
  if (!(offset >= 0 && offset < bytes.length)) return '';
  const zero = bytes.indexOf(0, offset);
  return decodeUtf8(bytes, offset, zero < 0 ? bytes.length : zero);
};
