/** Source lines to addresses and back. Addresses are those of the file (no load bias). */
import type { DebugInfo, UnitInfo } from './dwarf/debug-info';
import { spanIn, type LineSpan, type Sequence } from './dwarf/line-table';
import type { FunctionLookup } from './functions';
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

/** A file of the tables: where its lines are. */
interface FileUse {
  readonly info: UnitInfo;
  readonly file: number;
}

export class SourceLines {
  private fileCache: ReadonlyMap<string, FileUse[]> | undefined;

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
    return [...lines].sort((a, b) => a - b);
  }

  /** A function's first line moves behind the prologue, as for a breakpoint on the function. */
  addressesOf(path: string, line: number): LineAddresses {
    let moved = Infinity;
    let found: bigint[] = [];
    for (const row of this.rowsOf(path)) {
      if (row.line < line || row.line > moved) continue;
      if (row.line < moved) found = [];
      moved = row.line;
      found.push(row.address);
    }
    if (moved === Infinity) return { line, addresses: [] };
    const first = new Map<unknown, bigint>();
    for (const address of found) {
      const instance = this.functions.instanceAt(address) ?? address;
      const known = first.get(instance);
      if (known === undefined || address < known) first.set(instance, address);
    }
    const places = [...first.values()].map((address) =>
      this.functions.at(address)?.start === address ? this.functions.afterPrologue(address) : address,
    );
    return { line: moved, addresses: [...new Set(places)].sort((a, b) => (a < b ? -1 : 1)) };
  }

  /** Statement rows of all files that the path means. */
  private *rowsOf(path: string): Generator<{ line: number; address: bigint }> {
    const byPath = this.byPath();
    for (const match of matchPaths(path, byPath.keys())) {
      for (const { info, file } of byPath.get(match) ?? []) {
        for (const { rows, end } of info.lineTable()?.sequences ?? []) {
          for (const row of rows) {
            if (row.file === file && row.isStmt && row.line > 0 && row.address < end) yield row;
          }
        }
      }
    }
  }

  private spanAt(address: bigint): { info: UnitInfo; sequence: Sequence; span: LineSpan } | undefined {
    for (const info of this.info.unitsAt(address)) {
      const sequence = info.lineTable()?.sequenceAt(address);
      const span = sequence && spanIn(sequence, address);
      if (sequence !== undefined && span !== undefined) return { info, sequence, span };
    }
    return undefined;
  }

  private byPath(): ReadonlyMap<string, FileUse[]> {
    if (this.fileCache !== undefined) return this.fileCache;
    const files = new Map<string, FileUse[]>();
    /** Units may share a line table (partial units); its rows count once. */
    const seen = new Set<number>();
    for (const info of this.info.units()) {
      if (info.lineOffset === undefined || seen.has(info.lineOffset)) continue;
      seen.add(info.lineOffset);
      info.paths().forEach((path, file) => {
        if (path === '') return;
        const uses = files.get(path);
        if (uses === undefined) files.set(path, [{ info, file }]);
        else uses.push({ info, file });
      });
    }
    return (this.fileCache = files);
  }
}
