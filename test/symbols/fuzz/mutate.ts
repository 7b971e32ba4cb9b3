/** Damage for ELF files: at random, and where it hurts. Everything follows from the seed. */
import { ElfFile } from '../../../src/symbols/elf/elf-file';
import { bytesSource } from '../../../src/symbols/bytes';
import type { ElfSection } from '../../../src/symbols/elf/format';

/** Marsaglia's xorshift: good enough for damage, and the same everywhere. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0 || 1;
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return limit <= 0 ? 0 : (this.state >>> 0) % limit;
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
}

/** What readers get wrong: the ends of ranges, signs, marks of 64-bit DWARF, long LEB128. */
const NASTY = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_fff0n,
  0xffff_ffffn,
  1n << 53n,
  (1n << 64n) - 1n,
];

const INTERESTING = /^\.(debug_|eh_frame|symtab|strtab|shstrtab|gdb_index|gnu_debug|rela\.debug)/;

type Mutation = (bytes: Uint8Array, random: Random, sections: readonly ElfSection[]) => void;

const write = (bytes: Uint8Array, at: number, size: number, value: bigint): void => {
  for (let i = 0; i < size && at + i < bytes.length; i++)
    bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
};

const anySize = (random: Random): number => random.pick([1, 2, 4, 8]) ?? 1;

const inSection = (random: Random, sections: readonly ElfSection[]): number => {
  const section = random.pick(sections);
  return section === undefined ? 0 : section.fileOffset + random.below(section.size);
};

const flipBit: Mutation = (bytes, random, sections) => {
  const at = inSection(random, sections);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
};

const nastyNumber: Mutation = (bytes, random, sections) =>
  write(bytes, inSection(random, sections), anySize(random), random.pick(NASTY) ?? 0n);

/** Headers of units, tables and lists stand at the beginning of sections. */
const sectionStart: Mutation = (bytes, random, sections) => {
  const section = random.pick(sections);
  if (section !== undefined)
    write(
      bytes,
      section.fileOffset + random.below(Math.min(64, section.size)),
      anySize(random),
      random.pick(NASTY) ?? 0n,
    );
};

const elfHeader: Mutation = (bytes, random) =>
  write(bytes, 16 + random.below(48), anySize(random), random.pick(NASTY) ?? 0n);

/** Fields of section headers: offsets, sizes, links, types. */
const sectionHeader: Mutation = (bytes, random, sections) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.getBigUint64(40, true) & 0xffff_ffffn);
  const index = random.pick(sections)?.index ?? 0;
  const field = random.pick([0, 4, 8, 16, 24, 32, 40, 44, 48, 56]) ?? 0;
  const value = random.below(2) === 0 ? (random.pick(NASTY) ?? 0n) : BigInt(random.below(bytes.length));
  write(bytes, table + 64 * index + field, anySize(random), value);
};

/** A run of one byte: endless LEB128s, chains of opcodes, texts without an end. */
const fill: Mutation = (bytes, random, sections) => {
  const at = inSection(random, sections);
  bytes.fill(random.pick([0x00, 0x80, 0xff, 0x01, 0x16]) ?? 0, at, at + 1 + random.below(200));
};

/** Makes what refers to each other refer elsewhere. */
const copy: Mutation = (bytes, random, sections) => {
  const from = inSection(random, sections);
  const length = 1 + random.below(64);
  bytes.copyWithin(inSection(random, sections), from, Math.min(bytes.length, from + length));
};

const MUTATIONS: readonly Mutation[] = [
  ...[flipBit, flipBit, nastyNumber, nastyNumber, sectionStart, sectionStart],
  ...[elfHeader, sectionHeader, fill, copy],
];

/** A damaged copy, the same for the same seed. */
export const mutate = (original: Uint8Array, seed: number): Uint8Array => {
  const random = new Random(seed);
  const sections = ElfFile.open(bytesSource(original)).sections.filter(
    ({ name, size, type }) => INTERESTING.test(name) && size > 0 && type !== 8,
  );
  const bytes = Uint8Array.from(original);
  for (let count = 1 + random.below(6); count > 0; count--) {
    // Some damage everywhere, and some all in one section.
    const chosen = random.below(2) === 0 ? sections : sections.filter((one) => one === random.pick(sections));
    random.pick(MUTATIONS)?.(bytes, random, chosen.length > 0 ? chosen : sections);
  }
  return random.below(10) === 0 ? bytes.slice(0, random.below(bytes.length)) : bytes;
};
