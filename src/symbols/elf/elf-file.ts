/**
 * ELF-64 little-endian files for RISC-V (System V gABI chapters 4 and 5, RISC-V ELF psABI). Headers are read at once
 * and checked; contents of sections, symbols and notes only when they are asked for. An ET_REL object has places for its
 * sections here and relocated debug sections, but nothing to load.
 */
import { userError } from '../../base/errors';
import {
  ByteReader,
  bytesSource,
  NO_BYTES,
  partOf,
  stringAt,
  type ByteSource,
  type ReadContext,
} from '../bytes';
import { decompressSection } from './compressed';
import {
  ELF_HEADER_SIZE,
  EM_RISCV,
  ET,
  MACHINE_NAMES,
  PROGRAM_HEADER_SIZE,
  PT,
  SECTION_HEADER_SIZE,
  SHF,
  SHT,
  type ElfHeader,
  type ElfNote,
  type ElfSection,
  type ElfSegment,
  type ElfSymbol,
} from './format';
import { parseNotes } from './notes';
import { applyRelocations, placeSections, relocationsOf, type SectionAddresses } from './relocate';
import { parseSymbols, symbolAddresses } from './symbols';

export interface ElfOptions {
  /** Of object files, which have no addresses of their own. */
  readonly sectionAddresses?: SectionAddresses;
}

/** Codes: ELF_NOT_ELF, ELF_NOT_RISCV, ELF_32BIT, ELF_BIG_ENDIAN, ELF_TRUNCATED, ELF_BAD_HEADER, ELF_BAD_SECTION, ELF_BAD_COMPRESSION, ELF_UNSUPPORTED_COMPRESSION. */
export class ElfFile {
  private symbolCache: readonly ElfSymbol[] | undefined;
  private readonly byName = new Map<string, ElfSection>();

  private constructor(
    private readonly source: ByteSource,
    readonly header: ElfHeader,
    readonly segments: readonly ElfSegment[],
    readonly sections: readonly ElfSection[],
  ) {
    for (const section of sections) {
      if (!this.byName.has(section.name)) this.byName.set(section.name, section);
    }
  }

  /** Reads and checks the headers. Throws UserErrors of the codes named at the class. */
  static open(source: ByteSource, options: ElfOptions = {}): ElfFile {
    const ident = source.read(0, Math.min(ELF_HEADER_SIZE, source.size));
    checkIdent(ident);
    const reader = new ByteReader(ident, { code: 'ELF_TRUNCATED', name: 'the ELF header' }, 16);
    const type = reader.u16();
    reader.skip(6);
    const entry = reader.u64();
    const programOffset = reader.offset64();
    const sectionOffset = reader.offset64();
    const flags = reader.u32();
    reader.skip(2);
    const programSize = reader.u16();
    const programCount = reader.u16();
    const sectionSize = reader.u16();
    const sectionCount = reader.u16();
    const namesIndex = reader.u16();
    const table = readSectionHeaders(
      source,
      sectionOffset,
      sectionSize,
      sectionCount,
      namesIndex,
      programCount,
    );
    const segments = readSegments(source, programOffset, programSize, table.programCount);
    const named = nameSections(source, table.sections, table.namesIndex);
    const sections = type === ET.rel ? placeSections(named, options.sectionAddresses ?? {}) : named;
    return new ElfFile(source, { type, entry, flags }, segments, sections);
  }

  get sizeBytes(): number {
    return this.source.size;
  }

  sectionNamed(name: string): ElfSection | undefined {
    return this.byName.get(name);
  }

  /** A section's bytes, all in memory, inflated if need be; empty for SHT_NOBITS. */
  sectionData(section: ElfSection): Uint8Array {
    const source = this.sectionSource(section);
    return source.read(0, source.size);
  }

