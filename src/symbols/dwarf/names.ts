/**
 * Where names of types, of variables with static storage, of enumerators and of functions are described. Units are scanned
 * once, one after another and only until what is asked for is found. A unit that is preferred is scanned for itself. Who
 * can wait (search.ts) is not kept waiting for a scan of everything: the scan can be made in slices, and goes on where it was.
 */
import { lazily } from '../lazily';
import { SearchNeeded, type Search, type SearchGate } from '../search';
import type { DebugInfo, UnitInfo } from './debug-info';
import { Die } from './die';
import type { NamedEntry, NameHash, Rank } from './name-table';
import type { Unit } from './unit';
import {
  hashOfFunction,
  hashOfName,
  loadStrings,
  newTables,
  UnitScan,
  type NameKind,
  type ScanTables,
} from './unit-scan';

export { kindOfTag, type NameKind } from './unit-scan';
export type { Rank } from './name-table';

export interface FoundName {
  readonly die: Die;
  readonly rank: Rank;
}

/** Units whose names are kept for themselves. */
const MAX_UNITS = 8;
/** So many units, and it is likely that there are many more to come. */
const MANY_UNITS = 16;
/** Entries read at once: some milliseconds. */
const SLICE = 16_384;
/** Slices that are made at once even for those who can wait. */
const SLICES_AT_ONCE = 4;

export class NameIndex {
  private readonly tables = newTables();
  private readonly visited = new Set<Unit>();
  /** Which units import a unit. */
  private readonly importers = new Map<Unit, Unit[]>();
  private readonly byUnit = new Map<Unit, Scanning>();
  private readonly whole = lazily(() => this.scanning(this.allUnits(), this.info.units().length));

  constructor(
    private readonly info: DebugInfo,
    private readonly gate?: SearchGate,
  ) {}

  /** The best entry of the whole file; `enough` is the rank that ends the search. Throws SearchNeeded. */
  find(kind: NameKind, name: string, enough: Rank): FoundName | undefined {
    const hash = hashOfName(kind, name);
    const infos = this.indexedUnits(kind, name);
    const scanning = infos ? this.scanning(this.unitsOf(infos), infos.length) : this.whole();
    return this.searched(
      scanning,
      () => {
        const known = this.tables.names.find(hash);
        return known !== undefined && known.rank >= enough ? known : undefined;
      },
      hash,
      this.tables,
    );
  }

  /** The best entry of one unit. Throws SearchNeeded. */
  findIn(unit: Unit, kind: NameKind, name: string): FoundName | undefined {
    const hash = hashOfName(kind, name);
    let scanning = this.byUnit.get(unit);
    if (scanning === undefined) {
      scanning = new Scanning([unit][Symbol.iterator](), 1, newTables(), new Set(), this.info);
      const oldest = this.byUnit.keys().next().value;
      if (this.byUnit.size >= MAX_UNITS && oldest !== undefined) this.byUnit.delete(oldest);
      this.byUnit.set(unit, scanning);
    }
    const { tables } = scanning;
    return this.searched(
      scanning,
      () => {
        const known = tables.names.find(hash);
        return known?.rank === 3 ? known : undefined;
      },
      hash,
      tables,
    );
  }

  /** Units that describe functions of a last name (`max` of `std::max<int>`), and those that import them. Throws SearchNeeded. */
  unitsWithFunction(name: string): Unit[] {
    const scanning = this.whole();
    this.complete(scanning, () => undefined);
    const found = new Set<Unit>();
    for (const number of this.tables.functions.find(hashOfFunction(name))) {
      const unit = this.tables.units[number];
      if (unit !== undefined) found.add(unit);
    }
    // A set is walked with what is added meanwhile.
    for (const unit of found) for (const importer of this.importers.get(unit) ?? []) found.add(importer);
    return [...found];
  }

