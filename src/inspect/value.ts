/**
 * Values: a type, and where its bits are. A value reads when it is asked, through the frame that it belongs to, and never
 * throws for what is in the guest: what is not there is said (`Missing`). It stands for a place, not for a moment: who
 * keeps one across a run of the guest reads other bits later. Members and elements are the business of children.ts.
 */
import { userError } from '../base/errors';
import type { Type } from '../symbols/types';
import type { FrameContext, Location, Variable } from '../symbols/variables';
import { floatFromBits, floatToBits } from './floats';
import { plain, sizeOf, type Dynamics, type PlainType } from './type-layout';
import {
  fromBytes,
  isMissing,
  ones,
  overlapping,
  readBits,
  toBytes,
  unavailable,
  type Bits,
  type Missing,
} from './value-bits';

export { isMissing, type Missing } from './value-bits';

/** A part of what is at a location. */
export interface Part {
  /** From the beginning of the location; default 0. */
  readonly bitOffset?: number;
  /** Of bit fields only. */
  readonly bitSize?: number;
  /** The register that the location is a copy of (`satp`, `pc`): there it is written. */
  readonly register?: RegisterName;
}

export interface RegisterName {
  readonly name: string;
  /** Undefined: that of the frame. */
  readonly hart: number | undefined;
}

/** What has to be written to change a value. */
export type Write =
  | { readonly kind: 'memory'; readonly address: bigint; readonly bytes: Uint8Array }
  /** By DWARF number, all of its 64 bits. */
  | { readonly kind: 'register'; readonly number: number; readonly value: bigint }
  | { readonly kind: 'named'; readonly register: RegisterName; readonly value: bigint };

/** A number: whole ones are bigints, floating point ones numbers. */
export type Scalar = bigint | number;

/** Reading more than that at once stalls whoever waits. */
const BYTES_MAX = 1 << 20;
/** No type of C, C++ or Rust is wider; vectors are arrays. */
const NUMBER_BYTES_MAX = 64;

export class Value {
  readonly location: Location;
  readonly bitOffset: number;
  readonly bitSize: number | undefined;
  readonly register: RegisterName | undefined;

  constructor(
    readonly type: Type,
    location: Location,
    readonly frame: FrameContext,
    { bitOffset = 0, bitSize, register }: Part = {},
  ) {
    this.bitSize = bitSize;
    this.register = register;
    if (!Number.isSafeInteger(bitOffset)) {
      this.location = unavailable('it would lie outside of all memory');
      this.bitOffset = 0;
    } else if (location.kind === 'memory') {
      const skipped = Math.floor(bitOffset / 8);
      const address = BigInt.asUintN(64, location.address + BigInt(skipped));
      this.location = { kind: 'memory', address };
      this.bitOffset = bitOffset - 8 * skipped;
    } else {
      this.location = location;
      this.bitOffset = bitOffset;
    }
  }

  static of(variable: Variable, frame: FrameContext): Value {
    return new Value(variable.type, variable.locate(frame), frame);
  }

  /** A number of its own, that is nowhere. */
  static number(type: Type, value: Scalar, frame: FrameContext): Value {
    const bytes = toBytes(bitsOf(type, value), numberSize(type));
    return new Value(type, { kind: 'value', bytes }, frame);
  }

  /** The type without its names. */
  get plain(): PlainType {
    return plain(this.type);
  }

  get dynamics(): Dynamics {
    return {
      frame: this.frame,
      readNumber: (location, type) => {
        if (type !== undefined) {
          const found = new Value(type, location, this.frame).number();
          return typeof found === 'bigint' ? found : undefined;
        }
        return location.kind === 'value' ? BigInt.asIntN(64, fromBytes(location.bytes)) : undefined;
      },
    };
  }

  /** Of the whole value in bytes (for a bit field, of its type); undefined: not known. */
  get byteSize(): number | undefined {
    return sizeOf(this.type, this.dynamics);
  }

