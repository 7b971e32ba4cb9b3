/**
 * A unit (DWARF 5, 3.1): its root entry, the reading of any of its entries, and what their attributes mean with the bases
 * that the root states. A split unit takes from its skeleton what stands in the linked file.
 */
import { userError } from '../../base/errors';
import type { ByteReader } from '../bytes';
import type { AddressRange } from '../range-index';
import { LazyAbbreviations, type Abbreviation } from './abbrev';
import { AT, TAG } from './constants';
import { constantOf, offsetOf, readForm, readOffset, skipForm, type AttributeValue } from './forms';
import { readRanges } from './ranges';
import type { DwarfSections } from './sections';
import type { UnitHeader } from './unit-header';
import type { UnitSet } from './unit-set';

/** An entry with the attributes that the caller asked for. */
export interface Entry {
  readonly offset: number;
  readonly abbreviation: Abbreviation;
  readonly attributes: ReadonlyMap<number, AttributeValue>;
}

const ROOT_TAGS: ReadonlySet<number> = new Set([
  TAG.compileUnit,
  TAG.partialUnit,
  TAG.skeletonUnit,
  TAG.typeUnit,
]);

const ROOT_ATTRIBUTES: ReadonlySet<number> = new Set([
  AT.name,
  AT.compDir,
  AT.lowPc,
  AT.highPc,
  AT.ranges,
  AT.stmtList,
  AT.language,
  AT.producer,
  AT.strOffsetsBase,
  AT.addrBase,
  AT.rnglistsBase,
  AT.loclistsBase,
  AT.languageName,
  AT.dwoName,
  AT.gnuDwoName,
  AT.gnuDwoId,
  AT.gnuRangesBase,
  AT.gnuAddrBase,
]);

/** Tables of abbreviations that are kept: most units have one of their own, of some 50 KB in memory. */
const MAX_TABLES = 128;

export class Unit {
  private rootCache: Entry | undefined;

  constructor(
    readonly set: UnitSet,
    readonly header: UnitHeader,
  ) {}

  /** Tells the units of one SymbolFile apart. */
  get key(): string {
    return `${this.set.name}${this.header.section}:${this.header.offset.toString(16)}`;
  }

  get sections(): DwarfSections {
    return this.set.sections;
  }

  /** Of a split unit: the unit of the linked file that stands for it there, with its addresses and its line table. */
  get skeleton(): Unit | undefined {
    return this.set.skeleton;
  }

  /** The root entry. Throws DWARF_BAD_SECTION when the unit is damaged. */
  get root(): Entry {
    if (this.rootCache === undefined) {
      const entry = this.readEntry(this.entryReader(), ROOT_ATTRIBUTES);
      if (entry === undefined || !ROOT_TAGS.has(entry.abbreviation.tag)) {
        throw userError('DWARF_BAD_SECTION', 'a unit of .debug_info has no root entry; build the file again');
      }
      this.rootCache = entry;
    }
    return this.rootCache;
  }

  /** Where the rest of a skeleton unit is: a path below its compDir, or absolute. */
  get dwoName(): string | undefined {
    const { attributes } = this.root;
    const name = this.text(attributes.get(AT.dwoName) ?? attributes.get(AT.gnuDwoName));
    return name === '' ? undefined : name;
  }

  get dwoId(): bigint | undefined {
    return this.header.dwoId ?? constantOf(this.root.attributes.get(AT.gnuDwoId));
  }

  get name(): string {
    return this.text(this.root.attributes.get(AT.name)) ?? '';
  }

  get compDir(): string {
    const own = this.text(this.root.attributes.get(AT.compDir));
    return own ?? this.skeleton?.compDir ?? '';
  }

  get producer(): string {
    return this.text(this.root.attributes.get(AT.producer)) ?? '';
  }

  get language(): number {
    return Number(constantOf(this.root.attributes.get(AT.language)) ?? 0n);
  }

  /** Offset of the line table in .debug_line. */
  get lineOffset(): number | undefined {
    // A split unit has none: that of its skeleton is its own.
    return this.skeleton ? this.skeleton.lineOffset : offsetOf(this.root.attributes.get(AT.stmtList));
  }

  /** What range lists and location lists count from until they say otherwise. */
  get baseAddress(): bigint {
    return this.address(this.root.attributes.get(AT.lowPc)) ?? this.skeleton?.baseAddress ?? 0n;
  }

  /** Of the unit's part of .debug_loclists. */
  get loclistsBase(): number | undefined {
    const base = offsetOf(this.root.attributes.get(AT.loclistsBase));
    // Split units have their part of the section to themselves: the table begins behind its header.
    return base ?? (this.skeleton && this.header.version >= 5 ? this.listsHeaderSize : undefined);
  }

  get ranges(): AddressRange[] {
    return this.skeleton ? this.skeleton.ranges : this.rangesOf(this.root);
  }

