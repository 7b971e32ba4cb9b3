/**
 * Exact RISC-V floating point (unprivileged specification, chapters F and D, version 2.2) as WebAssembly functions.
 *
 * WebAssembly has correctly rounded arithmetic, but to nearest even only, without exception flags and with
 * nondeterministic NaN bits. So each operation has a native fast path for when that is all that is needed (round to
 * nearest even, the inexact flag already set, and a result that proves that no other flag is due), and an integer soft
 * path (kit.ts) for everything else. A native NaN never gets out: its exponent field fails the fast path's check.
 *
 * It does not know registers: NaN boxing and the choice of the rounding mode are the caller's.
 */
import type { FloatFunction } from '../../../isa/types';
import { I32T, I64T, type F32, type F64, type FunctionBuilder, type FunctionRef } from '../../../wasm';
import type { I32, I64, ModuleBuilder } from '../../../wasm';
import { emitArithmetic, type Arithmetic } from './arithmetic';
import { F32_FORMAT, F64_FORMAT, emitComparisons } from './compare';
import { bounds, emitConversions, type Conversions, type IntegerType } from './convert';
import { emitMulAdd } from './fused';
import { isNan, makeKit, type Kit } from './kit';
import {
  finite32,
  finite64,
  isExact,
  nativeFromInteger,
  nativeMulAdd32,
  nativeMulAdd64,
  nativeSuffices,
  normal32,
  normal64,
  returnIf32,
  returnIf64,
} from './native';

export interface SoftFloatOptions {
  /** Where the i32 of exception flags lies in linear memory: NV 16, DZ 8, OF 4, UF 2, NX 1. Flags are ORed in. */
  readonly flagsAddress: number;
}

/**
 * Adds the functions to the module. Operands and results are raw bits: i32 for singles, i64 for doubles. `rm` is an i32
 * from 0 to 4 (RNE, RTZ, RDN, RUP, RMM), any other value is undefined behaviour.
 *
 * - add, sub, mul, div (a, b, rm); sqrt (a, rm); mulAdd (a, b, c, rm): a * b + c with one rounding
 * - min, max (a, b); eq, lt, le (a, b) -> i32 0 or 1; classify (a) -> i32, the mask of fclass
 * - fX_to_iN (a, rm) -> i64: saturating; 32-bit results are sign-extended, unsigned ones too
 * - iN_to_fX (value: i64, rm): 32-bit sources use the low half
 * - f32_to_f64 (a); f64_to_f32 (a, rm)
 */
export function emitSoftFloat(
  m: ModuleBuilder,
  options: SoftFloatOptions,
): Record<FloatFunction, FunctionRef> {
  const kit = makeKit(m, options.flagsAddress);
  const soft = emitArithmetic(kit);
  const mulAdd = emitMulAdd(kit);
  const conversions = emitConversions(kit);
  const f32 = emitComparisons(kit, F32_FORMAT);
  const f64 = emitComparisons(kit, F64_FORMAT);
  return {
    ...emitBinary(kit, soft),
    ...emitSqrt(kit, soft),
    ...emitFused(kit, mulAdd),
    f32_min: f32.min,
    f32_max: f32.max,
    f32_eq: f32.eq,
    f32_lt: f32.lt,
    f32_le: f32.le,
    f32_classify: f32.classify,
    f64_min: f64.min,
    f64_max: f64.max,
    f64_eq: f64.eq,
    f64_lt: f64.lt,
    f64_le: f64.le,
    f64_classify: f64.classify,
    ...emitInteger(kit, conversions, 'i32'),
    ...emitInteger(kit, conversions, 'u32'),
    ...emitInteger(kit, conversions, 'i64'),
    ...emitInteger(kit, conversions, 'u64'),
    ...emitFormats(kit, conversions),
  };
}

interface BinaryOperation {
  soft: FunctionRef;
  native64: (a: F64, b: F64) => F64;
  native32: (a: F32, b: F32) => F32;
  accept64: (bits: I64) => I32;
  accept32: (bits: I32) => I32;
  /** Changes the second operand on the way to the soft path. */
  negateSecond?: boolean;
}

