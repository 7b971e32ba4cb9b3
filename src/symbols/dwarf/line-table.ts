/**
 * One line table, made searchable: sequences of rows with distinct addresses. Where several rows have one address,
 * the last statement row counts, else the last row (as debuggers do). Addresses are those of the file (no load bias).
 */
import { RangeIndex, type AddressRange } from '../range-index';
import type { LineHeader } from './line-header';
import { addressOf, runLineProgram, walkLineProgram, type LineRow } from './line-program';
import type { DwarfSections } from './sections';

/** A row with the range of addresses that it stands for. */
export interface LineSpan extends AddressRange {
  readonly file: number;
  readonly line: number;
  readonly column: number;
  readonly isStmt: boolean;
  readonly prologueEnd: boolean;
  /** Position within the sequence. */
  readonly index: number;
}

/** All rows at one address, in program order; `chosen` speaks for the address. */
export interface Sequence extends AddressRange {
  /** Spans by ascending address, without gaps or overlaps. */
  readonly spans: readonly LineSpan[];
  /** Every row but the end mark, by ascending address: breakpoints may name a row that is not the chosen one. */
  readonly rows: readonly LineRow[];
}

export class LineTable {
  readonly sequences: readonly Sequence[];
  private readonly index: RangeIndex<Sequence>;

  private constructor(
    readonly header: LineHeader,
    sequences: Sequence[],
  ) {
    this.sequences = sequences;
    this.index = new RangeIndex(sequences.map((value) => ({ start: value.start, end: value.end, value })));
  }

  /** Runs the program. `keep` decides which sequences are real code: linkers leave those of dropped functions. */
  static load(
    sections: DwarfSections,
    header: LineHeader,
    keep: (sequence: AddressRange) => boolean,
  ): LineTable {
    const sequences: Sequence[] = [];
    let rows: LineRow[] = [];
    for (const row of runLineProgram(sections, header)) {
      if (!row.endSequence) {
        rows.push(row);
        continue;
      }
      const sequence = makeSequence(rows, row.address);
      if (sequence !== undefined && keep(sequence)) sequences.push(sequence);
      rows = [];
    }
    return new LineTable(header, sequences);
  }

  sequenceAt(address: bigint): Sequence | undefined {
    return this.index.find(address);
  }

  spanAt(address: bigint): LineSpan | undefined {
    const sequence = this.sequenceAt(address);
    return sequence && spanIn(sequence, address);
  }
}

/** Where a statement of a line begins. */
export interface FileRow {
  readonly line: number;
  readonly address: bigint;
}

/**
 * Statement rows of one file, as the table of the unit would have them, without making the table: a header file may be used
 * by thousands of units. Throws DWARF_BAD_SECTION.
 */
export const rowsOfFile = (
  sections: DwarfSections,
  header: LineHeader,
  file: number,
  keep: (sequence: AddressRange) => boolean,
): FileRow[] => {
  const found: FileRow[] = [];
  let pending: FileRow[] = [];
  let start: bigint | undefined;
  walkLineProgram(sections, header, (registers, endSequence) => {
    const isWanted = registers.file === file && registers.isStmt && registers.line > 0;
    if (!endSequence && !isWanted && start !== undefined) return;
    const address = addressOf(registers);
    if (!endSequence) {
      start = start === undefined || address < start ? address : start;
      if (isWanted) pending.push({ line: registers.line, address });
      return;
    }
    if (start !== undefined && start < address && keep({ start, end: address }))
      for (const row of pending) if (row.address < address) found.push(row);
    pending = [];
    start = undefined;
  });
  return found;
};

export const spanIn = (sequence: Sequence, address: bigint): LineSpan | undefined => {
  let low = 0;
  let high = sequence.spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const span = sequence.spans[middle];
    if (span !== undefined && span.start <= address) low = middle + 1;
    else high = middle;
  }
  const span = sequence.spans[low - 1];
  return span !== undefined && address < span.end ? span : undefined;
};

const makeSequence = (unsorted: LineRow[], end: bigint): Sequence | undefined => {
  // Addresses ascend within a sequence (6.2.5); damaged tables, and some assembly with .subsection, do not keep to it.
  const rows = isAscending(unsorted)
    ? unsorted
    : [...unsorted].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  const first = rows[0];
  if (first === undefined || first.address >= end) return undefined;
  const spans: LineSpan[] = [];
  for (let i = 0; i < rows.length;) {
    const start = rows[i]?.address ?? end;
    let chosen = rows[i];
    let prologueEnd = false;
    for (; rows[i]?.address === start; i++) {
      const row = rows[i];
      prologueEnd ||= row?.prologueEnd ?? false;
      if (row !== undefined && (row.isStmt || chosen?.isStmt !== true)) chosen = row;
    }
    const next = rows[i]?.address ?? end;
    const stop = next < end ? next : end;
    if (chosen === undefined || start >= stop) continue;
    const { file, line, column, isStmt } = chosen;
    spans.push({ start, end: stop, file, line, column, isStmt, prologueEnd, index: spans.length });
  }
  return { start: first.address, end, spans, rows };
};

const isAscending = (rows: readonly LineRow[]): boolean =>
  rows.every((row, i) => i === 0 || (rows[i - 1]?.address ?? 0n) <= row.address);
