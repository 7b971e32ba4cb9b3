/**
 * Predecoded records: 8 bytes for each halfword of a page, {op: u16, a: u8, b: u8, rest: 4 bytes}. Register numbers
 * are kept times 8, ready as offsets. Where operands lie depends on what the semantics uses:
 *
 *     a     rd or fd; without a destination rs2 or fs2
 *     b     rs1 or fs1 (the 5-bit immediate of csrr?i)
 *     rest  imm as i32; with a destination and a second source: rs2 or fs2, fs3, rm as bytes
 */
import { invariant } from '../../base/errors';
import { ROWS } from '../../isa/table';
import type { Operands, Semantics } from '../../isa/types';

/** Ops below FIRST_HANDLER are the engine's own. */
export const Op = {
  /** Not decoded yet. Must be 0: a cleared record. */
  undecoded: 0,
  breakpoint: 1,
  /** A 4-byte instruction whose second half is on the next page. */
  crossing: 2,
  /** Not an instruction: execution continues with a look-up of its address. */
  refetch: 3,
  nop2: 4,
  nop4: 5,
  illegal: 6,
} as const;
export const FIRST_HANDLER = 7;

export const RecordField = { a: 2, b: 3, rest: 4, second: 4, third: 5, rm: 6 } as const;

export interface Handler {
  readonly semantics: Semantics;
  readonly length: 2 | 4;
}

const uses = (semantics: Semantics, ...any: string[]): boolean =>
  semantics.uses.some((use) => any.includes(use));
export const hasDestination = (semantics: Semantics): boolean => uses(semantics, 'rd', 'fd');
export const hasSecond = (semantics: Semantics): boolean => uses(semantics, 'rs2', 'fs2');

/** One handler for each (semantics, length) that occurs in the table, in table order. */
export const HANDLERS: readonly Handler[] = (() => {
  const handlers: Handler[] = [];
  const known = new Map<Semantics, Set<number>>();
  for (const row of ROWS) {
    const lengths = known.get(row.semantics) ?? new Set();
    known.set(row.semantics, lengths);
    if (lengths.has(row.length)) continue;
    lengths.add(row.length);
    handlers.push({ semantics: row.semantics, length: row.length });
    invariant(
      !(hasDestination(row.semantics) && hasSecond(row.semantics) && uses(row.semantics, 'imm')),
      `${row.name}: destination, second source and immediate do not fit a record`,
    );
  }
  return handlers;
})();

const opNumbers = new Map<Semantics, Map<number, number>>();
HANDLERS.forEach((handler, index) => {
  const byLength = opNumbers.get(handler.semantics) ?? new Map<number, number>();
  byLength.set(handler.length, FIRST_HANDLER + index);
  opNumbers.set(handler.semantics, byLength);
});

/** Writes the record of one instruction at a byte address of the linear memory. */
export function writeRecord(
  view: DataView,
  address: number,
  semantics: Semantics,
  length: 2 | 4,
  operands: Operands,
): void {
  const destination = hasDestination(semantics);
  if (semantics.pure && destination && operands.rd === 0) {
    view.setUint32(address, length === 2 ? Op.nop2 : Op.nop4, true);
    view.setUint32(address + 4, 0, true);
    return;
  }
  const op = opNumbers.get(semantics)?.get(length);
  invariant(op !== undefined, `${semantics.name} has a handler`);
  view.setUint16(address, op, true);
  view.setUint8(address + RecordField.a, 8 * (destination ? operands.rd : operands.rs2));
  view.setUint8(address + RecordField.b, 8 * operands.rs1);
  if (destination && (hasSecond(semantics) || uses(semantics, 'rm'))) {
    view.setUint8(address + RecordField.second, 8 * operands.rs2);
    view.setUint8(address + RecordField.third, 8 * operands.rs3);
    view.setUint8(address + RecordField.rm, operands.rm);
    view.setUint8(address + 7, 0);
  } else view.setInt32(address + RecordField.rest, operands.imm, true);
}
