/** Scopes and static variables against GDB, at every instruction. */
import assert from 'node:assert/strict';
import { NOWHERE, type Location, type Variable } from '../../src/symbols/variables';
import type { SymbolFile } from '../../src/symbols/symbol-file';
import { ELF_GCC, GDB, gdb, open } from './support';
import { TYPED_BUILDS, typedCorpus } from './typed-support';

/** Functions from the innermost inlined one to the one compiled, each with its blocks from within, as GDB nests them. */
const GDB_SCRIPT = `python
NOT_VARIABLES = (gdb.SYMBOL_LOC_TYPEDEF, gdb.SYMBOL_LOC_BLOCK, gdb.SYMBOL_LOC_LABEL)
def blocks(pc):
    block = gdb.block_for_pc(pc)
    while block is not None and not block.is_global and not block.is_static and block.start <= pc < block.end:
        yield block
        block = block.superblock
# It shows variables of inner blocks of inlined functions twice: also in the outermost, as optimised out.
nested = set()
for pc in PCS:
    inner = []
    for block in blocks(pc):
        if block.function is None: inner += [s.name for s in block]
        else:
            nested.update((block.function.name, name) for name in inner)
            inner = []
def scopes(pc):
    out = []
    names = []
    for block in blocks(pc):
        found = []
        function = block.function
        for s in block:
            if s.addr_class in NOT_VARIABLES: continue
            if function and s.addr_class == gdb.SYMBOL_LOC_OPTIMIZED_OUT and (function.name, s.name) in nested: continue
            found.append(('*' if s.is_argument else '') + s.name)
        # Its tables of many names are not in the order of the source.
        names.append(','.join(sorted(found)))
        if function is not None:
            out.append(('' if CXX else function.name) + ' ' + ' | '.join(n for n in names if n))
            names = []
    return ' / '.join(out) or 'none'
for pc in PCS: print('row', hex(pc), scopes(pc))
end`;

const scopesOfGdb = (path: string, pcs: readonly bigint[], isCxx: boolean): string[] =>
  gdb(path, GDB_SCRIPT.replaceAll('PCS', `[${pcs.join(',')}]`).replace('CXX', isCxx ? '1' : '0'))
    .split('\n')
    .filter((line) => line.startsWith('row '))
    .map((line) => line.slice(4));

const ourScopes = (file: SymbolFile, pc: bigint, isCxx: boolean): string => {
  const scopes = file.scopesAt(pc).map(({ name, blocks }) => {
    const lists = blocks.map(({ variables }) =>
      variables
        .map((one) => (one.isParameter ? '*' : '') + one.name)
        .sort()
        .join(','),
    );
    return `${isCxx ? '' : name} ${lists.filter((list) => list !== '').join(' | ')}`;
  });
  return `0x${pc.toString(16)} ${scopes.length === 0 ? 'none' : scopes.join(' / ')}`;
};

/** Every fourth address of the text section. */
const textAddresses = (file: SymbolFile): bigint[] => {
  const text = file.elf.sectionNamed('.text');
  assert.ok(text);
  return Array.from({ length: text.size >> 2 }, (_, i) => text.address + BigInt(4 * i));
};

const place = (location: Location | undefined): string =>
  location?.kind === 'memory' ? `0x${location.address.toString(16)}` : (location?.kind ?? 'unknown');

describe('DWARF variables', function () {
  this.timeout(60_000);
  const corpus = typedCorpus(GDB);

  // In strict DWARF 2 GDB takes inlined calls for blocks, as nothing says where the call was.
  for (const build of TYPED_BUILDS.filter((one) => one.name !== 'gcc-2-O0')) {
    it(`${build.name}: functions and blocks at every place are as GDB says`, () => {
      const path = corpus.build(build);
      const file = open(path);
      const addresses = textAddresses(file);
      const isCxx = build.language === 'c++';
      const ours = addresses.map((pc) => ourScopes(file, pc, isCxx));
      assert.deepEqual(ours, scopesOfGdb(path, addresses, isCxx));
      assert.deepEqual(file.warnings, []);
    });
  }

  const addressesOfGdb = (path: string, expressions: readonly string[]): string[] => {
    const asks = expressions.map(
      (one) => `try: print('row', hex(int(gdb.parse_and_eval(${JSON.stringify(one)}))))
except gdb.error as e: print('row', 'optimizedOut')`,
    );
    const lines = gdb(path, `python\n${asks.join('\n')}\nend`).split('\n');
    return lines.filter((line) => line.startsWith('row ')).map((line) => line.slice(4));
  };

  for (const build of TYPED_BUILDS.filter((one) => one.language === 'c')) {
    it(`${build.name}: static variables are where GDB finds them`, () => {
      const path = corpus.build(build);
      const file = open(path);
      const near = (name: string): bigint => file.symbolNamed(name)?.address ?? assert.fail(name);
      const locate = (variable: Variable | undefined): string => place(variable?.locate(NOWHERE));
      const globals = ['origin', 'all', 'limit', 'elsewhere'];
      const ours = [
        ...globals.map((name) => locate(file.variableNamed(name))),
        locate(file.variableNamed('sink', near('_start'))),
        locate(file.variableNamed('sink', near('use'))),
        locate(file.variableNamed('head', near('_start'))),
        locate(file.variableNamed('only', near('use'))),
      ];
      const expected = addressesOfGdb(path, [
        ...globals.map((name) => `&${name}`),
        ...["&'types.c'::sink", "&'other.c'::sink", "&'types.c'::head", "&'other.c'::only"],
      ]);
      assert.deepEqual(ours, expected);
      // Definitions of the unit only, not what it declares.
      const names = file.globalsAt(near('_start')).map((one) => one.name);
      assert.deepEqual(names.filter((name) => name !== 'per_thread').slice(0, 6), [
        'origin',
        'head',
        'all',
        'favourite',
        'limit',
        'sink',
      ]);
      assert.equal(file.variableNamed('use'), undefined);
      assert.equal(file.variableNamed('no such name'), undefined);
      assert.deepEqual(file.warnings, []);
    });

    it(`${build.name}: at another address, everything is there`, () => {
      const path = corpus.build(build);
      const file = open(path);
      const moved = file.withBias(0x1000_0000n);
      const start = file.symbolNamed('_start')?.address ?? assert.fail();
      const at = file.variableNamed('all')?.locate(NOWHERE);
      const there = moved.variableNamed('all')?.locate(NOWHERE);
      assert.ok(at?.kind === 'memory' && there?.kind === 'memory');
      assert.equal(there.address, at.address + 0x1000_0000n);
      assert.deepEqual(moved.scopesAt(start), []);
      assert.equal(moved.scopesAt(start + 0x1000_0000n).at(-1)?.name, '_start');
    });
  }

  // clang leaves such declarations out.
  for (const build of TYPED_BUILDS.filter((one) => one.compiler === ELF_GCC)) {
    it(`${build.name}: what a block declares is found where it is defined`, () => {
      const path = corpus.build(build);
      const file = open(path);
      const start = file.symbolNamed('_start')?.address ?? assert.fail();
      const own = file.scopesAt(start).at(-1)?.blocks.at(-1)?.variables ?? [];
      const elsewhere = own.find((one) => one.name === 'elsewhere') ?? assert.fail('not in the block');
      const expected = file.symbolNamed('elsewhere')?.address;
      assert.deepEqual(elsewhere.locate(NOWHERE), { kind: 'memory', address: expected });
      assert.match(elsewhere.declaration?.file ?? '', /types\.c$/);
    });
  }
});
