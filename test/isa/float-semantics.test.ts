/** Floating point and system rows: operand order, boxing, sign flips, and what they ask of the engine. */
import assert from 'node:assert/strict';
import { defined } from '../../src/base/errors';
import { ROWS } from '../../src/isa/table';
import type { Operands, Row } from '../../src/isa/types';
import { BenchMachine } from './bench-machine';

const machine = new BenchMachine();
const rowOf = (name: string): Row =>
  defined(
    ROWS.find((row) => row.name === name),
    name,
  );
const operands: Operands = { rd: 4, rs1: 1, rs2: 2, rs3: 3, imm: 0, rm: 3 };
const boxed = (bits: number): bigint => 0xffff_ffff_0000_0000n | BigInt(bits >>> 0);
const signed = (bits: bigint): bigint => BigInt.asIntN(64, bits);

const one = 0x3f80_0000;
const two = 0x4000_0000;
const three = 0x4040_0000;
const sign32 = 0x8000_0000 | 0;
const [oneD, twoD, threeD] = [0x3ff0n << 48n, 0x4000n << 48n, 0x4008n << 48n];
const signD = 1n << 63n;

function setSingles(): void {
  [one, two, three].forEach((bits, index) => machine.setF(index + 1, boxed(bits)));
}
function setDoubles(): void {
  [oneD, twoD, threeD].forEach((bits, index) => machine.setF(index + 1, bits));
}

/** What the row asks for, with rm first where it has one. */
function asked(name: string): (readonly [string, ...(number | bigint)[]])[] {
  machine.run(rowOf(name), operands);
  return machine.events.map(({ name: event, args }) => [event, ...args] as const);
}

