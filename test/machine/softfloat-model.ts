/**
 * A reference model of RISC-V floating point that shares nothing with the implementation: numbers are exact n * 2^e in
 * BigInt, rounded once by comparing what is cut off with one half. It is the slow and obvious form of IEEE 754-2019.
 */
import type { FloatFunction } from '../../src/isa/types';

export interface Outcome {
  /** Unsigned: 32 bits of a single, 64 bits of a double or an integer, or the plain value of eq, lt, le, classify. */
  readonly bits: bigint;
  readonly flags: number;
}

export interface Format {
  readonly width: 32 | 64;
  readonly precision: number;
  readonly emin: number;
  readonly emax: number;
}

export const SINGLE: Format = { width: 32, precision: 24, emin: -126, emax: 127 };
export const DOUBLE: Format = { width: 64, precision: 53, emin: -1022, emax: 1023 };
export const formatOf = (width: 32 | 64): Format => (width === 32 ? SINGLE : DOUBLE);

type Datum =
  | { kind: 'nan'; signaling: boolean; sign: 0 | 1 }
  | { kind: 'infinite'; sign: 0 | 1 }
  | { kind: 'finite'; sign: 0 | 1; n: bigint; e: number };
type Finite = Extract<Datum, { kind: 'finite' }>;

const [NV, DZ, OF, UF, NX] = [16, 8, 4, 2, 1];
const bitLength = (n: bigint): number => n.toString(2).length;

export function decode(format: Format, bits: bigint): Datum {
  const fractionBits = BigInt(format.precision - 1);
  const sign = bits >> BigInt(format.width - 1) ? 1 : 0;
  const field = Number((bits >> fractionBits) & ((1n << BigInt(format.width - format.precision)) - 1n));
  const fraction = bits & ((1n << fractionBits) - 1n);
  if (field === 2 * format.emax + 1) {
    if (fraction === 0n) return { kind: 'infinite', sign };
    return { kind: 'nan', sign, signaling: fraction >> (fractionBits - 1n) === 0n };
  }
  const e = Math.max(field, 1) - format.emax - (format.precision - 1);
  return { kind: 'finite', sign, n: field === 0 ? fraction : fraction + (1n << fractionBits), e };
}

const infinityBits = (f: Format): bigint => BigInt(2 * f.emax + 1) << BigInt(f.precision - 1);
const signBits = (f: Format, sign: 0 | 1): bigint => BigInt(sign) << BigInt(f.width - 1);
const canonicalNan = (f: Format): bigint => infinityBits(f) | (1n << BigInt(f.precision - 2));
const infinite = (f: Format, sign: 0 | 1): Outcome => ({
  bits: signBits(f, sign) | infinityBits(f),
  flags: 0,
});
const zero = (f: Format, sign: 0 | 1): Outcome => ({ bits: signBits(f, sign), flags: 0 });
const invalid = (f: Format): Outcome => ({ bits: canonicalNan(f), flags: NV });

/** n * 2^e as an integer multiple of 2^quantum, rounded. */
function roundTo(
  sign: 0 | 1,
  n: bigint,
  e: number,
  quantum: number,
  rm: number,
): { m: bigint; inexact: boolean } {
  if (quantum <= e) return { m: n << BigInt(e - quantum), inexact: false };
  const unit = 1n << BigInt(quantum - e);
  const m = n / unit;
  const twice = (n % unit) * 2n;
  if (twice === 0n) return { m, inexact: false };
  const up = [
    twice > unit || (twice === unit && m % 2n === 1n),
    false,
    sign === 1,
    sign === 0,
    twice >= unit,
  ][rm];
  return { m: up ? m + 1n : m, inexact: true };
}

/** n * 2^e (n > 0) in the format. */
function round(f: Format, sign: 0 | 1, n: bigint, e: number, rm: number): Outcome {
  const top = bitLength(n) - 1 + e;
  const unbounded = roundTo(sign, n, e, top - f.precision + 1, rm);
  const quantum = Math.max(top, f.emin) - f.precision + 1;
  const { m, inexact } = roundTo(sign, n, e, quantum, rm);
  let flags = inexact ? NX : 0;
  const magnitude = bitLength(m) - 1 + quantum;
  if (m > 0n && magnitude > f.emax) {
    const toInfinity = rm === 0 || rm === 4 || rm === (sign === 1 ? 2 : 3);
    return { bits: signBits(f, sign) | (infinityBits(f) - (toInfinity ? 0n : 1n)), flags: OF | NX };
  }
  const tiny = bitLength(unbounded.m) - 1 + (top - f.precision + 1) < f.emin;
  if (tiny && inexact) flags |= UF;
  const hidden = 1n << BigInt(f.precision - 1);
  if (m < hidden) return { bits: signBits(f, sign) | m, flags };
  const excess = BigInt(bitLength(m) - f.precision);
  const fraction = (m >> excess) - hidden;
  return {
    bits: signBits(f, sign) | (BigInt(magnitude + f.emax) << BigInt(f.precision - 1)) | fraction,
    flags,
  };
}

