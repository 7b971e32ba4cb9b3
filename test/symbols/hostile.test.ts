/**
 * Hostile files: real ELF files with bytes changed or cut off, asked everything. Only coded errors may come out, and
 * soon. Seeded: the seed is printed by a failure and repeats it.
 */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { UserError } from '../../src/base/errors';
import { bytesSource } from '../../src/symbols/bytes';
import { evaluateDwarfExpression } from '../../src/symbols/dwarf/expression';
import { ElfFile } from '../../src/symbols/elf/elf-file';
import { loadableSegments } from '../../src/symbols/elf/load';
import { SymbolFile } from '../../src/symbols/symbol-file';
import { requireTool } from '../support/tools';
import { BUILDS, Corpus, ELF_GCC, LINUX_GCC } from './support';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261122);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 60);

const tolerant = (run: () => unknown): void => {
  try {
    run();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
};

/** Everything that a session would ask. */
const askAll = (bytes: Uint8Array, addresses: readonly bigint[]): void => {
  tolerant(() => loadableSegments(ElfFile.open(bytesSource(bytes))));
  tolerant(() => ElfFile.open(bytesSource(bytes)).buildId());
  let file: SymbolFile | undefined;
  tolerant(() => (file = SymbolFile.open(bytesSource(bytes))));
  if (file === undefined) return;
  // From here on damage is a warning, never an exception.
  for (const address of addresses) {
    file.functionAt(address);
    file.inlinedAt(address);
    file.lineAt(address);
    file.rangesOfLineAt(address);
    file.frameInfoAt(address);
  }
  file.sourceFiles();
  file.addressesOfLine('main.c', 30);
  file.linesOfFile('helper.c');
  file.breakpointAddressesOf('fibonacci');
  file.symbolNamed('main');
  file.symbolsMatching('', 5);
};

describe('hostile files', function () {
  this.timeout(60_000);
  let corpus: Corpus;
  before(function () {
    requireTool(this, ELF_GCC, LINUX_GCC);
    corpus = new Corpus();
  });
  after(() => corpus.dispose());

  for (const name of ['dwarf3-O1', 'dwarf5-O2', 'dwarf5-64', 'zlib']) {
    it(`${name}: damaged anywhere, give coded errors and warnings only`, () => {
      const build = BUILDS.find((one) => one.name === name) ?? assert.fail();
      const original = readFileSync(corpus.build(build));
      const elf = ElfFile.open(bytesSource(original));
      const text = elf.sectionNamed('.text') ?? assert.fail();
      const addresses = Array.from({ length: 12 }, (_, i) => text.address + BigInt(i * 40));
      // Most bytes are code or names: aim at the headers and the debug sections.
      const targets = elf.sections.filter(
        (one) => /^\.(debug_|eh_frame|symtab|strtab|shstrtab)/.test(one.name) && one.size > 0,
      );
      const place = fc.oneof(
        fc.nat(63),
        fc.nat(63).map((at) => original.length - 64 * elf.sections.length + at * 16),
        fc.tuple(fc.nat(targets.length - 1), fc.nat()).map(([which, at]) => {
          const target = targets[which] ?? assert.fail();
          return target.fileOffset + (at % target.size);
        }),
      );
      const value = fc.oneof(fc.constantFrom(0, 0xff, 0x7f, 0x80, 1), fc.nat(255));
      const changes = fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 8 });
      const cut = fc.option(fc.nat(original.length), { freq: 8 });
      fc.assert(
        fc.property(changes, cut, (edits, length) => {
          const bytes = Uint8Array.from(original);
          for (const [at, byte] of edits) bytes[at] = byte;
          const started = performance.now();
          askAll(length === null ? bytes : bytes.slice(0, length), addresses);
          assert.ok(performance.now() - started < 5000, 'takes too long');
        }),
        { seed: SEED, numRuns: RUNS },
      );
    });
  }

  it('DWARF expressions of random bytes end', () => {
    const context = { register: () => 8n, read: () => 16n };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) =>
        tolerant(() => evaluateDwarfExpression(bytes, context, [1n, 2n, 3n])),
      ),
      { seed: SEED, numRuns: 3000 },
    );
    // DW_OP_skip to itself.
    assert.throws(() => evaluateDwarfExpression(Uint8Array.of(0x2f, 0xfd, 0xff), context, []), UserError);
  });
});
