/** C's arithmetic on numbers with types: promotions, the usual conversions (C11, 6.3.1), and pointers. */
import { unreachable, userError } from '../base/errors';
import type { Type } from '../symbols/types';
import type { FrameContext } from '../symbols/variables';
import { dereferenced } from './children';
import { DOUBLE, INT, INT128, LONG, LONG_DOUBLE, UINT, UINT128, ULONG, FLOAT } from './builtin-types';
import { divideByZero, incomplete, missing, noNumber, overloaded } from './expression-errors';
import type { BinaryOperator } from './expression-syntax';
import { elementType, plain, pointerTo, sizeOf } from './type-layout';
import { typeText } from './type-names';
import { isFloat, isSigned, Value, type Scalar } from './value';

/** A number that has been read, with the type that decides how it counts. */
export interface Operand {
  readonly type: Type;
  readonly number: Scalar;
}

export const isPointer = ({ type }: Operand): boolean => plain(type).kind === 'pointer';

/** A value with its arrays and functions as pointers, and references followed. */
export function decayed(value: Value): Value {
  const followed = dereferenced(value);
  const { plain: type, address } = followed;
  if (type.kind !== 'array' && type.kind !== 'function') return followed;
  if (address === undefined) {
    const text = 'an array that lies in registers has no address; give one of its elements';
    throw userError('EXPR_NOT_LVALUE', text);
  }
  const target = type.kind === 'array' ? elementType(type) : followed.type;
  return Value.number(pointerTo(target), address, value.frame);
}

/** The number of a value; throws where there is none. */
export function operandOf(value: Value): Operand {
  const type = typeOfOperand(value);
  const number = value.number();
  if (typeof number === 'object') throw missing(value, number);
  return { type, number };
}

/** Throws where values of the type are no numbers. */
export function typeOfOperand(value: Value): Type {
  const { plain: type } = value;
  if (type.kind === 'struct' && type.language === 'c++') throw overloaded(typeText(value.type));
  if (type.kind === 'struct' || type.kind === 'array' || type.kind === 'void' || type.kind === 'function') {
    throw noNumber(typeText(value.type));
  }
  // Bit fields narrower than an int are ints (C11, 6.3.1.1).
  const isNarrow = value.bitSize !== undefined && value.bitSize < 32 && type.kind === 'base';
  return isNarrow ? INT : value.type;
}

export const isNumber = ({ plain: { kind } }: Value): boolean => kind === 'base' || kind === 'enum';

/** C11, 6.3.1.1: what is smaller than an int becomes one. */
export function promoted(type: Type): Type {
  const bare = plain(type);
  switch (bare.kind) {
    case 'base':
      if (bare.encoding === 'float' || bare.byteSize > 4) return bare;
      return bare.byteSize === 4 && !isSigned(bare) && bare.encoding !== 'boolean' ? UINT : INT;
    case 'enum':
      return bare.byteSize > 4
        ? integer(bare.byteSize, bare.isSigned)
        : bare.isSigned || bare.byteSize < 4
          ? INT
          : UINT;
    case 'pointer':
      return ULONG;
    default:
      return LONG;
  }
}

const integer = (byteSize: number, signed: boolean): Type =>
  byteSize > 8 ? (signed ? INT128 : UINT128) : byteSize > 4 ? (signed ? LONG : ULONG) : signed ? INT : UINT;

/** C11, 6.3.1.8. */
export function common(left: Type, right: Type): Type {
  const [a, b] = [plain(promoted(left)), plain(promoted(right))];
  const [sizeA, sizeB] = [sizeOf(a) ?? 8, sizeOf(b) ?? 8];
  if (isFloat(a) || isFloat(b)) {
    const size = Math.max(isFloat(a) ? sizeA : 0, isFloat(b) ? sizeB : 0);
    return size > 8 ? LONG_DOUBLE : size > 4 ? DOUBLE : FLOAT;
  }
  const size = Math.max(sizeA, sizeB);
  // The wider one's sign counts; of two that are as wide, an unsigned one wins.
  const signed = sizeA === sizeB ? isSigned(a) && isSigned(b) : isSigned(sizeA > sizeB ? a : b);
  return integer(size, signed);
}

