/**
 * Semantics against models of their own (integer), and what they ask of the engine (float, system). Both have a judge from
 * outside besides: integer-qemu.test.ts, and lockstep with QEMU.
 */
import assert from 'node:assert/strict';
import { defined } from '../../src/base/errors';
import { ROWS } from '../../src/isa/table';
import type { Operands, Row } from '../../src/isa/types';
import { BenchMachine } from './bench-machine';
import {
  amoModels,
  branchModels,
  immediateModels,
  registerFormOf,
  registerModels,
  unaryModels,
} from './models';
import { immediates, mask64, operandsOf } from './operands';
import { Random } from './random';

const machine = new BenchMachine();
const rowOf = (name: string): Row =>
  defined(
    ROWS.find((row) => row.name === name),
    name,
  );
const none: Operands = { rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, rm: 0 };

/** Runs with rs1 = x5, rs2 = x6, rd = one of x5, x6, x7; returns rd. */
function compute(row: Row, a: bigint, b: bigint, imm: number, rd: number): bigint {
  machine.setX(5, a);
  machine.setX(6, b);
  machine.run(row, { ...none, rd, rs1: 5, rs2: 6, imm });
  return machine.x(rd);
}

const isPlain = (row: Row): boolean => row.semantics.pure && row.length === 4 && row.name !== 'auipc';

function checkRow(row: Row): void {
  const random = new Random(row.match);
  const usesImmediate = row.semantics.uses.includes('imm');
  const unary = unaryModels[row.name];
  const model =
    immediateModels[row.name] ?? registerModels[usesImmediate ? registerFormOf(row.name) : row.name];
  for (const [a, b] of operandsOf(random)) {
    const bits = random.below(4) === 0 ? random.pick(immediates) : random.word();
    const imm = usesImmediate ? defined(row.decode((bits & ~row.mask) | row.match)).imm : 0;
    const wide = BigInt.asUintN(64, BigInt(imm));
    const expected = unary
      ? unary(a)
      : defined(model, `${row.name} has a model`)(a, usesImmediate ? wide : b);
    const actual = compute(row, a, b, imm, 5 + random.below(3));
    assert.equal(actual, BigInt.asUintN(64, expected), `${row.name} ${a} ${b} ${imm}`);
  }
}
describe('integer semantics', () => {
  for (const row of ROWS.filter((r) => isPlain(r) && !r.name.startsWith('prefetch'))) {
    it(`${row.name} computes what the manual says`, () => checkRow(row));
  }

  it('writes nothing to x0', () => {
    for (const row of ROWS.filter(isPlain)) assert.equal(compute(row, 5n, 7n, 1, 0), 0n, row.name);
  });

  it('auipc adds to the address of the instruction', () => {
    machine.run(rowOf('auipc'), { ...none, rd: 7, imm: -4096 }, 0x1000n - 4n);
    assert.equal(machine.x(7), mask64 - 3n);
  });
});

describe('control transfer', () => {
  it('branches by comparison', () => {
    const random = new Random(3);
    for (const [name, model] of Object.entries(branchModels)) {
      for (const [a, other] of operandsOf(random)) {
        const b = random.below(3) === 0 ? a : other;
        machine.setX(5, a);
        machine.setX(6, b);
        const next = machine.run(rowOf(name), { ...none, rs1: 5, rs2: 6, imm: -256 });
        assert.equal(next, model(a, b) ? 0x7fff_ff00n : 0x8000_0004n, `${name} ${a} ${b}`);
      }
    }
  });

  it('links with the length of the instruction', () => {
    machine.setX(5, 0x1235n);
    assert.equal(machine.run(rowOf('jalr'), { ...none, rd: 1, rs1: 5, imm: -1 }), 0x1234n);
    assert.equal(machine.x(1), 0x8000_0004n);
    assert.equal(machine.run(rowOf('c.jalr'), { ...none, rd: 1, rs1: 5 }), 0x1234n);
    assert.equal(machine.x(1), 0x8000_0002n);
    assert.equal(machine.run(rowOf('jal'), { ...none, rd: 1, imm: 0x800 }), 0x8000_0800n);
    assert.equal(machine.x(1), 0x8000_0004n);
  });

  it('jalr reads its base before it writes the link', () => {
    machine.setX(5, 0x4001n);
    assert.equal(machine.run(rowOf('jalr'), { ...none, rd: 5, rs1: 5 }), 0x4000n);
    assert.equal(machine.x(5), 0x8000_0004n);
  });
});

describe('memory access', () => {
  const pattern = 0xf1e2_d3c4_b5a6_9788n;

  it('loads with the width and sign of the name', () => {
    machine.poke(16, pattern);
    machine.setX(5, 24n);
    const loads: [string, bigint][] = [
      ['lb', BigInt.asIntN(8, pattern)],
      ['lbu', 0x88n],
      ['lh', BigInt.asIntN(16, pattern)],
      ['lhu', 0x9788n],
      ['lw', BigInt.asIntN(32, pattern)],
      ['lwu', 0xb5a6_9788n],
      ['ld', pattern],
    ];
    for (const [name, expected] of loads) {
      machine.run(rowOf(name), { ...none, rd: 7, rs1: 5, imm: -8 });
      assert.equal(machine.x(7), BigInt.asUintN(64, expected), name);
    }
  });

  it('stores the low bytes only', () => {
    const widths: [string, bigint][] = [
      ['sb', 0xffn],
      ['sh', 0xffffn],
      ['sw', 0xffff_ffffn],
      ['sd', mask64],
    ];
    for (const [name, mask] of widths) {
      machine.poke(32, mask64);
      machine.setX(5, 40n);
      machine.setX(6, 0n);
      machine.run(rowOf(name), { ...none, rs1: 5, rs2: 6, imm: -8 });
      assert.equal(machine.peek(32), mask64 & ~mask, name);
    }
  });

  it('combines atomically, and returns the old value', () => {
    const random = new Random(5);
    for (const width of [32, 64] as const) {
      for (const [name, model] of Object.entries(amoModels)) {
        for (const [old, operand] of operandsOf(random)) {
          machine.poke(48, old);
          machine.setX(5, 48n);
          machine.setX(6, operand);
          const rd = 5 + random.below(3);
          machine.run(rowOf(`${name}.${width === 32 ? 'w' : 'd'}`), {
            ...none,
            rd,
            rs1: 5,
            rs2: 6,
            imm: random.below(4),
          });
          const narrow = BigInt.asIntN(width, old);
          const stored = BigInt.asUintN(width, model(narrow, BigInt.asIntN(width, operand)));
          const rest = width === 32 ? (old >> 32n) << 32n : 0n;
          assert.equal(machine.peek(48), rest | stored, `${name} ${width} ${old} ${operand}`);
          assert.equal(machine.x(rd), BigInt.asUintN(64, narrow));
        }
      }
    }
  });

  it('reserves and stores conditionally', () => {
    machine.poke(48, pattern);
    machine.setX(5, 48n);
    machine.setX(6, 1n);
    machine.run(rowOf('lr.w'), { ...none, rd: 7, rs1: 5 });
    assert.equal(machine.x(7), BigInt.asUintN(64, BigInt.asIntN(32, pattern)));
    assert.deepEqual(machine.events, [{ name: 'reserve4', args: [] }]);
    machine.run(rowOf('sc.d'), { ...none, rd: 7, rs1: 5, rs2: 6 });
    assert.equal(machine.x(7), 0n);
    assert.equal(machine.peek(48), 1n);
    assert.deepEqual(machine.events, [{ name: 'conditional8', args: [] }]);
  });
});
