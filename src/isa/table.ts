/**
 * THE instruction table: every instruction of the machine, one row each. The decoder, the disassembler and the engines
 * derive from it; nothing else knows an encoding. The order is fixed (an engine may number rows by it), and of the rows
 * that match an instruction the one with the most specific mask is meant: `fence` also matches `pause`.
 */
import { aRows } from './rows/a';
import { cRows } from './rows/c';
import { dRows } from './rows/d';
import { fRows } from './rows/f';
import { iRows } from './rows/i';
import { mRows } from './rows/m';
import { systemRows } from './rows/system';
import { zbRows } from './rows/zb';
import type { Row } from './types';

export const ROWS: readonly Row[] = [
  ...iRows,
  ...mRows,
  ...aRows,
  ...fRows,
  ...dRows,
  ...zbRows,
  ...systemRows,
  ...cRows,
];

/** The rows from the most to the least specific mask; rows of equal specificity keep their order. */
export function bySpecificity(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => bitCount(b.mask) - bitCount(a.mask));
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** What is wrong with a table, one line each: names used twice, and overlaps of which neither row is the special case. */
export function tableProblems(rows: readonly Row[]): string[] {
  const problems: string[] = [];
  rows.forEach((a, index) => {
    if ((a.match & ~a.mask) !== 0) problems.push(`${a.name}: match has bits outside its mask`);
    for (const b of rows.slice(index + 1)) {
      if (a.name === b.name) problems.push(`${a.name}: two rows of this name`);
      if (a.length !== b.length) continue;
      const common = a.mask & b.mask;
      if (((a.match ^ b.match) & common) !== 0) continue;
      const nested = (common === (a.mask | 0) || common === (b.mask | 0)) && a.mask !== b.mask;
      if (!nested)
        problems.push(`${a.name} and ${b.name} overlap, and neither is a special case of the other`);
    }
  });
  return problems;
}
