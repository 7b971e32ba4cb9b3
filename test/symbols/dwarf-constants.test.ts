/** Enumerators by name against GDB: of files, functions, namespaces and classes, through indexes and without. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '../support/tools';
import { Corpus, ELF_GCC, GDB, gdb, open, output } from './support';

const sources = join(import.meta.dirname, 'corpus', 'constants');
const ELF_GXX = 'riscv64-unknown-elf-g++';
const CLANG = 'clang';
const OBJCOPY = 'riscv64-unknown-elf-objcopy';
const CLANG_TARGET = ['--target=riscv64-unknown-elf', '-march=rv64gc', '-mabi=lp64d', '-fuse-ld=lld'];
const LINK = ['-nostdlib', '-static', '-ffreestanding', '-fno-builtin'];

/** Names, and the function at whose entry each is asked for: '' stands for nowhere. */
const C_NAMES = [
  ...['RED', 'BLUE', 'NAMELESS', 'TYPED', 'INSIDE', 'ONLY_HERE', 'no_such_name', 'color'].map((name) => ({
    ...{ name, at: '' },
  })),
  ...['RED_HERE', 'SHARED', 'GREEN', 'DEEP'].map((name) => ({ name, at: 'locals' })),
  ...['SHARED', 'GREEN', 'RED_HERE'].map((name) => ({ name, at: 'other' })),
];
const CXX_NAMES = [
  ...['PLAIN', 'ns::Red', 'ns::Color::Green', 'ns::Mode::on', 'ns::HIDDEN', 'ns::VERSIONED', 'Plain::PLAIN'],
  ...['ns::Class::SOME', 'ns::Class::Kind::NONE', 'ns::Class::Strict::NONE', 'ns::on', 'ns::no_such', 'Red'],
].map((name) => ({ name, at: '' }));

/** The values as GDB's expressions have them, in the scope of a function's first line. */
const ofGdb = (path: string, names: readonly { name: string; at: string }[]): string[] => {
  const asks = names.map(({ name, at }) =>
    at === ''
      ? `ask(${JSON.stringify(name)}, lambda: gdb.parse_and_eval(${JSON.stringify(name)}))`
      : `ask(${JSON.stringify(name)}, lambda: gdb.lookup_symbol(${JSON.stringify(name)}, gdb.block_for_pc(int(gdb.parse_and_eval('(long)&${at}'))))[0].value())`,
  );
  const script = `python
def ask(name, value):
    try:
        found = value()
        isEnum = found.type.code == gdb.TYPE_CODE_ENUM and (found.address is None)
        print('row', name, int(found) if isEnum else 'none')
    except (gdb.error, AttributeError): print('row', name, 'none')
${asks.join('\n')}
end`;
  return gdb(path, script)
    .split('\n')
    .filter((line) => line.startsWith('row '))
    .map((line) => line.slice(4));
};

/** What the compiler itself takes the names for, asked by assertions that fail. GDB knows few of them without a process. */
const ofCompiler = (path: string, names: readonly { name: string }[]): string[] => {
  const text = names.map(({ name }, i) => `Value<long(${name})> value_${i};`);
  writeFileSync(path, ['template <long N> struct Value;', '#include "scoped.cpp"', ...text].join('\n'));
  const { stderr } = spawnSync(ELF_GXX, ['-fsyntax-only', '-I', sources, path], { encoding: 'utf8' });
  return names.map(({ name }, i) => {
    const [, value = 'none'] = new RegExp(`Value<(-?\\d+)>.* value_${i}'`).exec(stderr) ?? [];
    return `${name} ${value}`;
  });
};

const ours = (path: string, names: readonly { name: string; at: string }[]): string[] => {
  const file = open(path);
  const found = names.map(({ name, at }) => {
    const near = at === '' ? undefined : (file.symbolNamed(at)?.address ?? assert.fail(at));
    const constant = file.constantNamed(name, near);
    return `${name} ${constant?.value ?? 'none'}`;
  });
  assert.deepEqual(file.warnings, []);
  return found;
};

describe('DWARF constants by name', function () {
  this.timeout(60_000);
  let corpus: Corpus;
  before(function () {
    requireTool(this, ELF_GCC, ELF_GXX, CLANG, 'ld.lld', GDB, OBJCOPY);
    corpus = new Corpus();
  });
  after(() => corpus.dispose());

  const build = (name: string, compiler: string, flags: readonly string[], files: string[]): string => {
    const path = corpus.path(name);
    const inputs = files.map((file) => join(sources, file));
    execFileSync(compiler, [...flags, ...LINK, ...inputs, '-o', path], { stdio: 'pipe' });
    return path;
  };

  const C_BUILDS: [string, string, string[]][] = [
    ['gcc-2-O0', ELF_GCC, ['-gdwarf-2', '-gstrict-dwarf', '-O0']],
    ['gcc-5-O1', ELF_GCC, ['-gdwarf-5', '-O1']],
    ['gcc-5-O2', ELF_GCC, ['-gdwarf-5', '-O2']],
    ['clang-5-O0', CLANG, [...CLANG_TARGET, '-gdwarf-5', '-gpubnames', '-O0']],
    ['clang-4-pubnames', CLANG, [...CLANG_TARGET, '-gdwarf-4', '-ggnu-pubnames', '-O0']],
  ];
  for (const [name, compiler, flags] of C_BUILDS) {
    it(`${name}: C's are the file's, and the function's where the code is`, () => {
      const path = build(name, compiler, flags, ['one.c', 'two.c']);
      assert.deepEqual(ours(path, C_NAMES), ofGdb(path, C_NAMES));
    });
  }

  const CXX_BUILDS: [string, string, string[]][] = [
    ['g++-5-O0', ELF_GXX, ['-gdwarf-5', '-O0']],
    ['g++-5-types', ELF_GXX, ['-gdwarf-5', '-fdebug-types-section', '-O0']],
    ['clang++-5-O0', CLANG, [...CLANG_TARGET, '-gdwarf-5', '-O0']],
  ];
  for (const [name, compiler, flags] of CXX_BUILDS) {
    it(`${name}: C++'s have the names that are around them, as the compiler takes them`, () => {
      const path = build(name, compiler, flags, ['scoped.cpp']);
      // GCC's type units do not say which namespaces are inline: there the name has all of them.
      const names = CXX_NAMES.filter((one) => one.name !== 'ns::VERSIONED' || name !== 'g++-5-types');
      assert.deepEqual(ours(path, names), ofCompiler(corpus.path(`${name}.cpp`), names));
    });
  }

  it('through .gdb_index', () => {
    const path = build('indexed', ELF_GCC, ['-gdwarf-4', '-O0'], ['one.c', 'two.c']);
    const quiet = ['-nx', '-batch', '-iex', 'set debuginfod enabled off'];
    output(GDB, ...quiet, '-ex', `save gdb-index ${corpus.path('.')}`, path);
    output(OBJCOPY, '--add-section', `.gdb_index=${path}.gdb-index`, path);
    assert.deepEqual(ours(path, C_NAMES), ofGdb(path, C_NAMES));
  });

  it('has the type, by which values are named', () => {
    const path = build('typed', ELF_GCC, ['-gdwarf-5', '-O0'], ['one.c', 'two.c']);
    const found = open(path).constantNamed('BLUE') ?? assert.fail('BLUE');
    assert.equal(found.type.name, 'color');
    assert.deepEqual(
      found.type.enumerators.map(({ name }) => name),
      ['RED', 'GREEN', 'BLUE'],
    );
    assert.equal(open(path).constantNamed('NAMELESS')?.type.name, undefined);
  });
});
