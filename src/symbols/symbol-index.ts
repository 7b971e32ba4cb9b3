/** ELF symbols made searchable: by name, and by address for code. Addresses are those of the file. */
import type { ElfFile } from './elf/elf-file';
import { SHF, SHN, STB, STT, type ElfSymbol } from './elf/format';
import type { AddressRange } from './range-index';

export type SymbolKind = 'function' | 'object' | 'label';

export interface NamedSymbol {
  readonly name: string;
  readonly address: bigint;
  /** Bytes; 0 when unknown (labels of assembly). */
  readonly size: bigint;
  readonly kind: SymbolKind;
  readonly binding: 'global' | 'weak' | 'local';
}

export interface CodeSymbol extends AddressRange {
  readonly name: string;
}

/** Local labels and the mapping symbols of the RISC-V psABI ("$x", "$d", "$xrv64i...") are no names for a person. */
const isNoise = (name: string): boolean => name === '' || /^(?:\$[xd]|\.L|L\d+\u0001)/.test(name);

const kindOf = (symbol: ElfSymbol): SymbolKind | undefined => {
  switch (symbol.type) {
    case STT.func:
    case STT.ifunc:
      return 'function';
    case STT.object:
    case STT.common:
      return 'object';
    case STT.notype:
      return 'label';
    default:
      return undefined;
  }
};

export class SymbolIndex {
  private readonly names = new Map<string, NamedSymbol>();
  /** Code symbols by address, one for each address. */
  private readonly code: readonly CodeSymbol[];

  /** For a file whose symbol table cannot be read. */
  static empty(): SymbolIndex {
    return new SymbolIndex({ symbols: () => [], sections: [] });
  }

  constructor(elf: Pick<ElfFile, 'symbols' | 'sections'>) {
    const code: { symbol: NamedSymbol; limit: bigint }[] = [];
    for (const one of elf.symbols()) {
      const symbol = toNamed(one);
      if (symbol === undefined) continue;
      const known = this.names.get(symbol.name);
      if (known === undefined || rank(symbol) > rank(known)) this.names.set(symbol.name, symbol);
      const section = elf.sections[one.sectionIndex];
      const isCode = section !== undefined && (section.flags & SHF.execinstr) !== 0;
      if (symbol.kind === 'function' || (symbol.kind === 'label' && isCode))
        code.push({ symbol, limit: section ? section.address + BigInt(section.size || 0) : symbol.address });
    }
    this.code = codeRanges(code);
  }

  named(name: string): NamedSymbol | undefined {
    return this.names.get(name);
  }

  /** Addresses of all functions of a name (several when local ones share it). */
  codeNamed(name: string): bigint[] {
    return this.code.filter((one) => one.name === name).map((one) => one.start);
  }

  all(): IterableIterator<NamedSymbol> {
    return this.names.values();
  }

  /** The function (or else label) whose range holds the address. */
  codeAt(address: bigint): CodeSymbol | undefined {
    let low = 0;
    let high = this.code.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.code[middle]?.start ?? address) <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.code[low - 1];
    return found !== undefined && address < found.end ? found : undefined;
  }
}

const toNamed = (symbol: ElfSymbol): NamedSymbol | undefined => {
  const kind = kindOf(symbol);
  if (kind === undefined || symbol.sectionIndex === SHN.undef || isNoise(symbol.name)) return undefined;
  const binding = symbol.binding === STB.local ? 'local' : symbol.binding === STB.weak ? 'weak' : 'global';
  return { name: symbol.name, address: symbol.value, size: symbol.size, kind, binding };
};

const BINDING_RANK = { global: 4, weak: 2, local: 0 } as const;
/** Which of several symbols of one name, or of one address, is meant. */
const rank = (symbol: NamedSymbol): number =>
  BINDING_RANK[symbol.binding] + (symbol.kind === 'label' ? 0 : 1);
/** For an address, being a function matters more than being global: labels stand in the middle of functions. */
const codeRank = (symbol: NamedSymbol): number =>
  (symbol.kind === 'function' ? 16 : 0) + (symbol.size > 0n ? 8 : 0) + BINDING_RANK[symbol.binding];

/** Symbols without a size reach to the next symbol or to the end of their section. Labels inside functions go. */
const codeRanges = (found: { symbol: NamedSymbol; limit: bigint }[]): CodeSymbol[] => {
  found.sort((a, b) => {
    if (a.symbol.address !== b.symbol.address) return a.symbol.address < b.symbol.address ? -1 : 1;
    return codeRank(b.symbol) - codeRank(a.symbol);
  });
  const kept: { symbol: NamedSymbol; limit: bigint }[] = [];
  let sizedEnd = 0n;
  for (const one of found) {
    const { symbol } = one;
    if (kept.at(-1)?.symbol.address === symbol.address) continue;
    if (symbol.kind === 'label' && symbol.size === 0n && symbol.address < sizedEnd) continue;
    kept.push(one);
    if (symbol.address + symbol.size > sizedEnd) sizedEnd = symbol.address + symbol.size;
  }
  return kept.map(({ symbol, limit }, i) => {
    const next = kept[i + 1]?.symbol.address ?? limit;
    const start = symbol.address;
    const open = next < limit ? next : limit;
    const end = symbol.size > 0n ? start + symbol.size : open;
    return { name: symbol.name, start, end };
  });
};
