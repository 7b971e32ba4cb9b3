/** How numbers are written for people, and read back. */
import { userError } from '../base/errors';

const SMALL = 65_536n;

/** 64 bits: small numbers (also negative ones) in decimal, addresses and masks in hexadecimal. */
export function numberText(bits: bigint): string {
  const signed = BigInt.asIntN(64, bits);
  const isSmall = signed > -SMALL && signed < SMALL;
  return !isSmall ? `0x${BigInt.asUintN(64, bits).toString(16)}` : signed.toString();
}

/** All 16 digits: registers stand in a column. */
export const wordText = (bits: bigint): string => `0x${bits.toString(16).padStart(16, '0')}`;

const scratch = new DataView(new ArrayBuffer(8));
const BOXED = 0xffff_ffffn;

/** A floating point register: the number that is in it (a NaN-boxed single as such), and its bits. */
export function floatText(bits: bigint): string {
  const isSingle = bits >> 32n === BOXED;
  if (isSingle) scratch.setUint32(0, Number(bits & BOXED));
  else scratch.setBigUint64(0, bits);
  const value = isSingle ? scratch.getFloat32(0) : scratch.getFloat64(0);
  const text = Object.is(value, -0) ? '-0' : String(value);
  return `${text}${isSingle ? 'f' : ''} (${wordText(bits)})`;
}

/** Bits of a floating point register from `1.5`, `1.5f` (a single), or `0x...` (raw). */
export function parseFloatBits(text: string): bigint {
  const trimmed = text.trim();
  if (/^0x[0-9a-f]{1,16}$/iu.test(trimmed)) return BigInt(trimmed);
  const [, digits = '', suffix = ''] =
    /^([+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|Infinity|NaN))(f?)$/iu.exec(trimmed) ?? [];
  if (digits === '')
    throw userError('VALUE_FLOAT', `"${text}" is no number; write 1.5, 1.5f or 0x with the raw bits`);
  if (suffix === '') scratch.setFloat64(0, Number(digits));
  else scratch.setUint32(0, 0xffff_ffff);
  if (suffix !== '') scratch.setFloat32(4, Number(digits));
  return scratch.getBigUint64(0);
}

/** An address as DAP's memory references carry it: `0x...` or decimal. Throws UserError. */
export function parseAddress(text: string): bigint {
  if (!/^\s*(?:0x[0-9a-f]{1,16}|\d{1,20})\s*$/iu.test(text)) {
    throw userError('ADDRESS', `"${text}" is no address; write it like 0x80000000`);
  }
  return BigInt.asUintN(64, BigInt(text.trim()));
}

/** A reference and an offset, which may be negative; addresses wrap around. */
export const offsetAddress = (reference: string, offset: number): bigint =>
  BigInt.asUintN(64, parseAddress(reference) + BigInt(offset));
