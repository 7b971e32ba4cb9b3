/** Range lists: .debug_ranges (DWARF 2-4, 2.17.3) and .debug_rnglists (DWARF 5, 2.17.3 and 7.25). */
import type { ByteReader } from '../bytes';
import type { AddressRange } from '../range-index';
import { offsetOf, readOffset, type AttributeValue, type FormContext } from './forms';
import type { DwarfSections } from './sections';

export interface RangeBase {
  /** The unit's low_pc. */
  readonly base: bigint;
  readonly rnglistsBase: number;
  /** DW_AT_GNU_ranges_base: what offsets of split units of DWARF 4 count from. */
  readonly oldBase: number;
  readonly address: (index: number) => bigint;
}

export const readRanges = (
  sections: DwarfSections,
  header: FormContext,
  list: AttributeValue,
  base: RangeBase,
): AddressRange[] => {
  if (header.version < 5) {
    const offset = offsetOf(list);
    return offset === undefined
      ? []
      : readOldList(sections.reader('ranges', base.oldBase + offset), header.addressSize, base.base);
  }
  let offset = offsetOf(list);
  if (list.kind === 'rangeListIndex') {
    const { offsetSize } = header;
    const table = base.rnglistsBase;
    offset = table + readOffset(sections.reader('rnglists', table + list.index * offsetSize), offsetSize);
  }
  return offset === undefined
    ? []
    : readNewList(sections.reader('rnglists', offset), header.addressSize, base);
};

const readOldList = (reader: ByteReader, addressSize: number, unitBase: bigint): AddressRange[] => {
  const ranges: AddressRange[] = [];
  const baseMark = addressSize === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  let base = unitBase;
  for (;;) {
    const start = reader.unsigned(addressSize);
    const end = reader.unsigned(addressSize);
    if (start === baseMark) base = end;
    else if (start === 0n && end === 0n) return ranges;
    else pushRange(ranges, base + start, base + end);
  }
};

const readNewList = (reader: ByteReader, addressSize: number, unit: RangeBase): AddressRange[] => {
  const ranges: AddressRange[] = [];
  let base = unit.base;
  for (;;) {
    const kind = reader.u8();
    switch (kind) {
      case 0: // DW_RLE_end_of_list
        return ranges;
      case 1: // DW_RLE_base_addressx
        base = unit.address(reader.uleb());
        break;
      case 2: {
        // DW_RLE_startx_endx
        const start = unit.address(reader.uleb());
        pushRange(ranges, start, unit.address(reader.uleb()));
        break;
      }
      case 3: {
        // DW_RLE_startx_length
        const start = unit.address(reader.uleb());
        pushRange(ranges, start, start + reader.uleb64());
        break;
      }
      case 4: {
        // DW_RLE_offset_pair
        const start = reader.uleb64();
        pushRange(ranges, base + start, base + reader.uleb64());
        break;
      }
      case 5: // DW_RLE_base_address
        base = reader.unsigned(addressSize);
        break;
      case 6: {
        // DW_RLE_start_end
        const start = reader.unsigned(addressSize);
        pushRange(ranges, start, reader.unsigned(addressSize));
        break;
      }
      case 7: {
        // DW_RLE_start_length
        const start = reader.unsigned(addressSize);
        pushRange(ranges, start, start + reader.uleb64());
        break;
      }
      default:
        return reader.fail(`has a range of unknown kind ${String(kind)}`);
    }
  }
};

const pushRange = (ranges: AddressRange[], start: bigint, end: bigint): void => {
  const range = { start: BigInt.asUintN(64, start), end: BigInt.asUintN(64, end) };
  if (range.end > range.start) ranges.push(range);
};
