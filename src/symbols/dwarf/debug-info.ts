/**
 * The units of a file by address, with what each gives when asked: its line table and its functions. Everything is
 * read on first use and kept; what is damaged is left out and told once through `warn`.
 */
import { RangeIndex, type AddressRange } from '../range-index';
import { readFunctions, type DwarfFunction } from './functions';
import { filePath, readLineHeader, type LineHeader } from './line-header';
import { LineTable } from './line-table';
import type { DwarfSections } from './sections';
import { readUnits, type Unit } from './unit';

/** A unit with its parts; one without .debug_info entry (line tables alone) has no `unit`. */
export class UnitInfo {
  private headerCache: LineHeader | undefined | null;
  private tableCache: LineTable | undefined | null;
  private functionCache: readonly DwarfFunction[] | undefined;
  private functionIndex: RangeIndex<DwarfFunction> | undefined;
  private readonly pathCache: string[] = [];

  constructor(
    private readonly info: DebugInfo,
    readonly unit: Unit | undefined,
    readonly lineOffset: number | undefined,
    readonly compDir: string,
  ) {}

  lineHeader(): LineHeader | undefined {
    if (this.headerCache === undefined) this.headerCache = this.info.attempt(() => this.readHeader()) ?? null;
    return this.headerCache ?? undefined;
  }

  lineTable(): LineTable | undefined {
    if (this.tableCache === undefined) {
      const header = this.lineHeader();
      const load = (): LineTable | undefined =>
        header && LineTable.load(this.info.sections, header, this.info.keep);
      this.tableCache = this.info.attempt(load) ?? null;
    }
    return this.tableCache ?? undefined;
  }

  /** Paths of the line table's files, by index; reads the header only. */
  paths(): readonly string[] {
    return this.lineHeader()?.files.map((_, index) => this.path(index)) ?? [];
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
    this.functionCache ??=
      (unit && info.attempt(() => readFunctions(unit, (offset) => info.unitAt(offset)))) ?? [];
    return this.functionCache;
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
    return readLineHeader(this.info.sections, this.lineOffset, this.unit?.header.addressSize ?? 8);
  }
}

export interface DebugInfoOptions {
  readonly sections: DwarfSections;
  /** False for ranges of code that the linker dropped. */
  readonly keep: (range: AddressRange) => boolean;
  /** Runs a reader of file contents; undefined (and a warning) when the file is damaged. */
  readonly attempt: <T>(read: () => T) => T | undefined;
}

export class DebugInfo {
  readonly sections: DwarfSections;
  readonly keep: (range: AddressRange) => boolean;
  readonly attempt: <T>(read: () => T) => T | undefined;
  private unitCache: { infos: readonly UnitInfo[]; index: RangeIndex<UnitInfo> } | undefined;

  constructor(options: DebugInfoOptions) {
    this.sections = options.sections;
    this.keep = options.keep;
    this.attempt = options.attempt;
  }

  units(): readonly UnitInfo[] {
    return this.load().infos;
  }

  /** Units whose code holds the address: one as a rule. */
  unitsAt(address: bigint): Iterable<UnitInfo> {
    return this.load().index.containing(address);
  }

  /** The unit that holds an offset of .debug_info. */
  unitAt(offset: number): Unit | undefined {
    const infos = this.units();
    let low = 0;
    let high = infos.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((infos[middle]?.unit?.header.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const unit = infos[low - 1]?.unit;
    return unit !== undefined && offset < unit.header.end ? unit : undefined;
  }

  private load(): { infos: readonly UnitInfo[]; index: RangeIndex<UnitInfo> } {
    if (this.unitCache !== undefined) return this.unitCache;
    const units = readUnits(this.sections, (error) => this.attempt(() => rethrow(error)));
    const infos = units.flatMap((unit) => this.attempt(() => this.describe(unit)) ?? []);
    if (infos.length === 0) infos.push(...this.bareLineTables());
    const index = new RangeIndex(infos.flatMap((value) => this.rangesOf(value)));
    return (this.unitCache = { infos, index });
  }

  private describe(unit: Unit): UnitInfo {
    return new UnitInfo(this, unit, unit.lineOffset, unit.compDir);
  }

  /** Ranges of a unit; those that state none (assembly, some compilers) are known by their line table. */
  private rangesOf(info: UnitInfo): { start: bigint; end: bigint; value: UnitInfo }[] {
    const stated = (info.unit && this.attempt(() => info.unit?.ranges)) ?? [];
    const ranges = stated.length > 0 ? stated : (info.lineTable()?.sequences ?? []);
    return ranges.filter(this.keep).map(({ start, end }) => ({ start, end, value: info }));
  }

  /** For files that kept .debug_line alone. */
  private bareLineTables(): UnitInfo[] {
    const infos: UnitInfo[] = [];
    const size = this.sections.source('line').size;
    for (let offset = 0; offset < size;) {
      const info = new UnitInfo(this, undefined, offset, '');
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
