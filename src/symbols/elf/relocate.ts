/**
 * Object files (ET_REL: kernel modules, .o files): places for their sections, and the relocations that assemblers leave in
 * debug sections (RISC-V ELF psABI, "Relocations"). Code is not relocated: nobody runs it from here.
 */
import { ByteReader } from '../bytes';
import { RELA_SIZE, SHF, SHT, type ElfSection } from './format';

/** Addresses by section name, as a loader chose them (/sys/module/NAME/sections on Linux). */
export type SectionAddresses = Readonly<Record<string, bigint>>;

/** Where no address is given, sections of the program lie one behind the other from 0 on, as GDB puts them. */
export const placeSections = (sections: readonly ElfSection[], given: SectionAddresses): ElfSection[] => {
  let next = 0n;
  return sections.map((section) => {
    if ((section.flags & SHF.alloc) === 0 || section.size === 0) return section;
    const chosen = Object.hasOwn(given, section.name) ? given[section.name] : undefined;
    if (chosen !== undefined) return { ...section, address: BigInt.asUintN(64, chosen) };
    const align = BigInt(Number.isSafeInteger(section.alignment) ? section.alignment : 1);
    const address = align > 1n ? ((next + align - 1n) / align) * align : next;
    next = address + BigInt(Number.isSafeInteger(section.size) ? section.size : 0);
    return { ...section, address: BigInt.asUintN(64, address) };
  });
};

const R = {
  ...{
    abs32: 1,
    abs64: 2,
    add8: 33,
    add16: 34,
    add32: 35,
    add64: 36,
    sub8: 37,
    sub16: 38,
    sub32: 39,
    sub64: 40,
  },
  ...{ sub6: 52, set6: 53, set8: 54, set16: 55, set32: 56, pcrel32: 57, setUleb128: 60, subUleb128: 61 },
} as const;

/** What a relocation does with a field of `size` bytes. */
const ACTIONS: ReadonlyMap<number, readonly ['set' | 'add' | 'subtract' | 'pcrel', number]> = new Map([
  [R.abs32, ['set', 4]],
  [R.abs64, ['set', 8]],
  [R.add8, ['add', 1]],
  [R.add16, ['add', 2]],
  [R.add32, ['add', 4]],
  [R.add64, ['add', 8]],
  [R.sub8, ['subtract', 1]],
  [R.sub16, ['subtract', 2]],
  [R.sub32, ['subtract', 4]],
  [R.sub64, ['subtract', 8]],
  [R.set8, ['set', 1]],
  [R.set16, ['set', 2]],
  [R.set32, ['set', 4]],
  [R.pcrel32, ['pcrel', 4]],
]);

export interface RelocationContext {
  readonly section: ElfSection;
  /** The table of the section (SHT_RELA). */
  readonly table: Uint8Array;
  /** Address of a symbol of the table's symbol table, by index; 0 for one that is not defined here. */
  readonly symbol: (index: number) => bigint;
}

/** The relocation table of a section. */
export const relocationsOf = (sections: readonly ElfSection[], section: ElfSection): ElfSection | undefined =>
  sections.find((one) => one.type === SHT.rela && one.info === section.index && one.size > 0);

/** Changes `bytes`. Relocations that lie outside of the section, and those of code, are passed over. */
export const applyRelocations = (bytes: Uint8Array, { section, table, symbol }: RelocationContext): void => {
  const reader = new ByteReader(table, { code: 'ELF_BAD_SECTION', name: `relocations of ${section.name}` });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while (reader.remaining >= RELA_SIZE) {
    const at = Number(reader.u64());
    const type = reader.u32();
    const value = BigInt.asUintN(64, symbol(reader.u32()) + reader.i64());
    const action = ACTIONS.get(type);
    if (action === undefined) applyOdd(bytes, at, type, value);
    else if (at + action[1] <= bytes.length) {
      const old = readField(view, at, action[1]);
      const place = section.address + BigInt(at);
      const results = { set: value, add: old + value, subtract: old - value, pcrel: value - place };
      writeField(view, at, action[1], results[action[0]]);
    }
  }
};

const readField = (view: DataView, at: number, size: number): bigint => {
  if (size === 8) return view.getBigUint64(at, true);
  if (size === 4) return BigInt(view.getUint32(at, true));
  return BigInt(size === 2 ? view.getUint16(at, true) : view.getUint8(at));
};

const writeField = (view: DataView, at: number, size: number, value: bigint): void => {
  if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  else if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), true);
  else view.setUint8(at, Number(BigInt.asUintN(8, value)));
};

/** Six bits of a DW_CFA_advance_loc, and numbers that keep the length they have. */
const applyOdd = (bytes: Uint8Array, at: number, type: number, value: bigint): void => {
  const byte = bytes[at];
  if (byte === undefined) return;
  if (type === R.set6 || type === R.sub6) {
    const low = type === R.set6 ? Number(value & 63n) : (byte - Number(value & 63n)) & 63;
    bytes[at] = (byte & 0xc0) | low;
  }
  if (type === R.setUleb128 || type === R.subUleb128) {
    const { old, length } = readUleb(bytes, at);
    writeUleb(bytes, at, length, BigInt.asUintN(64, type === R.setUleb128 ? value : old - value));
  }
};

const readUleb = (bytes: Uint8Array, at: number): { old: bigint; length: number } => {
  let old = 0n;
  let length = 0;
  for (let more = true; more && length < 10 && at + length < bytes.length; length++) {
    const byte = bytes[at + length] ?? 0;
    old |= BigInt(byte & 0x7f) << BigInt(7 * length);
    more = byte >= 0x80;
  }
  return { old, length };
};

const writeUleb = (bytes: Uint8Array, at: number, length: number, value: bigint): void => {
  for (let i = 0; i < length; i++) {
    const part = Number((value >> BigInt(7 * i)) & 0x7fn);
    bytes[at + i] = i === length - 1 ? part : part | 0x80;
  }
};
