/** Integer arithmetic as QEMU computes it: each instruction of the table, with operands of chance and every pair of edges. */
import assert from 'node:assert/strict';
import { defined } from '../../src/base/errors';
import { ROWS } from '../../src/isa/table';
import type { Operands, Row } from '../../src/isa/types';
import { QEMU_CPU } from '../lockstep/qemu-stub';
import { runOnQemu, VECTOR_TOOLS, type QemuVector } from '../support/qemu-vectors';
import { requireTool } from '../support/tools';
import { BenchMachine } from './bench-machine';
import { immediates, operandsOf } from './operands';
import { Random } from './random';

const IMMEDIATES_OF_CHANCE = 12;
const [A0, A1] = [10, 11];

/** An instruction word, with a0 for rd and rs1, a1 for rs2. */
interface Code {
  readonly row: Row;
  readonly word: number;
  readonly operands: Operands;
}

function codeOf(row: Row, bits: number): Code {
  const fields = (A0 << 7) | (A0 << 15) | (row.semantics.uses.includes('rs2') ? A1 << 20 : 0);
  const places = (31 << 7) | (31 << 15) | (row.semantics.uses.includes('rs2') ? 31 << 20 : 0);
  // An upper immediate lies where rs1 would be.
  const free = row.semantics.uses.includes('rs1') ? places : 31 << 7;
  const word = ((((bits & ~free) | (fields & free)) & ~row.mask) | row.match) >>> 0;
  return { row, word, operands: defined(row.decode(word), row.name) };
}

function* codesOf(row: Row, random: Random): Generator<Code> {
  if (!row.semantics.uses.includes('imm')) yield codeOf(row, 0);
  else {
    for (const bits of immediates) yield codeOf(row, bits);
    for (let n = 0; n < IMMEDIATES_OF_CHANCE; n++) yield codeOf(row, random.word());
  }
}

describe('integer arithmetic', () => {
  it('agrees with QEMU', function () {
    requireTool(this, ...VECTOR_TOOLS);
    const random = new Random(77);
    const rows = ROWS.filter(({ name, length, semantics }) => {
      return semantics.pure && length === 4 && semantics.uses.includes('rd') && name !== 'auipc';
    });
    const codes = rows.flatMap((row) => [...codesOf(row, random)]);
    const vectors: QemuVector[] = codes.flatMap((_, code) =>
      [...operandsOf(random, 60)].map((operands) => ({ code, operands })),
    );
    const judged = runOnQemu(
      codes.map(({ word }) => `ld a0, 8(s0)\nld a1, 16(s0)\n.4byte ${word}\nsd a0, 0(s2)`),
      vectors,
      QEMU_CPU,
    );
    const machine = new BenchMachine();
    vectors.forEach(({ code, operands: [a = 0n, b = 0n] }, index) => {
      const { row, operands } = defined(codes[code]);
      machine.setX(A0, a);
      machine.setX(A1, b);
      machine.run(row, operands);
      const { bits } = defined(judged[index]);
      // Counting from bit 0, QEMU 7.2 goes on into the upper half (see test/lockstep/accepted.ts).
      if (row.name === 'ctzw' && bits > 32n && BigInt.asUintN(32, a) === 0n) return;
      assert.equal(machine.x(A0), bits, `${row.name} ${a} ${b} ${operands.imm}`);
    });
    console.log(`      ${vectors.length} results of ${rows.length} instructions compared with QEMU`);
  });
});
