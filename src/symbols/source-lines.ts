/** Source lines to addresses and back. Addresses are those of the file (no load bias). */
import type { DebugInfo, UnitInfo } from './dwarf/debug-info';
import { spanIn, type LineSpan, type Sequence } from './dwarf/line-table';
import { FileRows } from './file-rows';
import type { FunctionLookup, Place } from './functions';
import { matchPaths } from './paths';
import type { AddressRange } from './range-index';
import { SearchNeeded, type Search, type SearchGate } from './search';

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
/** Lines whose places are kept, of all files. */
const MAX_CACHED_LINES = 256;
/** Steps of a search that are made at once even for those who can wait: milliseconds each at most. */
const STEPS_AT_ONCE = 8;

export class SourceLines {
  private fileCache: ReadonlyMap<string, readonly number[]> | undefined;
  private readonly infos: UnitInfo[] = [];
  private readonly rowCache = new Map<string, RowSearch>();
  private readonly places = new Map<string, PlaceSearch>();

  constructor(
    private readonly info: DebugInfo,
    private readonly functions: FunctionLookup,
    private readonly gate?: SearchGate,
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
    return [...this.rowsOf(path).lines];
  }

  /** A function's first line moves behind the prologue, as for a breakpoint on the function. Throws SearchNeeded. */
  addressesOf(path: string, line: number): LineAddresses {
    const key = `${line} ${path}`;
    let search = this.places.get(key);
    if (search === undefined) {
      search = new PlaceSearch(this.rowsOf(path), line, this.functions);
      dropOldest(this.places, MAX_CACHED_LINES);
      this.places.set(key, search);
    }
    this.finish(search);
    return { line: search.line ?? line, addresses: search.addresses };
  }

  /** Statement rows of all files that the path means. Throws SearchNeeded. */
  private rowsOf(path: string): FileRows {
    let search = this.rowCache.get(path);
    if (search === undefined) {
      const byPath = this.byPath();
      const uses = [...matchPaths(path, byPath.keys())].flatMap((match) => byPath.get(match) ?? []);
      search = new RowSearch(uses, this.infos);
      dropOldest(this.rowCache, MAX_CACHED_FILES);
      this.rowCache.set(path, search);
    }
    this.finish(search);
    return search.rows;
  }

  /** A header may be used by thousands of units: who can wait is not kept waiting for them. */
  private finish(search: Search): void {
    for (let steps = 1; search.advance() < 1; steps++) {
      if (this.gate?.defers === true && steps >= STEPS_AT_ONCE) throw new SearchNeeded(search);
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

/** The rows of a file, unit by unit. */
class RowSearch implements Search {
  readonly rows = new FileRows();
  private next = 0;

  constructor(
    private readonly uses: readonly number[],
    private readonly infos: readonly UnitInfo[],
  ) {}

  advance(): number {
    const use = this.uses[this.next];
    if (use === undefined) return 1;
    for (const row of this.infos[Math.floor(use / MAX_FILES)]?.rowsOf(use % MAX_FILES) ?? [])
      this.rows.add(row);
    this.next++;
    return this.next / this.uses.length;
  }
}

/** The places of one line: the first in each function, or inlined copy, that it was compiled into. */
class PlaceSearch implements Search {
  readonly line: number | undefined;
  private readonly first = new Map<unknown, Place>();
  private readonly rows: BigUint64Array;
  private next = 0;
  private found: bigint[] | undefined;

  constructor(
    rows: FileRows,
    from: number,
    private readonly functions: FunctionLookup,
  ) {
    this.line = rows.lineFrom(from);
    this.rows = rows.addressesOf(this.line);
  }

  get addresses(): bigint[] {
    return this.found ?? [];
  }

  advance(): number {
    const address = this.rows[this.next];
    if (address !== undefined) {
      this.next++;
      const place = this.functions.placeOf(address);
      const known = this.first.get(place.instance);
      if (known === undefined || place.address < known.address) this.first.set(place.instance, place);
      return Math.min(0.99, this.next / this.rows.length);
    }
    this.found ??= this.placed();
    return 1;
  }

  private placed(): bigint[] {
    const places = [...this.first.values()].map(({ address, isEntry }) =>
      isEntry ? this.functions.afterPrologue(address) : address,
    );
    this.first.clear();
    return [...new Set(places)].sort((a, b) => (a < b ? -1 : 1));
  }
}

const dropOldest = (cache: Map<string, unknown>, max: number): void => {
  const [oldest] = cache.keys();
  if (cache.size >= max && oldest !== undefined) cache.delete(oldest);
};
