/** ELF symbol tables: .symtab first, then what only .dynsym has. */
import { ByteReader, stringAt } from '../bytes';
import type { ElfFile } from './elf-file';
import { SHT, SYMBOL_SIZE, type ElfSection, type ElfSymbol } from './format';

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
    const value = reader.u64();
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
