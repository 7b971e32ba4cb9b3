/** The fused multiply-add a * b + c with one rounding, for both formats (see kit.ts), in 128-bit integers. */
import {
  I32T,
  I64T,
  i32,
  i64,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
  type Local,
} from '../../../wasm';
import { INFINITY, MAGNITUDE, RDN, isNan, signOf, unpack, type Kit } from './kit';

/** A 128-bit significand below 2^127: the number is `(high * 2^64 + low) * 2^(exponent - 126)`. */
interface Wide {
  sign: Local<I32>;
  exponent: Local<I32>;
  high: Local<I64>;
  low: Local<I64>;
}

/** (a, b, c: bits of doubles, rm, single) -> bits. */
export function emitMulAdd(kit: Kit): FunctionRef {
  return kit.m.function('softMulAdd', [I64T, I64T, I64T, I32T, I32T], I64T, (f) => {
    const [a, b, c] = [f.param(0, I64T), f.param(1, I64T), f.param(2, I64T)];
    const rm = f.param(3, I32T);
    const single = f.param(4, I32T);
    const sign = f.let(signOf(a.xor(b)));
    const sizeA = f.let(a.and(MAGNITUDE));
    const sizeB = f.let(b.and(MAGNITUDE));
    const sizeC = f.let(c.and(MAGNITUDE));
    const special = sizeA.geU(INFINITY).or(sizeB.geU(INFINITY)).or(sizeC.geU(INFINITY));
    f.if(special, () => {
      // Infinity times zero is invalid even when c is a quiet NaN (RISC-V F, fused multiply-add).
      const undefinedProduct = sizeA.eq(INFINITY).and(sizeB.eqz()).or(sizeB.eq(INFINITY).and(sizeA.eqz()));
      f.if(undefinedProduct, () => {
        f.return(f.callI64(kit.invalid, single));
      });
      f.if(isNan(a).or(isNan(b)).or(isNan(c)), () => {
        f.call(kit.nan, a, b, single);
        f.return(f.callI64(kit.nan, c, c, single));
      });
      f.if(sizeC.eq(INFINITY), () => {
        f.if(
          sizeA
            .eq(INFINITY)
            .or(sizeB.eq(INFINITY))
            .and(sign.ne(signOf(c))),
          () => {
            f.return(f.callI64(kit.invalid, single));
          },
        );
        f.return(f.callI64(kit.infinity, signOf(c), single));
      });
      f.return(f.callI64(kit.infinity, sign, single));
    });
    const addend = unpack(f, c);
    f.if(sizeA.eqz().or(sizeB.eqz()), () => {
      f.if(sizeC.eqz(), () => {
        f.return(f.callI64(kit.zero, sign.eq(signOf(c)).select(sign, rm.eq(RDN)), single));
      });
      f.return(f.callI64(kit.round, signOf(c), addend.exponent, addend.significand, rm, single));
    });
    const x = multiply(f, sign, unpack(f, a), unpack(f, b));
    // A zero addend needs no care: its exponent is so low that a product below it rounds as if it were no number.
    const y: Wide = {
      sign: f.let(signOf(c)),
      exponent: addend.exponent,
      high: f.let(addend.significand.shrU(1)),
      low: f.let(i64(0n)),
    };
    f.if(x.exponent.ltS(y.exponent), () => {
      swap(f, x, y);
    });
    alignTo(f, kit, x, y);
    addInto(f, x, y);
    returnRounded(f, kit, x, rm, single);
  });
}

function multiply(
  f: FunctionBuilder,
  sign: Local<I32>,
  a: ReturnType<typeof unpack>,
  b: ReturnType<typeof unpack>,
): Wide {
  const low32 = (value: I64): I64 => value.and(0xffffffffn);
  const [aHigh, bHigh] = [a.significand.shrU(32), b.significand.shrU(32)];
  const [aLow, bLow] = [f.let(low32(a.significand)), f.let(low32(b.significand))];
  const cross = f.let(aHigh.mul(bLow).add(aLow.mul(bLow).shrU(32)));
  const crossLow = aLow.mul(bHigh).add(low32(cross)).shrU(32);
  const high = f.let(aHigh.mul(bHigh).add(cross.shrU(32)).add(crossLow));
  const low = f.let(a.significand.mul(b.significand));
  const exponent = f.let(a.exponent.add(b.exponent));
  // The product is in [2^126, 2^128) and ends in 22 zero bits: bring it below 2^127.
  f.if(high.ltS(0n), () => {
    f.set(low, low.shrU(1).or(high.shl(63)));
    f.set(high, high.shrU(1));
    f.set(exponent, exponent.add(1));
  });
  return { sign, exponent, high, low };
}

function swap(f: FunctionBuilder, x: Wide, y: Wide): void {
  for (const [p, q] of [
    [x.sign, y.sign],
    [x.exponent, y.exponent],
  ] as const) {
    const t = f.let(p);
    f.set(p, q);
    f.set(q, t);
  }
  for (const [p, q] of [
    [x.high, y.high],
    [x.low, y.low],
  ] as const) {
    const t = f.let(p);
    f.set(p, q);
    f.set(q, t);
  }
}

/** Shifts y, whose exponent is not above that of x, to the exponent of x; what is shifted out is sticky. */
function alignTo(f: FunctionBuilder, kit: Kit, x: Wide, y: Wide): void {
  const distance = f.let(x.exponent.sub(y.exponent));
  f.if(
    distance.geU(64),
    () => {
      // Where y is not zero y.high is not, so what is left of it is sticky enough for y.low too.
      f.set(y.low, f.callI64(kit.shiftRightJam, y.high, distance.sub(64)));
      f.set(y.high, i64(0n));
    },
    () => {
      const shift = f.let(distance.toI64U());
      const moved = y.high.shl(1).shl(i64(63n).sub(shift));
      f.set(y.low, f.callI64(kit.shiftRightJam, y.low, distance).or(moved));
      f.set(y.high, y.high.shrU(shift));
    },
  );
}

/** x += y, at equal exponents. The significand may reach 2^128 - 1. */
function addInto(f: FunctionBuilder, x: Wide, y: Wide): void {
  f.if(
    x.sign.eq(y.sign),
    () => {
      f.set(x.low, x.low.add(y.low));
      f.set(x.high, x.high.add(y.high).add(x.low.ltU(y.low).toI64U()));
    },
    () => {
      f.set(x.high, x.high.sub(y.high).sub(x.low.ltU(y.low).toI64U()));
      f.set(x.low, x.low.sub(y.low));
      f.if(x.high.ltS(0n), () => {
        f.set(x.low, x.low.neg());
        f.set(x.high, x.high.not().add(x.low.eqz().toI64U()));
        f.set(x.sign, x.sign.xor(1));
      });
    },
  );
}

function returnRounded(f: FunctionBuilder, kit: Kit, x: Wide, rm: I32, single: I32): void {
  f.if(x.high.eqz(), () => {
    f.if(x.low.eqz(), () => {
      f.return(f.callI64(kit.zero, rm.eq(RDN), single));
    });
    f.set(x.high, x.low);
    f.set(x.low, i64(0n));
    f.set(x.exponent, x.exponent.sub(64));
  });
  const shift = f.let(x.high.clz());
  const top = x.high.shl(shift).or(x.low.shrU(1).shrU(i64(63n).sub(shift)));
  const sticky = x.low.shl(shift).ne(0n).toI64U();
  const exponent = x.exponent.add(i32(1).sub(shift.toI32()));
  f.return(f.callI64(kit.round, x.sign, exponent, top.or(sticky), rm, single));
}