describe('floating point semantics', () => {
  it('flips signs of operands for the fused forms', () => {
    setSingles();
    const cases: [string, number, number][] = [
      ['fmadd.s', one, three],
      ['fmsub.s', one, three | sign32],
      ['fnmsub.s', one | sign32, three],
      ['fnmadd.s', one | sign32, three | sign32],
    ];
    for (const [name, a, c] of cases)
      assert.deepEqual(asked(name), [['rm'], ['f32_mulAdd', a, two, c, 3]], name);
    setDoubles();
    assert.deepEqual(asked('fnmadd.d'), [
      ['rm'],
      ['f64_mulAdd', signed(oneD | signD), twoD, signed(threeD | signD), 3],
    ]);
  });

  it('passes operands in order, and the rounding mode', () => {
    setSingles();
    assert.deepEqual(asked('fsub.s'), [['rm'], ['f32_sub', one, two, 3]]);
    assert.deepEqual(asked('fsqrt.s'), [['rm'], ['f32_sqrt', one, 3]]);
    assert.deepEqual(asked('flt.s'), [['f32_lt', one, two]]);
    assert.deepEqual(asked('fmin.s'), [['f32_min', one, two]]);
    assert.deepEqual(asked('fclass.s'), [['f32_classify', one]]);
    setDoubles();
    assert.deepEqual(asked('fdiv.d'), [['rm'], ['f64_div', oneD, twoD, 3]]);
    assert.deepEqual(asked('fmax.d'), [['f64_max', oneD, twoD]]);
    assert.deepEqual(asked('fcvt.lu.d'), [['rm'], ['f64_to_u64', oneD, 3]]);
    assert.deepEqual(asked('fcvt.s.d'), [['rm'], ['f64_to_f32', oneD, 3]]);
    machine.setX(1, 0xffff_ffff_ffff_fffen);
    assert.deepEqual(asked('fcvt.d.wu'), [['rm'], ['u32_to_f64', -2n, 3]]);
  });

  it('asks for the rounding mode even where the conversion is exact', () => {
    setSingles();
    assert.deepEqual(asked('fcvt.d.s'), [['rm'], ['f32_to_f64', one]]);
    assert.deepEqual(asked('fcvt.d.w')[0], ['rm']);
  });

  it('takes a single that is not boxed for the canonical NaN', () => {
    machine.setF(1, BigInt(one));
    machine.setF(2, boxed(two));
    assert.deepEqual(asked('fadd.s'), [['rm'], ['f32_add', 0x7fc0_0000, two, 3]]);
    asked('fsgnj.s');
    assert.equal(machine.f(4), boxed(0x7fc0_0000));
  });

  it('boxes single results, sign-extends integer ones', () => {
    setSingles();
    machine.results.set('f32_add', one | sign32);
    asked('fadd.s');
    assert.equal(machine.f(4), boxed(one | sign32));
    machine.results.set('f32_to_u32', -1n);
    asked('fcvt.wu.s');
    assert.equal(machine.x(4), (1n << 64n) - 1n);
    machine.results.set('f32_eq', 1);
    asked('feq.s');
    assert.equal(machine.x(4), 1n);
  });

  it('injects signs', () => {
    const negative = three | sign32;
    machine.setF(1, boxed(negative));
    for (const [name, b, expected] of [
      ['fsgnj.s', one, three],
      ['fsgnj.s', one | sign32, negative],
      ['fsgnjn.s', one, negative],
      ['fsgnjn.s', one | sign32, three],
      ['fsgnjx.s', one, negative],
      ['fsgnjx.s', one | sign32, three],
    ] as const) {
      machine.setF(2, boxed(b));
      asked(name);
      assert.equal(machine.f(4), boxed(expected), name);
    }
    machine.setF(1, threeD | signD);
    for (const [name, b, expected] of [
      ['fsgnj.d', oneD, threeD],
      ['fsgnjn.d', oneD, threeD | signD],
      ['fsgnjx.d', oneD | signD, threeD],
      ['fsgnjx.d', oneD, threeD | signD],
    ] as const) {
      machine.setF(2, b);
      asked(name);
      assert.equal(machine.f(4), expected, name);
    }
  });

  it('moves raw bits, boxed or not', () => {
    machine.setF(1, 0x1234_5678_8000_0001n);
    asked('fmv.x.w');
    assert.equal(machine.x(4), 0xffff_ffff_8000_0001n);
    asked('fmv.x.d');
    assert.equal(machine.x(4), 0x1234_5678_8000_0001n);
    machine.setX(1, 0x1234_5678_8000_0001n);
    asked('fmv.w.x');
    assert.equal(machine.f(4), boxed(0x8000_0001));
    asked('fmv.d.x');
    assert.equal(machine.f(4), 0x1234_5678_8000_0001n);
  });

  it('loads and stores', () => {
    machine.poke(64, 0x1234_5678_8000_0001n);
    machine.setX(1, 64n);
    asked('flw');
    assert.equal(machine.f(4), boxed(0x8000_0001));
    asked('fld');
    assert.equal(machine.f(4), 0x1234_5678_8000_0001n);
    machine.setF(2, 0xaaaa_aaaa_bbbb_bbbbn);
    asked('fsw');
    assert.equal(machine.peek(64), 0x1234_5678_bbbb_bbbbn);
    asked('c.fsd');
    assert.equal(machine.peek(64), 0xaaaa_aaaa_bbbb_bbbbn);
  });

  it('is never pure: mstatus.FS may forbid it', () => {
    for (const { name, semantics } of ROWS) {
      if (semantics.uses.some((use) => use.startsWith('f'))) assert.equal(semantics.pure, false, name);
    }
  });
});

describe('system semantics', () => {
  it('leaves the work to the engine', () => {
    const direct = [
      'ecall',
      'ebreak',
      'mret',
      'sret',
      'wfi',
      'fence',
      'fence.i',
      'sfence.vma',
      'sinval.vma',
      'pause',
    ].concat(['sfence.w.inval', 'sfence.inval.ir', 'cbo.clean', 'cbo.flush', 'cbo.inval', 'cbo.zero']);
    for (const name of direct) assert.deepEqual(asked(name), [[name]], name);
    assert.deepEqual(asked('fence.tso'), [['fence']]);
    assert.deepEqual(asked('c.ebreak'), [['ebreak']]);
    for (const operation of ['rw', 'rs', 'rc']) {
      assert.deepEqual(asked(`csrr${operation[1] ?? ''}`), [[`csr ${operation} rs1`]]);
      assert.deepEqual(asked(`csrr${operation[1] ?? ''}i`), [[`csr ${operation} uimm`]]);
    }
  });
});
