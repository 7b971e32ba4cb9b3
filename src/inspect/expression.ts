/**
 * Evaluates expressions over a machine's view and its symbols. Arithmetic is in 64 bits: signed, unless an operand is
 * an unsigned 64-bit value. Without full type information, a global variable of 1, 2, 4 or 8 bytes reads as an
 * unsigned number, and everything else stands for its address. Reads only; an assignment uses the result's `lvalue`.
 */
import { unreachable, userError } from '../base/errors';
import type { Symbols } from '../symbols/symbols';
import {
  parseExpression,
  type BinaryOperator,
  type Expression,
  type UnaryOperator,
  type ValueType,
} from './expression-parser';
import { registerIndex } from './registers';
import { readUnsigned, type MachineView } from './view';

export { parseExpression, type Expression } from './expression-parser';

/** Where a value can be written. */
export type Lvalue = { readonly address: bigint; readonly size: number } | { readonly register: string };

export interface ExpressionValue {
  /** Negative only if signed. */
  readonly value: bigint;
  readonly bits: number;
  readonly signed: boolean;
  readonly type: ValueType;
  readonly lvalue?: Lvalue;
}

export interface ExpressionContext {
  readonly view: MachineView;
  readonly symbols: Pick<Symbols, 'symbolNamed'>;
}

/** Parses and evaluates. Codes: those of parseExpression and evaluate. */
export const evaluateExpression = (text: string, context: ExpressionContext): ExpressionValue =>
  evaluate(parseExpression(text), context);

/**
 * Codes: EXPR_UNKNOWN_REGISTER, EXPR_UNKNOWN_SYMBOL, EXPR_NO_MEMORY, EXPR_DIVIDE_BY_ZERO, EXPR_NOT_POINTER,
 * EXPR_VOID_POINTER, EXPR_NOT_LVALUE.
 */
export const evaluate = (expression: Expression, context: ExpressionContext): ExpressionValue =>
  new Evaluator(context).value(expression);

const I64: ValueType = { kind: 'int', bits: 64, signed: true };
const U64: ValueType = { kind: 'int', bits: 64, signed: false };
const VOID_POINTER: ValueType = { kind: 'pointer', to: { kind: 'void' } };

/** Registers that hold addresses compare as such (as in GDB); all others are signed numbers. */
const ADDRESS_REGISTERS: ReadonlySet<string> = new Set([
  'ra',
  'sp',
  'gp',
  'tp',
  'fp',
  'x1',
  'x2',
  'x3',
  'x4',
]);

const make = (type: ValueType, raw: bigint, lvalue?: Lvalue): ExpressionValue => {
  const { bits, signed } = type.kind === 'int' ? type : { bits: 64, signed: false };
  const value = signed ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
  return { value, bits, signed, type, ...(lvalue === undefined ? {} : { lvalue }) };
};

/** Bytes of what a pointer points to. */
const sizeOf = (type: ValueType): number => {
  if (type.kind === 'int') return type.bits / 8;
  // As GCC does, arithmetic on void pointers counts bytes.
  return type.kind === 'pointer' ? 8 : 1;
};

const flag = (condition: boolean): ExpressionValue => make(I64, condition ? 1n : 0n);

class Evaluator {
  constructor(private readonly context: ExpressionContext) {}

  value(expression: Expression): ExpressionValue {
    switch (expression.kind) {
      case 'literal':
        return make(expression.signed ? I64 : U64, expression.value);
      case 'register':
        return this.register(expression.name);
      case 'symbol':
        return this.symbol(expression.name);
      case 'unary':
        return this.unary(expression.operator, expression.operand);
      case 'cast':
        return this.cast(expression.type, this.value(expression.operand));
      case 'index':
        return this.dereference(add(this.value(expression.base), this.value(expression.index), 1n));
      case 'binary':
        return this.binary(expression.operator, expression.left, expression.right);
      case 'conditional':
        return this.value(this.value(expression.test).value !== 0n ? expression.yes : expression.no);
      default:
        return unreachable(expression);
    }
  }

  private register(name: string): ExpressionValue {
    const { view } = this.context;
    if (name === 'pc') return make(VOID_POINTER, view.pc, { register: 'pc' });
    const index = registerIndex(name);
    if (index !== undefined) {
      const type = ADDRESS_REGISTERS.has(name) ? VOID_POINTER : I64;
      return index === 0 ? make(type, 0n) : make(type, view.x(index), { register: name });
    }
    if (name === 'priv') return make(U64, BigInt(view.privilege));
    const csr = view.csr?.(name);
    if (csr === undefined) {
      throw userError(
        'EXPR_UNKNOWN_REGISTER',
        `there is no register $${name}; use names such as $a0, $x10, $pc or $mstatus`,
      );
    }
    return make(U64, csr, { register: name });
  }

  private symbol(name: string): ExpressionValue {
    const { address, size, kind } = this.find(name);
    const bits = Number(size) * 8;
    const isNumber = kind === 'object' && (bits === 8 || bits === 16 || bits === 32 || bits === 64);
    return isNumber ? this.load({ kind: 'int', bits, signed: false }, address) : make(VOID_POINTER, address);
  }

  private find(name: string): { address: bigint; size: bigint; kind: string } {
    const found = this.context.symbols.symbolNamed(name);
    if (found === undefined) {
      throw userError(
        'EXPR_UNKNOWN_SYMBOL',
        `there is no symbol ${name}; registers are written with $, as $a0`,
      );
    }
    return found;
  }

