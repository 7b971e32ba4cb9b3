/**
 * Values on the stack of DWARF expressions (DWARF 5, 2.5.1): of the generic type, which has the size of an address and no
 * sign, or of a base type. Bits are kept as they lie in memory, so that a conversion is the only place that changes them.
 */

/** A base type as far as arithmetic is concerned. */
export interface ValueType {
  readonly kind: 'signed' | 'unsigned' | 'float';
  readonly byteSize: number;
}

/** `type` undefined: generic. */
export interface StackValue {
  readonly bits: bigint;
  readonly type: ValueType | undefined;
}

const GENERIC_BITS = 64;

export const generic = (value: bigint): StackValue => ({
  bits: BigInt.asUintN(GENERIC_BITS, value),
  type: undefined,
});

export const typed = (bits: bigint, type: ValueType | undefined): StackValue =>
  type === undefined ? generic(bits) : { bits: BigInt.asUintN(type.byteSize * 8, bits), type };

export const bitsOf = (type: ValueType | undefined): number =>
  type === undefined ? GENERIC_BITS : type.byteSize * 8;

export const sameType = (a: ValueType | undefined, b: ValueType | undefined): boolean =>
  a?.kind === b?.kind && a?.byteSize === b?.byteSize;

const isFloat = (type: ValueType | undefined): boolean => type?.kind === 'float';

/** The number that an integer's bits stand for; the generic type counts as unsigned, unless `signedGeneric`. */
const toInteger = ({ bits, type }: StackValue, signedGeneric = false): bigint =>
  type?.kind === 'signed' || (type === undefined && signedGeneric) ? BigInt.asIntN(bitsOf(type), bits) : bits;

const view = new DataView(new ArrayBuffer(8));

/** Undefined for formats that JavaScript has no number for (quad precision). */
const toFloat = ({ bits, type }: StackValue): number | undefined => {
  if (type?.byteSize === 4) {
    view.setUint32(0, Number(bits));
    return view.getFloat32(0);
  }
  if (type?.byteSize !== 8) return undefined;
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
};

const fromFloat = (value: number, type: ValueType): StackValue | undefined => {
  if (type.byteSize === 4) {
    view.setFloat32(0, value);
    return { bits: BigInt(view.getUint32(0)), type };
  }
  if (type.byteSize !== 8) return undefined;
  view.setFloat64(0, value);
  return { bits: view.getBigUint64(0), type };
};

/** DW_OP_convert: the value in another type, as C converts; undefined where it has none there. */
export const convert = (value: StackValue, type: ValueType | undefined): StackValue | undefined => {
  if (isFloat(value.type)) {
    const number = toFloat(value);
    if (number === undefined) return undefined;
    if (type?.kind === 'float') return fromFloat(number, type);
    return Number.isFinite(number) ? typed(BigInt(Math.trunc(number)), type) : undefined;
  }
  if (type?.kind === 'float') return fromFloat(Number(toInteger(value)), type);
  return typed(toInteger(value), type);
};

/** DW_OP_reinterpret: the same bits; the sizes have to agree. */
export const reinterpret = (value: StackValue, type: ValueType | undefined): StackValue | undefined =>
  bitsOf(value.type) === bitsOf(type) ? typed(value.bits, type) : undefined;

type Integers = (a: bigint, b: bigint, width: number) => bigint | undefined;
type Floats = (a: number, b: number) => number | undefined;

interface Operator {
  readonly integers: Integers;
  readonly floats?: Floats;
  /** Generic operands count as signed. */
  readonly signedGeneric?: true;
  /** Operands count as unsigned, or as signed, whatever their type says. */
  readonly as?: 'unsigned' | 'signed';
}

