/**
 * Packages of split units (.dwp): which parts of its sections belong to a unit (DWARF 5, 7.3.5; version 2 is GNU's of
 * DWARF 4). The index is a hash table of the file; what is asked for is looked up there, nothing is read before.
 */
import { ByteReader } from '../bytes';
import type { ElfFile } from '../elf/elf-file';
import type { DebugSectionName } from './sections';

export interface Contribution {
  readonly offset: number;
  readonly size: number;
}

export type Contributions = ReadonlyMap<DebugSectionName, Contribution>;

/** DW_SECT_*: version 5 gave numbers of its own to what replaced sections of version 4. */
const SECTIONS_5: Readonly<Record<number, DebugSectionName>> = {
  ...{ 1: 'info', 3: 'abbrev', 4: 'line', 5: 'loclists', 6: 'str_offsets', 8: 'rnglists' },
};
const SECTIONS_2: Readonly<Record<number, DebugSectionName>> = {
  ...{ 1: 'info', 2: 'types', 3: 'abbrev', 4: 'line', 5: 'loc', 6: 'str_offsets' },
};

/** Real ones have eight columns at most. */
const MAX_COLUMNS = 32;

export class PackageIndex {
  private constructor(
    private readonly reader: ByteReader,
    private readonly version: number,
    private readonly columns: number,
    private readonly rows: number,
    private readonly slots: number,
  ) {}

  /** Undefined without such a section. Throws DWARF_BAD_SECTION. */
  static open(elf: ElfFile, name: 'cu' | 'tu'): PackageIndex | undefined {
    const section = elf.sectionNamed(`.debug_${name}_index`);
    if (section === undefined) return undefined;
    const context = { code: 'DWARF_BAD_SECTION', name: `section ${section.name}` };
    const reader = new ByteReader(elf.sectionSource(section), context);
    // Version 2 is a number of four bytes, version 5 one of two with two of padding: little-endian, they read alike.
    const version = reader.u32();
    if (version !== 2 && version !== 5) reader.fail(`has an unknown version ${String(version)}`);
    const columns = reader.u32();
    const rows = reader.u32();
    const slots = reader.u32();
    if (columns > MAX_COLUMNS || (slots & (slots - 1)) !== 0) reader.fail('has an impossible size');
    return new PackageIndex(reader, version, columns, rows, slots);
  }

  /** The parts of the unit with this id (of a compilation unit) or signature (of a type unit). */
  find(id: bigint): Contributions | undefined {
    const row = this.rowOf(id);
    return row === 0 ? undefined : this.contributions(row);
  }

  /** 1-based; 0: not there. */
  private rowOf(id: bigint): number {
    const mask = this.slots - 1;
    let slot = Number(id & 0xffff_ffffn & BigInt(Math.max(0, mask)));
    const step = (Number((id >> 32n) & BigInt(Math.max(0, mask))) | 1) >>> 0;
    for (let tries = 0; tries < this.slots; tries++) {
      const row = this.reader.at(16 + 8 * this.slots + 4 * slot).u32();
      if (row === 0) return 0;
      if (this.reader.at(16 + 8 * slot).u64() === id) return row;
      slot = (slot + step) & mask;
    }
    return 0;
  }

  private contributions(row: number): Contributions {
    const { columns, rows, reader } = this;
    if (row > rows) reader.fail('names a row that is not there');
    const names = 16 + 12 * this.slots;
    const offsets = names + 4 * columns;
    const sizes = offsets + 4 * columns * rows;
    const found = new Map<DebugSectionName, Contribution>();
    for (let column = 0; column < columns; column++) {
      const id = reader.at(names + 4 * column).u32();
      const section = (this.version === 5 ? SECTIONS_5 : SECTIONS_2)[id];
      const cell = 4 * ((row - 1) * columns + column);
      if (section !== undefined)
        found.set(section, { offset: reader.at(offsets + cell).u32(), size: reader.at(sizes + cell).u32() });
    }
    return found;
  }
}
