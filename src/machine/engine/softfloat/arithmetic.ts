/**
 * The soft paths of add, multiply, divide and square root, for both formats (see kit.ts), all (operands as doubles,
 * rm, single) -> bits.
 *
 * Multiply, divide and square root take the significand that the native double operation gives (to nearest even, on
 * numbers in [1, 2), so without special cases) and compute what it missed exactly in integers: the error is known to be
 * below 2^63 in units of the last place of the full result, so wrapping 64-bit arithmetic suffices and no 128-bit product
 * or bit-wise division is needed.
 */
import { I32T, I64T, type FunctionBuilder, type FunctionRef, type I32, type I64 } from '../../../wasm';
import {
  DZ,
  FRACTION,
  HIDDEN_BIT,
  INFINITY,
  MAGNITUDE,
  RDN,
  isNan,
  scaled,
  signOf,
  unpack,
  type Kit,
} from './kit';

export interface Arithmetic {
  readonly add: FunctionRef;
  readonly mul: FunctionRef;
  readonly div: FunctionRef;
  readonly sqrt: FunctionRef;
}

export function emitArithmetic(kit: Kit): Arithmetic {
  const binary = [I64T, I64T, I32T, I32T] as const;
  return {
    add: kit.m.function('softAdd', binary, I64T, (f) => {
      writeAdd(f, kit);
    }),
    mul: kit.m.function('softMul', binary, I64T, (f) => {
      writeMul(f, kit);
    }),
    div: kit.m.function('softDiv', binary, I64T, (f) => {
      writeDiv(f, kit);
    }),
    sqrt: kit.m.function('softSqrt', [I64T, I32T, I32T], I64T, (f) => {
      writeSqrt(f, kit);
    }),
  };
}

const binaryParams = (f: FunctionBuilder) => ({
  a: f.param(0, I64T),
  b: f.param(1, I64T),
  rm: f.param(2, I32T),
  single: f.param(3, I32T),
});

/** Normalizes a nonzero significand and returns the rounded result: `significand * 2^(exponent - 63)`. */
function returnRounded(
  f: FunctionBuilder,
  kit: Kit,
  result: { sign: I32 | number; exponent: I32; significand: I64; rm: I32; single: I32 },
): void {
  const shift = f.let(result.significand.clz());
  const exponent = result.exponent.sub(shift.toI32());
  const { sign, significand, rm, single } = result;
  f.return(f.callI64(kit.round, sign, exponent, significand.shl(shift), rm, single));
}

function writeAdd(f: FunctionBuilder, kit: Kit): void {
  const { a, b, rm, single } = binaryParams(f);
  const sizeA = f.let(a.and(MAGNITUDE));
  const sizeB = f.let(b.and(MAGNITUDE));
  f.if(sizeA.geU(INFINITY).or(sizeB.geU(INFINITY)), () => {
    f.if(isNan(a).or(isNan(b)), () => {
      f.return(f.callI64(kit.nan, a, b, single));
    });
    f.if(sizeA.eq(sizeB).and(a.ne(b)), () => {
      f.return(f.callI64(kit.invalid, single));
    });
    f.return(f.callI64(kit.infinity, signOf(sizeA.eq(INFINITY).select64(a, b)), single));
  });
  f.if(sizeA.ltU(sizeB), () => {
    const swapped = f.let(a);
    f.set(a, b);
    f.set(b, swapped);
  });
  // From here |a| >= |b|.
  f.if(a.and(MAGNITUDE).eqz(), () => {
    f.return(f.callI64(kit.zero, a.eq(b).select(signOf(a), rm.eq(RDN)), single));
  });
  const large = unpack(f, a);
  const small = unpack(f, b);
  const distance = large.exponent.sub(small.exponent);
  // One bit of room for the carry; the operands end 11 bits above bit 0, so nothing is lost.
  const addend = f.let(f.callI64(kit.shiftRightJam, small.significand.shrU(1), distance));
  f.if(a.xor(b).ltS(0n), () => {
    f.set(addend, addend.neg());
  });
  const sum = f.let(large.significand.shrU(1).add(addend));
  f.if(sum.eqz(), () => {
    f.return(f.callI64(kit.zero, rm.eq(RDN), single));
  });
  returnRounded(f, kit, { sign: signOf(a), exponent: large.exponent.add(1), significand: sum, rm, single });
}

