/** Writes small ELF64 files for tests: program headers and a symbol table, so that no toolchain is needed. */

export interface ElfSegment {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Bytes in memory, when more than in the file. */
  readonly memoryBytes?: number;
  /** Physical address, when another one. */
  readonly physical?: number;
}

export interface ElfOptions {
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  /** Addresses by name. */
  readonly symbols?: ReadonlyMap<string, number>;
  /** e_machine; 243 is RISC-V. */
  readonly machine?: number;
  /** EI_CLASS: 2 is 64-bit. */
  readonly elfClass?: number;
}

const HEADER = 64;
const PROGRAM_HEADER = 56;
const SECTION_HEADER = 64;
const SYMBOL = 24;
const NAMES = ['', '.symtab', '.strtab', '.shstrtab', '.text'];

/** NUL-terminated strings, one behind the other, and where each begins. */
function stringTable(names: readonly string[]): { bytes: Uint8Array; offsets: number[] } {
  const offsets: number[] = [];
  let text = '';
  for (const name of names) {
    offsets.push(text.length);
    text += `${name}\0`;
  }
  return { bytes: new TextEncoder().encode(text), offsets };
}

export function buildElf(options: ElfOptions): Uint8Array {
  const { segments } = options;
  const symbols = [...(options.symbols ?? [])];
  const strings = stringTable(['', ...symbols.map(([name]) => name)]);
  const sectionNames = stringTable(NAMES);
  let end = HEADER + PROGRAM_HEADER * segments.length;
  const place = (size: number): number => {
    const at = Math.ceil(end / 8) * 8;
    end = at + size;
    return at;
  };
  const segmentAt = segments.map((segment) => place(segment.bytes.length));
  const symtabAt = place(SYMBOL * (symbols.length + 1));
  const strtabAt = place(strings.bytes.length);
  const shstrtabAt = place(sectionNames.bytes.length);
  const sectionsAt = place(SECTION_HEADER * NAMES.length);
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  const put64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);

  bytes.set([0x7f, 0x45, 0x4c, 0x46, options.elfClass ?? 2, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, options.machine ?? 243, true);
  view.setUint32(20, 1, true);
  put64(24, options.entry);
  put64(32, HEADER);
  put64(40, sectionsAt);
  view.setUint32(48, 5, true); // RVC, double-float ABI
  [HEADER, PROGRAM_HEADER, segments.length, SECTION_HEADER, NAMES.length, 3].forEach((value, index) => {
    view.setUint16(52 + 2 * index, value, true);
  });

  segments.forEach((segment, index) => {
    const at = HEADER + PROGRAM_HEADER * index;
    const offset = segmentAt[index] ?? 0;
    view.setUint32(at, 1, true); // PT_LOAD
    view.setUint32(at + 4, 7, true); // RWX
    const { address, physical = address, bytes: contents, memoryBytes = contents.length } = segment;
    [offset, address, physical, contents.length, memoryBytes, 1].forEach((value, field) => {
      put64(at + 8 + 8 * field, value);
    });
    bytes.set(contents, offset);
  });

  symbols.forEach(([, address], index) => {
    const at = symtabAt + SYMBOL * (index + 1);
    view.setUint32(at, strings.offsets[index + 1] ?? 0, true);
    bytes[at + 4] = 0x12; // global function
    view.setUint16(at + 6, 4, true);
    put64(at + 8, address);
  });
  bytes.set(strings.bytes, strtabAt);
  bytes.set(sectionNames.bytes, shstrtabAt);

  /** type, flags, address, offset, size, link, info, entry size. */
  const section = (
    index: number,
    fields: readonly [number, number, number, number, number, number, number, number],
  ): void => {
    const at = sectionsAt + SECTION_HEADER * index;
    const [type, flags, address, offset, size, link, info, entrySize] = fields;
    view.setUint32(at, sectionNames.offsets[index] ?? 0, true);
    view.setUint32(at + 4, type, true);
    [flags, address, offset, size].forEach((value, field) => put64(at + 8 + 8 * field, value));
    view.setUint32(at + 40, link, true);
    view.setUint32(at + 44, info, true);
    put64(at + 48, 1);
    put64(at + 56, entrySize);
  };
  section(1, [2, 0, 0, symtabAt, SYMBOL * (symbols.length + 1), 2, 1, SYMBOL]);
  section(2, [3, 0, 0, strtabAt, strings.bytes.length, 0, 0, 0]);
  section(3, [3, 0, 0, shstrtabAt, sectionNames.bytes.length, 0, 0, 0]);
  const [first] = segments;
  section(4, [1, 6, first?.address ?? 0, segmentAt[0] ?? 0, first?.bytes.length ?? 0, 0, 0, 0]);
  return bytes;
}
