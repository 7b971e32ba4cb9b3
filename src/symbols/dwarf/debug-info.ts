/**
 * The units of a file by address, with what each gives when asked: its line table and its functions. Everything is
 * read on first use and kept; what is damaged is left out and told once through `warn`.
 */
import { lazily } from '../lazily';
import { RangeIndex, type AddressRange } from '../range-index';
import { readFunctions, type DwarfFunction } from './functions';
import { filePath, readLineHeader, type LineHeader } from './line-header';
import { LineTable, rowsOfFile, type FileRow } from './line-table';
import { unitsNaming } from './name-indexes';
import type { DwarfSections } from './sections';
import { readAranges } from './aranges';
import type { Unit } from './unit';
import { UnitSet } from './unit-set';

export interface NamedFunction {
  readonly one: DwarfFunction;
  /** Of an inlined one: the function with its code. */
  readonly outer: DwarfFunction | undefined;
}

/** A unit with its parts; one without .debug_info entry (line tables alone) has no `unit`. */
export class UnitInfo {
  private headerCache: LineHeader | undefined | null;
  private tableCache: LineTable | undefined | null;
  private functionCache: readonly DwarfFunction[] | undefined;
  private functionIndex: RangeIndex<DwarfFunction> | undefined;
  private unitCache: Unit | undefined;
  private pathCache: string[] = [];

  constructor(
    private readonly info: DebugInfo,
    /** The unit in the linked file: of split units the skeleton, which has ranges and the line table, but no entries. */
    readonly root: Unit | undefined,
    /** Of units without any entry. */
    private readonly bareLineOffset?: number,
  ) {}

  /** The unit with its entries, from wherever they are. */
  get unit(): Unit | undefined {
    const { root, info } = this;
    this.unitCache ??= root && (info.attempt(() => info.splitOf(root)) ?? root);
    return this.unitCache;
  }

  get lineOffset(): number | undefined {
    return this.bareLineOffset ?? (this.root && this.info.attempt(() => this.root?.lineOffset));
  }

  get compDir(): string {
    return (this.root && this.info.attempt(() => this.root?.compDir)) ?? '';
  }

  lineHeader(): LineHeader | undefined {
    if (this.headerCache === undefined) this.headerCache = this.info.attempt(() => this.readHeader()) ?? null;
    return this.headerCache ?? undefined;
  }

  lineTable(): LineTable | undefined {
    if (this.tableCache === undefined) {
      const header = this.lineHeader();
      const load = (): LineTable | undefined =>
        header && LineTable.load(this.sections, header, this.info.keep);
      this.tableCache = this.info.attempt(load) ?? null;
      this.info.remember(this, ROW_WEIGHT * (header === undefined ? 0 : header.end - header.programStart));
    }
    return this.tableCache ?? undefined;
  }

  /** Paths of the line table's files, by index; reads the header, and keeps nothing. */
  paths(): readonly string[] {
    const header = this.headerCache ?? this.info.attempt(() => this.readHeader());
    const { compDir } = this;
    return (
      header?.files.map((file, index) => (file === undefined ? '' : filePath(header, index, compDir))) ?? []
    );
  }

  /** Statement rows of one file of the table, in no order; nothing is kept. */
  rowsOf(file: number): FileRow[] {
    const header = this.headerCache ?? this.info.attempt(() => this.readHeader());
    const read = (): FileRow[] => (header ? rowsOfFile(this.sections, header, file, this.info.keep) : []);
    return this.info.attempt(read) ?? [];
  }

  /** '' when there is no such file. */
  path(file: number): string {
    const known = this.pathCache[file];
    if (known !== undefined) return known;
    const header = this.lineHeader();
    const path = header?.files[file] === undefined ? '' : filePath(header, file, this.compDir);
    if (path !== '') this.pathCache[file] = path;
    return path;
  }

