/** Text in the guest's memory: bounded, across pages, and as the source would write it. */
import type { FrameContext } from '../symbols/variables';
import type { Type } from '../symbols/types';
import { plain } from './type-layout';
import type { Value } from './value';
import { isMissing, noMemory, type Missing } from './value-bits';

export interface GuestText {
  readonly bytes: Uint8Array;
  /** False: there is more, or it ends where memory does. */
  readonly isWhole: boolean;
}

const PAGE_BYTES = 4096n;

/** Bytes up to the first 0, `limit` at most. Undefined when not even the first can be read. */
export function readCString(frame: FrameContext, address: bigint, limit: number): GuestText | undefined {
  const found: number[] = [];
  let at = BigInt.asUintN(64, address);
  while (found.length < limit) {
    // Never across a page: the next one may not be mapped.
    const untilPage = Number(PAGE_BYTES - (at % PAGE_BYTES));
    const chunk = frame.read(at, Math.min(untilPage, limit - found.length));
    if (chunk === undefined) {
      return found.length === 0 ? undefined : { bytes: Uint8Array.from(found), isWhole: false };
    }
    const end = chunk.indexOf(0);
    for (const byte of end < 0 ? chunk : chunk.subarray(0, end)) found.push(byte);
    if (end >= 0) return { bytes: Uint8Array.from(found), isWhole: true };
    at = BigInt.asUintN(64, at + BigInt(chunk.length));
  }
  return { bytes: Uint8Array.from(found), isWhole: false };
}

/** 'char' is meant as text; 'byte' (uint8_t is an unsigned char) is text only when it looks so. */
export function charKind(type: Type): 'char' | 'byte' | undefined {
  const bare = plain(type);
  if (bare.kind !== 'base' || bare.byteSize !== 1) return undefined;
  if (bare.encoding === 'utf') return 'char';
  if (bare.encoding !== 'signedChar' && bare.encoding !== 'unsignedChar') return undefined;
  return bare.name === 'char' ? 'char' : 'byte';
}

/** True for text that a person can read: no control characters but those of layout. */
export const isPrintable = (bytes: Uint8Array): boolean =>
  bytes.every((byte) => (byte >= 32 && byte !== 127) || byte === 9 || byte === 10 || byte === 13);

const ESCAPES: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  27: '\\e',
  92: '\\\\',
};

/** `"text"` as C writes it; UTF-8 is read as such, and other bytes are octal. */
export function quoted(bytes: Uint8Array, isWhole = true): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = utf8Length(bytes, at);
    if (length > 1) {
      text += decodeUtf8(bytes.subarray(at, at + length));
      at += length;
      continue;
    }
    text += charText(bytes[at] ?? 0, '"');
    at++;
  }
  return `"${text}"${isWhole ? '' : '...'}`;
}

/** One character between quotes of a kind. */
export function charText(code: number, quote: string): string {
  const escape = ESCAPES[code];
  if (escape !== undefined) return escape;
  if (code === quote.charCodeAt(0)) return `\\${quote}`;
  if (code < 32 || (code >= 127 && code < 256)) return `\\${code.toString(8).padStart(3, '0')}`;
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return `\\x{${code.toString(16)}}`;
  return String.fromCodePoint(code);
}

/** Bytes of the well-formed character beyond ASCII at a place; 1 for all else (RFC 3629). */
function utf8Length(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  if (first > 0xf4 || at + length > bytes.length) return 1;
  for (let next = 1; next < length; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return 1;
  const code = length === 1 ? first : codeOf(bytes.subarray(at, at + length));
  const isOverlong = (length === 3 && code < 0x800) || (length === 4 && (code < 0x10000 || code > 0x10ffff));
  return isOverlong || (code >= 0xd800 && code < 0xe000) ? 1 : length;
}

function codeOf(bytes: Uint8Array): number {
  let code = (bytes[0] ?? 0) & (0xff >> (bytes.length + 1));
  for (const byte of bytes.subarray(1)) code = code * 64 + (byte & 0x3f);
  return code;
}

const decodeUtf8 = (bytes: Uint8Array): string => String.fromCodePoint(codeOf(bytes));

/** Whether a char array or what a char pointer points to is this text. */
export function equalsText(value: Value, text: Uint8Array): boolean | Missing {
  const type = value.plain;
  let bytes: Uint8Array | undefined;
  if (type.kind === 'pointer') {
    const address = value.number();
    if (typeof address === 'object') return address;
    bytes = readCString(value.frame, BigInt(address), text.length + 1)?.bytes;
    if (bytes === undefined) return noMemory(BigInt(address));
  } else {
    const found = value.bytes(text.length + 1);
    if (isMissing(found)) return found;
    const end = found.bytes.indexOf(0);
    bytes = end < 0 ? found.bytes : found.bytes.subarray(0, end);
  }
  return bytes.length === text.length && bytes.every((byte, at) => byte === text[at]);
}
