/** Breakpoint places against GDB, and the rest of what SymbolFile answers about sources. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { matchPaths, normalizePath } from '../../src/symbols/paths';
import { SymbolTable } from '../../src/symbols/symbol-table';
import { requireTool } from '../support/tools';
import { BUILDS, Corpus, ELF_GCC, gdb, GDB, LINUX_GCC, open, type Build } from './support';

const FUNCTIONS = [
  'main',
  'classify',
  'sum_points',
  'helper',
  'fibonacci',
  'maybe',
  'twice',
  'asm_entry',
  '_start',
];
const FILES = ['main.c', 'helper.c', 'inline.h', 'entry.S'];

/** Addresses at which GDB would set each breakpoint. */
const placesOfGdb = (path: string, places: readonly string[]): Map<string, bigint[]> => {
  const script = `python
for place in ${JSON.stringify(places)}:
    try:
        text = gdb.execute("break " + place, to_string=True)
        found = [str(location.address) for location in gdb.breakpoints()[-1].locations]
        print("place", place, ",".join(found))
        gdb.breakpoints()[-1].delete()
    except gdb.error: print("place", place, "none")
end`;
  const result = new Map<string, bigint[]>();
  for (const line of gdb(path, `set breakpoint pending off\n${script}`).split('\n')) {
    const [mark, place = '', found = ''] = line.split(' ');
    if (mark !== 'place') continue;
    const addresses = found === 'none' ? [] : found.split(',').map(BigInt);
    result.set(
      place,
      addresses.sort((a, b) => (a < b ? -1 : 1)),
    );
  }
  return result;
};

const buildNamed = (name: string): Build => {
  const build = BUILDS.find((one) => one.name === name);
  assert.ok(build);
  return build;
};

const hex = (addresses: readonly bigint[]): string => addresses.map((one) => one.toString(16)).join(' ');

