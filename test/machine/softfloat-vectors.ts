/** Seeded operands for floating point tests, biased to where implementations go wrong. */
import type { FloatFunction } from '../../src/isa/types';
import { formatOf, model, type Format } from './softfloat-model';

export type OperandType = 'f32' | 'f64' | 'integer';

export interface Shape {
  readonly operands: readonly OperandType[];
  readonly result: OperandType | 'boolean';
  readonly rounds: boolean;
}

const arithmetic = { add: 2, sub: 2, mul: 2, div: 2, sqrt: 1, mulAdd: 3 };
const comparisons = { min: 2, max: 2, eq: 2, lt: 2, le: 2, classify: 1 };

/** Every float function with its signature. */
export const shapes = new Map<FloatFunction, Shape>();
for (const format of ['f32', 'f64'] as const) {
  for (const [name, count] of Object.entries(arithmetic)) {
    const operands = Array<OperandType>(count).fill(format);
    shapes.set(`${format}_${name}` as FloatFunction, { operands, result: format, rounds: true });
  }
  for (const [name, count] of Object.entries(comparisons)) {
    const result = name === 'min' || name === 'max' ? format : 'boolean';
    const operands = Array<OperandType>(count).fill(format);
    shapes.set(`${format}_${name}` as FloatFunction, { operands, result, rounds: false });
  }
  for (const integer of ['i32', 'u32', 'i64', 'u64'] as const) {
    shapes.set(`${format}_to_${integer}`, { operands: [format], result: 'integer', rounds: true });
    shapes.set(`${integer}_to_${format}`, { operands: ['integer'], result: format, rounds: true });
  }
}
shapes.set('f32_to_f64', { operands: ['f32'], result: 'f64', rounds: false });
shapes.set('f64_to_f32', { operands: ['f64'], result: 'f32', rounds: true });

/** A seeded generator of 32-bit numbers (an xorshift with an added counter). */
export class Random {
  private state: number;
  private counter = 0;
  constructor(seed: number) {
    this.state = seed | 1;
  }
  next32(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.counter = (this.counter + 362437) | 0;
    return (this.state + this.counter) >>> 0;
  }
  below(limit: number): number {
    return Math.floor((this.next32() / 2 ** 32) * limit);
  }
  bits(width: number): bigint {
    return BigInt.asUintN(width, (BigInt(this.next32()) << 32n) | BigInt(this.next32()));
  }
}

/** A significand without its hidden bit: random, or few ones at either end, or all ones, or a near-tie. */
function fraction(random: Random, bits: number): bigint {
  const all = (1n << BigInt(bits)) - 1n;
  const small = random.bits(1 + random.below(6));
  switch (random.below(6)) {
    case 0:
      return small & all;
    case 1:
      return all - (small & all);
    case 2:
      return (small << BigInt(bits - 6)) & all;
    case 3:
      return ((1n << BigInt(random.below(bits))) + small - 1n) & all;
    default:
      return random.bits(bits);
  }
}

function assemble(format: Format, sign: bigint, field: number, fractionBits: bigint): bigint {
  const high = BigInt(format.width - 1);
  const clamped = Math.min(Math.max(field, 0), 2 * format.emax);
  return (sign << high) | (BigInt(clamped) << BigInt(format.precision - 1)) | fractionBits;
}

/** A number on its own: special values, exponents at both ends and about 1, or anything. */
export function floatBits(random: Random, format: Format): bigint {
  const sign = random.bits(1);
  const size = format.precision - 1;
  const ends = 2 * format.emax;
  const part = fraction(random, size);
  switch (random.below(12)) {
    case 0:
      return sign << BigInt(format.width - 1);
    case 1:
      return assemble(format, sign, 0, part);
    case 2:
      return assemble(format, sign, random.below(3), part);
    case 3:
      return assemble(format, sign, ends - random.below(3), part);
    case 4: {
      const quiet = random.bits(1) << BigInt(size - 1);
      const infinityOrNan = random.below(3) === 0 ? 0n : quiet | (random.below(2) ? 1n : part);
      return assemble(format, sign, ends, 0n) + (1n << BigInt(size)) + infinityOrNan;
    }
    case 5:
      return random.bits(format.width);
    case 6:
      return assemble(format, sign, random.below(ends + 1), part);
    case 7:
      // Where products, quotients and roots reach the ends of the range.
      return assemble(format, sign, Math.floor(format.emax / 2) + random.below(4), part);
    case 8:
      return assemble(format, sign, format.emax + random.below(66), part);
    default:
      return assemble(format, sign, format.emax - 4 + random.below(9), part);
  }
}

/** A double that lies near what a single or an integer can hold. */
function wideBits(random: Random): bigint {
  const sign = random.bits(1);
  const kept = fraction(random, 23) << 29n;
  const tail = [0n, 1n, (1n << 28n) - 1n, 1n << 28n, (1n << 28n) + 1n, (1n << 29n) - 1n][random.below(6)];
  const field = [1023 - 126 - random.below(30), 1023 + 124 + random.below(5), 1010 + random.below(30)];
  return assemble(formatOf(64), sign, field[random.below(3)] ?? 0, kept | (tail ?? 0n));
}