export const convert = ({ number }: Operand, type: Type, frame: FrameContext): Scalar => {
  const found = Value.number(type, number, frame).number();
  return typeof found === 'object' ? 0n : found;
};

export const isTrue = ({ number }: Operand): boolean => number !== 0n && number !== 0;

/** Bytes of what a pointer points to: what it is counted in. As in GNU C void counts as 1. */
export function strideOf({ type }: Operand): bigint {
  const pointer = plain(type);
  const target = pointer.kind === 'pointer' ? pointer.target : type;
  const size = sizeOf(target);
  if (size === undefined) throw incomplete(typeText(target));
  return BigInt(Math.max(size, 1));
}

export type Arithmetic = Exclude<BinaryOperator, '&&' | '||' | '@'>;

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=']);

export function combine(operator: Arithmetic, left: Operand, right: Operand, frame: FrameContext): Operand {
  if (isPointer(left) || isPointer(right)) {
    const byPointer = pointerArithmetic(operator, left, right);
    if (byPointer !== undefined) return byPointer;
  }
  // A shift has the type of its left side alone.
  const type = operator === '<<' || operator === '>>' ? promoted(left.type) : common(left.type, right.type);
  const a = convert(left, type, frame);
  const b = operator === '<<' || operator === '>>' ? right.number : convert(right, type, frame);
  if (COMPARISONS.has(operator)) return { type: INT, number: compare(operator, a, b) ? 1n : 0n };
  if (typeof a === 'number' || typeof b === 'number') {
    return { type, number: convert({ type, number: ofFloats(operator, Number(a), Number(b)) }, type, frame) };
  }
  return {
    type,
    number: convert({ type, number: ofIntegers(operator, a, b, 8 * (sizeOf(type) ?? 8)) }, type, frame),
  };
}

/** Undefined: it counts as with numbers. */
function pointerArithmetic(operator: Arithmetic, left: Operand, right: Operand): Operand | undefined {
  const isScaled = operator === '*' || operator === '/' || operator === '%';
  if (isScaled && (isTyped(left) || isTyped(right))) throw notMoved();
  if (operator !== '+' && operator !== '-') return undefined;
  if (operator === '-' && isPointer(left) && isPointer(right)) {
    const distance = BigInt.asIntN(64, BigInt(left.number) - BigInt(right.number));
    return { type: LONG, number: distance / strideOf(left) };
  }
  const [pointer, other] = isPointer(left) ? [left, right] : [right, left];
  if (typeof other.number !== 'bigint' || isPointer(other) || (operator === '-' && !isPointer(left))) {
    throw notMoved();
  }
  const moved = other.number * strideOf(pointer);
  const number = BigInt(pointer.number) + (operator === '+' ? moved : -moved);
  return { type: pointer.type, number: BigInt.asUintN(64, number) };
}

/** The address in a register is a number as well. */
const isTyped = ({ type }: Operand): boolean => {
  const pointer = plain(type);
  return pointer.kind === 'pointer' && plain(pointer.target).kind !== 'void';
};

const notMoved = (): Error =>
  userError(
    'EXPR_POINTER',
    'pointers can only be moved by whole numbers; cast to u64 to compute with addresses',
  );

function compare(operator: string, a: Scalar, b: Scalar): boolean {
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    default:
      return a >= b;
  }
}

function ofFloats(operator: Arithmetic, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    default:
      throw userError('EXPR_NOT_INTEGER', `${operator} works on whole numbers only; cast to long first`);
  }
}

function ofIntegers(operator: Arithmetic, a: bigint, b: bigint, bits: number): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      if (b === 0n) throw divideByZero();
      return a / b;
    case '%':
      if (b === 0n) throw divideByZero();
      return a % b;
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    // Farther than the type is wide C does not say; nothing, or the sign, is left over (as in gdb).
    case '<<':
      return b < 0n || b >= BigInt(bits) ? 0n : a << b;
    case '>>':
      return b < 0n || b >= BigInt(bits) ? (a < 0n ? -1n : 0n) : a >> b;
    case '==':
    case '!=':
    case '<':
    case '>':
    case '<=':
    case '>=':
      return 0n;
    default:
      return unreachable(operator);
  }
}
