/** The disassembler, judged by objdump: every row with random operands, and every compressed halfword there is. */
import assert from 'node:assert/strict';
import { csrByNumber, CSRS } from '../../src/isa/csr';
import { decode } from '../../src/isa/decoder';
import { disassemble } from '../../src/isa/disassembler';
import { ROWS } from '../../src/isa/table';
import type { Row } from '../../src/isa/types';
import { requireTool } from '../support/tools';
import { canonical, judgeTools, objdump } from './objdump';
import { Random } from './random';

const modes = [
  { aliases: true, numeric: false },
  { aliases: false, numeric: false },
  { aliases: true, numeric: true },
];

/** Where the judge and we differ on purpose. */
function excused(row: Row | undefined, word: number, judged: string): boolean {
  // Adding 0 to sp is reserved; binutils decodes it.
  if (word === 0x6101) return true;
  if (row === undefined) return false;
  // The manual gives c.addi x0 the name c.nop; binutils does so with aliases only.
  if (row.name === 'c.nop') return judged.startsWith('c.addi ');
  const fields = (word >>> 7) & 0x1f || (word >>> 15) & 0x1f || word >>> 28;
  // Reserved fields of fences are to be ignored; binutils knows only the forms that have them zero.
  if (/^fence/.test(row.name)) return fields !== 0 || (row.name === 'fence.i' && word >>> 20 !== 0);
  // binutils knows CSRs that this machine does not have.
  if (row.name.startsWith('csr')) return csrByNumber(word >>> 20) === undefined;
  // Exact conversions: binutils up to 2.40 knows them with rounding mode 0 only.
  return (
    row.assembly.includes('{exactrm}') && ((word >>> 12) & 7) !== 0 && /^\.(4byte|word|insn)/.test(judged)
  );
}

/** A word of this row: random, with a leaning to x0, equal registers and small immediates, where aliases are. */
function randomWord(row: Row, random: Random): number {
  let word = random.word();
  const set = (low: number, width: number, value: number): void => {
    const mask = (2 ** width - 1) << low;
    word = (word & ~mask) | ((value << low) & mask);
  };
  for (const low of [7, 15, 20]) if (random.below(3) === 0) set(low, 5, random.below(2));
  if (random.below(4) === 0) set(20, 5, word >>> 15);
  if (random.below(4) === 0) set(20, 12, [-1, 0, 1, 255][random.below(4)] ?? 0);
  if (row.extension === 'zicsr' && random.below(8) > 0)
    set(20, 12, CSRS[random.below(CSRS.length)]?.number ?? 0);
  return ((word & ~row.mask) | row.match) >>> 0;
}

function compare(
  code: Uint8Array,
  words: { offset: number; word: number }[],
  mode: (typeof modes)[number],
): void {
  const judge = objdump(code, mode);
  const differences: string[] = [];
  for (const { offset, word } of words) {
    const judged = canonical(judge.get(offset) ?? 'nothing');
    const ours = disassemble(word, BigInt(offset), mode).text.replaceAll(', ', ',');
    const undecoded = /^\.(insn|[24]?byte|word|short)/.test(judged) && ours.startsWith('.');
    if (ours === judged || undecoded || excused(decode(word)?.row, word, judged)) continue;
    differences.push(`${word.toString(16)}: objdump: ${judged}   ours: ${ours}`);
  }
  assert.deepEqual(differences.slice(0, 40), [], `${differences.length} differences`);
}

describe('disassembler', function () {
  this.timeout(60_000);
  before(function () {
    requireTool(this, ...judgeTools);
  });

  for (const mode of modes) {
    it(`agrees with objdump on random operands of every row, ${JSON.stringify(mode)}`, () => {
      const random = new Random(20_251_101);
      const wide = ROWS.filter((row) => row.length === 4);
      const values = wide.flatMap((row) => Array.from({ length: 40 }, () => randomWord(row, random)));
      const words = values.map((word, index) => ({ word, offset: index * 4 }));
      compare(new Uint8Array(Uint32Array.from(values).buffer), words, mode);
    });

    it(`agrees with objdump on all compressed halfwords, ${JSON.stringify(mode)}`, () => {
      const values = Array.from({ length: 65_536 }, (_, half) => half).filter((half) => (half & 3) !== 3);
      const words = values.map((word, index) => ({ word, offset: index * 2 }));
      compare(new Uint8Array(Uint16Array.from(values).buffer), words, mode);
    });
  }
});

describe('CSR table', () => {
  it('has the names and numbers that objdump knows', function () {
    requireTool(this, ...judgeTools);
    // csrrw a1, csr, a0 with every CSR
    const values = CSRS.map(({ number }) => ((number << 20) | 0x51_5f3) >>> 0);
    const judge = objdump(new Uint8Array(Uint32Array.from(values).buffer), { aliases: false });
    CSRS.forEach(({ name }, index) => {
      assert.equal(canonical(judge.get(index * 4) ?? ''), `csrrw a1,${name},a0`);
    });
  });
});

describe('disassembler, without a judge', () => {
  it('writes the symbol of a target', () => {
    const symbolize = (address: bigint): string | undefined =>
      address === 0x8000_0010n ? 'main+4' : undefined;
    assert.equal(disassemble(0x0100006f, 0x8000_0000n, { symbolize }).text, 'j 0x80000010 <main+4>');
    assert.equal(disassemble(0x0140006f, 0x8000_0000n, { symbolize }).text, 'j 0x80000014');
  });

  it('tells mnemonic, operands and length', () => {
    assert.deepEqual(disassemble(0x00150513, 0n), {
      text: 'addi a0, a0, 1',
      mnemonic: 'addi',
      operands: 'a0, a0, 1',
      length: 4,
    });
    assert.equal(disassemble(0xffff_8082, 0n).text, 'ret');
    assert.equal(disassemble(0xffff_8082, 0n).length, 2);
  });

  it('writes what is no instruction as data', () => {
    assert.equal(disassemble(0xffff_ffff, 0n).text, '.4byte 0xffffffff');
    assert.equal(disassemble(0x8000, 0n).text, '.2byte 0x8000');
  });
});