/** A number about an integer and a half, or about a bound of an integer type. */
function nearInteger(random: Random, format: Format): bigint {
  const e = [-2, -1, 0, 1, 7, 22, 23, 24, 30, 31, 32, 51, 52, 53, 62, 63, 64][random.below(17)] ?? 0;
  const size = format.precision - 1;
  const whole = Math.min(Math.max(e, 0), size);
  const part = fraction(random, size) & (((1n << BigInt(whole)) - 1n) << BigInt(size - whole));
  const half = size > whole ? BigInt(random.below(3)) << BigInt(size - whole - 1) : 0n;
  const nudge = BigInt(random.below(3) - 1);
  return assemble(format, random.bits(1), format.emax + e, part) + half + nudge;
}

const integerBits = (random: Random): bigint => {
  const value = random.bits(64) >> BigInt(random.below(64));
  const edge = (1n << BigInt(random.below(64))) + BigInt(random.below(5) - 2);
  const chosen = random.below(2) ? value : edge;
  return BigInt.asUintN(64, random.below(2) ? -chosen : chosen);
};

/** An operand that stands in a difficult relation to `other`: nearly equal, or at a distance of some places. */
function related(random: Random, format: Format, other: bigint): bigint {
  const sign = 1n << BigInt(format.width - 1);
  const size = format.precision - 1;
  const field = Number((other & (sign - 1n)) >> BigInt(size));
  switch (random.below(3)) {
    case 0:
      return BigInt.asUintN(format.width, (other ^ sign) + BigInt(random.below(5) - 2));
    case 1:
      return assemble(format, random.bits(1), field + random.below(7) - 3, fraction(random, size));
    default: {
      const distance = random.below(format.precision + 4) * (random.below(2) ? 1 : -1);
      return assemble(format, random.bits(1), field + distance, fraction(random, size));
    }
  }
}

/** Operands for one call, as unsigned bits. */
export function operandsFor(random: Random, name: FloatFunction, shape: Shape): bigint[] {
  const [type] = shape.operands;
  if (type === 'integer') return [integerBits(random)];
  const format = formatOf(type === 'f32' ? 32 : 64);
  const a = floatBits(random, format);
  if (shape.result === 'integer' && random.below(2)) return [nearInteger(random, format)];
  if (name === 'f64_to_f32' && random.below(2)) return [wideBits(random)];
  if (shape.operands.length === 1) return [a];
  const b = random.below(2) ? related(random, format, a) : floatBits(random, format);
  if (/div|mul/.test(name) && random.below(3) === 0)
    return complete(random, name, shape, [a, tiny(random, format, a, name)]);
  return complete(random, name, shape, [a, b]);
}

/** The second operand for a product or quotient about the smallest normal number. */
function tiny(random: Random, format: Format, a: bigint, name: string): bigint {
  const size = format.precision - 1;
  const field = Number((a >> BigInt(size)) & BigInt(2 * format.emax + 1));
  const goal = random.below(4) - random.below(format.precision + 3) + 1;
  const other = name.endsWith('div') ? field - goal + format.emax : goal + format.emax - field;
  return assemble(format, random.bits(1), other, fraction(random, size));
}

/** Adds the third operand of a fused multiply-add: often one that cancels the product. */
function complete(random: Random, name: FloatFunction, shape: Shape, operands: bigint[]): bigint[] {
  if (shape.operands.length < 3) return operands;
  const format = formatOf(name.startsWith('f32') ? 32 : 64);
  const product = model(format.width === 32 ? 'f32_mul' : 'f64_mul', operands, random.below(5)).bits;
  return [...operands, random.below(3) ? related(random, format, product) : floatBits(random, format)];
}

/**
 * Operands that random ones do not meet: results that only rounding lifts to the smallest normal number, and singles
 * whose a * b + c, rounded to a double first, becomes a tie that it is not.
 */
export const corners: readonly (readonly [FloatFunction, ...bigint[]])[] = [
  ['f64_mul', 0x0010000000000000n, 0x3fefffffffffffffn],
  ['f64_mul', 0x8010000000000000n, 0x3fefffffffffffffn],
  ['f64_div', 0x001fffffffffffffn, 0x4000000000000000n],
  ['f64_mulAdd', 0x0010000000000000n, 0x3fefffffffffffffn, 0n],
  ['f32_mul', 0x00800000n, 0x3f7fffffn],
  ['f32_mul', 0x80800000n, 0x3f7fffffn],
  ['f32_div', 0x00ffffffn, 0x40000000n],
  ['f32_mulAdd', 0x00800000n, 0x3f7fffffn, 0n],
  ['f64_to_f32', 0x380fffffffffffffn],
  ['f64_to_f32', 0x380fffffe0000000n],
  ['f64_to_f32', 0xb80ffffff0000000n],
  ['f32_mulAdd', 0x4380a713n, 0x43ff3b1bn, 0x4b000000n],
  ['f32_mulAdd', 0xc380a713n, 0x43ff3b1bn, 0xcb000000n],
  ['f32_mulAdd', 0x43811e8dn, 0x43fed445n, 0x4b000001n],
];
