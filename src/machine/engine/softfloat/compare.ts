/**
 * Comparisons, minimum, maximum and classification. They work on left-aligned bits: a double as it is, a single in the
 * upper half of an i64. So both formats have the sign in bit 63 and compare as integers alike.
 */
import {
  I32T,
  I64T,
  i32,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
  type Local,
} from '../../../wasm';
import { MAGNITUDE, NV, type Kit } from './kit';

/** Left-aligned bits of one format. */
export interface Format {
  readonly name: 'f32' | 'f64';
  readonly infinity: bigint;
  readonly smallestNormal: bigint;
  readonly canonicalNan: bigint;
}

export const F32_FORMAT: Format = {
  name: 'f32',
  infinity: 0x7f800000n << 32n,
  smallestNormal: 0x00800000n << 32n,
  canonicalNan: 0x7fc00000n << 32n,
};

export const F64_FORMAT: Format = {
  name: 'f64',
  infinity: 0x7ff0n << 48n,
  smallestNormal: 0x0010n << 48n,
  canonicalNan: 0x7ff8n << 48n,
};

export interface Comparisons {
  readonly min: FunctionRef;
  readonly max: FunctionRef;
  readonly eq: FunctionRef;
  readonly lt: FunctionRef;
  readonly le: FunctionRef;
  readonly classify: FunctionRef;
}

export function emitComparisons(kit: Kit, format: Format): Comparisons {
  const double = format.name === 'f64';
  const T = double ? I64T : I32T;
  const operand = (f: FunctionBuilder, index: number): Local<I64> =>
    double ? f.param(index, I64T) : f.let(f.param(index, I32T).toI64U().shl(32));
  const returnBits = (f: FunctionBuilder, bits: I64): void => {
    f.return(double ? bits : bits.shrU(32).toI32());
  };
  const binary = (name: string, result: typeof T, write: (f: FunctionBuilder, a: I64, b: I64) => void) =>
    kit.m.function(`${format.name}_${name}`, [T, T], result, (f) => {
      write(f, operand(f, 0), operand(f, 1));
    });
  const extreme = (name: string, first: (a: I64, b: I64) => I32): FunctionRef =>
    binary(name, T, (f, a, b) => {
      f.if(isNan(a, format).or(isNan(b, format)), () => {
        raiseIfSignaling(f, kit, format, a, b);
        f.if(isNan(a, format).eqz(), () => {
          returnBits(f, a);
        });
        returnBits(f, isNan(b, format).select64(format.canonicalNan, b));
      });
      returnBits(f, first(order(a), order(b)).select64(a, b));
    });
  const compare = (name: string, quiet: boolean, holds: (a: I64, b: I64) => I32): FunctionRef =>
    binary(name, I32T, (f, a, b) => {
      f.if(isNan(a, format).or(isNan(b, format)), () => {
        if (quiet) raiseIfSignaling(f, kit, format, a, b);
        else kit.raise(f, NV);
        f.return(0);
      });
      f.return(holds(a, b));
    });
  const bothZero = (a: I64, b: I64): I32 => a.or(b).and(MAGNITUDE).eqz();
  return {
    min: extreme('min', (a, b) => a.ltS(b)),
    max: extreme('max', (a, b) => a.gtS(b)),
    eq: compare('eq', true, (a, b) => a.eq(b).or(bothZero(a, b))),
    lt: compare('lt', false, (a, b) => order(a).ltS(order(b)).and(bothZero(a, b).eqz())),
    le: compare('le', false, (a, b) => order(a).leS(order(b)).or(bothZero(a, b))),
    classify: kit.m.function(`${format.name}_classify`, [T], I32T, (f) => {
      writeClassify(f, format, operand(f, 0));
    }),
  };
}

const isNan = (bits: I64, format: Format): I32 => bits.and(MAGNITUDE).gtU(format.infinity);

function raiseIfSignaling(f: FunctionBuilder, kit: Kit, format: Format, a: I64, b: I64): void {
  const isSignaling = (bits: I64): I32 =>
    isNan(bits, format).and(bits.and(MAGNITUDE).ltU(format.canonicalNan));
  f.if(isSignaling(a).or(isSignaling(b)), () => {
    kit.raise(f, NV);
  });
}

/** A signed integer that orders numbers as their values, and -0 below +0. */
const order = (bits: I64): I64 => bits.xor(bits.shrS(63).shrU(1));

/** The one-hot class of fclass: 0 -infinity, 1 -normal, 2 -subnormal, 3 -0, 4 to 7 mirrored, 8 sNaN, 9 qNaN. */
function writeClassify(f: FunctionBuilder, format: Format, bits: I64): void {
  const size = f.let(bits.and(MAGNITUDE));
  f.if(size.gtU(format.infinity), () => {
    f.return(size.ltU(format.canonicalNan).select(1 << 8, 1 << 9));
  });
  const atLeast = (bound: bigint): I32 => size.geU(bound);
  const rank = f.let(atLeast(1n).add(atLeast(format.smallestNormal)).add(atLeast(format.infinity)));
  const position = bits.ltS(0n).select(i32(3).sub(rank), rank.add(4));
  f.return(i32(1).shl(position));
}
