/** Unit headers of .debug_info and .debug_types (DWARF 5, 7.5.1; DWARF 4, 7.5.1). */
import type { ByteReader } from '../bytes';
import { UT } from './constants';
import { readOffset, type FormContext } from './forms';

export interface UnitHeader extends FormContext {
  /** The section that the unit lies in; offsets count from its beginning. */
  readonly section: 'info' | 'types';
  /** Offset of the header; references within the unit count from here. */
  readonly offset: number;
  readonly dieOffset: number;
  readonly end: number;
  readonly abbrevOffset: number;
  /** Only of type units: by which others refer to its type, and where the entry of the type is. */
  readonly type?: { readonly signature: bigint; readonly offset: number };
  /** Only of skeleton and split units of DWARF 5: what the two have in common. */
  readonly dwoId?: bigint;
}

/** Initial length (DWARF 5, 7.4): also says whether offsets have 4 or 8 bytes. */
export const readInitialLength = (reader: ByteReader): { length: number; offsetSize: 4 | 8 } => {
  const first = reader.u32();
  if (first === 0xffff_ffff) return { length: reader.offset64(), offsetSize: 8 };
  if (first >= 0xffff_fff0) reader.fail('has a reserved unit length');
  return { length: first, offsetSize: 4 };
};

/** Reads the header at the reader and leaves it at the unit's end; undefined for a unit of a kind that is not known. */
export const readUnitHeader = (reader: ByteReader, section: 'info' | 'types'): UnitHeader | undefined => {
  const offset = reader.offset;
  const { length, offsetSize } = readInitialLength(reader);
  const body = reader.take(length);
  const version = body.u16();
  if (version < 2 || version > 5) return undefined;
  let unitType: number = section === 'types' ? UT.type : UT.compile;
  let addressSize = 0;
  if (version >= 5) {
    unitType = body.u8();
    addressSize = body.u8();
  }
  const abbrevOffset = readOffset(body, offsetSize);
  if (version < 5) addressSize = body.u8();
  if (addressSize !== 8 && addressSize !== 4) return undefined;
  const rest = kindOf(unitType, body, offset, offsetSize);
  const form = { version, offsetSize, addressSize };
  return rest && { section, offset, dieOffset: body.offset, end: body.end, abbrevOffset, ...form, ...rest };
};

const kindOf = (
  unitType: number,
  body: ByteReader,
  start: number,
  offsetSize: 4 | 8,
): Pick<UnitHeader, 'type' | 'dwoId'> | undefined => {
  switch (unitType) {
    case UT.compile:
    case UT.partial:
      return {};
    case UT.skeleton:
    case UT.splitCompile:
      return { dwoId: body.u64() };
    case UT.type:
    case UT.splitType:
      return { type: { signature: body.u64(), offset: start + readOffset(body, offsetSize) } };
    default:
      return undefined;
  }
};
