/**
 * Reads the notation in which the table gives encodings, and makes rows of it. The notation follows the figures of the
 * RISC-V manuals: fields from bit 31 (or 15) down to bit 0, separated by spaces:
 *   0110011            literal bits
 *   rd rs1 rs2 rs3     register numbers, 5 bits (the same names for floating point registers)
 *   rd' rs1' rs2'      registers 8..15, 3 bits (compressed formats)
 *   rd/rs1, rd/rs1'    one field that is both
 *   imm[11:5]          bits of the immediate, sign-extended from its highest bit; `imm[12|10:5]` as in the figures
 *   uimm[5:3|8:6]      the same, zero-extended
 *   uimm5              the 5-bit immediate of csrrwi and its like: it lies in the rs1 field, and goes to operands.rs1
 *   csr                12 bits: the CSR number, to operands.imm
 *   fence              12 bits: fm, pred, succ, to operands.imm
 *   aqrl               2 bits: acquire and release, to operands.imm (2 = aq, 1 = rl)
 *   rm                 3 bits: the rounding mode
 * Match, mask, length and the extraction of operands all derive from this one text.
 */
import { defined, invariant } from '../base/errors';
import type { Operands, Row, Semantics } from './types';

/** Bits `from`..`from+width-1` of the instruction are bits `to`.. of the operand. */
interface Piece {
  readonly from: number;
  readonly width: number;
  readonly to: number;
}

interface Field {
  pieces: Piece[];
  /** Sign-extend from this bit; undefined: zero-extend. */
  signBit?: number;
  /** Added to the bits: 8 for the short register fields. */
  base: number;
}

type OperandName = keyof Operands;

export interface RowOptions {
  /** Operands that the encoding implies, such as the stack pointer of c.lwsp. */
  readonly fixed?: Partial<Operands>;
  /** True for operands with which the encoding is reserved: it does not decode then. */
  readonly reserved?: (operands: Operands) => boolean;
}

interface Layout {
  length: 2 | 4;
  match: number;
  mask: number;
  fields: Map<OperandName, Field>;
}

/** Fields that are one run of bits: width, and the operands they go to. */
const simpleFields: Readonly<Record<string, { width: number; to: readonly OperandName[]; base?: number }>> = {
  rd: { width: 5, to: ['rd'] },
  rs1: { width: 5, to: ['rs1'] },
  rs2: { width: 5, to: ['rs2'] },
  rs3: { width: 5, to: ['rs3'] },
  'rd/rs1': { width: 5, to: ['rd', 'rs1'] },
  "rd'": { width: 3, to: ['rd'], base: 8 },
  "rs1'": { width: 3, to: ['rs1'], base: 8 },
  "rs2'": { width: 3, to: ['rs2'], base: 8 },
  "rd/rs1'": { width: 3, to: ['rd', 'rs1'], base: 8 },
  uimm5: { width: 5, to: ['rs1'] },
  csr: { width: 12, to: ['imm'] },
  fence: { width: 12, to: ['imm'] },
  aqrl: { width: 2, to: ['imm'] },
  rm: { width: 3, to: ['rm'] },
};

/** The runs of `[12|10:5]`, highest first, as [high, low]. */
function runsOf(token: string): [number, number][] {
  const inner = defined(/^u?imm\[([0-9:|]+)\]$/.exec(token)?.[1], `encoding field ${token} is known`);
  return inner.split('|').map((run) => {
    const [high, low] = run.split(':').map(Number);
    return [defined(high), low ?? defined(high)];
  });
}

function widthOf(token: string): number {
  if (/^[01]+$/.test(token)) return token.length;
  const simple = simpleFields[token];
  if (simple) return simple.width;
  return runsOf(token).reduce((sum, [high, low]) => sum + high - low + 1, 0);
}

function addField(fields: Map<OperandName, Field>, token: string, from: number): void {
  const simple = simpleFields[token];
  if (simple) {
    for (const name of simple.to) {
      fields.set(name, { pieces: [{ from, width: simple.width, to: 0 }], base: simple.base ?? 0 });
    }
    return;
  }
  const field = fields.get('imm') ?? { pieces: [], base: 0 };
  fields.set('imm', field);
  let at = from + widthOf(token);
  for (const [high, low] of runsOf(token)) {
    at -= high - low + 1;
    field.pieces.push({ from: at, width: high - low + 1, to: low });
    if (token.startsWith('imm')) field.signBit = Math.max(field.signBit ?? 0, high);
  }
}

function parse(encoding: string): Layout {
  const tokens = encoding.split(' ');
  let position = tokens.reduce((sum, token) => sum + widthOf(token), 0);
  invariant(position === 16 || position === 32, `encoding has 16 or 32 bits: ${encoding} has ${position}`);
  const layout: Layout = { length: position === 16 ? 2 : 4, match: 0, mask: 0, fields: new Map() };
  for (const token of tokens) {
    const width = widthOf(token);
    position -= width;
    if (/^[01]+$/.test(token)) {
      // Multiplication, since shifts would make bit 31 a sign.
      layout.match += parseInt(token, 2) * 2 ** position;
      layout.mask += (2 ** width - 1) * 2 ** position;
    } else addField(layout.fields, token, position);
  }
  return layout;
}

function extractor(field: Field | undefined, fixed: number | undefined): (insn: number) => number {
  if (!field) return () => fixed ?? 0;
  const { pieces, base, signBit } = field;
  const [first, second] = pieces;
  if (first && !second && signBit === undefined) {
    const mask = (1 << first.width) - 1;
    const { from, to } = first;
    return (insn) => (((insn >>> from) & mask) << to) + base;
  }
  const unused = signBit === undefined ? 0 : 31 - signBit;
  return (insn) => {
    let value = 0;
    for (const { from, width, to } of pieces) value |= ((insn >>> from) & ((1 << width) - 1)) << to;
    return (value << unused) >> unused;
  };
}

/** A maker of rows for one extension: `const m = extension('m'); m('mul', '0000001 rs2 ...', '{rd}, ...', mul)`. */
export const extension =
  (extensionName: string) =>
  (name: string, encoding: string, assembly: string, semantics: Semantics, options: RowOptions = {}): Row => {
    const { length, match, mask, fields } = parse(encoding);
    const part = (operand: OperandName): ((insn: number) => number) =>
      extractor(fields.get(operand), options.fixed?.[operand]);
    const [rd, rs1, rs2, rs3] = [part('rd'), part('rs1'), part('rs2'), part('rs3')];
    const [imm, rm] = [part('imm'), part('rm')];
    const { reserved } = options;
    const decode = (insn: number): Operands | undefined => {
      const operands = {
        rd: rd(insn),
        rs1: rs1(insn),
        rs2: rs2(insn),
        rs3: rs3(insn),
        imm: imm(insn),
        rm: rm(insn),
      };
      return reserved?.(operands) ? undefined : operands;
    };
    return { name, extension: extensionName, length, match, mask, decode, assembly, semantics };
  };
