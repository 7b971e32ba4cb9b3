/** ELF headers, segments, symbols and notes against readelf; and one coded error for each way a file can be wrong. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { UserError } from '../../src/base/errors';
import { bytesSource } from '../../src/symbols/bytes';
import { decompressSection } from '../../src/symbols/elf/compressed';
import { ElfFile } from '../../src/symbols/elf/elf-file';
import { loadableSegments, segmentBytes } from '../../src/symbols/elf/load';
import { requireTool } from '../support/tools';
import { BUILDS, Corpus, ELF_GCC, LINUX_GCC, output, READELF } from './support';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return '';
};

interface Segment {
  readonly paddr: bigint;
  readonly fileSize?: number;
  readonly memSize: bigint;
  readonly offset?: number;
}

/** A riscv64 ELF file of headers and 64 bytes of contents. */
const makeElf = (
  segments: readonly Segment[],
  patch: (view: DataView) => void = () => undefined,
): Uint8Array => {
  const bytes = new Uint8Array(64 + 56 * segments.length + 64);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setBigUint64(24, 0x8000_0000n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  segments.forEach(({ paddr, fileSize = 0, memSize, offset = 0 }, i) => {
    const at = 64 + 56 * i;
    view.setUint32(at, 1, true);
    view.setUint32(at + 4, 5, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, paddr, true);
    view.setBigUint64(at + 24, paddr, true);
    view.setBigUint64(at + 32, BigInt(fileSize), true);
    view.setBigUint64(at + 40, memSize, true);
  });
  patch(view);
  return bytes;
};

const openBytes = (bytes: Uint8Array): ElfFile => ElfFile.open(bytesSource(bytes));
const load = (bytes: Uint8Array): unknown => loadableSegments(openBytes(bytes));
const ONE: Segment = { paddr: 0x8000_0000n, memSize: 0x1000n };

describe('ELF files', () => {
  describe('that are wrong', () => {
    const cases: readonly [string, string, Uint8Array][] = [
      ['empty', 'ELF_NOT_ELF', new Uint8Array(0)],
      ['text', 'ELF_NOT_ELF', new TextEncoder().encode('#!/bin/sh\necho hello\n')],
      ['only a magic', 'ELF_TRUNCATED', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46)],
      ['half a header', 'ELF_TRUNCATED', makeElf([ONE]).slice(0, 40)],
      ['cut within its program headers', 'ELF_TRUNCATED', makeElf([ONE]).slice(0, 100)],
      ['for x86-64', 'ELF_NOT_RISCV', makeElf([ONE], (view) => view.setUint16(18, 62, true))],
      [
        'for 32-bit x86',
        'ELF_NOT_RISCV',
        makeElf([ONE], (view) => {
          view.setUint8(4, 1);
          view.setUint16(18, 3, true);
        }),
      ],
      ['32-bit', 'ELF_32BIT', makeElf([ONE], (view) => view.setUint8(4, 1))],
      [
        'big-endian',
        'ELF_BIG_ENDIAN',
        makeElf([ONE], (view) => {
          view.setUint8(5, 2);
          view.setUint16(18, 243);
        }),
      ],
      ['of no class', 'ELF_BAD_HEADER', makeElf([ONE], (view) => view.setUint8(4, 9))],
      ['with tiny program headers', 'ELF_BAD_HEADER', makeElf([ONE], (view) => view.setUint16(54, 8, true))],
      [
        'with sections beyond its end',
        'ELF_TRUNCATED',
        makeElf([ONE], (view) => {
          view.setBigUint64(40, 1n << 40n, true);
          view.setUint16(58, 64, true);
          view.setUint16(60, 5, true);
        }),
      ],
      ['an object file', 'ELF_NOTHING_TO_LOAD', makeElf([ONE], (view) => view.setUint16(16, 1, true))],
      ['a core dump', 'ELF_NOTHING_TO_LOAD', makeElf([ONE], (view) => view.setUint16(16, 4, true))],
      ['without segments', 'ELF_NOTHING_TO_LOAD', makeElf([])],
      ['with empty segments', 'ELF_NOTHING_TO_LOAD', makeElf([{ paddr: 0n, memSize: 0n }])],
      [
        'with a segment larger in the file',
        'ELF_BAD_SEGMENT',
        makeElf([{ paddr: 0n, fileSize: 32, memSize: 16n }]),
      ],
      [
        'with a segment beyond the address space',
        'ELF_BAD_SEGMENT',
        makeElf([{ paddr: 0xffff_ffff_ffff_fff0n, memSize: 17n }]),
      ],
      ['with an endless segment', 'ELF_BAD_SEGMENT', makeElf([{ paddr: 0n, memSize: (1n << 64n) - 1n }])],
      ['with a segment cut short', 'ELF_TRUNCATED', makeElf([{ paddr: 0n, fileSize: 4096, memSize: 4096n }])],
      [
        'with overlapping segments',
        'ELF_OVERLAPPING_SEGMENTS',
        makeElf([ONE, { paddr: 0x8000_0fffn, memSize: 1n }]),
      ],
      [
        'with a segment inside another',
        'ELF_OVERLAPPING_SEGMENTS',
        makeElf([{ paddr: 0x8000_0010n, memSize: 16n }, ONE]),
      ],
    ];
    for (const [name, code, bytes] of cases) {
      it(`${name}: ${code}`, () =>
        assert.equal(
          codeOf(() => load(bytes)),
          code,
        ));
    }

    it('say what to do', () => {
      const bytes = makeElf([ONE], (view) => view.setUint16(18, 62, true));
      assert.throws(() => load(bytes), /x86-64; build it for riscv64/);
    });

    it('but adjoining segments are right', () => {
      assert.equal(
        codeOf(() => load(makeElf([{ paddr: 0x8000_1000n, memSize: 1n }, ONE]))),
        '',
      );
    });
  });

  describe('that compilers make', function () {
    this.timeout(60_000);
    let corpus: Corpus;
    before(function () {
      requireTool(this, ELF_GCC, LINUX_GCC, READELF);
      corpus = new Corpus();
    });
    after(() => corpus.dispose());

    for (const build of BUILDS.slice(0, 5)) {
      it(`${build.name}: symbols, segments, entry and build id are as readelf says`, () => {
        const path = corpus.build(build);
        const elf = openBytes(readFileSync(path));
        const hex = (value: bigint): string => value.toString(16).padStart(16, '0');

        const theirs = [
          ...output(READELF, '-sW', path).matchAll(
            /^ *\d+: ([0-9a-f]+) +(\d+) (\w+) +(\w+) +\w+ +(?:\[.*\] +)?\S+ ?(.*)$/gm,
          ),
        ];
        const expected = theirs.slice(1).map((match) => match.slice(1, 6).join(' '));
        const types: Record<number, string> = {
          0: 'NOTYPE',
          1: 'OBJECT',
          2: 'FUNC',
          3: 'SECTION',
          4: 'FILE',
        };
        const bindings: Record<number, string> = { 0: 'LOCAL', 1: 'GLOBAL', 2: 'WEAK' };
        const ours = elf.symbols().map((one) => {
          const section = elf.sections[one.sectionIndex];
          // readelf shows a section's symbol by the section's name.
          const name = one.type === 3 ? (section?.name ?? '') : one.name;
          return [hex(one.value), one.size, types[one.type], bindings[one.binding], name].join(' ');
        });
        assert.ok(expected.length > 20);
        assert.deepEqual(ours, expected);

        const headers = [
          ...output(READELF, '-lW', path).matchAll(/^ +LOAD +(0x\w+) (0x\w+) (0x\w+) (0x\w+) (0x\w+)/gm),
        ];
        assert.deepEqual(
          loadableSegments(elf).map((one) =>
            [one.fileOffset, one.vaddr, one.paddr, one.fileSize, one.memSize].map(Number),
          ),
          headers.map((match) => match.slice(1, 6).map(Number)),
        );
        const [, entry = ''] = /Entry point (0x\w+)/.exec(output(READELF, '-lW', path)) ?? [];
        assert.equal(elf.header.entry, BigInt(entry));
        const [, buildId] = /Build ID: (\w+)/.exec(output(READELF, '-n', path)) ?? [];
        assert.equal(elf.buildId(), buildId);
      });
    }

    it('give a segment its bytes', () => {
      const file = readFileSync(corpus.build(BUILDS[0] ?? assert.fail()));
      const elf = openBytes(file);
      const [segment] = loadableSegments(elf);
      assert.ok(segment);
      const bytes = segmentBytes(elf, segment);
      assert.deepEqual(
        [...bytes],
        [...file.subarray(segment.fileOffset, segment.fileOffset + segment.fileSize)],
      );
    });
  });
});

