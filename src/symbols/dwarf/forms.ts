/**
 * Attribute values (DWARF 5, 7.5.6): read into a small union, or skipped without allocating. Values that need other
 * sections (strings, addresses by index) keep their offset or index; the unit resolves them.
 */
import { unreachable } from '../../base/errors';
import type { ByteReader } from '../bytes';
import type { AttributeSpec } from './abbrev';
import { FORM } from './constants';

/** What of a unit's header decides the sizes of forms. */
export interface FormContext {
  readonly version: number;
  readonly offsetSize: 4 | 8;
  readonly addressSize: number;
}

export type AttributeValue =
  | { readonly kind: 'address' | 'constant'; readonly value: bigint }
  | { readonly kind: 'addressIndex' | 'stringIndex' | 'rangeListIndex'; readonly index: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'strp' | 'lineStrp' | 'sectionOffset'; readonly offset: number }
  /** A reference: within the unit, or (global) within .debug_info. */
  | { readonly kind: 'reference'; readonly offset: number; readonly global: boolean }
  | { readonly kind: 'block'; readonly bytes: Uint8Array }
  /** The type unit that has this signature (DWARF 5, 7.5.5.7). */
  | { readonly kind: 'signature'; readonly signature: bigint }
  /** A text in .debug_str, or an entry in .debug_info, of the supplementary file (DWARF 5, 7.3.6). */
  | { readonly kind: 'supplementaryText' | 'supplementaryReference'; readonly offset: number };

export const readOffset = (reader: ByteReader, offsetSize: 4 | 8): number =>
  offsetSize === 8 ? reader.offset64() : reader.u32();

const fixedNumber = (reader: ByteReader, form: number): number => {
  switch (form) {
    case FORM.strx1:
    case FORM.addrx1:
    case FORM.ref1:
      return reader.u8();
    case FORM.strx2:
    case FORM.addrx2:
    case FORM.ref2:
      return reader.u16();
    case FORM.strx3:
    case FORM.addrx3:
      return reader.u24();
    case FORM.strx4:
    case FORM.addrx4:
    case FORM.ref4:
      return reader.u32();
    case FORM.ref8:
      return reader.offset64();
    default:
      return reader.uleb();
  }
};

/** Reads one value. An unknown form cannot be skipped, so it is a DWARF_BAD_SECTION error. */
export const readForm = (reader: ByteReader, spec: AttributeSpec, context: FormContext): AttributeValue => {
  let form = spec.form;
  // Each DW_FORM_indirect takes a byte of the section, so the chain ends.
  while (form === FORM.indirect) form = reader.uleb();
  const group = FORM_GROUPS.get(form);
  if (group === undefined) return reader.fail(`has an attribute of unknown form 0x${form.toString(16)}`);
  switch (group) {
    case 'address':
      return { kind: 'address', value: reader.unsigned(context.addressSize) };
    case 'constant':
      return { kind: 'constant', value: readConstant(reader, form, spec) };
    case 'addressIndex':
    case 'stringIndex':
    case 'rangeListIndex':
      return { kind: group, index: fixedNumber(reader, form) };
    case 'text':
      return { kind: 'text', text: reader.cstring() };
    case 'strp':
    case 'lineStrp':
    case 'sectionOffset':
      return { kind: group, offset: readOffset(reader, context.offsetSize) };
    case 'reference':
      return { kind: 'reference', offset: fixedNumber(reader, form), global: false };
    case 'globalReference':
      // DWARF 2 gave DW_FORM_ref_addr the size of an address.
      if (context.version <= 2) {
        const size = context.addressSize === 8 ? 8 : 4;
        return { kind: 'reference', offset: readOffset(reader, size), global: true };
      }
      return { kind: 'reference', offset: readOffset(reader, context.offsetSize), global: true };
    case 'block':
      return { kind: 'block', bytes: reader.block(blockLength(reader, form)) };
    case 'signature':
      return { kind: 'signature', signature: reader.u64() };
    case 'supplementaryText':
    case 'supplementaryReference':
      return { kind: group, offset: readSupplementary(reader, form, context) };
    default:
      return unreachable(group);
  }
};

type FormGroup = AttributeValue['kind'] | 'globalReference';