  /** A section to be read by parts; one that is compressed is inflated as a whole. */
  sectionSource(section: ElfSection): ByteSource {
    if (section.type === SHT.nobits || section.type === SHT.null || section.size === 0) return NO_BYTES;
    const context = { code: 'ELF_TRUNCATED', name: `section ${section.name}` };
    checkInside(this.source, section.fileOffset, section.size, context);
    const compressed = (section.flags & SHF.compressed) !== 0 || section.name.startsWith('.zdebug_');
    const table = this.header.type === ET.rel ? relocationsOf(this.sections, section) : undefined;
    if (table !== undefined) return bytesSource(this.relocated(section, table, compressed));
    if (!compressed) return partOf(this.source, section.fileOffset, section.size);
    const bytes = readExactly(this.source, section.fileOffset, section.size, context);
    return bytesSource(decompressSection(section, bytes));
  }

  private relocated(section: ElfSection, table: ElfSection, compressed: boolean): Uint8Array {
    const name = `section ${section.name}`;
    const raw = this.fileBytes(section.fileOffset, section.size, name);
    const bytes = Uint8Array.from(compressed ? decompressSection(section, raw) : raw);
    const symbols = this.sections[table.link];
    const symbol = symbols === undefined ? () => 0n : symbolAddresses(this, symbols);
    applyRelocations(bytes, { section, table: this.sectionData(table), symbol });
    return bytes;
  }

  /** Bytes of the file as they are: contents of a segment, for example. */
  fileBytes(offset: number, length: number, name: string): Uint8Array {
    return readExactly(this.source, offset, length, { code: 'ELF_TRUNCATED', name });
  }

  /** Symbols of .symtab, then those only in .dynsym; with the undefined ones. Parsed once. */
  symbols(): readonly ElfSymbol[] {
    return (this.symbolCache ??= parseSymbols(this));
  }

  /** Notes of PT_NOTE segments or, in files without segments, of SHT_NOTE sections. */
  notes(): ElfNote[] {
    const segments = this.segments.filter((segment) => segment.type === PT.note);
    if (segments.length > 0)
      return segments.flatMap((one) =>
        parseNotes(this.fileBytes(one.fileOffset, one.fileSize, 'a note segment'), one.align),
      );
    const sections = this.sections.filter((section) => section.type === SHT.note);
    return sections.flatMap((section) => parseNotes(this.sectionData(section), 4n));
  }

