/**
 * Plain data as bytes: deterministic CBOR (RFC 8949) of the items that SectionData needs. Numbers and bigints stay
 * apart: a number is an integer or a 64-bit float, a bigint always a bignum (tags 2 and 3). Maps keep their order.
 */
import { userError } from '../../base/errors';
import type { SectionData } from '../../machine/device';

/** Deeper than any state of ours; keeps hostile input off the stack's end. */
const MAX_DEPTH = 64;

export function encodeData(data: SectionData): Uint8Array {
  const out = new Writer();
  write(out, data);
  return out.bytes();
}

/** Throws UserError 'STORE_DAMAGED' for bytes that encodeData did not make. */
export function decodeData(bytes: Uint8Array): SectionData {
  const reader = new Reader(bytes);
  const data = reader.item(0);
  if (reader.at !== bytes.length) throw malformed();
  return data;
}

const malformed = (): Error =>
  userError('STORE_DAMAGED', 'Saved state cannot be understood: delete the checkpoint that it belongs to.');

const Major = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

function write(out: Writer, data: SectionData): void {
  if (data === null) out.head(Major.simple, 22);
  else if (typeof data === 'boolean') out.head(Major.simple, data ? 21 : 20);
  else if (typeof data === 'number') writeNumber(out, data);
  else if (typeof data === 'bigint') writeBigint(out, data);
  else if (typeof data === 'string') {
    const text = new TextEncoder().encode(data);
    out.head(Major.text, text.length);
    out.append(text);
  } else if (data instanceof Uint8Array) {
    out.head(Major.bytes, data.length);
    out.append(data);
  } else if (isList(data)) {
    out.head(Major.array, data.length);
    for (const item of data) write(out, item);
  } else {
    const entries = Object.entries(data);
    out.head(Major.map, entries.length);
    for (const [key, value] of entries) {
      write(out, key);
      write(out, value);
    }
  }
}

const isList = (data: SectionData): data is readonly SectionData[] => Array.isArray(data);

function writeNumber(out: Writer, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    if (value >= 0) out.head(Major.uint, value);
    else out.head(Major.negative, -1 - value);
    return;
  }
  const bytes = new Uint8Array(9);
  bytes[0] = (Major.simple << 5) | 27;
  new DataView(bytes.buffer).setFloat64(1, value);
  out.append(bytes);
}

function writeBigint(out: Writer, value: bigint): void {
  const magnitude = value < 0n ? -1n - value : value;
  const hex = magnitude === 0n ? '' : magnitude.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  out.head(Major.tag, value < 0n ? 3 : 2);
  out.head(Major.bytes, even.length / 2);
  out.append(
    Uint8Array.from({ length: even.length / 2 }, (_, i) => parseInt(even.slice(2 * i, 2 * i + 2), 16)),
  );
}

class Writer {
  private buffer = new Uint8Array(256);
  private length = 0;

  head(major: number, value: number): void {
    const bytes = new Uint8Array(9);
    const view = new DataView(bytes.buffer);
    const size = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x1_0000 ? 2 : value < 0x1_0000_0000 ? 4 : 8;
    bytes[0] = (major << 5) | (size === 0 ? value : { 1: 24, 2: 25, 4: 26, 8: 27 }[size]);
    if (size === 1) view.setUint8(1, value);
    else if (size === 2) view.setUint16(1, value);
    else if (size === 4) view.setUint32(1, value);
    else if (size === 8) view.setBigUint64(1, BigInt(value));
    this.append(bytes.subarray(0, 1 + size));
  }

  append(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + bytes.length));
      larger.set(this.buffer);
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}

class Reader {
  at = 0;
  private readonly view: DataView;

  constructor(private readonly source: Uint8Array) {
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  item(depth: number): SectionData {
    if (depth > MAX_DEPTH) throw malformed();
    this.need(1);
    const first = this.view.getUint8(this.at++);
    const [major, extra] = [first >> 5, first & 31];
    if (major === Major.simple) return this.simple(extra);
    const value = this.argument(extra);
    switch (major) {
      case Major.uint:
        return value;
      case Major.negative:
        return -1 - value;
      case Major.bytes:
        return new Uint8Array(this.take(value));
      case Major.text:
        return this.text(value);
      case Major.array:
        this.need(value);
        return Array.from({ length: value }, () => this.item(depth + 1));
      case Major.map:
        return this.map(value, depth);
      default:
        return this.bignum(value);
    }
  }

  private simple(extra: number): SectionData {
    if (extra === 20 || extra === 21) return extra === 21;
    if (extra === 22) return null;
    if (extra !== 27) throw malformed();
    this.need(8);
    this.at += 8;
    return this.view.getFloat64(this.at - 8);
  }

  private argument(extra: number): number {
    if (extra < 24) return extra;
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[extra];
    if (size === undefined) throw malformed();
    this.need(size);
    const at = this.at;
    this.at += size;
    if (size === 1) return this.view.getUint8(at);
    if (size === 2) return this.view.getUint16(at);
    if (size === 4) return this.view.getUint32(at);
    const value = this.view.getBigUint64(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed();
    return Number(value);
  }

  private map(count: number, depth: number): SectionData {
    this.need(count);
    const entries = Array.from({ length: count }, (): [string, SectionData] => {
      const key = this.item(MAX_DEPTH);
      if (typeof key !== 'string') throw malformed();
      return [key, this.item(depth + 1)];
    });
    // Not by assignment: a key may be "__proto__".
    return Object.fromEntries(entries);
  }

  private bignum(tag: number): bigint {
    if (tag !== 2 && tag !== 3) throw malformed();
    const bytes = this.item(MAX_DEPTH);
    if (!(bytes instanceof Uint8Array)) throw malformed();
    let value = 0n;
    for (const byte of bytes) value = (value << 8n) | BigInt(byte);
    return tag === 2 ? value : -1n - value;
  }

  private text(length: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(length));
    } catch {
      throw malformed();
    }
  }

  private take(length: number): Uint8Array {
    this.need(length);
    this.at += length;
    return this.source.subarray(this.at - length, this.at);
  }

  private need(bytes: number): void {
    if (bytes > this.source.length - this.at) throw malformed();
  }
}
