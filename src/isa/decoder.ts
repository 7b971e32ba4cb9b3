/**
 * From an instruction word to its row and operands. Rows are found through small buckets: by opcode and funct3, and
 * where that leaves many (OP-FP, where funct3 is a rounding mode) by bits 31:25 too; compressed ones by quadrant and
 * bits 15:10. Within a bucket the most specific mask comes first, and the first match decides.
 */
import { bySpecificity, ROWS } from './table';
import type { Operands, Row } from './types';

export interface Decoded {
  readonly row: Row;
  readonly operands: Operands;
}

/** Length in bytes of the instruction whose low half this is. Longer encodings (bits 4:0 all ones) count as 4. */
export const instructionLength = (lowHalf: number): 2 | 4 => ((lowHalf & 3) === 3 ? 4 : 2);

/** A bucket is split when it has more rows than this: longer searches cost more than one more look-up. */
const splitAbove = 4;

/** Filled as they are first needed: a program uses few of them, and launching should not wait for the others. */
type Buckets = (readonly Row[] | undefined)[];

const matches = (row: Row, insn: number): boolean => ((insn ^ row.match) & row.mask) === 0;

/** Rows that some instruction with these bits set as given can match. */
const compatible = (rows: readonly Row[], bits: number, mask: number): Row[] =>
  rows.filter((row) => ((row.match ^ bits) & row.mask & mask) === 0);

const wideRows = bySpecificity(ROWS.filter((row) => row.length === 4));
const shortRows = bySpecificity(ROWS.filter((row) => row.length === 2));
/** By opcode and funct3. */
const wide: Buckets = [];
/** The same, and by bits 31:25, where the bucket in `wide` is large. */
const split: Buckets = [];
/** By bits 15:10 and the quadrant. */
const short: Buckets = [];

function candidates(insn: number): readonly Row[] {
  if (instructionLength(insn) === 2) {
    const key = ((insn >>> 8) & 0xfc) | (insn & 3);
    return (short[key] ??= compatible(shortRows, insn, 0xfc03));
  }
  const key = ((insn >>> 2) & 0x1f) | ((insn >>> 7) & 0xe0);
  const bucket = (wide[key] ??= compatible(wideRows, insn, 0x707f));
  if (bucket.length <= splitAbove) return bucket;
  return (split[key | ((insn >>> 25) << 8)] ??= compatible(bucket, insn, 0x7f << 25));
}

/**
 * Decodes the instruction in `insn`: 32 bits, signed or unsigned; of a compressed one only the low 16 are looked at.
 * `undefined` for what is not an instruction of this machine.
 */
export function decode(insn: number): Decoded | undefined {
  const word = instructionLength(insn) === 2 ? insn & 0xffff : insn;
  for (const row of candidates(word)) {
    if (!matches(row, word)) continue;
    // A reserved encoding is final: no wider row may claim it (c.jr x0 is not c.mv).
    const operands = row.decode(word);
    return operands && { row, operands };
  }
  return undefined;
}
