/**
 * What every soft float function shares: unpacking, rounding and packing, flags, special values. IEEE 754-2019 with the
 * choices of the RISC-V unprivileged specification, chapter F: canonical NaNs, tininess detected after rounding.
 *
 * There is one soft path for both formats. It takes doubles (a single widens to a double without loss) and ends in
 * `round`, which is told the format of the result by its `single` parameter (0 or 1). In between a finite nonzero number
 * is `significand * 2^(exponent - 63)` with bit 63 of the significand set; bit 0 is sticky where bits were dropped.
 */
import {
  I32T,
  I64T,
  i32,
  i64,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
} from '../../../wasm';
import type { Local, ModuleBuilder } from '../../../wasm';

/** Bits of fflags. */
export const NV = 16;
export const DZ = 8;
export const OF = 4;
export const UF = 2;
export const NX = 1;

/** Values of frm: to nearest ties to even, towards zero, down, up, (4:) to nearest ties away from zero. */
export const RTZ = 1;
export const RDN = 2;

export const MAGNITUDE = (1n << 63n) - 1n;
export const INFINITY = 0x7ffn << 52n;
const QUIET_NAN = 0xfffn << 51n;
export const FRACTION = (1n << 52n) - 1n;
export const HIDDEN_BIT = 1n << 52n;
/** The bits of 1.0. */
export const ONE = 0x3ffn << 52n;

/** The helper functions in the module. All take and return bits of doubles unless `single` says otherwise. */
export interface Kit {
  readonly m: ModuleBuilder;
  /** ORs exception flags into the guest's. */
  raise(f: FunctionBuilder, flags: I32 | number): void;
  /** The guest's flags. */
  flags(): I32;
  /** (value: i64, count: i32) -> i64: value >> count, bit 0 set when a dropped bit was. Any count >= 0. */
  readonly shiftRightJam: FunctionRef;
  /** (sign, exponent, significand: i64, rm, single) -> bits; raises OF, UF and NX. The significand is normalized. */
  readonly round: FunctionRef;
  /** (a: i64, b: i64, single) -> the canonical NaN; raises NV when a or b is a signaling NaN. */
  readonly nan: FunctionRef;
  /** (single) -> the canonical NaN; raises NV. */
  readonly invalid: FunctionRef;
  /** (sign, single) -> bits. */
  readonly infinity: FunctionRef;
  /** (sign, single) -> bits. */
  readonly zero: FunctionRef;
  /** (bits of a single: i32) -> bits of the double of equal value; a NaN keeps its kind. */
  readonly widen: FunctionRef;
}

/** The sign, 0 or 1. */
export const signOf = (bits: I64): I32 => bits.shrU(63).toI32();

export const isNan = (bits: I64): I32 => bits.and(MAGNITUDE).gtU(INFINITY);

const isSignaling = (bits: I64): I32 =>
  bits
    .and(MAGNITUDE)
    .sub(INFINITY + 1n)
    .ltU(QUIET_NAN - INFINITY - 1n);

/** Splits a finite number. Of a zero the significand is 0. */
export function unpack(f: FunctionBuilder, bits: I64): { exponent: Local<I32>; significand: Local<I64> } {
  const exponent = f.let(bits.shrU(52).toI32().and(0x7ff).sub(1023));
  const significand = f.let(bits.shl(11));
  f.if(
    exponent.eq(-1023),
    () => {
      f.set(significand, significand.and(MAGNITUDE));
      const shift = f.let(significand.clz());
      f.set(exponent, i32(-1022).sub(shift.toI32()));
      f.set(significand, significand.shl(shift));
    },
    () => {
      f.set(significand, significand.or(1n << 63n));
    },
  );
  return { exponent, significand };
}

/** The significand as a double in [1, 2), for operands that have at most 53 significant bits (all of ours). */
export const scaled = (significand: I64): I64 => significand.shl(1).shrU(12).or(ONE);