  private searched(
    scanning: Scanning,
    enough: () => NamedEntry | undefined,
    hash: NameHash,
    tables: ScanTables,
  ): FoundName | undefined {
    const found = this.complete(scanning, enough) ?? tables.names.find(hash);
    const unit = found && tables.units[found.unit];
    if (found === undefined || unit === undefined) return undefined;
    const die = this.info.attempt(() => Die.at({ unit, offset: unit.header.offset + found.offset }));
    return die && { die, rank: found.rank };
  }

  /** Scans until something is found, or to the end. */
  private complete<T>(scanning: Scanning, found: () => T | undefined): T | undefined {
    for (let slices = 0; ; slices++) {
      const answer = found();
      if (answer !== undefined || !scanning.slice()) return answer ?? found();
      if (this.gate?.defers === true && slices >= SLICES_AT_ONCE) throw new SearchNeeded(scanning);
    }
  }

  private scanning(units: Iterator<Unit>, count: number): Scanning {
    return new Scanning(units, count, this.tables, this.visited, this.info, this.importers);
  }

  /** Those that an index of the file leads to; undefined: none can tell. */
  private indexedUnits(kind: NameKind, name: string): UnitInfo[] | undefined {
    // Every unit has its base types; of template arguments there are several spellings.
    if (kind === 'base' || name.includes('<')) return undefined;
    const { sections } = this.info;
    const byPart = sections.source('names').size > 0;
    // DWARF 5, 6.1.1.1, names no enumerators.
    if (byPart && kind === 'enumerator') return undefined;
    if (!byPart && sections.source('gdb_index').size === 0) return undefined;
    return this.info.unitsNaming(byPart ? (name.split('::').at(-1) ?? name) : name);
  }

  /** Units with code first: most names are found there. */
  private allUnits(): Iterator<Unit> {
    return this.unitsOf(this.info.units());
  }

  private *unitsOf(infos: readonly UnitInfo[]): Generator<Unit> {
    const sets = new Set<Unit['set']>();
    for (const { unit } of infos) {
      if (unit === undefined) continue;
      sets.add(unit.set);
      yield unit;
    }
    for (const set of sets) yield* set.allTypeUnits();
  }
}

/** A scan over some units, and what they import, that is made in slices. */
class Scanning implements Search {
  private scan: UnitScan | undefined;
  private readonly imported: Unit[] = [];
  private ended = false;
  private begun = 0;

  constructor(
    private readonly units: Iterator<Unit>,
    /** How many units there are, about. */
    private readonly count: number,
    readonly tables: ScanTables,
    /** Those that were scanned to their end. */
    private readonly visited: Set<Unit>,
    private readonly info: DebugInfo,
    private readonly importers?: Map<Unit, Unit[]>,
  ) {}

  /** False when there is no more. */
  slice(): boolean {
    if (this.ended) return false;
    const scan = (this.scan ??= this.next());
    if (scan === undefined) return !this.ended;
    if (this.info.attempt(() => scan.run(SLICE)) === true) return true;
    this.visited.add(scan.unit);
    for (const unit of scan.imports) {
      this.imported.push(unit);
      const importers = this.importers?.get(unit);
      if (importers) importers.push(scan.unit);
      else this.importers?.set(unit, [scan.unit]);
    }
    this.scan = undefined;
    return true;
  }

  advance(): number {
    if (!this.slice()) return 1;
    return Math.min(0.99, (this.begun - 1 + (this.scan?.done ?? 1)) / Math.max(1, this.count));
  }

  /** Undefined for a damaged unit too. */
  private next(): UnitScan | undefined {
    for (;;) {
      const imported = this.imported.pop();
      const next = imported === undefined ? this.units.next() : { value: imported, done: false as const };
      if (next.done === true) {
        this.ended = true;
        delete this.tables.strings;
        return undefined;
      }
      if (imported === undefined && this.begun++ === MANY_UNITS)
        loadStrings(this.tables, this.info.sections.source('str'));
      const unit = next.value;
      if (this.visited.has(unit)) continue;
      const scan = this.info.attempt(() => new UnitScan(unit, this.tables));
      if (scan !== undefined) return scan;
      this.visited.add(unit);
    }
  }
}
