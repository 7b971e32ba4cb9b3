/**
 * ELF symbols made searchable: by name, and by address for code. Addresses are those of the file. A kernel has hundreds of
 * thousands of symbols, so they are kept in columns of numbers, and names stay bytes of the string table until asked for.
 */
import { stringAt } from './bytes';
import type { ElfFile } from './elf/elf-file';
import { ET, SHF, SHN, STB, STT } from './elf/format';
import { addressOf, rawSymbols, type RawSymbols } from './elf/symbols';
import { lazily } from './lazily';
import { bytesEqual, bytesOf, hashOf } from './name-bytes';
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

const KINDS: readonly SymbolKind[] = ['label', 'object', 'function'];
const [LABEL, OBJECT, FUNCTION] = [0, 1, 2];
const BINDINGS = ['local', 'weak', 'global'] as const;

/** Index into KINDS, or -1 for what is no symbol for a person. */
const kindOf = (type: number): number => {
  switch (type) {
    case STT.func:
    case STT.ifunc:
      return FUNCTION;
    case STT.object:
    case STT.common:
      return OBJECT;
    case STT.notype:
      return LABEL;
    default:
      return -1;
  }
};

/** Local labels and the mapping symbols of the RISC-V psABI ("$x", "$d", "$xrv64i...") are no names for a person. */
const isNoise = (strings: Uint8Array, at: number): boolean => {
  const first = strings[at] ?? 0;
  const second = strings[at + 1] ?? 0;
  if (first === 0) return true;
  if (first === 0x24) return second === 0x78 || second === 0x64;
  if (first === 0x2e) return second === 0x4c;
  // "L0\u0001": local numeric labels of GNU's assembler.
  if (first !== 0x4c) return false;
  let digits = at + 1;
  while ((strings[digits] ?? 0) >= 0x30 && (strings[digits] ?? 0) <= 0x39) digits++;
  return digits > at + 1 && strings[digits] === 1;
};

export class SymbolIndex {
  /** Rows, in the order of the tables. */
  private readonly count: number;
  private readonly table: Uint8Array;
  private readonly nameAt: Uint32Array;
  /** High and low halves of addresses: comparing them is far cheaper than comparing BigInts. */
  private readonly high: Uint32Array;
  private readonly low: Uint32Array;
  /** Bytes; of damaged ones only their magnitude. */
  private readonly sizes: Float64Array;
  private readonly sections: Uint16Array;
  private readonly kinds: Uint8Array;
  private readonly bindings: Uint8Array;
  private readonly strings: readonly Uint8Array[];
  /** Open addressing: row + 1 of the symbol that is meant by a name; 0 is empty. */
  private readonly byName: Uint32Array;
  private readonly code = lazily(() => this.codeRows());

  /** For a file whose symbol table cannot be read. */
  static empty(): SymbolIndex {
    return new SymbolIndex(undefined);
  }

  /** Throws ELF_*. */
  constructor(private readonly elf: ElfFile | undefined) {
    const raw = elf ? rawSymbols(elf) : [];
    const total = raw.reduce((sum, one) => sum + one.count, 0);
    this.table = new Uint8Array(total);
    this.nameAt = new Uint32Array(total);
    this.high = new Uint32Array(total);
    this.low = new Uint32Array(total);
    this.sizes = new Float64Array(total);
    this.sections = new Uint16Array(total);
    this.kinds = new Uint8Array(total);
    this.bindings = new Uint8Array(total);
    this.strings = raw.map((one) => one.strings);
    this.count = raw.reduce((row, one, table) => this.fill(one, table, row), 0);
    this.byName = new Uint32Array(2 ** Math.ceil(Math.log2(2 * this.count + 2)));
    for (let row = 0; row < this.count; row++) this.enter(row);
  }

  named(name: string): NamedSymbol | undefined {
    const row = (this.byName[this.slotOf(bytesOf(name), 0)] ?? 0) - 1;
    return row < 0 ? undefined : this.symbol(row);
  }

  /** Addresses of all functions of a name (several when local ones share it). */
  codeNamed(name: string): bigint[] {
    const bytes = bytesOf(name);
    const found: bigint[] = [];
    for (let row = 0; row < this.count; row++) {
      if (this.kinds[row] !== FUNCTION || !bytesEqual(this.stringsOf(row), this.nameAt[row] ?? 0, bytes))
        continue;
      found.push(this.address(row));
    }
    return found;
  }

  *all(): Generator<NamedSymbol> {
    for (const entry of this.byName) if (entry !== 0) yield this.symbol(entry - 1);
  }

