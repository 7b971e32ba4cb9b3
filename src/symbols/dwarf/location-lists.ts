/** Location lists: .debug_loc (DWARF 2-4, 2.6.6 there) and .debug_loclists (DWARF 5, 2.6.2 and 7.29). */
import type { ByteReader } from '../bytes';
import { offsetOf, readOffset, type AttributeValue, type FormContext } from './forms';
import type { DwarfSections } from './sections';
import type { Unit } from './unit';

/** What of a unit its lists depend on. */
export interface ListUnit extends Pick<Unit, 'baseAddress' | 'indexedAddress' | 'loclistsBase'> {
  readonly header: FormContext;
  readonly sections: Pick<DwarfSections, 'reader'>;
  /** Only split units have one. */
  readonly skeleton: unknown;
}

/** The expression that holds at an address of the file; undefined: none does. Throws DWARF_BAD_SECTION. */
export const expressionAt = (unit: ListUnit, list: AttributeValue, pc: bigint): Uint8Array | undefined => {
  const { header, sections } = unit;
  if (header.version < 5) {
    const offset = offsetOf(list);
    if (offset === undefined) return undefined;
    const reader = sections.reader('loc', offset);
    return unit.skeleton ? searchSplitList(reader, unit, pc) : searchOldList(reader, unit, pc);
  }
  let offset = offsetOf(list);
  if (list.kind === 'rangeListIndex') {
    const { offsetSize } = header;
    // Without DW_AT_loclists_base (split units) the table of offsets is the one behind the section's only header.
    const table = unit.loclistsBase ?? (offsetSize === 8 ? 20 : 12);
    offset = table + readOffset(sections.reader('loclists', table + list.index * offsetSize), offsetSize);
  }
  return offset === undefined ? undefined : searchNewList(sections.reader('loclists', offset), unit, pc);
};

const holds = (pc: bigint, start: bigint, end: bigint): boolean =>
  pc >= BigInt.asUintN(64, start) && pc < BigInt.asUintN(64, end);

/** GNU's view numbers stand before the list, where nothing refers to for the list's sake. */
const searchOldList = (reader: ByteReader, unit: ListUnit, pc: bigint): Uint8Array | undefined => {
  const { addressSize } = unit.header;
  const baseMark = addressSize === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  let base = unit.baseAddress;
  for (;;) {
    const start = reader.unsigned(addressSize);
    const end = reader.unsigned(addressSize);
    if (start === baseMark) base = end;
    else if (start === 0n && end === 0n) return undefined;
    else {
      const length = reader.u16();
      if (holds(pc, base + start, base + end)) return reader.block(length);
      reader.skip(length);
    }
  }
};

/** The lists of GNU's split DWARF 4 (.debug_loc.dwo) are ancestors of those of DWARF 5. */
const searchSplitList = (reader: ByteReader, unit: ListUnit, pc: bigint): Uint8Array | undefined => {
  for (;;) {
    const kind = reader.u8();
    if (kind === 0) return undefined;
    const first = unit.indexedAddress(reader.uleb());
    // DW_LLE_GNU_base_address_selection_entry: no list of GCC or clang counts from it.
    if (kind === 1) continue;
    let end: bigint;
    if (kind === 2) end = unit.indexedAddress(reader.uleb());
    else if (kind === 3) end = first + BigInt(reader.u32());
    else return reader.fail(`has a location of unknown kind ${kind}`);
    const length = reader.u16();
    if (holds(pc, first, end)) return reader.block(length);
    reader.skip(length);
  }
};

const searchNewList = (reader: ByteReader, unit: ListUnit, pc: bigint): Uint8Array | undefined => {
  const { addressSize } = unit.header;
  let base = unit.baseAddress;
  let fallback: Uint8Array | undefined;
  for (;;) {
    const kind = reader.u8();
    switch (kind) {
      case 0: // DW_LLE_end_of_list
        return fallback;
      case 1: // DW_LLE_base_addressx
        base = unit.indexedAddress(reader.uleb());
        continue;
      case 5: // DW_LLE_default_location
        fallback = reader.block(reader.uleb());
        continue;
      case 6: // DW_LLE_base_address
        base = reader.unsigned(addressSize);
        continue;
      case 9: // DW_LLE_GNU_view_pair
        reader.uleb();
        reader.uleb();
        continue;
    }
    const range = readRange(reader, unit, kind, base);
    const length = reader.uleb();
    if (holds(pc, range.start, range.end)) return reader.block(length);
    reader.skip(length);
  }
};

const readRange = (
  reader: ByteReader,
  unit: ListUnit,
  kind: number,
  base: bigint,
): { start: bigint; end: bigint } => {
  const { addressSize } = unit.header;
  switch (kind) {
    case 2: {
      // DW_LLE_startx_endx
      const start = unit.indexedAddress(reader.uleb());
      return { start, end: unit.indexedAddress(reader.uleb()) };
    }
    case 3: {
      // DW_LLE_startx_length
      const start = unit.indexedAddress(reader.uleb());
      return { start, end: start + reader.uleb64() };
    }
    case 4: {
      // DW_LLE_offset_pair
      const start = base + reader.uleb64();
      return { start, end: base + reader.uleb64() };
    }
    case 7: {
      // DW_LLE_start_end
      const start = reader.unsigned(addressSize);
      return { start, end: reader.unsigned(addressSize) };
    }
    case 8: {
      // DW_LLE_start_length
      const start = reader.unsigned(addressSize);
      return { start, end: start + reader.uleb64() };
    }
    default:
      return reader.fail(`has a location of unknown kind ${kind}`);
  }
};
