/**
 * Bits of values, wherever they lie: memory, registers, constants, or pieces of those (DWARF 5, 2.6). Bits that are gone
 * are marked, so that a half optimised struct still shows its other half. Bounded; never throws for what is in the guest.
 */
import type { FrameContext, Location, Piece } from '../symbols/variables';

/** Why there is no value. */
export type Missing =
  { readonly kind: 'optimizedOut' } | { readonly kind: 'unavailable'; readonly reason: string };

/** Bits as a number, lowest first; `known` has a 1 for each bit that is there. */
export interface Bits {
  readonly value: bigint;
  readonly known: bigint;
}

/** More is read element by element. */
const BITS_MAX = 8 * 4096;
const PIECES_MAX = 256;
const DEPTH_MAX = 8;

export const isMissing = (found: object): found is Missing => 'kind' in found;

export const unavailable = (reason: string): Missing => ({ kind: 'unavailable', reason });
export const noMemory = (address: bigint): Missing =>
  unavailable(
    `memory at 0x${u64(address).toString(16)} cannot be read; check the address and whether it is mapped now`,
  );

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
export const ones = (count: number): bigint => (1n << BigInt(count)) - 1n;

export function fromBytes(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  return value;
}

export function toBytes(value: bigint, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let rest = BigInt.asUintN(8 * count, value);
  for (let at = 0; at < count && rest !== 0n; at++, rest >>= 8n) bytes[at] = Number(rest & 255n);
  return bytes;
}

/** `count` bits from bit `offset` of what is at a location. */
export function readBits(
  location: Location,
  frame: FrameContext,
  offset: number,
  count: number,
  depth = 0,
): Bits | Missing {
  if (!(count >= 0 && count <= BITS_MAX))
    return unavailable(`${count / 8} bytes are too many to be read at once`);
  if (offset < 0 && location.kind !== 'memory') return unavailable('it would lie before its beginning');
  switch (location.kind) {
    case 'memory':
      return readMemory(location.address, frame, offset, count);
    case 'register': {
      const value = frame.register(location.number);
      if (value === undefined)
        return unavailable(`the value that ${registerText(location.number)} had in this frame is lost`);
      return cut({ value, known: ones(64) }, offset, count);
    }
    case 'value':
      return cut({ value: fromBytes(location.bytes), known: ones(8 * location.bytes.length) }, offset, count);
    case 'pieces':
      return depth > DEPTH_MAX
        ? unavailable('its description is nested too deeply')
        : readPieces(location.pieces, frame, offset, count, depth);
    case 'implicitPointer':
      return unavailable('the pointer was optimized out; what it points to may be known');
    case 'optimizedOut':
    case 'unavailable':
      return location;
  }
}

export const registerText = (number: number): string => (number < 32 ? `x${number}` : `f${number - 32}`);

function readMemory(address: bigint, frame: FrameContext, offset: number, count: number): Bits | Missing {
  const start = u64(address + BigInt(Math.floor(offset / 8)));
  const shift = ((offset % 8) + 8) % 8;
  const bytes = frame.read(start, Math.ceil((shift + count) / 8));
  if (bytes === undefined) return noMemory(start);
  return { value: (fromBytes(bytes) >> BigInt(shift)) & ones(count), known: ones(count) };
}

const cut = ({ value, known }: Bits, offset: number, count: number): Bits => ({
  value: (value >> BigInt(offset)) & ones(count),
  known: (known >> BigInt(offset)) & ones(count),
});

function readPieces(
  pieces: readonly Piece[],
  frame: FrameContext,
  offset: number,
  count: number,
  depth: number,
): Bits | Missing {
  let value = 0n;
  let known = 0n;
  let why: Missing = { kind: 'optimizedOut' };
  for (const { piece, at } of overlapping(pieces, offset, count)) {
    const from = Math.max(at, offset);
    const size = Math.min(at + piece.bitSize, offset + count) - from;
    const bits = readBits(piece.location, frame, piece.bitOffset + from - at, size, depth + 1);
    if (isMissing(bits)) {
      if (why.kind === 'optimizedOut') why = bits;
      continue;
    }
    value |= bits.value << BigInt(from - offset);
    known |= bits.known << BigInt(from - offset);
  }
  return known === 0n ? why : { value, known };
}

/** Those that hold some of the bits, with the bit at which each begins. */
export function overlapping(
  pieces: readonly Piece[],
  offset: number,
  count: number,
): readonly { readonly piece: Piece; readonly at: number }[] {
  let at = 0;
  const found = [];
  for (const piece of pieces.slice(0, PIECES_MAX)) {
    if (at < offset + count && offset < at + piece.bitSize) found.push({ piece, at });
    at += piece.bitSize;
  }
  return found;
}
