/** DWARF expressions and location descriptions: the standard's examples (DWARF 5, D.1.2 and 2.5) and each operation. */
import assert from 'node:assert/strict';
import { UserError } from '../../src/base/errors';
import { evaluateDwarfExpression, evaluateLocation } from '../../src/symbols/dwarf/expression';
import type { ExpressionContext, ExpressionScope } from '../../src/symbols/dwarf/expression-context';
import type { ValueType } from '../../src/symbols/dwarf/stack-values';
import type { Variable } from '../../src/symbols/variables';

const OP = {
  ...{ addr: 0x03, deref: 0x06, const1u: 0x08, const1s: 0x09, const2u: 0x0a, const2s: 0x0b, const4u: 0x0c },
  ...{ const4s: 0x0d, const8u: 0x0e, const8s: 0x0f, constu: 0x10, consts: 0x11, dup: 0x12, drop: 0x13 },
  ...{
    over: 0x14,
    pick: 0x15,
    swap: 0x16,
    rot: 0x17,
    abs: 0x19,
    and: 0x1a,
    div: 0x1b,
    minus: 0x1c,
    mod: 0x1d,
  },
  ...{ mul: 0x1e, neg: 0x1f, not: 0x20, or: 0x21, plus: 0x22, plusUconst: 0x23, shl: 0x24, shr: 0x25 },
  ...{ shra: 0x26, xor: 0x27, bra: 0x28, eq: 0x29, ge: 0x2a, gt: 0x2b, le: 0x2c, lt: 0x2d, ne: 0x2e },
  ...{ skip: 0x2f, lit0: 0x30, reg0: 0x50, breg0: 0x70, regx: 0x90, fbreg: 0x91, bregx: 0x92, piece: 0x93 },
  ...{ derefSize: 0x94, nop: 0x96, pushObject: 0x97, call2: 0x98, call4: 0x99, cfa: 0x9c, bitPiece: 0x9d },
  ...{ implicitValue: 0x9e, stackValue: 0x9f, implicitPointer: 0xa0, addrx: 0xa1, constx: 0xa2 },
  ...{
    entryValue: 0xa3,
    constType: 0xa4,
    regvalType: 0xa5,
    derefType: 0xa6,
    convert: 0xa8,
    reinterpret: 0xa9,
  },
  ...{
    tls: 0x9b,
    gnuUninit: 0xf0,
    gnuEntryValue: 0xf3,
    parameterRef: 0xfa,
    gnuAddrIndex: 0xfb,
    variableValue: 0xfd,
  },
} as const;
const lit = (value: number): number => OP.lit0 + value;

/** Offsets of base types in the unit that the tests speak of. */
const TYPES: Readonly<Record<number, ValueType>> = {
  0x10: { kind: 'signed', byteSize: 4 },
  0x20: { kind: 'unsigned', byteSize: 4 },
  0x30: { kind: 'float', byteSize: 4 },
  0x40: { kind: 'float', byteSize: 8 },
  0x50: { kind: 'signed', byteSize: 16 },
  0x60: { kind: 'float', byteSize: 16 },
  0x70: { kind: 'unsigned', byteSize: 1 },
};

const target: Variable = {
  name: 'pointed at',
  type: { kind: 'void', name: 'void' },
  isParameter: false,
  isArtificial: false,
  declaration: undefined,
  locate: () => ({ kind: 'optimizedOut' }),
};

const scope: ExpressionScope = {
  addressSize: 8,
  referenceSize: 4,
  inGuest: (address) => address + 0x1_0000n,
  indexed: (index) => 0x100n * BigInt(index),
  frameBase: () => 0x7000n,
  cfa: () => 0x8000n,
  objectAddress: () => 0x9000n,
  threadLocal: (offset) => 0x4_0000n + offset,
  baseType: (offset) => TYPES[offset],
  // 7: literal five; 8: itself.
  procedure: (offset) => (offset === 8 ? Uint8Array.of(OP.call2, 8, 0) : Uint8Array.of(lit(5))),
  entryValue: (what) => ('register' in what ? (what.register === 10 ? 77n : undefined) : 66n),
  parameterValue: (offset) => (offset === 0x44 ? 88n : undefined),
  variable: (offset) => (offset === 0x33 ? target : undefined),
  variableValue: () => 99n,
};

/** Registers hold a hundred times their number; memory holds its address's low bytes; x31 and high memory are unknown. */
const context: ExpressionContext = {
  register: (number) => (number === 31 ? undefined : BigInt(number) * 100n),
  read: (address, size) =>
    address >= 1n << 40n ? undefined : BigInt.asUintN(size * 8, address * 0x0101_0101_0101_0101n),
  scope,
};

const value = (...bytes: number[]): bigint | undefined =>
  evaluateDwarfExpression(Uint8Array.from(bytes), context, []);