function nanOutcome(f: Format, operands: Datum[]): Outcome | undefined {
  const nans = operands.filter((x) => x.kind === 'nan');
  if (nans.length === 0) return undefined;
  return { bits: canonicalNan(f), flags: nans.some((x) => x.signaling) ? NV : 0 };
}

const flip = (x: Datum): Datum => ({ ...x, sign: x.sign === 0 ? 1 : 0 });

/** x + y, of which an exact zero takes the sign of both or, where they differ, that of the rounding direction. */
function sum(f: Format, x: Datum, y: Datum, rm: number): Outcome {
  const nan = nanOutcome(f, [x, y]);
  if (nan) return nan;
  if (x.kind === 'infinite') {
    return y.kind === 'infinite' && x.sign !== y.sign ? invalid(f) : infinite(f, x.sign);
  }
  if (y.kind === 'infinite') return infinite(f, y.sign);
  const [p, q] = [x as Finite, y as Finite];
  const e = Math.min(p.e, q.e);
  const signed = ({ sign, n, e: own }: Finite): bigint => (sign ? -n : n) << BigInt(own - e);
  const total = signed(p) + signed(q);
  if (total === 0n) return zero(f, p.sign === q.sign ? p.sign : rm === 2 ? 1 : 0);
  return round(f, total < 0n ? 1 : 0, total < 0n ? -total : total, e, rm);
}

/** The exact product, or undefined where it has none. NaNs excluded. */
function exactProduct(x: Datum, y: Datum): Datum | undefined {
  const sign = x.sign === y.sign ? 0 : 1;
  const isZero = (v: Datum): boolean => v.kind === 'finite' && v.n === 0n;
  if (x.kind === 'infinite' || y.kind === 'infinite') {
    return isZero(x) || isZero(y) ? undefined : { kind: 'infinite', sign };
  }
  const [p, q] = [x as Finite, y as Finite];
  return { kind: 'finite', sign, n: p.n * q.n, e: p.e + q.e };
}

function product(f: Format, x: Datum, y: Datum, rm: number): Outcome {
  const nan = nanOutcome(f, [x, y]);
  if (nan) return nan;
  const exact = exactProduct(x, y);
  if (!exact) return invalid(f);
  if (exact.kind !== 'finite') return infinite(f, exact.sign);
  return exact.n === 0n ? zero(f, exact.sign) : round(f, exact.sign, exact.n, exact.e, rm);
}

function fused(f: Format, x: Datum, y: Datum, z: Datum, rm: number): Outcome {
  if (x.kind !== 'nan' && y.kind !== 'nan') {
    const exact = exactProduct(x, y);
    return exact ? sum(f, exact, z, rm) : invalid(f);
  }
  return nanOutcome(f, [x, y, z]) ?? invalid(f);
}

function quotient(f: Format, x: Datum, y: Datum, rm: number): Outcome {
  const nan = nanOutcome(f, [x, y]);
  if (nan) return nan;
  const sign = x.sign === y.sign ? 0 : 1;
  if (x.kind === 'infinite') return y.kind === 'infinite' ? invalid(f) : infinite(f, sign);
  if (y.kind === 'infinite') return zero(f, sign);
  const [p, q] = [x as Finite, y as Finite];
  if (q.n === 0n) return p.n === 0n ? invalid(f) : { ...infinite(f, sign), flags: DZ };
  if (p.n === 0n) return zero(f, sign);
  // 200 binary places and one that says whether there are more: enough for every comparison with a half.
  const scaled = p.n << 200n;
  const n = (scaled / q.n) * 2n + (scaled % q.n === 0n ? 0n : 1n);
  return round(f, sign, n, p.e - q.e - 201, rm);
}

