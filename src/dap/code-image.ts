/**
 * The code of a program file as it must lie in the guest's memory when that program is there. Several programs have the same
 * virtual addresses, and only their contents tell them apart. A file without contents (debug information split off) is told by
 * its notes, which carry the build id. Reads from the file page by page, when they are asked for.
 */
import { UserError } from '../base/errors';
import type { ElfFile } from '../symbols/elf/elf-file';
import { PF, PT, SHF, SHT } from '../symbols/elf/format';
import type { HartView } from '../timetravel/api';

type MemoryReader = Pick<HartView, 'readMemory'>;

interface Region {
  readonly start: bigint;
  /** Of what is in memory; contents of the file may end before. */
  readonly end: bigint;
  readonly fileOffset: number;
  readonly fileSize: number;
}

const PAGE = 4096n;
/** Pages compared beside the one asked about: programs that share a library's code differ in their own. */
const OTHER_PAGES_MAX = 24;

/** Pages among which the one at a pc is looked for: programs of 16 MiB. */
const SEARCHED_PAGES_MAX = 4096;
/** Fewer bytes of code may be anybody's. */
const TELLING_BYTES = 32;

export class CodeImage {
  private readonly code: readonly Region[];
  private readonly notes: readonly Region[];
  private readonly pages = new Map<bigint, Uint8Array>();

  /** `bias` is where the file is loaded, minus where it was linked. */
  constructor(
    private readonly elf: ElfFile,
    bias: bigint,
  ) {
    const regions = (wanted: (type: number, flags: number) => boolean): Region[] =>
      elf.segments
        .filter(({ type, flags, memSize }) => memSize > 0 && wanted(type, flags))
        .map(({ vaddr, memSize, fileOffset, fileSize }) => {
          const start = BigInt.asUintN(64, vaddr + bias);
          return { start, end: start + BigInt(memSize), fileOffset, fileSize };
        });
    this.code = regions((type, flags) => type === PT.load && (flags & PF.execute) !== 0);
    // By sections: of a file of split-off debug information the segments say that nothing is in the file.
    this.notes = elf.sections
      .filter(({ type, flags, size }) => type === SHT.note && (flags & SHF.alloc) !== 0 && size > 0)
      .map(({ address, size, fileOffset }) => {
        const start = BigInt.asUintN(64, address + bias);
        return { start, end: start + BigInt(size), fileOffset, fileSize: size };
      });
  }

  /** True where the file has code at the address. */
  holds(address: bigint): boolean {
    return this.code.some(({ start, end }) => address >= start && address < end);
  }

  /** Whether memory at `pc` is this file's code, as far as it is mapped. */
  isIn(memory: MemoryReader, pc: bigint): boolean {
    const region = this.code.find(({ start, end }) => pc >= start && pc < end);
    if (region === undefined) return false;
    if (this.isSplit) return this.hasNotes(memory);
    return this.isPageIn(memory, region, pc) === true && this.areOthersIn(memory);
  }

  /** Where this file's code must have been loaded (its bias), if what is at `pc` is a part of it. */
  biasAt(memory: MemoryReader, pc: bigint): bigint | undefined {
    const page = pc & -PAGE;
    const there = memory.readMemory(page, Number(PAGE));
    if (there?.length !== Number(PAGE) || this.isSplit) return undefined;
    for (const [region, at] of this.somePages(SEARCHED_PAGES_MAX)) {
      const first = Number(at & (PAGE - 1n));
      const end =
        at + BigInt(region.fileSize) < (at & -PAGE) + PAGE ? at + BigInt(region.fileSize) : undefined;
      const length = Number((end ?? (at & -PAGE) + PAGE) - at);
      const offset = pc - page - BigInt(first);
      if (offset < 0n || offset >= BigInt(length) || length < TELLING_BYTES) continue;
      const wanted = this.contents(region, at, length);
      if (wanted !== undefined && isEqual(there.subarray(first), wanted))
        return BigInt.asUintN(64, page - (at & -PAGE));
    }
    return undefined;
  }

  /** The same without a place: at least one page must be there. */
  isMapped(memory: MemoryReader): boolean {
    if (this.isSplit) return this.hasNotes(memory);
    return (
      this.areOthersIn(memory) && this.somePages().some(([region, at]) => this.isPageIn(memory, region, at))
    );
  }

  /** The file has debug information alone: no section of code has contents. */
  private get isSplit(): boolean {
    const code = this.elf.sections.filter(({ flags }) => (flags & SHF.execinstr) !== 0);
    return code.length > 0
      ? code.every(({ type }) => type === SHT.nobits)
      : this.code.every(({ fileSize }) => fileSize === 0);
  }

  private hasNotes(memory: MemoryReader): boolean {
    return (
      this.notes.length > 0 && this.notes.every((note) => this.isPageIn(memory, note, note.start) === true)
    );
  }

  private areOthersIn(memory: MemoryReader): boolean {
    return this.somePages().every(([region, at]) => this.isPageIn(memory, region, at) !== false);
  }

  private somePages(limit = OTHER_PAGES_MAX): [Region, bigint][] {
    const places: [Region, bigint][] = [];
    for (const region of this.code) {
      const end = region.start + BigInt(region.fileSize);
      for (let at = region.start; at < end && places.length < limit; at = (at & -PAGE) + PAGE) {
        places.push([region, at]);
      }
    }
    return places;
  }

  /** Undefined: not mapped. */
  private isPageIn(memory: MemoryReader, region: Region, address: bigint): boolean | undefined {
    const page = address & -PAGE;
    const first = page > region.start ? page : region.start;
    const last = region.start + BigInt(region.fileSize);
    const length = Number((page + PAGE < last ? page + PAGE : last) - first);
    if (length <= 0) return undefined;
    const there = memory.readMemory(first, length);
    if (there === undefined || there.length < length) return undefined;
    const wanted = this.contents(region, first, length);
    return wanted !== undefined && isEqual(there, wanted);
  }

  private contents(region: Region, first: bigint, length: number): Uint8Array | undefined {
    const known = this.pages.get(first);
    if (known !== undefined) return known;
    try {
      const bytes = this.elf.fileBytes(region.fileOffset + Number(first - region.start), length, 'code');
      this.pages.set(first, bytes);
      return bytes;
    } catch (error) {
      // A file that is cut off, or was taken away meanwhile, is like none.
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  for (let at = 0; at < b.length; at++) if (a[at] !== b[at]) return false;
  return true;
};
