/** ELF symbol tables: .symtab first, then what only .dynsym has. */
import { ByteReader, stringAt } from '../bytes';
import type { ElfFile } from './elf-file';
import { ET, SHN, SHT, SYMBOL_SIZE, type ElfSection, type ElfSymbol } from './format';

export const parseSymbols = (elf: ElfFile): ElfSymbol[] => {
  const symtab = elf.sections.find((section) => section.type === SHT.symtab);
  const dynsym = elf.sections.find((section) => section.type === SHT.dynsym);
  const symbols = symtab ? parseTable(elf, symtab, false) : [];
  if (!dynsym) return symbols;
  const known = new Set(symbols.map((symbol) => `${symbol.name}@${symbol.value.toString(16)}`));
  for (const symbol of parseTable(elf, dynsym, true)) {
    if (!known.has(`${symbol.name}@${symbol.value.toString(16)}`)) symbols.push(symbol);
  }
  return symbols;
};

/** In object files symbols count from their section. */
export const addressOf = (elf: ElfFile, sectionIndex: number, value: bigint): bigint => {
  if (elf.header.type !== ET.rel) return value;
  return BigInt.asUintN(64, value + (elf.sections[sectionIndex]?.address ?? 0n));
};

/** Addresses of the symbols of a table by their index, for relocations; 0 outside of the table. */
export const symbolAddresses = (elf: ElfFile, section: ElfSection): ((index: number) => bigint) => {
  const reader = new ByteReader(elf.sectionData(section), { code: 'ELF_BAD_SECTION', name: section.name });
  return (index) => {
    if ((index + 1) * SYMBOL_SIZE > reader.end) return 0n;
    reader.offset = index * SYMBOL_SIZE + 6;
    const sectionIndex = reader.u16();
    return sectionIndex === SHN.undef ? 0n : addressOf(elf, sectionIndex, reader.u64());
  };
};

/** One table in the file's order, without its empty first entry. */
const parseTable = (elf: ElfFile, section: ElfSection, dynamic: boolean): ElfSymbol[] => {
  const stringSection = elf.sections[section.link];
  const strings = stringSection?.type === SHT.strtab ? elf.sectionData(stringSection) : new Uint8Array(0);
  const bytes = elf.sectionData(section);
  const reader = new ByteReader(bytes, { code: 'ELF_BAD_SECTION', name: section.name });
  const stride = section.entrySize >= SYMBOL_SIZE ? section.entrySize : SYMBOL_SIZE;
  const symbols: ElfSymbol[] = [];
  for (let at = stride; at + SYMBOL_SIZE <= bytes.length; at += stride) {
    reader.offset = at;
    const nameOffset = reader.u32();
    const info = reader.u8();
    const other = reader.u8();
    const sectionIndex = reader.u16();
    const value = addressOf(elf, sectionIndex, reader.u64());
    const size = reader.u64();
    const name = stringAt(strings, nameOffset);
    symbols.push({
      name,
      value,
      size,
      type: info & 15,
      binding: info >> 4,
      visibility: other & 3,
      sectionIndex,
      dynamic,
    });
  }
  return symbols;
};

/** A symbol table that is not made into objects. */
export interface RawSymbols {
  /** Symbols of `stride` bytes each (Elf64_Sym), with the empty first one. */
  readonly view: DataView;
  readonly stride: number;
  readonly count: number;
  readonly strings: Uint8Array;
}

/** .symtab, or where it was stripped .dynsym. */
export const rawSymbols = (elf: ElfFile): RawSymbols[] => {
  const section =
    elf.sections.find(({ type, size }) => type === SHT.symtab && size > 0) ??
    elf.sections.find(({ type }) => type === SHT.dynsym);
  if (section === undefined) return [];
  const stringSection = elf.sections[section.link];
  const strings = stringSection?.type === SHT.strtab ? elf.sectionData(stringSection) : new Uint8Array(0);
  const bytes = elf.sectionData(section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stride = section.entrySize >= SYMBOL_SIZE ? section.entrySize : SYMBOL_SIZE;
  return [
    { view, stride, strings, count: Math.max(0, Math.floor((bytes.length - SYMBOL_SIZE) / stride) + 1) },
  ];
};