type BinaryName = 'add' | 'sub' | 'mul' | 'div';

function emitBinary(
  kit: Kit,
  soft: Arithmetic,
): Record<`f32_${BinaryName}` | `f64_${BinaryName}`, FunctionRef> {
  const sum = { soft: soft.add, accept64: finite64, accept32: finite32 };
  const scale = { accept64: normal64, accept32: normal32 };
  const rows: Record<BinaryName, BinaryOperation> = {
    add: { ...sum, native64: (a, b) => a.add(b), native32: (a, b) => a.add(b) },
    sub: { ...sum, native64: (a, b) => a.sub(b), native32: (a, b) => a.sub(b), negateSecond: true },
    mul: { ...scale, soft: soft.mul, native64: (a, b) => a.mul(b), native32: (a, b) => a.mul(b) },
    div: { ...scale, soft: soft.div, native64: (a, b) => a.div(b), native32: (a, b) => a.div(b) },
  };
  const double = (name: BinaryName): FunctionRef =>
    kit.m.function(`f64_${name}`, [I64T, I64T, I32T], I64T, (f) => {
      const [a, b, rm, row] = [f.param(0, I64T), f.param(1, I64T), f.param(2, I32T), rows[name]];
      f.if(nativeSuffices(kit, rm), () => {
        returnIf64(f, row.accept64, row.native64(a.asF64(), b.asF64()));
      });
      const second = row.negateSecond ? b.xor(1n << 63n) : b;
      f.return(f.callI64(row.soft, a, second, rm, 0));
    });
  const single = (name: BinaryName): FunctionRef =>
    kit.m.function(`f32_${name}`, [I32T, I32T, I32T], I32T, (f) => {
      const [a, b, rm, row] = [f.param(0, I32T), f.param(1, I32T), f.param(2, I32T), rows[name]];
      f.if(nativeSuffices(kit, rm), () => {
        returnIf32(f, row.accept32, row.native32(a.asF32(), b.asF32()));
      });
      const second = row.negateSecond ? b.xor(1 << 31) : b;
      const [x, y] = [f.callI64(kit.widen, a), f.callI64(kit.widen, second)];
      f.return(f.callI64(row.soft, x, y, rm, 1).toI32());
    });
  return {
    f32_add: single('add'),
    f32_sub: single('sub'),
    f32_mul: single('mul'),
    f32_div: single('div'),
    f64_add: double('add'),
    f64_sub: double('sub'),
    f64_mul: double('mul'),
    f64_div: double('div'),
  };
}

function emitSqrt(kit: Kit, soft: Arithmetic): Record<'f32_sqrt' | 'f64_sqrt', FunctionRef> {
  return {
    f32_sqrt: kit.m.function('f32_sqrt', [I32T, I32T], I32T, (f) => {
      const [a, rm] = [f.param(0, I32T), f.param(1, I32T)];
      f.if(nativeSuffices(kit, rm), () => {
        returnIf32(f, finite32, a.asF32().sqrt());
      });
      f.return(f.callI64(soft.sqrt, f.callI64(kit.widen, a), rm, 1).toI32());
    }),
    f64_sqrt: kit.m.function('f64_sqrt', [I64T, I32T], I64T, (f) => {
      const [a, rm] = [f.param(0, I64T), f.param(1, I32T)];
      f.if(nativeSuffices(kit, rm), () => {
        returnIf64(f, finite64, a.asF64().sqrt());
      });
      f.return(f.callI64(soft.sqrt, a, rm, 0));
    }),
  };
}