  /** Of a value that lies in memory, all of its bytes; undefined for all others, and for bit fields. */
  get address(): bigint | undefined {
    if (this.location.kind !== 'memory' || this.bitSize !== undefined || this.bitOffset !== 0)
      return undefined;
    return this.location.address;
  }

  get isBitField(): boolean {
    return this.bitSize !== undefined;
  }

  /** A part that begins `bitOffset` bits behind this one's first bit. */
  part(type: Type, bitOffset: number, bitSize?: number): Value {
    return new Value(type, this.location, this.frame, {
      bitOffset: this.bitOffset + bitOffset,
      ...(bitSize === undefined ? {} : { bitSize }),
      ...(this.register === undefined ? {} : { register: this.register }),
    });
  }

  /** The same bits as another type. */
  as(type: Type): Value {
    return this.part(type, 0);
  }

  bits(): Bits | Missing {
    const count = this.bitSize ?? 8 * (this.byteSize ?? 0);
    if (this.byteSize === undefined) return unavailable('the size of its type is not known');
    // Rust's `()`: there is nothing that memory could refuse to give.
    if (count === 0 && this.location.kind === 'memory') return { value: 0n, known: 0n };
    return readBits(this.location, this.frame, this.bitOffset, count);
  }

  /** All bytes, with 1 in `unknown` for each bit that is gone; at most 1 MiB. */
  bytes(limit = BYTES_MAX): { readonly bytes: Uint8Array; readonly unknown: bigint } | Missing {
    const { byteSize, address } = this;
    if (byteSize === undefined) return unavailable('the size of its type is not known');
    const count = Math.min(byteSize, limit, BYTES_MAX);
    const whole = address === undefined ? undefined : this.frame.read(address, count);
    if (whole !== undefined) return { bytes: whole, unknown: 0n };
    const bits = readBits(this.location, this.frame, this.bitOffset, this.bitSize ?? 8 * count);
    if (isMissing(bits)) return bits;
    const unknown = ones(this.bitSize ?? 8 * count) & ~bits.known;
    return { bytes: toBytes(bits.value, count), unknown };
  }

  /** The number that it is; for arrays, structs and functions there is none. */
  number(): Scalar | Missing {
    const type = this.plain;
    switch (type.kind) {
      case 'base':
      case 'pointer':
      case 'memberPointer':
      case 'enum':
        break;
      default:
        return unavailable('it is no number');
    }
    if ((this.byteSize ?? 0) > NUMBER_BYTES_MAX) return unavailable('no number is as large as its type');
    const bits = this.bits();
    if (isMissing(bits)) return bits;
    const count = this.bitSize ?? 8 * numberSize(type);
    if (bits.known !== ones(count)) return { kind: 'optimizedOut' };
    if (type.kind === 'base' && type.encoding === 'float') {
      return floatFromBits(bits.value, type.byteSize) ?? unavailable('no such floating point type is known');
    }
    return isSigned(type) ? BigInt.asIntN(count, bits.value) : bits.value;
  }

  /** What has to be written so that it is another number. Throws EXPR_NOT_ASSIGNABLE, or says what cannot be read. */
  writes(value: Scalar): Write[] {
    const { plain: type, bitSize } = this;
    const count = bitSize ?? 8 * numberSize(this.type);
    let bits = bitsOf(this.type, value);
    if (this.register !== undefined) return [this.namedWrite(this.register, bits, count)];
    if (this.location.kind === 'register' && bitSize === undefined && this.bitOffset === 0) {
      bits = extended(type, bits, count, this.location.number);
      return [{ kind: 'register', number: this.location.number, value: bits }];
    }
    return writesTo(this.location, this.frame, { offset: this.bitOffset, count, bits });
  }

  private namedWrite(register: RegisterName, bits: bigint, count: number): Write {
    const old = readBits(this.location, this.frame, 0, 64);
    if (isMissing(old)) throw notAssignable();
    const value = merged(old.value, bits, this.bitOffset, count);
    return { kind: 'named', register, value };
  }
}

