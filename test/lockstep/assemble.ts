/**
 * The table's encodings the other way round: from a row and wanted operands to an instruction word. It knows no
 * encoding of its own: what each free bit of a row contributes to each operand is found by flipping it and decoding.
 */
import { decode } from '../../src/isa/decoder';
import type { Operands, Row } from '../../src/isa/types';
import { Random } from '../isa/random';

type OperandName = keyof Operands;
const NAMES: readonly OperandName[] = ['rd', 'rs1', 'rs2', 'rs3', 'imm', 'rm'];

interface FreeBit {
  readonly bit: number;
  /** What setting the bit adds to each operand (negative for the sign of an immediate). */
  readonly adds: Readonly<Partial<Record<OperandName, number>>>;
}

const known = new Map<Row, readonly FreeBit[]>();

const freeMask = (row: Row): number => ~row.mask & (row.length === 2 ? 0xffff : -1);

function randomWord(row: Row, random: Random): number {
  return (row.match | (random.word() & freeMask(row))) >>> 0;
}

function contribution(row: Row, bit: number, random: Random): FreeBit {
  for (;;) {
    const word = randomWord(row, random);
    const clear = row.decode((word & ~(1 << bit)) >>> 0);
    const set = row.decode((word | (1 << bit)) >>> 0);
    // Reserved encodings do not decode: try around another word.
    if (clear === undefined || set === undefined) continue;
    const adds: Partial<Record<OperandName, number>> = {};
    for (const name of NAMES) if (set[name] !== clear[name]) adds[name] = set[name] - clear[name];
    return { bit, adds };
  }
}

function freeBits(row: Row): readonly FreeBit[] {
  // Numbers of its own: a program must not depend on which rows were met before it.
  const random = new Random(1);
  const old = known.get(row);
  if (old) return old;
  const bits: FreeBit[] = [];
  for (let bit = 0; bit < 8 * row.length; bit++) {
    if ((freeMask(row) >>> bit) & 1) bits.push(contribution(row, bit, random));
  }
  known.set(row, bits);
  return bits;
}

/** Whether the word is this row's, and not a more specific one's or reserved. */
export const belongsTo = (row: Row, word: number): boolean => decode(word)?.row === row;

/** A random word of the row, any operands. */
export function anyWord(row: Row, random: Random): number {
  for (;;) {
    const word = randomWord(row, random);
    if (belongsTo(row, word)) return word;
  }
}

/** A word of the row with the wanted operands, the others random; undefined where it cannot hold them. */
export function assemble(row: Row, wanted: Partial<Operands>, random: Random): number | undefined {
  const bits = freeBits(row);
  for (let attempt = 0; attempt < 8; attempt++) {
    let word = randomWord(row, random);
    for (const { bit, adds } of bits) {
      for (const name of NAMES) {
        const add = adds[name];
        const want = wanted[name];
        if (add === undefined || want === undefined) continue;
        // Short register fields count from 8: bit values are those of the field all the same (8..15).
        const base = Math.abs(add);
        const on = (want & base) !== 0;
        word = (on ? word | (1 << bit) : word & ~(1 << bit)) >>> 0;
      }
    }
    const decoded = decode(word);
    if (decoded?.row !== row) continue;
    if (NAMES.every((name) => wanted[name] === undefined || decoded.operands[name] === wanted[name]))
      return word;
  }
  return undefined;
}
