/** Where breakpoints on functions go: to all of them, and to each place that they were inlined to, as GDB has it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { requireTool } from '../support/tools';
import { Corpus, ELF_GCC, GDB, gdb, open } from './support';

const sources = join(import.meta.dirname, 'corpus', 'functions');
const ELF_GXX = 'riscv64-unknown-elf-g++';
const CLANG = 'clang';
const CLANG_TARGET = ['--target=riscv64-unknown-elf', '-march=rv64gc', '-mabi=lp64d', '-fuse-ld=lld'];
const LINK = ['-nostdlib', '-static', '-ffreestanding', '-fno-builtin'];
const CXX = ['-fno-rtti', '-fno-exceptions', '-fno-threadsafe-statics'];

const C_NAMES = [
  ...[
    'only_inlined',
    'sometimes',
    'vfs_read',
    'vfs_write',
    'first',
    'second',
    'apart',
    'begins',
    '_start',
    'none',
  ],
];
const CXX_NAMES = [
  ...['larger', 'ns::larger', 'larger<int>', 'ns::larger<long>', 'ns::Box<int, 4>::sum', 'sum', 'Box::sum'],
  ...['Base::Base', 'ns::Base::Base', 'ns::Derived::Derived', 'Base::count', 'count', 'ns::hidden', 'hidden'],
  ...['overloaded', 'ns::Base::~Base', 'ns::Base::act', 'ns::none', 'std::larger', '_start'],
];

const ofGdb = (path: string, names: readonly string[]): string[] => {
  const asks = names.map((name) => `ask(${JSON.stringify(name)})`);
  const script = `set breakpoint pending off
python
def ask(name):
    places = set()
    try:
        made = gdb.Breakpoint(name)
        if not made.pending: places = set(one.address for one in made.locations)
        made.delete()
    except gdb.error: pass
    print('row', name, ' '.join(hex(one) for one in sorted(places)))
${asks.join('\n')}
end`;
  const lines = gdb(path, script).split('\n');
  return lines.flatMap((line) => (line.startsWith('row ') ? [line.slice(4)] : []));
};

const ours = (path: string, names: readonly string[]): string[] => {
  const file = open(path);
  const rows = names.map((name) => {
    const found = file.breakpointAddressesOf(name).map((address) => `0x${address.toString(16)}`);
    return `${name} ${found.join(' ')}`;
  });
  assert.deepEqual(file.warnings, []);
  return rows;
};

describe('breakpoints on functions', function () {
  this.timeout(60_000);
  let corpus: Corpus;
  before(function () {
    requireTool(this, ELF_GCC, ELF_GXX, CLANG, 'ld.lld', GDB);
    corpus = new Corpus();
  });
  after(() => corpus.dispose());

  const build = (name: string, compiler: string, flags: string[], files: string[]): string => {
    const path = corpus.path(name);
    const inputs = files.map((file) => join(sources, file));
    execFileSync(compiler, [...flags, ...LINK, ...inputs, '-o', path], { stdio: 'pipe' });
    return path;
  };

  const C_BUILDS: [string, string, string[]][] = [
    ['gcc-O0', ELF_GCC, ['-gdwarf-5', '-O0']],
    ['gcc-O1', ELF_GCC, ['-gdwarf-5', '-O1']],
    ['gcc-O2', ELF_GCC, ['-gdwarf-4', '-O2']],
    ['gcc-Og-frames', ELF_GCC, ['-gdwarf-5', '-Og', '-fno-omit-frame-pointer', '-finline-functions']],
    ['gcc-dropped', ELF_GCC, ['-gdwarf-5', '-O1', '-ffunction-sections', '-Wl,--gc-sections']],
    ['gcc-Os', ELF_GCC, ['-gdwarf-5', '-Os']],
    ['clang-O0', CLANG, [...CLANG_TARGET, '-gdwarf-5', '-O0']],
  ];
  for (const [name, compiler, flags] of C_BUILDS) {
    it(`${name}: also those that there are only inlined`, () => {
      const path = build(name, compiler, flags, ['first.c', 'second.c', 'third.c']);
      assert.deepEqual(ours(path, C_NAMES), ofGdb(path, C_NAMES));
    });
  }

  // GDB looks for the second line, not for the mark of clang (prologue_end), and lands behind branches.
  const MARKED: [string, string[]][] = [
    ['clang-O2', ['-gdwarf-4', '-O2']],
    ['clang-names', ['-gdwarf-5', '-gpubnames', '-O1']],
  ];
  for (const [name, flags] of MARKED) {
    it(`${name}: each is in the function, and there are as many as GDB has`, () => {
      const path = build(name, CLANG, [...CLANG_TARGET, ...flags], ['first.c', 'second.c', 'third.c']);
      const file = open(path);
      const judged = ofGdb(path, C_NAMES);
      C_NAMES.forEach((one, i) => {
        const found = file.breakpointAddressesOf(one);
        for (const address of found) {
          const here = [...file.inlinedAt(address), file.functionAt(address)].map((at) => at?.name);
          assert.ok(here.includes(one), `${one} at ${address.toString(16)}: ${here.join()}`);
        }
        const count = (judged[i] ?? '').trim().split(' ').length - 1;
        assert.ok(
          found.length >= count && found.length > 0 === count > 0,
          `${one}: ${found.length}, GDB ${count}`,
        );
      });
    });
  }

  const CXX_BUILDS: [string, string, string[]][] = [
    ['g++-O0', ELF_GXX, ['-gdwarf-5', '-O0']],
    ['g++-O2', ELF_GXX, ['-gdwarf-5', '-O2']],
    ['clang++-O0', CLANG, [...CLANG_TARGET, '-gdwarf-5', '-O0']],
  ];
  for (const [name, compiler, flags] of CXX_BUILDS) {
    it(`${name}: templates, constructors, and names without their namespaces`, () => {
      const path = build(name, compiler, [...CXX, ...flags], ['templates.cpp']);
      assert.deepEqual(ours(path, CXX_NAMES), ofGdb(path, CXX_NAMES));
    });
  }
});