  functions(): readonly DwarfFunction[] {
    const { unit, info } = this;
    if (this.functionCache === undefined) {
      this.functionCache = (unit && info.attempt(() => readFunctions(unit))) ?? [];
      const size = unit ? unit.header.end - unit.header.offset : 0;
      info.remember(this, size + FUNCTION_WEIGHT * this.functionCache.length);
    }
    return this.functionCache;
  }

  /** Those with some names, without keeping the others. */
  functionsWith(isWanted: (name: string) => boolean): NamedFunction[] {
    const { unit, info } = this;
    const found: NamedFunction[] = [];
    let outer: DwarfFunction | undefined;
    for (const one of this.functionCache ?? (unit && info.attempt(() => readFunctions(unit))) ?? []) {
      if (one.depth === 0) outer = one;
      if (isWanted(one.name)) found.push({ one, outer });
    }
    return found;
  }

  /** Lets go of all that can be read again. */
  forget(): void {
    this.headerCache = this.tableCache = undefined;
    this.functionCache = this.functionIndex = this.unitCache = undefined;
    this.pathCache = [];
  }

  /** The functions whose code holds the address: inlined ones first, innermost first. */
  functionsAt(address: bigint): DwarfFunction[] {
    this.functionIndex ??= new RangeIndex(
      this.functions().flatMap((value) =>
        value.ranges.filter(this.info.keep).map(({ start, end }) => ({ start, end, value })),
      ),
    );
    return [...this.functionIndex.containing(address)].sort((a, b) => b.depth - a.depth);
  }

  private readHeader(): LineHeader | undefined {
    if (this.lineOffset === undefined) return undefined;
    return readLineHeader(this.sections, this.lineOffset, this.root?.header.addressSize ?? 8);
  }

  /** A unit of the supplementary file has a line table of that file. */
  private get sections(): DwarfSections {
    return this.root?.sections ?? this.info.sections;
  }
}

/** Bytes in memory for each byte of a line program, with rows as objects. Measured with a kernel's tables. */
const ROW_WEIGHT = 40;
/** Bytes in memory for each function, with its ranges and their index. */
const FUNCTION_WEIGHT = 600;
/** Bytes of units and line tables that stay in memory once read: what a few source files need. */
const MAX_REMEMBERED = 64 * 2 ** 20;

export interface DebugInfoOptions {
  readonly sections: DwarfSections;
  /** False for ranges of code that the linker dropped. */
  readonly keep: (range: AddressRange) => boolean;
  /** Runs a reader of file contents; undefined (and a warning) when the file is damaged. */
  readonly attempt: <T>(read: () => T) => T | undefined;
  /** The unit that a skeleton stands for; undefined for what is no skeleton, and for what is missing. */
  readonly splitOf?: (unit: Unit) => Unit | undefined;
  /** Sections of the file that common parts were moved to. */
  readonly supplement?: () => DwarfSections | undefined;
}

export class DebugInfo {
  readonly sections: DwarfSections;
  readonly keep: (range: AddressRange) => boolean;
  readonly attempt: <T>(read: () => T) => T | undefined;
  private readonly set: UnitSet;
  private unitCache: readonly UnitInfo[] | undefined;
  private byUnit: Map<Unit, UnitInfo> | undefined;
  private indexCache: RangeIndex<UnitInfo> | undefined;
  /** What was read, in the order of reading, with its weight. */
  private readonly remembered = new Map<UnitInfo, number>();
  private weight = 0;

  constructor(private readonly options: DebugInfoOptions) {
    this.sections = options.sections;
    this.keep = options.keep;
    this.attempt = options.attempt;
    const warn = (error: unknown): void => {
      this.attempt(() => rethrow(error));
    };
    const supplement = lazily(() => {
      const sections = this.attempt(() => options.supplement?.());
      return sections && new UnitSet({ name: 'sup:', sections, warn });
    });
    this.set = new UnitSet({ name: '', sections: options.sections, warn, supplement });
  }