const locate = (...bytes: number[]): ReturnType<typeof evaluateLocation> =>
  evaluateLocation(Uint8Array.from(bytes), context);
/** The bytes of a value on the stack, as a number. */
const typedValue = (...bytes: number[]): { bits: bigint; size: number } => {
  const place = locate(...bytes, OP.stackValue);
  assert.equal(place.kind, 'value');
  return {
    size: place.bytes.length,
    bits: place.bytes.reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n),
  };
};
const u64 = (number: bigint): bigint => BigInt.asUintN(64, number);
const float32 = (number: number): number[] => [...new Uint8Array(Float32Array.of(number).buffer)];
const float64 = (number: number): number[] => [...new Uint8Array(Float64Array.of(number).buffer)];
const doubleBits = (number: number): bigint => new BigUint64Array(Float64Array.of(number).buffer)[0] ?? 0n;

describe('DWARF expressions', () => {
  it('do the stack operations of the standard (DWARF 5, D.1.2)', () => {
    // The table's stack is 17, 29, 1000 from the top.
    const after = (...ops: number[]): bigint[] =>
      [0, 1, 2, 3].map((depth) => {
        const initial = [1000n, 29n, 17n];
        try {
          return evaluateDwarfExpression(Uint8Array.from([...ops, OP.pick, depth]), context, initial) ?? -1n;
        } catch {
          return -1n;
        }
      });
    assert.deepEqual(after(OP.dup), [17n, 17n, 29n, 1000n]);
    assert.deepEqual(after(OP.drop), [29n, 1000n, -1n, -1n]);
    assert.deepEqual(after(OP.pick, 2), [1000n, 17n, 29n, 1000n]);
    assert.deepEqual(after(OP.over), [29n, 17n, 29n, 1000n]);
    assert.deepEqual(after(OP.swap), [29n, 17n, 1000n, -1n]);
    assert.deepEqual(after(OP.rot), [29n, 1000n, 17n, -1n]);
  });

  it('push constants of every size and sign', () => {
    assert.equal(value(OP.const1u, 0xff), 0xffn);
    assert.equal(value(OP.const1s, 0xff), u64(-1n));
    assert.equal(value(OP.const2u, 0xfe, 0xff), 0xfffen);
    assert.equal(value(OP.const2s, 0xfe, 0xff), u64(-2n));
    assert.equal(value(OP.const4u, 1, 0, 0, 0x80), 0x8000_0001n);
    assert.equal(value(OP.const4s, 1, 0, 0, 0x80), u64(-0x7fff_ffffn));
    assert.equal(value(OP.const8u, 1, 0, 0, 0, 0, 0, 0, 0x80), 0x8000_0000_0000_0001n);
    assert.equal(value(OP.const8s, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), u64(-1n));
    assert.equal(value(OP.constu, 0xe5, 0x8e, 0x26), 624485n);
    assert.equal(value(OP.consts, 0x80, 0x7f), u64(-128n));
    assert.equal(value(lit(31)), 31n);
  });

  it('compute in the generic type, signed where the standard says', () => {
    assert.equal(value(lit(7), lit(2), OP.minus), 5n);
    assert.equal(value(lit(2), lit(7), OP.minus), u64(-5n));
    assert.equal(value(OP.const1s, 0xf9, lit(2), OP.div), u64(-3n));
    assert.equal(value(OP.const1s, 0xff, lit(10), OP.mod), 5n);
    assert.equal(value(lit(6), lit(7), OP.mul), 42n);
    assert.equal(value(OP.const1s, 0xf0, OP.abs), 16n);
    assert.equal(value(lit(1), OP.neg), u64(-1n));
    assert.equal(value(lit(1), OP.not), u64(-2n));
    assert.equal(value(lit(12), lit(10), OP.and), 8n);
    assert.equal(value(lit(12), lit(10), OP.or), 14n);
    assert.equal(value(lit(12), lit(10), OP.xor), 6n);
    assert.equal(value(lit(1), OP.const1u, 63, OP.shl), 1n << 63n);
    assert.equal(value(lit(1), OP.const1u, 64, OP.shl), 0n);
    assert.equal(value(OP.const1s, 0x80, lit(4), OP.shr), (1n << 60n) - 8n);
    assert.equal(value(OP.const1s, 0x80, lit(4), OP.shra), u64(-8n));
    assert.equal(value(OP.const1s, 0x80, OP.const1u, 200, OP.shra), u64(-1n));
    assert.equal(value(lit(5), OP.plusUconst, 0x80, 1), 133n);
    for (const [op, less, same, more] of [
      [OP.eq, 0n, 1n, 0n],
      [OP.ge, 0n, 1n, 1n],
      [OP.gt, 0n, 0n, 1n],
      [OP.le, 1n, 1n, 0n],
      [OP.lt, 1n, 0n, 0n],
      [OP.ne, 1n, 0n, 1n],
    ] as const) {
      assert.equal(value(OP.const1s, 0xff, lit(3), op), less);
      assert.equal(value(lit(3), lit(3), op), same);
      assert.equal(value(lit(3), OP.const1s, 0xff, op), more);
    }
  });

  it('compute in base types: integers, their sign and size, and floating point', () => {
    const int = (number: number): number[] => [OP.constType, 0x10, 4, number & 0xff, ...wide(number)];
    const wide = (number: number): number[] => (number < 0 ? [0xff, 0xff, 0xff] : [0, 0, 0]);
    const unsigned = (number: number): number[] => [OP.constType, 0x20, 4, number & 0xff, ...wide(number)];
    assert.deepEqual(typedValue(...int(-7), ...int(2), OP.div), { bits: 0xffff_fffdn, size: 4 });
    assert.deepEqual(typedValue(...unsigned(-8), ...unsigned(2), OP.div), { bits: 0x7fff_fffcn, size: 4 });
    assert.equal(value(...int(-1), ...int(1), OP.lt), 1n);
    assert.equal(value(...unsigned(-1), ...unsigned(1), OP.lt), 0n);
    assert.deepEqual(typedValue(...int(-8), ...int(1), OP.shr), { bits: 0x7fff_fffcn, size: 4 });
    assert.deepEqual(typedValue(...unsigned(-8), ...unsigned(1), OP.shra), { bits: 0xffff_fffcn, size: 4 });
    assert.deepEqual(typedValue(...int(-3), OP.convert, 0x50), { bits: (1n << 128n) - 3n, size: 16 });
    assert.deepEqual(typedValue(...int(-3), OP.convert, 0), { bits: u64(-3n), size: 8 });
    assert.deepEqual(typedValue(lit(3), OP.convert, 0x40), { bits: doubleBits(3), size: 8 });
    const half = [OP.constType, 0x30, 4, ...float32(0.5)];
    const third = [OP.constType, 0x40, 8, ...float64(3.25)];
    assert.deepEqual(typedValue(...half, OP.convert, 0x40, ...third, OP.plus), {
      bits: doubleBits(3.75),
      size: 8,
    });
    assert.deepEqual(typedValue(...third, OP.neg, OP.convert, 0x10), { bits: 0xffff_fffdn, size: 4 });
    assert.deepEqual(typedValue(...third, OP.reinterpret, 0), { bits: doubleBits(3.25), size: 8 });
    assert.equal(value(...third, ...third, OP.mul, ...third, OP.gt), 1n);
    assert.deepEqual(typedValue(OP.regvalType, 9, 0x70), { bits: 900n & 0xffn, size: 1 });
    assert.deepEqual(typedValue(OP.const1u, 7, OP.derefType, 4, 0x20), { bits: 0x0707_0707n, size: 4 });
    assert.throws(() => value(lit(1), ...int(1), OP.plus), UserError);
    assert.throws(() => value(...int(1), OP.reinterpret, 0x40), UserError);
    assert.throws(() => value(lit(1), OP.convert, 0x11), UserError);
    // Quad precision has no arithmetic here.
    assert.equal(locate(...third, OP.convert, 0x60, OP.stackValue).kind, 'unavailable');
  });

  it('read registers and memory, and say when they are not there', () => {
    assert.equal(value(OP.breg0 + 5, 0x7e), 498n);
    assert.equal(value(OP.bregx, 40, 2), 4002n);
    assert.equal(value(OP.const1u, 0x12, OP.deref), 0x1212_1212_1212_1212n);
    assert.equal(value(OP.const1u, 0x12, OP.derefSize, 2), 0x1212n);
    assert.equal(value(OP.breg0 + 31, 0), undefined);
    assert.deepEqual(locate(OP.breg0 + 31, 0), {
      kind: 'unavailable',
      reason: 'register 31 is not known in this frame',
    });
    assert.equal(locate(lit(1), OP.const1u, 41, OP.shl, OP.deref).kind, 'unavailable');
    assert.throws(() => value(lit(1), OP.derefSize, 17), UserError);
    assert.throws(() => value(lit(1), lit(0), OP.div), UserError);
    assert.throws(() => value(OP.plus), UserError);
    assert.throws(() => value(0x01), UserError);
  });

  it('branch, and never without an end', () => {
    assert.equal(value(lit(1), OP.bra, 1, 0, lit(0), lit(9)), 9n);
    assert.equal(value(lit(0), OP.bra, 1, 0, lit(4)), 4n);
    assert.equal(value(lit(7), OP.skip, 1, 0, lit(0)), 7n);
    assert.throws(() => value(OP.skip, 0xfd, 0xff), /does not end/);
    assert.throws(() => value(OP.skip, 0x10, 0), /outside of itself/);
    assert.throws(() => value(OP.call2, 8, 0), /calls itself/);
    assert.throws(() => value(lit(1), OP.dup, OP.skip, 0xfc, 0xff), UserError);
  });

  it('ask the file and the frame around them', () => {
    assert.equal(value(OP.addr, 0x34, 0x12, 0, 0, 0, 0, 0, 0), 0x1_1234n);
    assert.equal(value(OP.addrx, 3), 0x1_0300n);
    assert.equal(value(OP.gnuAddrIndex, 3), 0x1_0300n);
    assert.equal(value(OP.constx, 3), 0x300n);
    assert.equal(value(OP.fbreg, 0x70), 0x6ff0n);
    assert.equal(value(OP.cfa), 0x8000n);
    assert.equal(value(OP.pushObject), 0x9000n);
    assert.equal(value(OP.const1u, 0x20, OP.tls), 0x4_0020n);
    assert.equal(value(OP.call2, 7, 0, OP.call4, 7, 0, 0, 0, OP.plus), 10n);
    assert.equal(value(OP.entryValue, 1, OP.reg0 + 10), 77n);
    assert.equal(value(OP.gnuEntryValue, 1, OP.reg0 + 10), 77n);
    assert.equal(value(OP.entryValue, 1, OP.reg0 + 11), undefined);
    assert.equal(value(OP.entryValue, 2, OP.fbreg, 8), 66n);
    assert.equal(value(OP.entryValue, 2, OP.regx, 10), 77n);
    assert.deepEqual(typedValue(OP.entryValue, 3, OP.regvalType, 10, 0x20), { bits: 77n, size: 4 });
    assert.equal(value(OP.parameterRef, 0x44, 0, 0, 0), 88n);
    assert.equal(value(OP.variableValue, 0, 0, 0, 0), 99n);
    // Call frame rules have none of it.
    const bare: ExpressionContext = { register: () => 100n, read: () => undefined };
    assert.throws(() => evaluateDwarfExpression(Uint8Array.of(OP.fbreg, 0), bare, []), UserError);
    assert.equal(evaluateDwarfExpression(Uint8Array.of(OP.plusUconst, 8), bare, [16n]), 24n);
  });
});