  /** A reader over the unit's entries, from `offset` (in its section; by default the root). */
  entryReader(offset = this.header.dieOffset): ByteReader {
    const { dieOffset, end } = this.header;
    const reader = this.sections.reader(this.header.section, dieOffset).take(end - dieOffset);
    if (offset < dieOffset || offset > end) reader.fail('refers to an entry outside of its unit');
    reader.offset = offset;
    return reader;
  }

  /** The entry at the reader, which moves behind it; undefined for the mark that ends a list of children. */
  readEntry(reader: ByteReader, wanted: ReadonlySet<number>): Entry | undefined {
    const offset = reader.offset;
    const code = reader.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.abbreviation(code);
    if (abbreviation === undefined) return reader.fail('has an entry of an unknown abbreviation');
    const attributes = new Map<number, AttributeValue>();
    for (const spec of abbreviation.attributes) {
      if (wanted.has(spec.name)) attributes.set(spec.name, readForm(reader, spec, this.header));
      else skipForm(reader, spec, this.header);
    }
    return { offset, abbreviation, attributes };
  }

  text(value: AttributeValue | undefined): string | undefined {
    switch (value?.kind) {
      case 'text':
        return value.text;
      case 'strp':
        return this.sections.text('str', value.offset);
      case 'lineStrp':
        return this.sections.text('line_str', value.offset);
      case 'stringIndex':
        return this.sections.text('str', this.textOffset(value.index));
      case 'supplementaryText':
        return this.set.supplement?.sections.text('str', value.offset);
      default:
        return undefined;
    }
  }

  /** Where in .debug_str the text is that .debug_str_offsets has at an index. Throws DWARF_BAD_SECTION. */
  textOffset(index: number): number {
    const { offsetSize, version } = this.header;
    // Split units begin behind the header of their table; the tables of DWARF 4 (GNU's extension) have none.
    const base = offsetOf(this.rootAttribute(AT.strOffsetsBase)) ?? (version < 5 ? 0 : offsetSize * 2);
    return readOffset(this.sections.reader('str_offsets', base + index * offsetSize), offsetSize);
  }

  address(value: AttributeValue | undefined): bigint | undefined {
    if (value?.kind === 'address') return value.value;
    return value?.kind === 'addressIndex' ? this.indexedAddress(value.index) : undefined;
  }

  /** Entry of .debug_addr. */
  indexedAddress(index: number): bigint {
    if (this.skeleton) return this.skeleton.indexedAddress(index);
    const { addressSize, version } = this.header;
    const base = offsetOf(this.rootAttribute(version < 5 ? AT.gnuAddrBase : AT.addrBase));
    const table = base ?? (version < 5 ? 0 : 8);
    return this.sections.reader('addr', table + index * addressSize).unsigned(addressSize);
  }

  /** The code ranges of an entry: from low_pc and high_pc, or from its range list. */
  rangesOf(entry: Entry): AddressRange[] {
    const low = this.address(entry.attributes.get(AT.lowPc));
    const high = entry.attributes.get(AT.highPc);
    if (low !== undefined && high !== undefined) {
      const end = high.kind === 'constant' ? BigInt.asUintN(64, low + high.value) : this.address(high);
      return end !== undefined && end > low ? [{ start: low, end }] : [];
    }
    const list = entry.attributes.get(AT.ranges);
    if (list === undefined) return [];
    return readRanges(this.sections, this.header, list, {
      base: this.baseAddress,
      rnglistsBase: offsetOf(this.root.attributes.get(AT.rnglistsBase)) ?? this.listsHeaderSize,
      // Only split units count from it: ranges of the skeleton's own entry do not.
      oldBase: offsetOf(this.skeleton?.root.attributes.get(AT.gnuRangesBase)) ?? 0,
      address: (i) => this.indexedAddress(i),
    });
  }

  /** Of .debug_rnglists and .debug_loclists (DWARF 5, 7.28 and 7.29). */
  private get listsHeaderSize(): number {
    return this.header.offsetSize === 8 ? 20 : 12;
  }

  /** Only of a root that is read already: the root's own strings are resolved afterwards. */
  private rootAttribute(name: number): AttributeValue | undefined {
    return this.root.attributes.get(name);
  }

  abbreviation(code: number): Abbreviation | undefined {
    return this.abbreviations().get(code);
  }

  private abbreviations(): LazyAbbreviations {
    const { abbrevOffset } = this.header;
    const tables = this.set.abbreviations;
    let table = tables.get(abbrevOffset);
    if (table === undefined) {
      table = new LazyAbbreviations(this.sections.reader('abbrev', abbrevOffset));
      const oldest = tables.keys().next().value;
      if (tables.size >= MAX_TABLES && oldest !== undefined) tables.delete(oldest);
      tables.set(abbrevOffset, table);
    }
    return table;
  }
}