  /** All but type units, by offset. */
  units(): readonly UnitInfo[] {
    if (this.unitCache !== undefined) return this.unitCache;
    const infos = this.set
      .units()
      .filter((unit) => unit.header.type === undefined)
      .map((unit) => new UnitInfo(this, unit));
    if (infos.length === 0) infos.push(...this.bareLineTables());
    return (this.unitCache = infos);
  }

  /** Units whose code holds the address: one as a rule. */
  unitsAt(address: bigint): Iterable<UnitInfo> {
    this.indexCache ??= new RangeIndex(this.ranges());
    return this.indexCache.containing(address);
  }

  /** Units that have, or may have, functions of a name without namespaces; undefined: only a look at all of them can tell. */
  unitsNaming(name: string): UnitInfo[] | undefined {
    const named = this.attempt(() => unitsNaming(this.sections, name));
    if (named === undefined) return undefined;
    return this.units().filter(({ root }) => {
      const offset = root?.header.offset;
      return offset === undefined || named.found.has(offset) || !named.covered.has(offset);
    });
  }

  /** Told of what was read; lets go of what was read longest ago when it is too much. */
  remember(info: UnitInfo, weight: number): void {
    const before = this.remembered.get(info) ?? 0;
    this.remembered.delete(info);
    this.remembered.set(info, before + weight);
    this.weight += weight;
    for (const [oldest, size] of this.remembered) {
      if (this.weight <= MAX_REMEMBERED || oldest === info) break;
      oldest.forget();
      this.remembered.delete(oldest);
      this.weight -= size;
    }
  }

  /** What belongs to a unit, also to a split one, a type unit or one of the supplementary file. */
  infoOf(unit: Unit): UnitInfo {
    const root = unit.skeleton ?? unit;
    this.byUnit ??= new Map(this.units().flatMap((info) => (info.root ? [[info.root, info]] : [])));
    let info = this.byUnit.get(root);
    if (info === undefined) this.byUnit.set(root, (info = new UnitInfo(this, root)));
    return info;
  }

  /** The unit that holds an offset of .debug_info. */
  unitAt(offset: number): Unit | undefined {
    return this.set.unitAt(offset);
  }

  /** The unit of a .dwo file or package that a skeleton stands for. */
  splitOf(root: Unit): Unit | undefined {
    return this.options.splitOf?.(root);
  }

  private ranges(): { start: bigint; end: bigint; value: UnitInfo }[] {
    const units = this.units();
    const byOffset = new Map(units.map((info) => [info.root?.header.offset ?? -1, info]));
    const found: { start: bigint; end: bigint; value: UnitInfo }[] = [];
    const known = new Set<UnitInfo>();
    for (const { start, end, unit } of this.attempt(() => readAranges(this.sections)) ?? []) {
      const value = byOffset.get(unit);
      if (value === undefined || end <= start || !this.keep({ start, end })) continue;
      known.add(value);
      found.push({ start, end, value });
    }
    for (const info of units) if (!known.has(info)) found.push(...this.rangesOf(info));
    return found;
  }

  /** Ranges of a unit; those that state none (assembly, some compilers) are known by their line table. */
  private rangesOf(info: UnitInfo): { start: bigint; end: bigint; value: UnitInfo }[] {
    const stated = (info.root && this.attempt(() => info.root?.ranges)) ?? [];
    const ranges = stated.length > 0 ? stated : (info.lineTable()?.sequences ?? []);
    return ranges.filter(this.keep).map(({ start, end }) => ({ start, end, value: info }));
  }

  /** For files that kept .debug_line alone. */
  private bareLineTables(): UnitInfo[] {
    const infos: UnitInfo[] = [];
    const { size } = this.sections.source('line');
    for (let offset = 0; offset < size;) {
      const info = new UnitInfo(this, undefined, offset);
      const header = info.lineHeader();
      if (header === undefined) break;
      infos.push(info);
      offset = header.end;
    }
    return infos;
  }
}

const rethrow = (error: unknown): never => {
  throw error;
};