  /** The GNU build id in hexadecimal digits. */
  buildId(): string | undefined {
    const note = this.notes().find((one) => one.name === 'GNU' && one.type === 3);
    return note && Array.from(note.description, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

/** Throws when the source does not hold all of the bytes. Damaged headers have sizes that are no safe integers. */
const checkInside = (source: ByteSource, offset: number, length: number, context: ReadContext): void => {
  if (offset + length <= source.size) return;
  throw userError(
    context.code,
    `${context.name} reaches beyond the end of the file (0x${offset.toString(16)} + ${String(length)} of ${String(source.size)} bytes); the file is truncated: build or copy it again`,
  );
};

const readExactly = (
  source: ByteSource,
  offset: number,
  length: number,
  context: ReadContext,
): Uint8Array => {
  checkInside(source, offset, length, context);
  const bytes = source.read(offset, length);
  if (bytes.length === length) return bytes;
  throw userError(context.code, `${context.name} cannot be read: the file became shorter; open it again`);
};

/** The order matters for the message: a 32-bit x86 file is first of all for another architecture. */
const checkIdent = (bytes: Uint8Array): void => {
  if (bytes.length < 4 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    throw userError(
      'ELF_NOT_ELF',
      'the file is not an ELF file (no ELF magic at its start); give a riscv64 ELF executable',
    );
  }
  if (bytes.length < 20) {
    throw userError(
      'ELF_TRUNCATED',
      'the ELF header is cut short; the file is truncated: build or copy it again',
    );
  }
  const bigEndian = bytes[5] === 2;
  const low = bytes[bigEndian ? 19 : 18] ?? 0;
  const machine = low | ((bytes[bigEndian ? 18 : 19] ?? 0) << 8);
  if (machine !== EM_RISCV) {
    const name = MACHINE_NAMES.get(machine) ?? `another architecture (e_machine ${String(machine)})`;
    throw userError('ELF_NOT_RISCV', `the file is for ${name}; build it for riscv64`);
  }
  if (bytes[4] === 1) {
    throw userError(
      'ELF_32BIT',
      'the file is for 32-bit RISC-V; build it for riscv64 (-march=rv64gc -mabi=lp64d)',
    );
  }
  if (bytes[4] !== 2)
    throw userError('ELF_BAD_HEADER', 'the ELF header names no known class; build the file again');
  if (bigEndian)
    throw userError('ELF_BIG_ENDIAN', 'the file is big-endian; build it for little-endian riscv64');
  if (bytes[5] !== 1)
    throw userError('ELF_BAD_HEADER', 'the ELF header names no known byte order; build the file again');
};

const readSegments = (source: ByteSource, offset: number, entrySize: number, count: number): ElfSegment[] => {
  if (count === 0 || offset === 0) return [];
  if (entrySize < PROGRAM_HEADER_SIZE) {
    throw userError(
      'ELF_BAD_HEADER',
      `program headers of ${String(entrySize)} bytes are too small; build the file again`,
    );
  }
  const context = { code: 'ELF_TRUNCATED', name: 'the program header table' };
  const reader = new ByteReader(readExactly(source, offset, entrySize * count, context), context);
  return Array.from({ length: count }, () => {
    const entry = reader.take(entrySize);
    const type = entry.u32();
    const flags = entry.u32();
    // Offsets that no file can have appear only in damaged headers; Number() keeps them large, and reading refuses.
    const fileOffset = Number(entry.u64());
    const vaddr = entry.u64();
    const paddr = entry.u64();
    const fileSize = Number(entry.u64());
    const memSize = Number(entry.u64());
    return { type, flags, fileOffset, vaddr, paddr, fileSize, memSize, align: entry.u64() };
  });
};

type UnnamedSection = Omit<ElfSection, 'name'> & { readonly nameOffset: number };

const readSection = (entry: ByteReader, index: number): UnnamedSection => {
  const nameOffset = entry.u32();
  const type = entry.u32();
  const flags = Number(entry.u64() & 0xffff_ffffn);
  const address = entry.u64();
  const fileOffset = Number(entry.u64());
  const size = Number(entry.u64());
  const link = entry.u32();
  const info = entry.u32();
  const alignment = Number(entry.u64());
  return {
    index,
    nameOffset,
    type,
    flags,
    address,
    fileOffset,
    size,
    link,
    info,
    alignment,
    entrySize: Number(entry.u64()),
  };
};

/** Reads the section header table; counts too large for the ELF header stand in section 0 (gABI, "e_shnum"). */
const readSectionHeaders = (
  source: ByteSource,
  offset: number,
  entrySize: number,
  countInHeader: number,
  namesInHeader: number,
  programCountInHeader: number,
): { sections: UnnamedSection[]; namesIndex: number; programCount: number } => {
  if (offset === 0) return { sections: [], namesIndex: 0, programCount: programCountInHeader };
  if (entrySize < SECTION_HEADER_SIZE) {
    throw userError(
      'ELF_BAD_HEADER',
      `section headers of ${String(entrySize)} bytes are too small; build the file again`,
    );
  }
  const context = { code: 'ELF_TRUNCATED', name: 'the section header table' };
  const zero = readSection(new ByteReader(readExactly(source, offset, entrySize, context), context), 0);
  const count = countInHeader === 0 ? zero.size : countInHeader;
  const reader = new ByteReader(readExactly(source, offset, entrySize * count, context), context);
  const sections = Array.from({ length: count }, (_, index) => readSection(reader.take(entrySize), index));
  return {
    sections,
    namesIndex: namesInHeader === 0xffff ? zero.link : namesInHeader,
    programCount: programCountInHeader === 0xffff ? zero.info : programCountInHeader,
  };
};

const nameSections = (source: ByteSource, sections: UnnamedSection[], namesIndex: number): ElfSection[] => {
  const table = sections[namesIndex];
  if (table === undefined && sections.length > 0) {
    throw userError(
      'ELF_BAD_SECTION',
      'the ELF header names a section of names that does not exist; build the file again',
    );
  }
  const names =
    table === undefined || table.type !== SHT.strtab
      ? new Uint8Array(0)
      : readExactly(source, table.fileOffset, table.size, {
          code: 'ELF_TRUNCATED',
          name: 'the section name table',
        });
  return sections.map(({ nameOffset, ...rest }) => ({ ...rest, name: stringAt(names, nameOffset) }));
};