function emitFused(kit: Kit, soft: FunctionRef): Record<'f32_mulAdd' | 'f64_mulAdd', FunctionRef> {
  return {
    f32_mulAdd: kit.m.function('f32_mulAdd', [I32T, I32T, I32T, I32T], I32T, (f) => {
      const [a, b, c, rm] = [f.param(0, I32T), f.param(1, I32T), f.param(2, I32T), f.param(3, I32T)];
      f.if(nativeSuffices(kit, rm), () => {
        nativeMulAdd32(f, a.asF32(), b.asF32(), c.asF32());
      });
      const widen = (bits: I32): I64 => f.callI64(kit.widen, bits);
      f.return(f.callI64(soft, widen(a), widen(b), widen(c), rm, 1).toI32());
    }),
    f64_mulAdd: kit.m.function('f64_mulAdd', [I64T, I64T, I64T, I32T], I64T, (f) => {
      const [a, b, c, rm] = [f.param(0, I64T), f.param(1, I64T), f.param(2, I64T), f.param(3, I32T)];
      f.if(nativeSuffices(kit, rm), () => {
        nativeMulAdd64(f, a.asF64(), b.asF64(), c.asF64());
      });
      f.return(f.callI64(soft, a, b, c, rm, 0));
    }),
  };
}

type IntegerNames<T extends IntegerType> = `f${32 | 64}_to_${T}` | `${T}_to_f${32 | 64}`;

function emitInteger<T extends IntegerType>(
  kit: Kit,
  { toInteger, fromInteger }: Conversions,
  type: T,
): Record<IntegerNames<T>, FunctionRef> {
  const { m } = kit;
  const [upper, lowerNegated] = bounds[type];
  const is32 = type.endsWith('32');
  const isSigned = type.startsWith('i');
  const to = (f: FunctionBuilder, double: I64): void => {
    const result = f.callI64(toInteger, double, f.param(1, I32T), upper, lowerNegated);
    f.return(is32 ? result.extend32S() : result);
  };
  const from = (f: FunctionBuilder, single: 0 | 1): I64 => {
    const [value, rm] = [f.param(0, I64T), f.param(1, I32T)];
    if (is32) f.set(value, isSigned ? value.extend32S() : value.and(0xffffffffn));
    const small = isExact(value, single ? 24 : 53, isSigned);
    f.if(small.or(nativeSuffices(kit, rm)), () => {
      if (single) f.return(nativeFromInteger.f32(value, isSigned).asI32());
      else f.return(nativeFromInteger.f64(value, isSigned).asI64());
    });
    if (!isSigned) return f.callI64(fromInteger, 0, value, rm, single);
    const negative = f.let(value.ltS(0n));
    return f.callI64(fromInteger, negative, negative.select64(value.neg(), value), rm, single);
  };
  return {
    [`f32_to_${type}`]: m.function(`f32_to_${type}`, [I32T, I32T], I64T, (f) => {
      to(f, f.callI64(kit.widen, f.param(0, I32T)));
    }),
    [`f64_to_${type}`]: m.function(`f64_to_${type}`, [I64T, I32T], I64T, (f) => {
      to(f, f.param(0, I64T));
    }),
    [`${type}_to_f32`]: m.function(`${type}_to_f32`, [I64T, I32T], I32T, (f) => {
      f.return(from(f, 1).toI32());
    }),
    [`${type}_to_f64`]: m.function(`${type}_to_f64`, [I64T, I32T], I64T, (f) => {
      f.return(from(f, 0));
    }),
  } as Record<IntegerNames<T>, FunctionRef>;
}

function emitFormats(kit: Kit, { narrow }: Conversions): Record<'f32_to_f64' | 'f64_to_f32', FunctionRef> {
  return {
    f32_to_f64: kit.m.function('f32_to_f64', [I32T], I64T, (f) => {
      const double = f.let(f.callI64(kit.widen, f.param(0, I32T)));
      f.if(isNan(double), () => {
        f.return(f.callI64(kit.nan, double, double, 0));
      });
      f.return(double);
    }),
    f64_to_f32: kit.m.function('f64_to_f32', [I64T, I32T], I32T, (f) => {
      const [a, rm] = [f.param(0, I64T), f.param(1, I32T)];
      f.if(nativeSuffices(kit, rm), () => {
        returnIf32(f, normal32, a.asF64().toF32());
      });
      f.return(f.callI64(narrow, a, rm).toI32());
    }),
  };
}