describe('compressed sections', () => {
  const section = {
    ...{ index: 1, name: '.debug_info', type: 1, flags: 0x800, address: 0n, fileOffset: 0, size: 0 },
    ...{ link: 0, info: 0, alignment: 1, entrySize: 0 },
  };
  const header = (type: number, size: number): number[] => {
    const bytes = new Uint8Array(24);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type, true);
    view.setBigUint64(8, BigInt(size), true);
    return [...bytes];
  };
  const inflate = (...parts: number[][]): Uint8Array =>
    decompressSection(section, Uint8Array.from(parts.flat()));
  /** zlib, stored block (RFC 1950, 1951): "abc". */
  const zlib = [0x78, 0x01, 0x01, 3, 0, 0xfc, 0xff, 0x61, 0x62, 0x63, 0x02, 0x4d, 0x01, 0x27];
  /** Zstandard (RFC 8878): single segment, 5 bytes; a raw block "abc", then an RLE block of two "d". */
  const zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0x18, 0, 0, 0x61, 0x62, 0x63, 0x13, 0, 0, 0x64];

  it('are inflated from zlib and Zstandard', () => {
    assert.equal(new TextDecoder().decode(inflate(header(1, 3), zlib)), 'abc');
    assert.equal(new TextDecoder().decode(inflate(header(2, 5), zstd)), 'abcdd');
  });

  it('are refused when damaged, too large or unknown', () => {
    const wrongSum = zlib.with(-1, 0);
    assert.equal(
      codeOf(() => inflate(header(1, 3), wrongSum)),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(1, 4), zlib)),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(1, 2), zlib)),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(1, 2 ** 40), zlib)),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(1, 3), zlib.slice(0, 6))),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(2, 6), zstd)),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(2, 2 ** 40), zstd)),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(2, 5), zstd.slice(0, 8))),
      'ELF_BAD_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate(header(9, 3), zlib)),
      'ELF_UNSUPPORTED_COMPRESSION',
    );
    assert.equal(
      codeOf(() => inflate([1, 0])),
      'ELF_BAD_COMPRESSION',
    );
  });
});