function integerRoot(n: bigint): bigint {
  let x = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

function squareRoot(f: Format, x: Datum, rm: number): Outcome {
  const nan = nanOutcome(f, [x]);
  if (nan) return nan;
  if (x.kind === 'finite' && x.n === 0n) return zero(f, x.sign);
  if (x.sign === 1) return invalid(f);
  if (x.kind === 'infinite') return infinite(f, 0);
  const { n, e } = x as Finite;
  const odd = e & 1;
  const scaled = n << BigInt(200 + odd);
  const root = integerRoot(scaled);
  return round(f, 0, root * 2n + (root * root === scaled ? 0n : 1n), (e - odd - 200) / 2 - 1, rm);
}

/** Orders values; NaNs excluded. Zeros are equal. */
function compare(x: Datum, y: Datum): number {
  const size = (v: Datum): bigint => (v.kind === 'finite' ? v.n << BigInt(v.e + 1200) : 1n << 5000n);
  const value = (v: Datum): bigint => (v.sign ? -size(v) : size(v));
  const difference = value(x) - value(y);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function extreme(f: Format, a: bigint, b: bigint, direction: 1 | -1): Outcome {
  const [x, y] = [decode(f, a), decode(f, b)];
  const flags = nanOutcome(f, [x, y])?.flags ?? 0;
  if (x.kind === 'nan' && y.kind === 'nan') return { bits: canonicalNan(f), flags };
  if (x.kind === 'nan') return { bits: b, flags };
  if (y.kind === 'nan') return { bits: a, flags };
  const order = compare(x, y) || y.sign - x.sign;
  return { bits: order * direction >= 0 ? a : b, flags };
}

function relation(f: Format, name: string, x: Datum, y: Datum): Outcome {
  const nan = nanOutcome(f, [x, y]);
  if (nan) return { bits: 0n, flags: name === 'eq' ? nan.flags : NV };
  const order = compare(x, y);
  const holds = name === 'eq' ? order === 0 : name === 'lt' ? order < 0 : order <= 0;
  return { bits: holds ? 1n : 0n, flags: 0 };
}

function classOf(f: Format, x: Datum): number {
  if (x.kind === 'nan') return x.signaling ? 8 : 9;
  if (x.kind === 'infinite') return x.sign ? 0 : 7;
  if (x.n === 0n) return x.sign ? 3 : 4;
  if (x.n < 1n << BigInt(f.precision - 1)) return x.sign ? 2 : 5;
  return x.sign ? 1 : 6;
}

function toInteger(x: Datum, signed: boolean, width: number, rm: number): Outcome {
  const most = (1n << BigInt(signed ? width - 1 : width)) - 1n;
  const least = signed ? -most - 1n : 0n;
  const outcome = (value: bigint, flags: number): Outcome => ({
    bits: BigInt.asUintN(64, BigInt.asIntN(width, value)),
    flags,
  });
  if (x.kind !== 'finite') return outcome(x.kind === 'nan' || x.sign === 0 ? most : least, NV);
  const { m, inexact } = roundTo(x.sign, x.n, x.e, 0, rm);
  const value = x.sign ? -m : m;
  if (value > most) return outcome(most, NV);
  if (value < least) return outcome(least, NV);
  return outcome(value, inexact ? NX : 0);
}

function convert(x: Datum, f: Format, rm: number): Outcome {
  const nan = nanOutcome(f, [x]);
  if (nan) return nan;
  if (x.kind === 'infinite') return infinite(f, x.sign);
  const { sign, n, e } = x as Finite;
  return n === 0n ? zero(f, sign) : round(f, sign, n, e, rm);
}

/** What the function must return and the flags that it must raise. Operands are unsigned bits; rm is 0 to 4. */
export function model(name: FloatFunction, operands: readonly bigint[], rm: number): Outcome {
  const [a = 0n, b = 0n, c = 0n] = operands;
  const conversion = /^([fiu])(32|64)_to_([fiu])(32|64)$/.exec(name);
  if (conversion) {
    const [, from, fromWidth, to, toWidth] = conversion;
    if (to !== 'f') {
      const x = decode(formatOf(Number(fromWidth) as 32 | 64), a);
      return toInteger(x, to === 'i', Number(toWidth), rm);
    }
    const target = formatOf(Number(toWidth) as 32 | 64);
    if (from === 'f') return convert(decode(formatOf(Number(fromWidth) as 32 | 64), a), target, rm);
    const value = from === 'i' ? BigInt.asIntN(Number(fromWidth), a) : BigInt.asUintN(Number(fromWidth), a);
    const sign = value < 0n ? 1 : 0;
    return convert({ kind: 'finite', sign, n: sign ? -value : value, e: 0 }, target, rm);
  }
  const f = name.startsWith('f32') ? SINGLE : DOUBLE;
  const [x, y, z] = [decode(f, a), decode(f, b), decode(f, c)];
  const operation = name.slice(4);
  switch (operation) {
    case 'add':
      return sum(f, x, y, rm);
    case 'sub':
      return sum(f, x, flip(y), rm);
    case 'mul':
      return product(f, x, y, rm);
    case 'div':
      return quotient(f, x, y, rm);
    case 'sqrt':
      return squareRoot(f, x, rm);
    case 'mulAdd':
      return fused(f, x, y, z, rm);
    case 'min':
      return extreme(f, a, b, -1);
    case 'max':
      return extreme(f, a, b, 1);
    case 'classify':
      return { bits: 1n << BigInt(classOf(f, x)), flags: 0 };
    default:
      return relation(f, operation, x, y);
  }
}
