/**
 * Conversions between the formats and to and from integers. To an integer: out of range and NaN give the nearest bound
 * (NaN: the upper one) and NV without NX, as the RISC-V unprivileged specification, chapter F, has it.
 */
import { I32T, I64T, i32, i64, type FunctionBuilder, type FunctionRef, type I64 } from '../../../wasm';
import { INFINITY, MAGNITUDE, NV, NX, isNan, signOf, unpack, type Kit } from './kit';

export interface Conversions {
  /** (bits of a double, rm, upper bound: i64, lower bound negated: i64) -> i64. */
  readonly toInteger: FunctionRef;
  /** (sign, magnitude: i64, rm, single) -> bits. */
  readonly fromInteger: FunctionRef;
  /** (bits of a double, rm) -> bits of a single in an i64. */
  readonly narrow: FunctionRef;
}

export type IntegerType = 'i32' | 'u32' | 'i64' | 'u64';

/** The largest value, and the smallest negated. */
export const bounds: Readonly<Record<IntegerType, readonly [upper: bigint, lowerNegated: bigint]>> = {
  i32: [(1n << 31n) - 1n, 1n << 31n],
  u32: [(1n << 32n) - 1n, 0n],
  i64: [(1n << 63n) - 1n, 1n << 63n],
  u64: [(1n << 64n) - 1n, 0n],
};

export function emitConversions(kit: Kit): Conversions {
  return {
    toInteger: kit.m.function('toInteger', [I64T, I32T, I64T, I64T], I64T, (f) => {
      writeToInteger(f, kit);
    }),
    fromInteger: kit.m.function('fromInteger', [I32T, I64T, I32T, I32T], I64T, (f) => {
      const magnitude = f.param(1, I64T);
      f.if(magnitude.eqz(), () => {
        f.return(0n);
      });
      const shift = f.let(magnitude.clz());
      const exponent = i32(63).sub(shift.toI32());
      const [sign, rm, single] = [f.param(0, I32T), f.param(2, I32T), f.param(3, I32T)];
      f.return(f.callI64(kit.round, sign, exponent, magnitude.shl(shift), rm, single));
    }),
    narrow: kit.m.function('narrow', [I64T, I32T], I64T, (f) => {
      const a = f.param(0, I64T);
      f.if(isNan(a), () => {
        f.return(f.callI64(kit.nan, a, a, 1));
      });
      f.if(a.and(MAGNITUDE).eq(INFINITY), () => {
        f.return(f.callI64(kit.infinity, signOf(a), 1));
      });
      f.if(a.and(MAGNITUDE).eqz(), () => {
        f.return(f.callI64(kit.zero, signOf(a), 1));
      });
      const x = unpack(f, a);
      f.return(f.callI64(kit.round, signOf(a), x.exponent, x.significand, f.param(1, I32T), 1));
    }),
  };
}

function writeToInteger(f: FunctionBuilder, kit: Kit): void {
  const a = f.param(0, I64T);
  const rm = f.param(1, I32T);
  const upper = f.param(2, I64T);
  f.if(a.and(MAGNITUDE).eqz(), () => {
    f.return(0n);
  });
  f.if(isNan(a), () => {
    kit.raise(f, NV);
    f.return(upper);
  });
  const sign = f.let(signOf(a));
  const bound = f.let(sign.select64(f.param(3, I64T), upper));
  const { exponent, significand } = unpack(f, a);
  f.if(exponent.gtS(63), () => {
    kit.raise(f, NV);
    f.return(signed(sign, bound));
  });
  // The integer part, and the fraction in units of 2^-64.
  const shift = f.let(i32(63).sub(exponent));
  const fraction = f.let(i64(0n));
  f.if(
    shift.geU(64),
    () => {
      // Below 1/2 only its being nonzero counts.
      f.set(fraction, shift.eq(64).select64(significand, 1n));
      f.set(significand, i64(0n));
    },
    () => {
      f.set(fraction, significand.shl(1).shl(i64(63n).sub(shift.toI64U())));
      f.set(significand, significand.shrU(shift.toI64U()));
    },
  );
  f.if(fraction.ne(0n), () => {
    f.set(significand, significand.add(increment(sign, rm, fraction, significand).toI64U()));
  });
  f.if(significand.gtU(bound), () => {
    kit.raise(f, NV);
    f.return(signed(sign, bound));
  });
  f.if(fraction.ne(0n), () => {
    kit.raise(f, NX);
  });
  f.return(signed(sign, significand));
}

const signed = (sign: ReturnType<typeof i32>, magnitude: I64): I64 =>
  sign.select64(magnitude.neg(), magnitude);

/** 1 when a nonzero fraction rounds the magnitude up. */
function increment(
  sign: ReturnType<typeof i32>,
  rm: ReturnType<typeof i32>,
  fraction: I64,
  whole: I64,
): ReturnType<typeof i32> {
  const half = 1n << 63n;
  const tie = fraction.eq(half).and(rm.shrU(2).or(whole.toI32().and(1)));
  const nearest = fraction.gtU(half).or(tie);
  const directed = rm.ne(1).and(sign.xor(rm).and(1));
  return rm.and(3).eqz().select(nearest, directed);
}
