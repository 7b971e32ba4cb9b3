/** What a loader needs of an ELF file: the loadable segments, checked. Where they go in RAM is the machine's affair. */
import { userError } from '../../base/errors';
import type { ElfFile } from './elf-file';
import { ET, PT } from './format';

export interface LoadableSegment {
  readonly paddr: bigint;
  readonly vaddr: bigint;
  readonly fileOffset: number;
  /** Bytes from the file; the rest up to memSize is zero. */
  readonly fileSize: number;
  readonly memSize: number;
  /** PF_X 1, PF_W 2, PF_R 4. */
  readonly flags: number;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/**
 * PT_LOAD segments with memory, by physical address. Codes: ELF_NOTHING_TO_LOAD (an object file, a core file, ...),
 * ELF_BAD_SEGMENT, ELF_TRUNCATED, ELF_OVERLAPPING_SEGMENTS.
 */
export const loadableSegments = (elf: ElfFile): LoadableSegment[] => {
  if (elf.header.type === ET.rel) {
    throw userError(
      'ELF_NOTHING_TO_LOAD',
      'the file is an object file (not linked); link it and give the executable',
    );
  }
  if (elf.header.type === ET.core) {
    throw userError('ELF_NOTHING_TO_LOAD', 'the file is a core dump; give the executable');
  }
  const segments = elf.segments
    .filter((segment) => segment.type === PT.load && segment.memSize > 0)
    .map(({ paddr, vaddr, fileOffset, fileSize, memSize, flags }) => ({
      paddr,
      vaddr,
      fileOffset,
      fileSize,
      memSize,
      flags,
    }))
    .sort((a, b) => (a.paddr < b.paddr ? -1 : a.paddr > b.paddr ? 1 : 0));
  if (segments.length === 0) {
    throw userError('ELF_NOTHING_TO_LOAD', 'the file has no loadable segment; link it as an executable');
  }
  for (const segment of segments) checkSegment(elf, segment);
  checkOverlap(segments);
  return segments;
};

/** The bytes of a segment that come from the file. */
export const segmentBytes = (elf: ElfFile, segment: LoadableSegment): Uint8Array =>
  elf.fileBytes(segment.fileOffset, segment.fileSize, `the segment at ${hex(segment.paddr)}`);

/** Throws ELF_OVERLAPPING_SEGMENTS when two segments, sorted by paddr, claim the same physical bytes. */
export const checkOverlap = (segments: readonly LoadableSegment[]): void => {
  segments.forEach((segment, i) => {
    const next = segments[i + 1];
    if (next !== undefined && segment.paddr + BigInt(segment.memSize) > next.paddr) {
      throw userError(
        'ELF_OVERLAPPING_SEGMENTS',
        `the segments at ${hex(segment.paddr)} (${String(segment.memSize)} bytes) and ${hex(next.paddr)} overlap; correct the linker script`,
      );
    }
  });
};

const checkSegment = (elf: ElfFile, segment: LoadableSegment): void => {
  const where = `the segment at ${hex(segment.paddr)}`;
  if (segment.fileSize > segment.memSize) {
    throw userError(
      'ELF_BAD_SEGMENT',
      `${where} has more bytes in the file than in memory; build the file again`,
    );
  }
  if (!Number.isSafeInteger(segment.memSize) || segment.paddr + BigInt(segment.memSize) > 1n << 64n) {
    throw userError('ELF_BAD_SEGMENT', `${where} reaches beyond the address space; build the file again`);
  }
  if (segment.fileSize > 0 && segment.fileOffset + segment.fileSize > elf.sizeBytes) {
    throw userError(
      'ELF_TRUNCATED',
      `${where} ends at byte ${String(segment.fileOffset + segment.fileSize)}, but the file has ${String(elf.sizeBytes)}; it is truncated: build or copy it again`,
    );
  }
};