  private load(type: ValueType, address: bigint): ExpressionValue {
    const size = sizeOf(type);
    const raw = readUnsigned(this.context.view, address, size);
    if (raw === undefined) {
      const where = `0x${BigInt.asUintN(64, address).toString(16)}`;
      throw userError(
        'EXPR_NO_MEMORY',
        `memory at ${where} cannot be read; check the address and whether it is mapped now`,
      );
    }
    return make(type, raw, { address: BigInt.asUintN(64, address), size });
  }

  private unary(operator: UnaryOperator, operand: Expression): ExpressionValue {
    if (operator === '&') return this.addressOf(operand);
    const inner = this.value(operand);
    switch (operator) {
      case '*':
        return this.dereference(inner);
      case '!':
        return flag(inner.value === 0n);
      case '-':
        return make(arithmeticType(inner), -inner.value);
      case '~':
        return make(arithmeticType(inner), ~inner.value);
      case '+':
        return make(arithmeticType(inner), inner.value);
      default:
        return unreachable(operator);
    }
  }

  private addressOf(operand: Expression): ExpressionValue {
    // The address of a symbol needs no memory to be readable.
    if (operand.kind === 'symbol') {
      const { address, size, kind } = this.find(operand.name);
      const bits = Number(size) * 8;
      const known = kind === 'object' && (bits === 8 || bits === 16 || bits === 32 || bits === 64);
      const to: ValueType = known ? { kind: 'int', bits, signed: false } : { kind: 'void' };
      return make({ kind: 'pointer', to }, address);
    }
    const inner = this.value(operand);
    if (inner.lvalue === undefined || !('address' in inner.lvalue)) {
      throw userError(
        'EXPR_NOT_LVALUE',
        'only what lies in memory has an address; give a variable or a dereference after &',
      );
    }
    return make({ kind: 'pointer', to: inner.type }, inner.lvalue.address);
  }

  private dereference(pointer: ExpressionValue): ExpressionValue {
    if (pointer.type.kind !== 'pointer') {
      throw userError(
        'EXPR_NOT_POINTER',
        'only a pointer can be dereferenced; cast the address first, as *(u64*)$a0',
      );
    }
    const { to } = pointer.type;
    if (to.kind === 'void') {
      throw userError(
        'EXPR_VOID_POINTER',
        'the type at that address is not known; cast the address first, as *(u32*)$sp',
      );
    }
    return this.load(to, pointer.value);
  }

  private cast(type: ValueType, inner: ExpressionValue): ExpressionValue {
    if (type.kind === 'void')
      throw userError('EXPR_VOID_POINTER', 'nothing can be cast to void; cast to a number or a pointer');
    return make(type, inner.value);
  }

  private binary(operator: BinaryOperator, left: Expression, right: Expression): ExpressionValue {
    const a = this.value(left);
    // Short circuit: the right side may be unreadable exactly when the left one says so.
    if (operator === '&&') return flag(a.value !== 0n && this.value(right).value !== 0n);
    if (operator === '||') return flag(a.value !== 0n || this.value(right).value !== 0n);
    const b = this.value(right);
    if (operator === '+') return add(a, b, 1n);
    if (operator === '-') return subtract(a, b);
    return combine(operator, a, b);
  }
}

/** The type of a number after promotion; pointers become unsigned numbers. */
const arithmeticType = (...values: readonly ExpressionValue[]): ValueType =>
  values.some((value) => value.bits === 64 && !value.signed) ? U64 : I64;

const add = (a: ExpressionValue, b: ExpressionValue, sign: 1n | -1n): ExpressionValue => {
  if (a.type.kind === 'pointer') return make(a.type, a.value + sign * b.value * BigInt(sizeOf(a.type.to)));
  if (b.type.kind === 'pointer' && sign === 1n)
    return make(b.type, b.value + a.value * BigInt(sizeOf(b.type.to)));
  return make(arithmeticType(a, b), a.value + sign * b.value);
};

const subtract = (a: ExpressionValue, b: ExpressionValue): ExpressionValue => {
  if (a.type.kind === 'pointer' && b.type.kind === 'pointer') {
    return make(I64, BigInt.asIntN(64, a.value - b.value) / BigInt(sizeOf(a.type.to)));
  }
  return add(a, b, -1n);
};

type Combining = Exclude<BinaryOperator, '+' | '-' | '&&' | '||'>;

const combine = (operator: Combining, left: ExpressionValue, right: ExpressionValue): ExpressionValue => {
  const type = arithmeticType(left, right);
  const a = make(type, left.value).value;
  const b = make(type, right.value).value;
  switch (operator) {
    case '*':
      return make(type, a * b);
    case '/':
      return make(type, a / nonZero(b));
    case '%':
      return make(type, a % nonZero(b));
    case '&':
      return make(type, a & b);
    case '|':
      return make(type, a | b);
    case '^':
      return make(type, a ^ b);
    case '<<':
      // The type of a shift is that of its left side; the distance counts modulo 64, as on the machine.
      return make(arithmeticType(left), left.value << (b & 63n));
    case '>>':
      return make(arithmeticType(left), left.value >> (b & 63n));
    case '==':
      return flag(a === b);
    case '!=':
      return flag(a !== b);
    case '<':
      return flag(a < b);
    case '>':
      return flag(a > b);
    case '<=':
      return flag(a <= b);
    case '>=':
      return flag(a >= b);
    default:
      return unreachable(operator);
  }
};

const nonZero = (value: bigint): bigint => {
  if (value === 0n)
    throw userError('EXPR_DIVIDE_BY_ZERO', 'the expression divides by zero; guard it with ?: or &&');
  return value;
};