function writeMul(f: FunctionBuilder, kit: Kit): void {
  const { a, b, rm, single } = binaryParams(f);
  const sizeA = f.let(a.and(MAGNITUDE));
  const sizeB = f.let(b.and(MAGNITUDE));
  const sign = f.let(signOf(a.xor(b)));
  f.if(sizeA.geU(INFINITY).or(sizeB.geU(INFINITY)), () => {
    f.if(isNan(a).or(isNan(b)), () => {
      f.return(f.callI64(kit.nan, a, b, single));
    });
    f.if(sizeA.eqz().or(sizeB.eqz()), () => {
      f.return(f.callI64(kit.invalid, single));
    });
    f.return(f.callI64(kit.infinity, sign, single));
  });
  f.if(sizeA.eqz().or(sizeB.eqz()), () => {
    f.return(f.callI64(kit.zero, sign, single));
  });
  const x = unpack(f, a);
  const y = unpack(f, b);
  const nearest = f.let(scaled(x.significand).asF64().mul(scaled(y.significand).asF64()).asI64());
  const high = f.let(nearest.and(FRACTION).or(HIDDEN_BIT));
  // 0 or 1: the binary place of the product, which in full is high * 2^(52 + place) + error.
  const place = f.let(nearest.shrU(52).sub(0x3ffn));
  const product = x.significand.shrU(11).mul(y.significand.shrU(11));
  const error = f.let(product.sub(high.shl(place.add(52n))));
  const dropped = f.let(place.add(41n));
  const floor = high.shl(11).add(error.shrS(dropped));
  const sticky = error.shl(i64Minus(dropped)).ne(0n);
  const significand = f.let(floor.or(sticky.toI64U()));
  const exponent = x.exponent.add(y.exponent).add(place.toI32());
  returnRounded(f, kit, { sign, exponent, significand, rm, single });
}

/** 64 - count, as a shift count. */
const i64Minus = (count: I64): I64 => count.neg();

/** `nearest` moved by a sticky bit towards the exact value that it stands for: no quotient or root is a tie. */
const nudged = (nearest: I64, error: I64): I64 =>
  nearest.shl(11).add(error.gtS(0n).sub(error.ltS(0n)).toI64S());

function writeDiv(f: FunctionBuilder, kit: Kit): void {
  const { a, b, rm, single } = binaryParams(f);
  const sizeA = f.let(a.and(MAGNITUDE));
  const sizeB = f.let(b.and(MAGNITUDE));
  const sign = f.let(signOf(a.xor(b)));
  f.if(sizeA.geU(INFINITY).or(sizeB.geU(INFINITY)), () => {
    f.if(isNan(a).or(isNan(b)), () => {
      f.return(f.callI64(kit.nan, a, b, single));
    });
    f.if(sizeA.eq(sizeB), () => {
      f.return(f.callI64(kit.invalid, single));
    });
    f.if(sizeA.eq(INFINITY), () => {
      f.return(f.callI64(kit.infinity, sign, single));
    });
    f.return(f.callI64(kit.zero, sign, single));
  });
  f.if(sizeB.eqz(), () => {
    f.if(sizeA.eqz(), () => {
      f.return(f.callI64(kit.invalid, single));
    });
    kit.raise(f, DZ);
    f.return(f.callI64(kit.infinity, sign, single));
  });
  f.if(sizeA.eqz(), () => {
    f.return(f.callI64(kit.zero, sign, single));
  });
  const x = unpack(f, a);
  const y = unpack(f, b);
  const nearest = f.let(scaled(x.significand).asF64().div(scaled(y.significand).asF64()).asI64());
  const quotient = f.let(nearest.and(FRACTION).or(HIDDEN_BIT));
  // 0 or -1: the quotient is in (1/2, 2).
  const place = f.let(nearest.shrU(52).sub(0x3ffn));
  const dividend = x.significand.shrU(11).shl(place.neg().add(52n));
  const error = f.let(dividend.sub(quotient.mul(y.significand.shrU(11))));
  const exponent = x.exponent.sub(y.exponent).add(place.toI32());
  returnRounded(f, kit, { sign, exponent, significand: f.let(nudged(quotient, error)), rm, single });
}

function writeSqrt(f: FunctionBuilder, kit: Kit): void {
  const a = f.param(0, I64T);
  const rm = f.param(1, I32T);
  const single = f.param(2, I32T);
  f.if(isNan(a), () => {
    f.return(f.callI64(kit.nan, a, a, single));
  });
  f.if(a.and(MAGNITUDE).eqz(), () => {
    f.return(f.callI64(kit.zero, signOf(a), single));
  });
  f.if(a.ltS(0n), () => {
    f.return(f.callI64(kit.invalid, single));
  });
  f.if(a.eq(INFINITY), () => {
    f.return(f.callI64(kit.infinity, 0, single));
  });
  const x = unpack(f, a);
  // The root of a number in [1, 4): an odd exponent leaves a factor of two inside.
  const odd = f.let(x.exponent.and(1).toI64U());
  const radicand = scaled(x.significand).add(odd.shl(52));
  const root = f.let(radicand.asF64().sqrt().asI64().and(FRACTION).or(HIDDEN_BIT));
  const error = f.let(x.significand.shrU(11).shl(odd.add(52n)).sub(root.mul(root)));
  const significand = f.let(nudged(root, error));
  returnRounded(f, kit, { sign: 0, exponent: x.exponent.shrS(1), significand, rm, single });
}