/** DW_OP_and to DW_OP_xor without the unary ones (DWARF 5, 2.5.1.4). Undefined: a division by zero. */
const ARITHMETIC: Readonly<Record<number, Operator>> = {
  0x1a: { integers: (a, b) => a & b },
  0x1b: {
    integers: (a, b) => (b === 0n ? undefined : a / b),
    floats: (a, b) => a / b,
    signedGeneric: true,
  },
  0x1c: { integers: (a, b) => a - b, floats: (a, b) => a - b },
  0x1d: { integers: (a, b) => (b === 0n ? undefined : a % b) },
  0x1e: { integers: (a, b) => a * b, floats: (a, b) => a * b },
  0x21: { integers: (a, b) => a | b },
  0x22: { integers: (a, b) => a + b, floats: (a, b) => a + b },
  0x24: { integers: (a, b, width) => (b >= width ? 0n : a << b), as: 'unsigned' },
  0x25: { integers: (a, b, width) => (b >= width ? 0n : a >> b), as: 'unsigned' },
  0x26: { integers: (a, b, width) => a >> (b >= width || b < 0n ? BigInt(width - 1) : b), as: 'signed' },
  0x27: { integers: (a, b) => a ^ b },
};

/** DW_OP_eq to DW_OP_ne; generic operands count as signed. */
const COMPARISONS: Readonly<Record<number, <T extends bigint | number>(a: T, b: T) => boolean>> = {
  0x29: (a, b) => a === b,
  0x2a: (a, b) => a >= b,
  0x2b: (a, b) => a > b,
  0x2c: (a, b) => a <= b,
  0x2d: (a, b) => a < b,
  0x2e: (a, b) => a !== b,
};

export type BinaryProblem = 'types differ' | 'divides by zero' | 'not for this type';

/** Undefined: no binary operation. */
export const binary = (op: number, a: StackValue, b: StackValue): StackValue | BinaryProblem | undefined => {
  const compare = COMPARISONS[op];
  const operator = ARITHMETIC[op];
  if (compare === undefined && operator === undefined) return undefined;
  // A shift's distance may be of any integer type; GCC counts on it.
  const isShift = op >= 0x24 && op <= 0x26;
  if (!isShift && !sameType(a.type, b.type)) return 'types differ';
  if (isFloat(a.type)) return binaryFloats(a, b, compare, operator?.floats);
  if (compare !== undefined) return generic(compare(toInteger(a, true), toInteger(b, true)) ? 1n : 0n);
  if (operator === undefined || isFloat(b.type)) return 'not for this type';
  const width = bitsOf(a.type);
  const read = (value: StackValue): bigint => {
    if (operator.as === 'unsigned') return value.bits;
    if (operator.as === 'signed') return BigInt.asIntN(bitsOf(value.type), value.bits);
    return toInteger(value, operator.signedGeneric);
  };
  const result = operator.integers(read(a), read(b), width);
  return result === undefined ? 'divides by zero' : typed(result, a.type);
};

const binaryFloats = (
  a: StackValue,
  b: StackValue,
  compare: ((a: number, b: number) => boolean) | undefined,
  operator: Floats | undefined,
): StackValue | BinaryProblem => {
  const x = toFloat(a);
  const y = toFloat(b);
  if (x === undefined || y === undefined || a.type === undefined) return 'not for this type';
  if (compare !== undefined) return generic(compare(x, y) ? 1n : 0n);
  const result = operator?.(x, y);
  const value = result === undefined ? undefined : fromFloat(result, a.type);
  return value ?? 'not for this type';
};

/** DW_OP_abs, DW_OP_neg and DW_OP_not; undefined: not one of these, or not for the type. */
export const unary = (op: number, value: StackValue): StackValue | undefined => {
  const { type } = value;
  if (type?.kind === 'float') {
    const number = toFloat(value);
    if (number === undefined || op === 0x20) return undefined;
    return fromFloat(op === 0x19 ? Math.abs(number) : -number, type);
  }
  const integer = toInteger(value, true);
  switch (op) {
    case 0x19:
      return typed(integer < 0n ? -integer : integer, type);
    case 0x1f:
      return typed(-integer, type);
    case 0x20:
      return typed(~integer, type);
    default:
      return undefined;
  }
};

/** The bytes of a value, little-endian, as many as its type has. */
export const bytesOf = ({ bits, type }: StackValue): Uint8Array => {
  const bytes = new Uint8Array(bitsOf(type) / 8);
  for (let i = 0, rest = bits; i < bytes.length; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
};