describe('DWARF location descriptions', () => {
  it('are memory, registers, values, or nothing (DWARF 5, 2.6.1.1)', () => {
    assert.deepEqual(locate(OP.fbreg, 8), { kind: 'memory', address: 0x7008n });
    assert.deepEqual(locate(OP.reg0 + 3), { kind: 'register', number: 3 });
    assert.deepEqual(locate(OP.regx, 54), { kind: 'register', number: 54 });
    assert.deepEqual(locate(), { kind: 'optimizedOut' });
    assert.deepEqual(locate(OP.implicitValue, 2, 5, 6), { kind: 'value', bytes: Uint8Array.of(5, 6) });
    assert.deepEqual(locate(lit(5), OP.gnuUninit, OP.stackValue), {
      kind: 'value',
      bytes: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0),
    });
    assert.deepEqual(locate(OP.implicitPointer, 0x33, 0, 0, 0, 4), {
      kind: 'implicitPointer',
      target,
      offset: 4n,
    });
  });

  it('are composed of pieces, some of them missing (DWARF 5, D.1.3)', () => {
    // DW_OP_reg3 DW_OP_piece (4) DW_OP_reg10 DW_OP_piece (2)
    assert.deepEqual(locate(OP.reg0 + 3, OP.piece, 4, OP.reg0 + 10, OP.piece, 2), {
      kind: 'pieces',
      pieces: [
        { location: { kind: 'register', number: 3 }, bitSize: 32, bitOffset: 0 },
        { location: { kind: 'register', number: 10 }, bitSize: 16, bitOffset: 0 },
      ],
    });
    // DW_OP_reg0 DW_OP_bit_piece (1, 31) DW_OP_piece (4) DW_OP_lit0 DW_OP_stack_value DW_OP_piece (1)
    assert.deepEqual(
      locate(
        OP.reg0,
        OP.bitPiece,
        1,
        31,
        OP.piece,
        4,
        OP.fbreg,
        0,
        OP.piece,
        4,
        lit(0),
        OP.stackValue,
        OP.piece,
        1,
      ),
      {
        kind: 'pieces',
        pieces: [
          { location: { kind: 'register', number: 0 }, bitSize: 1, bitOffset: 31 },
          { location: { kind: 'optimizedOut' }, bitSize: 32, bitOffset: 0 },
          { location: { kind: 'memory', address: 0x7000n }, bitSize: 32, bitOffset: 0 },
          { location: { kind: 'value', bytes: new Uint8Array(8) }, bitSize: 8, bitOffset: 0 },
        ],
      },
    );
  });
});
