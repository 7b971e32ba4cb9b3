/** The instruction table and the decoder: no ambiguity, every row reachable, reserved encodings refused. */
import assert from 'node:assert/strict';
import { decode, instructionLength } from '../../src/isa/decoder';
import { ROWS, bySpecificity, tableProblems } from '../../src/isa/table';
import { extension } from '../../src/isa/encoding';
import { integer } from '../../src/isa/rows/i';
import type { Row } from '../../src/isa/types';
import { Random } from './random';

const operandsOf = (insn: number): Record<string, number> => {
  const found = decode(insn);
  assert.ok(found, `${insn.toString(16)} decodes`);
  return { ...found.operands };
};
const nameOf = (insn: number): string | undefined => decode(insn)?.row.name;
const randomWord = (row: Row, random: Random): number => (random.word() & ~row.mask) | row.match;

describe('instruction table', () => {
  it('has no ambiguous rows', () => {
    assert.deepEqual(tableProblems(ROWS), []);
  });

  it('finds ambiguity and equal names where they are', () => {
    const x = extension('x');
    const rows = [
      x('one', '0000000 rs2 rs1 000 rd 0110011', '', integer.add),
      x('two', 'imm[11:0] 00000 000 rd 0110011', '', integer.add),
      x('one', '0000000 rs2 rs1 001 rd 0110011', '', integer.add),
    ];
    assert.deepEqual(tableProblems(rows), [
      'one and two overlap, and neither is a special case of the other',
      'one: two rows of this name',
    ]);
  });

  it('refuses an encoding that has not 16 or 32 bits, or unknown fields', () => {
    const x = extension('x');
    assert.throws(() => x('short', '000 rd 0110011', '', integer.add), /16 or 32 bits/);
    assert.throws(() => x('odd', '0000000 rs2 rs1 000 rx 0110011', '', integer.add), /rx is known/);
  });

  it('shares one semantics object where the behaviour is one', () => {
    const byName = new Map<string, unknown>();
    for (const { semantics } of ROWS) {
      assert.equal(byName.get(semantics.name) ?? semantics, semantics, `${semantics.name} is one object`);
      byName.set(semantics.name, semantics);
    }
    const bases = new Set(ROWS.filter((row) => row.length === 4).map((row) => row.semantics));
    for (const row of ROWS)
      assert.ok(bases.has(row.semantics), `${row.name} has the semantics of a base instruction`);
  });
});

describe('decoder', () => {
  it('finds what a search through the whole table finds', () => {
    const random = new Random(7);
    const ordered = bySpecificity(ROWS);
    for (let n = 0; n < 20_000; n++) {
      const insn = n % 2 ? randomWord(random.pick(ROWS), random) : random.word();
      const length = instructionLength(insn);
      const row = ordered.find((r) => r.length === length && ((insn ^ r.match) & r.mask) === 0);
      const operands = row?.decode(length === 2 ? insn & 0xffff : insn);
      assert.deepEqual(decode(insn), operands && { row, operands }, insn.toString(16));
    }
  });

  it('reaches every row', () => {
    const random = new Random(11);
    for (const row of ROWS) {
      const found = Array.from({ length: 200 }, () => decode(randomWord(row, random))?.row);
      assert.ok(found.includes(row), row.name);
    }
  });

  it('takes signed, unsigned and over-long words alike', () => {
    assert.equal(nameOf(0xfff54513), 'xori');
    assert.equal(nameOf(0xfff54513 | 0), 'xori');
    assert.deepEqual(decode(0xdead8082 | 0), decode(0x8082));
  });

  it('puts immediates together', () => {
    const cases: [number, number][] = [
      [0xfe000ee3, -4], // beq zero,zero,.-4
      [0x7e000fe3, 4094],
      [0x80000063, -4096],
      [0xffdff06f, -4], // j .-4
      [0x8000006f, -1048576],
      [0x7ffff06f, 1048574],
      [0x800000b7, -0x80000000], // lui ra,0x80000
      [0xfe20bc23, -8], // sd sp,-8(ra)
      [0x03f51513, 63], // slli a0,a0,63
      [0xb1f5, -788], // c.j
      [0x717d, -16], // c.addi16sp
      [0x6105, 32],
      [0x757d, -4096], // c.lui a0,0xfffff
    ];
    for (const [insn, imm] of cases) assert.equal(operandsOf(insn)['imm'], imm, insn.toString(16));
  });

  it('keeps the CSR number, its immediate, and orderings', () => {
    assert.deepEqual(operandsOf(0x3002d073), { rd: 0, rs1: 5, rs2: 0, rs3: 0, imm: 0x300, rm: 0 });
    assert.equal(operandsOf(0xc0002573)['imm'], 0xc00);
    assert.equal(operandsOf(0x1605252f)['imm'], 3); // lr.w.aqrl
    assert.equal(operandsOf(0x0330000f)['imm'], 0x33);
  });

  it('takes the special case before the general one', () => {
    assert.equal(nameOf(0x0100000f), 'pause');
    assert.equal(nameOf(0x0110000f), 'fence');
    assert.equal(nameOf(0x8330000f), 'fence.tso');
    assert.equal(nameOf(0x00106013), 'prefetch.r');
    assert.equal(nameOf(0x9002), 'c.ebreak');
    assert.equal(nameOf(0x9082), 'c.jalr');
    assert.equal(nameOf(0x9086), 'c.add');
  });

  it('refuses reserved and unknown encodings', () => {
    const reserved = [
      ...[0x0000, 0x0008, 0x8000, 0x2001, 0x6101, 0x6001, 0x6081, 0x9c41, 0x9c61, 0x4002, 0x6002, 0x8002],
      ...[0xffffffff, 0x00000053 | (3 << 25), 0x0000001f, 0x02000033 | (1 << 26), 0x7b200073, 0x00200073],
      0x1011252f, // lr.w with rs2
      0x0000705b,
      0x60e51513, // sha and the like are not there
    ];
    for (const insn of reserved) assert.equal(nameOf(insn), undefined, insn.toString(16));
  });

  it('decodes hints to something without effect', () => {
    for (const insn of [0x0001, 0x0005, 0x0081, 0x4005, 0x6005, 0x8006, 0x9006, 0x0006, 0x0082, 0x8001]) {
      const found = decode(insn);
      assert.ok(found?.row.semantics.pure, insn.toString(16));
      const shiftsByZero =
        found.row.name.endsWith('64') || (found.row.name === 'c.addi' && found.operands.imm === 0);
      assert.ok(found.operands.rd === 0 || shiftsByZero, insn.toString(16));
    }
  });
});