export function isSigned(type: PlainType): boolean {
  if (type.kind === 'enum') return type.isSigned;
  if (type.kind === 'memberPointer') return true;
  return type.kind === 'base' && (type.encoding === 'signed' || type.encoding === 'signedChar');
}

export const isFloat = (type: PlainType): boolean => type.kind === 'base' && type.encoding === 'float';

/** Bytes of a number of the type. Larger ones are damage. */
const numberSize = (type: Type): number => Math.min(sizeOf(type) ?? 8, NUMBER_BYTES_MAX);

/** The bits by which a type has a number: converted as an assignment in C does. */
function bitsOf(type: Type, value: Scalar): bigint {
  const bare = plain(type);
  const size = numberSize(type);
  if (isFloat(bare)) {
    const bits = floatToBits(Number(value), size);
    if (bits === undefined)
      throw userError('EXPR_NOT_ASSIGNABLE', 'such floating point numbers cannot be made');
    return bits;
  }
  const whole = typeof value === 'bigint' ? value : Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
  if (bare.kind === 'base' && bare.encoding === 'boolean') return value === 0n || value === 0 ? 0n : 1n;
  return BigInt.asUintN(8 * size, whole);
}

const notAssignable = (): Error =>
  userError(
    'EXPR_NOT_ASSIGNABLE',
    'that cannot be changed: it is nowhere. Give a variable, a register like $a0, or memory like *(u64*)$sp',
  );

const merged = (old: bigint, bits: bigint, offset: number, count: number): bigint => {
  const mask = ones(count) << BigInt(offset);
  return (old & ~mask) | ((bits << BigInt(offset)) & mask);
};

/** As the psABI keeps narrow values in registers: numbers of up to 32 bits extended, floats boxed in a NaN. */
function extended(type: PlainType, bits: bigint, count: number, register: number): bigint {
  if (count >= 64) return BigInt.asUintN(64, bits);
  if (register >= 32) return BigInt.asUintN(64, (-1n << BigInt(count)) | bits);
  // "32-bit unsigned values are sign-extended" as well (RISC-V Calling Conventions, Integer Calling Convention).
  const narrow = count === 32 || isSigned(type) ? BigInt.asIntN(count, bits) : BigInt.asUintN(count, bits);
  return BigInt.asUintN(64, narrow);
}

function writesTo(
  location: Location,
  frame: FrameContext,
  { offset, count, bits }: { readonly offset: number; readonly count: number; readonly bits: bigint },
): Write[] {
  switch (location.kind) {
    case 'memory': {
      const shift = offset % 8;
      const address = BigInt.asUintN(64, location.address + BigInt((offset - shift) / 8));
      const size = Math.ceil((shift + count) / 8);
      if (shift === 0 && count % 8 === 0) return [{ kind: 'memory', address, bytes: toBytes(bits, size) }];
      const old = frame.read(address, size);
      if (old === undefined) throw notAssignable();
      return [{ kind: 'memory', address, bytes: toBytes(merged(fromBytes(old), bits, shift, count), size) }];
    }
    case 'register': {
      const old = frame.register(location.number);
      if (old === undefined) throw notAssignable();
      return [{ kind: 'register', number: location.number, value: merged(old, bits, offset, count) }];
    }
    case 'pieces':
      return overlapping(location.pieces, offset, count).flatMap(({ piece, at }) => {
        const from = Math.max(at, offset);
        const size = Math.min(at + piece.bitSize, offset + count) - from;
        const part = (bits >> BigInt(from - offset)) & ones(size);
        if (piece.location.kind === 'pieces') throw notAssignable();
        return writesTo(piece.location, frame, {
          offset: piece.bitOffset + from - at,
          count: size,
          bits: part,
        });
      });
    default:
      throw notAssignable();
  }
}