  /** The function (or else label) whose range holds the address. */
  codeAt(address: bigint): CodeSymbol | undefined {
    const { rows, ends } = this.code();
    const high = Number(address >> 32n);
    const low = Number(address & 0xffff_ffffn);
    let from = 0;
    let to = rows.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const row = rows[middle] ?? 0;
      const rowHigh = this.high[row] ?? 0;
      if (rowHigh < high || (rowHigh === high && (this.low[row] ?? 0) <= low)) from = middle + 1;
      else to = middle;
    }
    return from > 0 && address < (ends[from - 1] ?? 0n) ? this.codeSymbol(from - 1) : undefined;
  }

  private fill({ view, stride, strings, count }: RawSymbols, table: number, start: number): number {
    const moved = this.elf?.header.type === ET.rel ? this.elf : undefined;
    let row = start;
    for (let i = 1; i < count; i++) {
      const at = i * stride;
      const info = view.getUint8(at + 4);
      const kind = kindOf(info & 15);
      const section = view.getUint16(at + 6, true);
      const nameOffset = view.getUint32(at, true);
      if (kind < 0 || section === SHN.undef || isNoise(strings, nameOffset)) continue;
      this.table[row] = table;
      this.nameAt[row] = nameOffset;
      this.low[row] = view.getUint32(at + 8, true);
      this.high[row] = view.getUint32(at + 12, true);
      if (moved !== undefined) this.place(row, addressOf(moved, section, view.getBigUint64(at + 8, true)));
      this.sizes[row] = view.getUint32(at + 16, true) + 2 ** 32 * view.getUint32(at + 20, true);
      this.kinds[row] = kind;
      const binding = info >> 4;
      this.bindings[row] = binding === STB.local ? 0 : binding === STB.weak ? 1 : 2;
      this.sections[row] = section;
      row++;
    }
    return row;
  }

  private place(row: number, address: bigint): void {
    this.high[row] = Number(address >> 32n);
    this.low[row] = Number(address & 0xffff_ffffn);
  }

  /** Which of several symbols of one name is meant: the global one, of these the one that is no label. */
  private enter(row: number): void {
    const slot = this.slotOf(this.stringsOf(row), this.nameAt[row] ?? 0);
    const known = (this.byName[slot] ?? 0) - 1;
    if (known < 0 || this.rank(row) > this.rank(known)) this.byName[slot] = row + 1;
  }

  private rank(row: number): number {
    return 2 * (this.bindings[row] ?? 0) + (this.kinds[row] === LABEL ? 0 : 1);
  }

  /** The slot of a name, or the empty one where it would be. */
  private slotOf(name: Uint8Array, at: number): number {
    const mask = this.byName.length - 1;
    let slot = hashOf(name, at) & mask;
    for (;;) {
      const row = (this.byName[slot] ?? 0) - 1;
      if (row < 0 || bytesEqual(this.stringsOf(row), this.nameAt[row] ?? 0, name, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private stringsOf(row: number): Uint8Array {
    return this.strings[this.table[row] ?? 0] ?? NO_STRINGS;
  }

  private address(row: number): bigint {
    return (BigInt(this.high[row] ?? 0) << 32n) | BigInt(this.low[row] ?? 0);
  }

  private symbol(row: number): NamedSymbol {
    return {
      name: stringAt(this.stringsOf(row), this.nameAt[row] ?? 0),
      address: this.address(row),
      size: BigInt(this.sizes[row] ?? 0),
      kind: KINDS[this.kinds[row] ?? 0] ?? 'label',
      binding: BINDINGS[this.bindings[row] ?? 0] ?? 'local',
    };
  }

  private codeSymbol(i: number): CodeSymbol {
    const { rows, ends } = this.code();
    const row = rows[i] ?? 0;
    const name = stringAt(this.stringsOf(row), this.nameAt[row] ?? 0);
    return { name, start: this.address(row), end: ends[i] ?? 0n };
  }

  /** Rows of code by address, one for each address, with the first address behind each. */
  private codeRows(): { readonly rows: Uint32Array; readonly ends: BigUint64Array } {
    const limits = (this.elf?.sections ?? []).map(({ address, size, flags }) =>
      (flags & SHF.execinstr) === 0
        ? undefined
        : BigInt.asUintN(64, address + BigInt(Number.isSafeInteger(size) ? size : 0)),
    );
    const sorted = new Uint32Array(this.count);
    let total = 0;
    for (let row = 0; row < this.count; row++) {
      const kind = this.kinds[row];
      const isLabel = kind === LABEL && limits[this.sections[row] ?? 0] !== undefined;
      if (kind === FUNCTION || isLabel) sorted[total++] = row;
    }
    const rows = this.withoutLabels(
      sorted
        .subarray(0, total)
        .sort((a, b) => this.compareAddresses(a, b) || this.codeRank(b) - this.codeRank(a)),
    );
    const ends = new BigUint64Array(rows.length);
    rows.forEach((row, i) => {
      const address = this.address(row);
      const size = this.sizes[row] ?? 0;
      const limit = limits[this.sections[row] ?? 0] ?? address;
      const next = i + 1 < rows.length ? this.address(rows[i + 1] ?? 0) : limit;
      // Symbols without a size reach to the next symbol or to the end of their section.
      ends[i] = size > 0 ? address + BigInt(size) : next < limit ? next : limit;
    });
    return { rows, ends };
  }

  /** One row for each address; labels inside of functions go. */
  private withoutLabels(sorted: Uint32Array): Uint32Array {
    let count = 0;
    /** As a number, which is exact enough to tell whether a label lies in a function. */
    let sizedEnd = 0;
    for (const row of sorted) {
      const size = this.sizes[row] ?? 0;
      if (count > 0 && this.compareAddresses(sorted[count - 1] ?? 0, row) === 0) continue;
      const address = (this.high[row] ?? 0) * 2 ** 32 + (this.low[row] ?? 0);
      if (this.kinds[row] === LABEL && size === 0 && address < sizedEnd) continue;
      sorted[count++] = row;
      sizedEnd = Math.max(sizedEnd, address + size);
    }
    return sorted.slice(0, count);
  }

  private compareAddresses(a: number, b: number): number {
    return (this.high[a] ?? 0) - (this.high[b] ?? 0) || (this.low[a] ?? 0) - (this.low[b] ?? 0);
  }

  /** For an address, being a function matters more than being global: labels stand in the middle of functions. */
  private codeRank(row: number): number {
    const isSized = (this.sizes[row] ?? 0) > 0;
    return (this.kinds[row] === FUNCTION ? 8 : 0) + (isSized ? 4 : 0) + (this.bindings[row] ?? 0);
  }
}

const NO_STRINGS = new Uint8Array(0);