describe('source lines', function () {
  this.timeout(60_000);
  let corpus: Corpus;
  before(function () {
    requireTool(this, ELF_GCC, LINUX_GCC, GDB);
    corpus = new Corpus();
  });
  after(() => corpus.dispose());

  for (const name of ['dwarf2-O0', 'dwarf4-O0', 'dwarf5-O0', 'dwarf5-O2', 'dwarf4-O2', 'zlib']) {
    it(`${name}: breakpoints on functions stand where GDB puts them`, () => {
      const path = corpus.build(buildNamed(name));
      const file = open(path);
      const judge = placesOfGdb(path, FUNCTIONS);
      for (const one of FUNCTIONS) {
        // GDB also stops in inlined copies, which have no prologue.
        const entries = judge.get(one) ?? [];
        const ours = file.breakpointAddressesOf(one);
        if (name.endsWith('O0') || one === 'main') assert.ok(ours.length === 1, one);
        assert.deepEqual(
          ours.filter((address) => !entries.includes(address)),
          [],
          `${one}: ${hex(ours)} not in ${hex(entries)}`,
        );
        if (name.endsWith('O0')) assert.equal(`${one} ${hex(ours)}`, `${one} ${hex(entries)}`);
      }
    });

    it(`${name}: breakpoints on lines stand where GDB puts them`, () => {
      const path = corpus.build(buildNamed(name));
      const file = open(path);
      const places = FILES.flatMap((one) => file.linesOfFile(one).map((line) => `${one}:${line}`));
      assert.ok(places.length > 40, places.join(' '));
      const judge = placesOfGdb(path, places);
      const wrong: string[] = [];
      for (const place of places) {
        const [source = '', line = ''] = place.split(':');
        const ours = hex(file.addressesOfLine(source, Number(line)).addresses);
        const theirs = hex(judge.get(place) ?? []);
        if (ours !== theirs) wrong.push(`${place}: ${ours} but GDB ${theirs}`);
      }
      assert.deepEqual(wrong, []);
    });
  }

  it('moves a line without code to the next with code, and knows when there is none', () => {
    const file = open(corpus.build(buildNamed('dwarf5-O0')));
    const source = readFileSync(join(import.meta.dirname, 'corpus', 'main.c'), 'utf8').split('\n');
    const lineOf = (text: string): number => source.findIndex((line) => line.includes(text)) + 1;
    const moved = file.addressesOfLine('main.c', lineOf('switch (value)') + 1);
    assert.equal(moved.line, lineOf('return 10;'));
    assert.equal(moved.addresses.length, 1);
    assert.equal(file.lineAt(moved.addresses[0] ?? 0n)?.line, moved.line);
    assert.deepEqual(file.addressesOfLine('main.c', 1000), { line: 1000, addresses: [] });
    assert.deepEqual(file.addressesOfLine('other.c', 1), { line: 1, addresses: [] });
    assert.ok(file.sourceFiles().some((path) => path.endsWith('/corpus/main.c')));
  });

  it('gives all code of a line for stepping, the run that holds pc first', () => {
    const file = open(corpus.build(buildNamed('dwarf5-O0')));
    const { addresses } = file.addressesOfLine('main.c', 50);
    const [pc = 0n] = addresses;
    const ranges = file.rangesOfLineAt(pc);
    const [first, ...others] = ranges;
    assert.ok(first && first.start <= pc && pc < first.end);
    // A for statement on one line: initialisation, body and step lie apart.
    for (const { start, end } of ranges) {
      assert.equal(file.lineAt(start)?.line, 50);
      assert.equal(file.lineAt(end - 1n)?.line, 50);
      assert.notEqual(file.lineAt(end)?.line, 50);
    }
    assert.ok(others.every((range) => range.start >= first.end || range.end <= first.start));
    assert.deepEqual(file.rangesOfLineAt(0n), []);
  });

  it('adds the load bias everywhere, and takes it off again', () => {
    const file = open(corpus.build(buildNamed('dwarf5-O2')));
    const bias = 0xffff_ffff_8000_0000n;
    const moved = file.withBias(bias);
    const at = (address: bigint): bigint => BigInt.asUintN(64, address + bias);
    const main = file.symbolNamed('main');
    assert.ok(main);
    assert.equal(moved.symbolNamed('main')?.address, at(main.address));
    assert.equal(moved.functionAt(at(main.address))?.start, at(file.functionAt(main.address)?.start ?? 0n));
    assert.equal(moved.lineAt(at(main.address))?.line, file.lineAt(main.address)?.line);
    assert.equal(moved.functionAt(main.address), undefined);
    assert.equal(moved.frameInfoAt(at(main.address))?.start, at(file.frameInfoAt(main.address)?.start ?? 0n));
    assert.equal(moved.breakpointAddressOf('main'), at(file.breakpointAddressOf('main') ?? 0n));
    const table = new SymbolTable([file, moved]);
    assert.deepEqual(table.breakpointAddressesOf('main').length, 2);
    assert.equal(table.lineAt(at(main.address))?.line, table.lineAt(main.address)?.line);
    assert.equal(table.addressesOfLine('main.c', 25).addresses.length % 2, 0);
  });

  it('finds symbols by prefix and by expression', () => {
    const file = open(corpus.build(buildNamed('dwarf4-O0')));
    assert.deepEqual(
      file.symbolsMatching('fib', 10).map((one) => one.name),
      ['fibonacci'],
    );
    assert.deepEqual(
      file.symbolsMatching(/^(counter|hidden|message)$/gy, 2).map((one) => one.name),
      ['counter', 'hidden'],
    );
    const { size, kind, binding } = file.symbolNamed('hidden') ?? assert.fail('hidden is there');
    assert.deepEqual({ size, kind, binding }, { size: 32n, kind: 'object', binding: 'local' });
  });
});

describe('source paths', () => {
  it('are compared as a whole, then by their longest common end', () => {
    const paths = ['/a/kernel/main.c', '/a/lib/main.c', '/a/lib/other.c'];
    assert.deepEqual(matchPaths('/a/lib/main.c', paths), ['/a/lib/main.c']);
    assert.deepEqual(matchPaths('/home/me/lib/main.c', paths), ['/a/lib/main.c']);
    assert.deepEqual(matchPaths('main.c', paths), ['/a/kernel/main.c', '/a/lib/main.c']);
    assert.deepEqual(matchPaths('ain.c', paths), []);
    assert.deepEqual(matchPaths(String.raw`C:\Src\LIB\Main.c`, ['c:/src/lib/main.c']), ['c:/src/lib/main.c']);
  });

  it('are normalised', () => {
    assert.equal(normalizePath('/a/./b//../c/../../d.c'), '/d.c');
    assert.equal(normalizePath('../a/../../b.c'), '../../b.c');
    assert.equal(normalizePath('/../x'), '/x');
  });
});
