/** Source lines to addresses and back. Addresses are those of the file (no load bias). */
import type { DebugInfo, UnitInfo } from './dwarf/debug-info';
import { spanIn, type FileRow, type LineSpan, type Sequence } from './dwarf/line-table';
import type { FunctionLookup, Place } from './functions';
import { matchPaths } from './paths';
import type { AddressRange } from './range-index';

/** A row of a line table, with the addresses that it stands for. */
export interface LineInfo extends AddressRange {
  /** Normalised path as the compiler saw it. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based; 0 when unknown. */
  readonly column: number;
  readonly isStmt: boolean;
}

export interface LineAddresses {
  /** The line asked for, or the next one that has code. */
  readonly line: number;
  /** One for each function (or inlined copy) that the line was compiled into, ascending. Empty: no code from here on. */
  readonly addresses: bigint[];
}

/** More files than any table has: a use of a file by a unit is one number, `unit * MAX_FILES + file`. */
const MAX_FILES = 2 ** 20;

/** Source files whose rows are kept: those with breakpoints. */
const MAX_CACHED_FILES = 32;

export class SourceLines {
  private fileCache: ReadonlyMap<string, readonly number[]> | undefined;
  private readonly infos: UnitInfo[] = [];
  private readonly rowCache = new Map<string, readonly FileRow[]>();

  constructor(
    private readonly info: DebugInfo,
    private readonly functions: FunctionLookup,
  ) {}

  files(): string[] {
    return [...this.byPath().keys()].sort();
  }

  at(address: bigint): LineInfo | undefined {
    const found = this.spanAt(address);
    if (found === undefined || found.span.line === 0) return undefined;
    const { start, end, line, column, isStmt, file } = found.span;
    return { file: found.info.path(file), line, column, start, end, isStmt };
  }

  /**
   * The code of the line at the address, for stepping: first the run of adjoining rows that holds the address, then
   * the other runs of the same line in the same function. Empty when the address has no line.
   */
  rangesAt(address: bigint): AddressRange[] {
    const found = this.spanAt(address);
    if (found === undefined || found.span.line === 0) return [];
    const { sequence, span } = found;
    const code = this.functions.at(address);
    const inFunction = (one: LineSpan): boolean =>
      code === undefined || (one.start >= code.start && one.start < code.end);
    const runs: { start: bigint; end: bigint }[] = [];
    for (const one of sequence.spans) {
      if (one.line !== span.line || one.file !== span.file || !inFunction(one)) continue;
      const last = runs.at(-1);
      if (last !== undefined && last.end === one.start) last.end = one.end;
      else runs.push({ start: one.start, end: one.end });
    }
    const holds = (run: AddressRange): boolean => address >= run.start && address < run.end;
    return [...runs.filter(holds), ...runs.filter((run) => !holds(run))];
  }

  /** Lines with code of a file (matched as in addressesOf), ascending. */
  linesOf(path: string): number[] {
    const lines = new Set<number>();
    for (const { line } of this.rowsOf(path)) lines.add(line);
    return [...lines];
  }

  /** A function's first line moves behind the prologue, as for a breakpoint on the function. */
  addressesOf(path: string, line: number): LineAddresses {
    const rows = this.rowsOf(path);
    const from = firstFrom(rows, line);
    const moved = rows[from]?.line;
    if (moved === undefined) return { line, addresses: [] };
    const first = new Map<unknown, Place>();
    for (let i = from; rows[i]?.line === moved; i++) {
      const place = this.functions.placeOf(rows[i]?.address ?? 0n);
      const known = first.get(place.instance);
      if (known === undefined || place.address < known.address) first.set(place.instance, place);
    }
    const places = [...first.values()].map(({ address, isEntry }) =>
      isEntry ? this.functions.afterPrologue(address) : address,
    );
    return { line: moved, addresses: [...new Set(places)].sort((a, b) => (a < b ? -1 : 1)) };
  }

  /** Statement rows of all files that the path means, by line. */
  private rowsOf(path: string): readonly FileRow[] {
    const known = this.rowCache.get(path);
    if (known !== undefined) return known;
    const byPath = this.byPath();
    const rows: FileRow[] = [];
    for (const match of matchPaths(path, byPath.keys())) {
      for (const use of byPath.get(match) ?? []) {
        const found = this.infos[Math.floor(use / MAX_FILES)]?.rowsOf(use % MAX_FILES) ?? [];
        for (const row of found) rows.push(row);
      }
    }
    rows.sort((a, b) => a.line - b.line);
    const [oldest] = this.rowCache.keys();
    if (this.rowCache.size >= MAX_CACHED_FILES && oldest !== undefined) this.rowCache.delete(oldest);
    this.rowCache.set(path, rows);
    return rows;
  }

  private spanAt(address: bigint): { info: UnitInfo; sequence: Sequence; span: LineSpan } | undefined {
    for (const info of this.info.unitsAt(address)) {
      const sequence = info.lineTable()?.sequenceAt(address);
      const span = sequence && spanIn(sequence, address);
      if (sequence !== undefined && span !== undefined) return { info, sequence, span };
    }
    return undefined;
  }

  private byPath(): ReadonlyMap<string, readonly number[]> {
    if (this.fileCache !== undefined) return this.fileCache;
    const files = new Map<string, number[]>();
    /** Units may share a line table (partial units); its rows count once. */
    const seen = new Set<number>();
    for (const info of this.info.units()) {
      if (info.lineOffset === undefined || seen.has(info.lineOffset)) continue;
      seen.add(info.lineOffset);
      const unit = this.infos.push(info) - 1;
      info.paths().forEach((path, file) => {
        if (path === '' || file >= MAX_FILES) return;
        const use = unit * MAX_FILES + file;
        const uses = files.get(path);
        if (uses === undefined) files.set(path, [use]);
        else uses.push(use);
      });
    }
    return (this.fileCache = files);
  }
}

/** Index of the first row of the line or a later one. */
const firstFrom = (rows: readonly FileRow[], line: number): number => {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle]?.line ?? 0) < line) low = middle + 1;
    else high = middle;
  }
  return low;
};
