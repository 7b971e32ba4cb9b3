/**
 * Compilation units of .debug_info: headers, the attributes of the root entry, and the reading of any entry. Type
 * units and split units (.dwo) are passed over; a skeleton unit serves with what it has.
 */
import { userError } from '../../base/errors';
import type { ByteReader } from '../bytes';
import type { AddressRange } from '../range-index';
import { parseAbbreviations, type Abbreviation, type AbbreviationTable } from './abbrev';
import { AT, TAG, UT } from './constants';
import {
  constantOf,
  offsetOf,
  readForm,
  readOffset,
  skipForm,
  type AttributeValue,
  type FormContext,
} from './forms';
import { readRanges } from './ranges';
import type { DwarfSections } from './sections';

export interface UnitHeader extends FormContext {
  /** Offset of the header in .debug_info; references within the unit count from here. */
  readonly offset: number;
  readonly dieOffset: number;
  readonly end: number;
  readonly abbrevOffset: number;
}

/** An entry with the attributes that the caller asked for. */
export interface Entry {
  readonly offset: number;
  readonly abbreviation: Abbreviation;
  readonly attributes: ReadonlyMap<number, AttributeValue>;
}

/** Initial length (DWARF 5, 7.4): also says whether offsets have 4 or 8 bytes. */
export const readInitialLength = (reader: ByteReader): { length: number; offsetSize: 4 | 8 } => {
  const first = reader.u32();
  if (first === 0xffff_ffff) return { length: reader.offset64(), offsetSize: 8 };
  if (first >= 0xffff_fff0) reader.fail('has a reserved unit length');
  return { length: first, offsetSize: 4 };
};

/** Reads the header at the reader and leaves it at the unit's end; undefined for a unit of no interest here. */
const readUnitHeader = (reader: ByteReader): UnitHeader | undefined => {
  const offset = reader.offset;
  const { length, offsetSize } = readInitialLength(reader);
  const body = reader.take(length);
  const version = body.u16();
  if (version < 2 || version > 5) return undefined;
  let unitType: number = UT.compile;
  let addressSize = 0;
  if (version >= 5) {
    unitType = body.u8();
    addressSize = body.u8();
  }
  const abbrevOffset = readOffset(body, offsetSize);
  if (version < 5) addressSize = body.u8();
  if (unitType === UT.skeleton || unitType === UT.splitCompile) body.skip(8);
  else if (unitType !== UT.compile && unitType !== UT.partial) return undefined;
  if (addressSize !== 8 && addressSize !== 4) return undefined;
  return { offset, dieOffset: body.offset, end: body.end, version, offsetSize, addressSize, abbrevOffset };
};

/** Headers of all units; a damaged one ends the list, and `warn` is told. */
export const readUnits = (sections: DwarfSections, warn: (error: unknown) => void): Unit[] => {
  const reader = sections.reader('info');
  const abbreviations = new Map<number, AbbreviationTable>();
  const units: Unit[] = [];
  try {
    while (!reader.done) {
      const header = readUnitHeader(reader);
      if (header !== undefined) units.push(new Unit(sections, header, abbreviations));
    }
  } catch (error) {
    warn(error);
  }
  return units;
};

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
]);

export class Unit {
  private rootCache: Entry | undefined;

  constructor(
    private readonly sections: DwarfSections,
    readonly header: UnitHeader,
    private readonly tables: Map<number, AbbreviationTable>,
  ) {}

  /** The root entry. Throws DWARF_BAD_SECTION when the unit is damaged. */
  get root(): Entry {
    if (this.rootCache === undefined) {
      const entry = this.readEntry(this.entryReader(), ROOT_ATTRIBUTES);
      const tag = entry?.abbreviation.tag;
      if (
        entry === undefined ||
        (tag !== TAG.compileUnit && tag !== TAG.partialUnit && tag !== TAG.skeletonUnit)
      ) {
        throw userError('DWARF_BAD_SECTION', 'a unit of .debug_info has no root entry; build the file again');
      }
      this.rootCache = entry;
    }
    return this.rootCache;
  }

  get name(): string {
    return this.text(this.root.attributes.get(AT.name)) ?? '';
  }

  get compDir(): string {
    return this.text(this.root.attributes.get(AT.compDir)) ?? '';
  }

  get producer(): string {
    return this.text(this.root.attributes.get(AT.producer)) ?? '';
  }

  get language(): number {
    return Number(constantOf(this.root.attributes.get(AT.language)) ?? 0n);
  }

  /** Offset of the line table in .debug_line. */
  get lineOffset(): number | undefined {
    return offsetOf(this.root.attributes.get(AT.stmtList));
  }

  get ranges(): AddressRange[] {
    return this.rangesOf(this.root);
  }

  /** A reader over the unit's entries, from `offset` (in .debug_info; by default the root). */
  entryReader(offset = this.header.dieOffset): ByteReader {
    const { dieOffset, end } = this.header;
    const reader = this.sections.reader('info', dieOffset).take(end - dieOffset);
    if (offset < dieOffset || offset > end) reader.fail('refers to an entry outside of its unit');
    reader.offset = offset;
    return reader;
  }

  /** The entry at the reader, which moves behind it; undefined for the mark that ends a list of children. */
  readEntry(reader: ByteReader, wanted: ReadonlySet<number>): Entry | undefined {
    const offset = reader.offset;
    const code = reader.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.abbreviations().get(code);
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
      case 'stringIndex': {
        const { offsetSize } = this.header;
        const base = offsetOf(this.rootAttribute(AT.strOffsetsBase)) ?? offsetSize * 2;
        const reader = this.sections.reader('str_offsets', base + value.index * offsetSize);
        return this.sections.text('str', readOffset(reader, offsetSize));
      }
      default:
        return undefined;
    }
  }

  address(value: AttributeValue | undefined): bigint | undefined {
    if (value?.kind === 'address') return value.value;
    return value?.kind === 'addressIndex' ? this.indexedAddress(value.index) : undefined;
  }

  /** Entry of .debug_addr. */
  indexedAddress(index: number): bigint {
    const { addressSize } = this.header;
    const base = offsetOf(this.rootAttribute(AT.addrBase)) ?? 8;
    return this.sections.reader('addr', base + index * addressSize).unsigned(addressSize);
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
    const base = this.address(this.root.attributes.get(AT.lowPc)) ?? 0n;
    const rnglistsBase = offsetOf(this.root.attributes.get(AT.rnglistsBase));
    return readRanges(this.sections, this.header, list, {
      base,
      rnglistsBase,
      address: (i) => this.indexedAddress(i),
    });
  }

  /** Only of a root that is read already: the root's own strings are resolved afterwards. */
  private rootAttribute(name: number): AttributeValue | undefined {
    return this.root.attributes.get(name);
  }

  private abbreviations(): AbbreviationTable {
    const { abbrevOffset } = this.header;
    let table = this.tables.get(abbrevOffset);
    if (table === undefined) {
      table = parseAbbreviations(this.sections.reader('abbrev', abbrevOffset));
      this.tables.set(abbrevOffset, table);
    }
    return table;
  }
}
