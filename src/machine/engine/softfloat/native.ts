/**
 * Native fast paths. They may run when the guest rounds to nearest even and has the inexact flag set already
 * (`nativeSuffices`), and return only when their result proves that no other flag is due; else control falls through to
 * the soft path. A native NaN never gets out: its exponent field fails every check.
 */
import { F32, F64, f64, type FunctionBuilder, type I32, type I64, type Local } from '../../../wasm';
import { NX, type Kit } from './kit';

/** The native operation rounds as the guest wants and cannot add a flag but NX, which is set. */
export const nativeSuffices = (kit: Kit, rm: I32): I32 => kit.flags().and(NX).xor(1).or(rm).eqz();

/** Any finite result: sums that are subnormal are exact, and those that are not finite are left to the soft path. */
export const finite64 = (bits: I64): I32 => bits.shl(1).ltU(0x7ffn << 53n);
export const finite32 = (bits: I32): I32 => bits.shl(1).ltU(0xff000000 | 0);

/** Finite and at least twice the smallest normal number, so neither tiny nor rounded up from tiny. */
export const normal64 = (bits: I64): I32 =>
  bits
    .shl(1)
    .sub(2n << 53n)
    .ltU(0x7fdn << 53n);
export const normal32 = (bits: I32): I32 =>
  bits
    .shl(1)
    .sub(2 << 24)
    .ltU(0xfd000000 | 0);

export function returnIf64(f: FunctionBuilder, accept: (bits: I64) => I32, result: F64): void {
  const bits = f.let(result.asI64());
  f.if(accept(bits), () => {
    f.return(bits);
  });
}

export function returnIf32(f: FunctionBuilder, accept: (bits: I32) => I32, result: F32): void {
  const bits = f.let(result.asI32());
  f.if(accept(bits), () => {
    f.return(bits);
  });
}

/**
 * a * b + c on singles. The product is exact in a double and the sum is rounded once to a double. Rounding that to a
 * single goes wrong only when it lies exactly between two singles and the exact sum does not: those go the soft way.
 */
export function nativeMulAdd32(f: FunctionBuilder, a: F32, b: F32, c: F32): void {
  const sum = f.let(a.toF64().mul(b.toF64()).add(c.toF64()));
  const isBetween = sum
    .asI64()
    .and((1n << 29n) - 1n)
    .eq(1n << 28n);
  f.if(isBetween.eqz(), () => {
    returnIf32(f, normal32, sum.toF32());
  });
}

/** The error of a rounded sum, exactly (Knuth's TwoSum). NaN when something on the way is not finite. */
function errorOfSum(f: FunctionBuilder, a: F64, b: F64, sum: Local<F64>): F64 {
  const bPart = f.let(sum.sub(a));
  return a.sub(sum.sub(bPart)).add(b.sub(bPart));
}

/** The upper 26 bits of a double (Veltkamp's splitting); the rest fits in 26 bits with its sign. */
function upperHalf(f: FunctionBuilder, a: F64): Local<F64> {
  const large = f.let(a.mul(f64(2 ** 27 + 1)));
  return f.let(large.sub(large.sub(a)));
}

/**
 * a * b + c on doubles: the rounded sum of the rounded product and c, and the errors of both, which are doubles. Their
 * own rounded sum, `error`, is off by less than 2^-52 of itself, so where both ends of that interval lead to the same
 * result, that is the one (rounding is monotonic). Overflow on the way makes a NaN, which is unequal to itself. Underflow
 * is kept out by the bounds of 2^-800: the product's error is a multiple of 2^-906, and a result that large is not
 * moved by a subnormal `error`.
 */
export function nativeMulAdd64(f: FunctionBuilder, a: F64, b: F64, c: F64): void {
  const product = f.let(a.mul(b));
  const isLarge = (value: F64): I32 =>
    value
      .asI64()
      .shl(1)
      .gtU(BigInt(1023 - 800) << 53n);
  f.if(isLarge(product), () => {
    const aHigh = upperHalf(f, a);
    const bHigh = upperHalf(f, b);
    const aLow = f.let(a.sub(aHigh));
    const bLow = f.let(b.sub(bHigh));
    const crossed = aHigh.mul(bHigh).sub(product).add(aHigh.mul(bLow)).add(aLow.mul(bHigh));
    const productError = crossed.add(aLow.mul(bLow));
    const sum = f.let(product.add(c));
    const error = f.let(errorOfSum(f, product, c, sum).add(productError));
    const result = f.let(sum.add(error.mul(f64(1 - 2 ** -52))));
    const same = result.eq(sum.add(error.mul(f64(1 + 2 ** -52))));
    f.if(same.and(isLarge(result)), () => {
      returnIf64(f, finite64, result);
    });
  });
}

/** Of a size that a significand of so many bits holds: no rounding mode matters, and no flag is due. */
export const isExact = (value: I64, bits: 24 | 53, signed: boolean): I32 =>
  signed ? value.add(1n << BigInt(bits)).ltU(1n << BigInt(bits + 1)) : value.ltU(1n << BigInt(bits));

const conversion = (value: I64, opcode: number) => (out: Parameters<I64['write']>[0]) => {
  value.write(out);
  out.byte(opcode);
};

/** The native conversions from 64-bit integers, to nearest even (core spec 5.4.6: f32.convert_i64_s and so on). */
export const nativeFromInteger = {
  f32: (value: I64, signed: boolean): F32 => new F32(conversion(value, signed ? 0xb4 : 0xb5)),
  f64: (value: I64, signed: boolean): F64 => new F64(conversion(value, signed ? 0xb9 : 0xba)),
};