const FORM_GROUPS: ReadonlyMap<number, FormGroup> = new Map<number, FormGroup>([
  [FORM.addr, 'address'],
  [FORM.block1, 'block'],
  [FORM.block2, 'block'],
  [FORM.block4, 'block'],
  [FORM.block, 'block'],
  [FORM.exprloc, 'block'],
  [FORM.data16, 'block'],
  [FORM.data1, 'constant'],
  [FORM.data2, 'constant'],
  [FORM.data4, 'constant'],
  [FORM.data8, 'constant'],
  [FORM.sdata, 'constant'],
  [FORM.udata, 'constant'],
  [FORM.flag, 'constant'],
  [FORM.flagPresent, 'constant'],
  [FORM.implicitConst, 'constant'],
  [FORM.string, 'text'],
  [FORM.strp, 'strp'],
  [FORM.lineStrp, 'lineStrp'],
  [FORM.secOffset, 'sectionOffset'],
  [FORM.strx, 'stringIndex'],
  [FORM.strx1, 'stringIndex'],
  [FORM.strx2, 'stringIndex'],
  [FORM.strx3, 'stringIndex'],
  [FORM.strx4, 'stringIndex'],
  [FORM.addrx, 'addressIndex'],
  [FORM.addrx1, 'addressIndex'],
  [FORM.addrx2, 'addressIndex'],
  [FORM.addrx3, 'addressIndex'],
  [FORM.addrx4, 'addressIndex'],
  [FORM.rnglistx, 'rangeListIndex'],
  [FORM.loclistx, 'rangeListIndex'],
  [FORM.ref1, 'reference'],
  [FORM.ref2, 'reference'],
  [FORM.ref4, 'reference'],
  [FORM.ref8, 'reference'],
  [FORM.refUdata, 'reference'],
  [FORM.refAddr, 'globalReference'],
  [FORM.refSup4, 'supplementaryReference'],
  [FORM.refSup8, 'supplementaryReference'],
  [FORM.refSig8, 'signature'],
  [FORM.strpSup, 'supplementaryText'],
  [FORM.gnuRefAlt, 'supplementaryReference'],
  [FORM.gnuStrpAlt, 'supplementaryText'],
  [FORM.gnuAddrIndex, 'addressIndex'],
  [FORM.gnuStrIndex, 'stringIndex'],
]);

const readConstant = (reader: ByteReader, form: number, spec: AttributeSpec): bigint => {
  switch (form) {
    case FORM.data1:
    case FORM.flag:
      return BigInt(reader.u8());
    case FORM.data2:
      return BigInt(reader.u16());
    case FORM.data4:
      return BigInt(reader.u32());
    case FORM.data8:
      return reader.u64();
    case FORM.sdata:
      return reader.sleb64();
    case FORM.udata:
      return reader.uleb64();
    case FORM.implicitConst:
      return spec.implicitConst;
    default:
      return 1n;
  }
};

const blockLength = (reader: ByteReader, form: number): number => {
  switch (form) {
    case FORM.block1:
      return reader.u8();
    case FORM.block2:
      return reader.u16();
    case FORM.block4:
      return reader.u32();
    case FORM.data16:
      return 16;
    default:
      return reader.uleb();
  }
};

const readSupplementary = (reader: ByteReader, form: number, context: FormContext): number => {
  if (form === FORM.refSup4) return reader.u32();
  return form === FORM.refSup8 ? reader.offset64() : readOffset(reader, context.offsetSize);
};

/** Skips one value: most attributes of most entries are of no interest, and reading them all costs time. */
export const skipForm = (reader: ByteReader, spec: AttributeSpec, context: FormContext): void => {
  const size = fixedSizeOf(spec.form, context);
  if (size !== undefined) reader.skip(size);
  else if (spec.form === FORM.exprloc) reader.skip(reader.uleb());
  else readForm(reader, spec, context);
};

/** Bytes of every value of a form; undefined where the value itself tells. */
export const fixedSizeOf = (form: number, context: FormContext): number | undefined => {
  const size = FIXED_SIZES[form];
  if (size !== undefined) return size;
  if (form === FORM.strp || form === FORM.secOffset || form === FORM.lineStrp) return context.offsetSize;
  return form === FORM.addr ? context.addressSize : undefined;
};

const FIXED_SIZES: Readonly<Record<number, number>> = {
  [FORM.data1]: 1,
  [FORM.data2]: 2,
  [FORM.data4]: 4,
  [FORM.data8]: 8,
  [FORM.ref1]: 1,
  [FORM.ref2]: 2,
  [FORM.ref4]: 4,
  [FORM.ref8]: 8,
  [FORM.flag]: 1,
  [FORM.flagPresent]: 0,
  [FORM.implicitConst]: 0,
};

/** A section offset; before DWARF 4 these had the forms data4 and data8. */
export const offsetOf = (value: AttributeValue | undefined): number | undefined => {
  if (value?.kind === 'sectionOffset') return value.offset;
  return value?.kind === 'constant' ? Number(value.value) : undefined;
};

export const constantOf = (value: AttributeValue | undefined): bigint | undefined =>
  value?.kind === 'constant' ? value.value : undefined;
