/** Functions by name, where debug information alone knows them, through every kind of index and without one. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { SymbolFiles } from '../../src/host/symbol-files';
import { unitsNaming } from '../../src/symbols/dwarf/name-indexes';
import { dwarfSectionsOf } from '../../src/symbols/dwarf/sections';
import { STT } from '../../src/symbols/elf/format';
import { SymbolFile } from '../../src/symbols/symbol-file';
import { requireTool } from '../support/tools';
import { Corpus, GDB, LINUX_GCC, output, SOURCES } from './support';

const CLANG = 'clang';
const LLD = 'ld.lld';
const OBJCOPY = 'riscv64-linux-gnu-objcopy';

describe('indexes of names', function () {
  this.timeout(60_000);
  let corpus: Corpus;
  const files = new SymbolFiles();
  before(function () {
    requireTool(this, LINUX_GCC, CLANG, LLD, GDB, OBJCOPY);
    corpus = new Corpus();
  });
  after(() => {
    files.close();
    corpus.dispose();
  });

  const opened = (path: string): SymbolFile =>
    SymbolFile.open(files.openFile(path) ?? assert.fail(), { path, openFile: files.openFile });

  /** What the index of a file says, without the symbol table, which would answer first. */
  const check = (path: string, hasIndex: boolean): void => {
    const whole = opened(path);
    const names = ['fibonacci', 'classify', 'main', 'helper', 'sum_points'];
    const wanted = names.map((name) => whole.breakpointAddressesOf(name));
    assert.ok(wanted.slice(0, 4).every((one) => one.length >= 1));
    const sections = dwarfSectionsOf(whole.elf, (warning) => assert.fail(String(warning)));
    const said = unitsNaming(sections, 'fibonacci');
    assert.equal(said !== undefined, hasIndex);
    if (said !== undefined) {
      assert.equal(said.found.size, 1, 'fibonacci is in one unit');
      assert.ok(said.covered.size >= 2, 'the index speaks for both units');
      const absent = unitsNaming(sections, 'no_such_function');
      assert.ok(absent === undefined || absent.found.size === 0);
      const other = unitsNaming(sections, 'classify');
      assert.notDeepEqual([...said.found], [...(other?.found ?? [])], 'another unit than that of classify');
    }
    const bare = `${path}.bare`;
    const functions = whole.elf.symbols().filter((one) => one.type === STT.func);
    output(OBJCOPY, ...functions.map(({ name }) => `--strip-symbol=${name}`), path, bare);
    const stripped = opened(bare);
    assert.equal(stripped.symbolNamed('fibonacci'), undefined);
    assert.deepEqual(
      names.map((name) => stripped.breakpointAddressesOf(name)),
      wanted,
    );
    assert.deepEqual(stripped.breakpointAddressesOf('no_such_function'), []);
  };

  const withClang = (name: string, ...flags: string[]): string => {
    const folder = corpus.path(name);
    mkdirSync(folder);
    const common = ['--target=riscv64-linux-gnu', '-mno-relax', '-ffreestanding', '-O1', ...flags];
    const objects = SOURCES.map((source, i) => {
      execFileSync(CLANG, [...common, '-c', source, '-o', `${folder}/${i}.o`], { stdio: 'pipe' });
      return `${folder}/${i}.o`;
    });
    execFileSync(LLD, ['-e', 'asm_entry', ...objects, '-o', `${folder}/program`]);
    return `${folder}/program`;
  };

  it('.debug_names of clang', () => check(withClang('names', '-gdwarf-5', '-gpubnames'), true));

  it('.debug_gnu_pubnames', () => check(withClang('pubnames', '-gdwarf-4', '-ggnu-pubnames'), true));

  it('.gdb_index as GDB writes it', () => {
    const path = corpus.build({ name: 'gdb-index', compiler: LINUX_GCC, flags: ['-O1', '-gdwarf-5'] });
    const folder = corpus.path('index');
    mkdirSync(folder);
    output(
      GDB,
      '-nx',
      '-batch',
      '-iex',
      'set debuginfod enabled off',
      '-ex',
      `save gdb-index ${folder}`,
      path,
    );
    const index = `${folder}/gdb-index.gdb-index`;
    output(OBJCOPY, '--add-section', `.gdb_index=${index}`, path);
    check(path, true);
  });

  it('no index at all', () => {
    check(corpus.build({ name: 'plain', compiler: LINUX_GCC, flags: ['-O1', '-gdwarf-5'] }), false);
  });
});
