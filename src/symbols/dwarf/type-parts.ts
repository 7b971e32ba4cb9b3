/** What several readers of types need to know of one. */
import type { BaseEncoding, Type } from '../types';
import { AT } from './constants';
import type { Die } from './die';

/** Bytes by DW_AT_byte_size, or by DW_AT_bit_size rounded up. */
export const sizeOf = (die: Die): number | undefined => {
  const bytes = die.constant(AT.byteSize);
  if (bytes !== undefined) return toSize(bytes);
  const bits = die.constant(AT.bitSize);
  return bits === undefined ? undefined : toSize((bits + 7n) / 8n);
};

/** A size of a damaged file may be anything. */
const toSize = (size: bigint): number | undefined =>
  size >= 0n && size < 1n << 48n ? Number(size) : undefined;

/** DWARF 5, 7.8. */
const ENCODINGS: Readonly<Record<number, BaseEncoding>> = {
  0x01: 'address',
  0x02: 'boolean',
  0x03: 'complexFloat',
  0x04: 'float',
  0x05: 'signed',
  0x06: 'signedChar',
  0x07: 'unsigned',
  0x08: 'unsignedChar',
  0x10: 'utf', // DW_ATE_UTF
  0x11: 'utf', // DW_ATE_UCS
  0x12: 'unsignedChar', // DW_ATE_ASCII
};

export const encodingOf = (die: Die): BaseEncoding =>
  ENCODINGS[Number(die.constant(AT.encoding) ?? 0n)] ?? 'other';

export interface NumberType {
  readonly byteSize: number;
  readonly encoding: BaseEncoding;
}

/** The base type under names and qualifiers. */
export const numberType = (type: Type): NumberType | undefined => {
  let at = type;
  while (at.kind === 'typedef' || at.kind === 'qualified') at = at.target;
  return at.kind === 'base' ? at : undefined;
};