export function makeKit(m: ModuleBuilder, flagsAddress: number): Kit {
  const flags = (): I32 => i32(flagsAddress).load32();
  const raise = (f: FunctionBuilder, raised: I32 | number): void => {
    f.store32(flagsAddress, flags().or(raised));
  };
  const canonicalNan = (single: I32): I64 => single.select64(0x7fc00000n, QUIET_NAN);
  const signBit = (sign: I32, single: I32): I64 => sign.toI64U().shl(single.select64(31n, 63n));

  const shiftRightJam = m.function('shiftRightJam', [I64T, I32T], I64T, (f) => {
    const value = f.param(0, I64T);
    const count = f.param(1, I32T);
    f.if(count.geU(64), () => {
      f.return(value.ne(0n).toI64U());
    });
    const shift = f.let(count.toI64U());
    const lost = value.and(i64(1n).shl(shift).sub(1n)).ne(0n);
    f.return(value.shrU(shift).or(lost.toI64U()));
  });

  const nan = m.function('nan', [I64T, I64T, I32T], I64T, (f) => {
    f.if(isSignaling(f.param(0, I64T)).or(isSignaling(f.param(1, I64T))), () => {
      raise(f, NV);
    });
    f.return(canonicalNan(f.param(2, I32T)));
  });

  const invalid = m.function('invalid', [I32T], I64T, (f) => {
    raise(f, NV);
    f.return(canonicalNan(f.param(0, I32T)));
  });

  const infinity = m.function('infinity', [I32T, I32T], I64T, (f) => {
    const single = f.param(1, I32T);
    f.return(signBit(f.param(0, I32T), single).or(single.select64(0x7f800000n, INFINITY)));
  });

  const zero = m.function('zero', [I32T, I32T], I64T, (f) => {
    f.return(signBit(f.param(0, I32T), f.param(1, I32T)));
  });

  const widen = m.function('widen', [I32T], I64T, (f) => {
    const bits = f.param(0, I32T);
    f.if(bits.and(0x7f800000).eq(0x7f800000), () => {
      // Not by the native promotion, which may change the bits of a NaN.
      const sign = bits.and(0x80000000 | 0).toI64U();
      f.return(sign.shl(32).or(INFINITY).or(bits.and(0x7fffff).toI64U().shl(29)));
    });
    f.return(bits.asF32().toF64().asI64());
  });

  const round = m.declare('round', [I32T, I32T, I64T, I32T, I32T], I64T);
  m.define(round, (f) => {
    writeRound(f, { raise, shiftRightJam, infinity, signBit });
  });
  return { m, raise, flags, shiftRightJam, round, nan, invalid, infinity, zero, widen };
}

interface RoundParts {
  raise: Kit['raise'];
  shiftRightJam: FunctionRef;
  infinity: FunctionRef;
  signBit: (sign: I32, single: I32) => I64;
}

function writeRound(f: FunctionBuilder, { raise, shiftRightJam, infinity, signBit }: RoundParts): void {
  const sign = f.param(0, I32T);
  const exponent = f.param(1, I32T);
  const significand = f.param(2, I64T);
  const rm = f.param(3, I32T);
  const single = f.param(4, I32T);
  /** Bits below the precision of the format. */
  const drop = f.let(single.select64(40n, 11n));
  const lowest = f.let(single.select(-126, -1022));
  const half = f.let(i64(1n).shl(drop.sub(1n)));
  const mask = f.let(half.shl(1).sub(1n));

  // What is added before truncation. `directed` is the increment of RDN and RUP, which differ in rm bit 0.
  const directed = rm.ne(RTZ).and(sign.xor(rm).and(1)).select64(mask, 0n);
  const increment = f.let(rm.and(3).eqz().select64(half, directed));

  const tiny = f.let(i32(0));
  f.if(exponent.ltS(lowest), () => {
    // After rounding with unbounded exponent: a carry out of the significand reaches the smallest normal number.
    const carries = significand.add(increment).ltU(significand);
    f.set(tiny, exponent.ne(lowest.sub(1)).or(carries.eqz()).select(UF, 0));
    f.set(significand, f.callI64(shiftRightJam, significand, lowest.sub(exponent)));
    f.set(exponent, lowest);
  });

  const dropped = f.let(significand.and(mask));
  f.if(dropped.ne(0n), () => {
    raise(f, tiny.or(NX));
  });
  const sum = f.let(significand.add(increment));
  const carry = sum.ltU(significand).toI64U().shl(i64(64n).sub(drop));
  const isTie = dropped.eq(half).and(rm.eqz());
  const kept = sum.shrU(drop).add(carry).and(isTie.toI64U().not());
  // The hidden bit, where there is one, adds 1 to the exponent field; a carry does the same.
  const field = exponent.sub(lowest).toI64U().shl(i64(63n).sub(drop));
  const bits = f.let(field.add(kept));

  const infinite = single.select64(0x7f800000n, INFINITY);
  f.if(bits.geU(infinite), () => {
    raise(f, OF | NX);
    // The largest finite number is the bit pattern before infinity.
    const back = increment.eqz().toI64U();
    f.return(f.callI64(infinity, sign, single).sub(back));
  });
  f.return(bits.or(signBit(sign, single)));
}
