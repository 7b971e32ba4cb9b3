/**
 * Debug information that lies in other files than the program: what is said of every address must be what the same build
 * says with everything in one file.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SymbolFiles } from '../../src/host/symbol-files';
import { bytesSource } from '../../src/symbols/bytes';
import { ElfFile } from '../../src/symbols/elf/elf-file';
import { SymbolFile, type SymbolFileOptions } from '../../src/symbols/symbol-file';
import { requireTool } from '../support/tools';
import { Corpus, CORPUS_FLAGS, LINK, LINUX_GCC, output, SOURCES } from './support';

const OBJCOPY = 'riscv64-linux-gnu-objcopy';

const DWP = 'dwp';
const DWZ = 'dwz';
/** Without relaxation code has its final length in object files, and .dwo files can say it. */
const CODE = ['-O2', '-mno-relax'];

/** What a session shows of every address, in lines. */
const told = (file: SymbolFile): string[] => {
  const text = file.elf.sectionNamed('.text') ?? assert.fail();
  return Array.from({ length: text.size >> 1 }, (_, i) => {
    const address = text.address + BigInt(2 * i);
    const inlined = file.inlinedAt(address).map((one) => `${one.name} ${one.callFile}:${one.callLine}`);
    const line = file.lineAt(address);
    const code = file.functionAt(address);
    const place = `${code?.name ?? ''} ${line?.file ?? ''}:${line?.line ?? ''}`;
    return `${address.toString(16)} ${place} ${inlined.join(', ')}`;
  });
};

describe('companions of a program', function () {
  this.timeout(60_000);
  let corpus: Corpus;
  let files: SymbolFiles;
  before(function () {
    requireTool(this, LINUX_GCC, OBJCOPY, DWP, DWZ);
    corpus = new Corpus();
  });
  beforeEach(() => (files = new SymbolFiles()));
  afterEach(() => files.close());
  after(() => corpus.dispose());

  const folderOf = (name: string): string => {
    const folder = corpus.path(name);
    mkdirSync(folder);
    return folder;
  };
  const build = (name: string, ...flags: string[]): string =>
    corpus.build({ name: `${name}.elf`, compiler: LINUX_GCC, flags: [...CODE, ...flags] }, folderOf(name));
  /**
   * GNU's assembler leaves every length in .dwo sections to the linker, which never sees them: until they are relocated
   * there are zeros. So they are relocated here, by our own reader of object files.
   */
  const buildSplit = (name: string, ...flags: string[]): string => {
    const folder = folderOf(name);
    const objects = SOURCES.map((source) => {
      const stem = basename(source).replace(/\..*/, '');
      const object = join(folder, `${stem}.o`);
      const run = (tool: string, ...args: string[]): unknown => execFileSync(tool, args, { cwd: folder });
      if (source.endsWith('.c')) {
        run(LINUX_GCC, ...CODE, ...flags, ...CORPUS_FLAGS, '-gsplit-dwarf', '-S', source, '-o', `${stem}.s`);
        run(LINUX_GCC, '-mno-relax', '-c', `${stem}.s`, '-o', object);
        relocateSplitSections(object);
        run(OBJCOPY, '--extract-dwo', object, `${stem}.dwo`);
        run(OBJCOPY, '--strip-dwo', object);
      } else run(LINUX_GCC, ...CODE, ...flags, '-c', source, '-o', object);
      return object;
    });
    const path = join(folder, `${name}.elf`);
    output(LINUX_GCC, ...LINK, ...objects, '-o', path);
    return path;
  };
  const relocateSplitSections = (object: string): void => {
    const elf = ElfFile.open(bytesSource(readFileSync(object)));
    for (const section of elf.sections.filter((one) => /^\.debug_.*\.dwo$/.test(one.name))) {
      const contents = `${object}.contents`;
      writeFileSync(contents, elf.sectionData(section));
      output(OBJCOPY, '--update-section', `${section.name}=${contents}`, object);
    }
  };
  const opened = (path: string, options: SymbolFileOptions = {}): SymbolFile => {
    const source = files.openFile(path) ?? assert.fail(`there is no ${path}`);
    return SymbolFile.open(source, { path, openFile: files.openFile, debugDirectories: [], ...options });
  };
  /** The program without debug information, which goes to a file of its own. */
  const strip = (path: string, debug: string): string => {
    const bare = `${path}.bare`;
    output(OBJCOPY, '--only-keep-debug', path, debug);
    output(OBJCOPY, '--strip-debug', '--strip-all', path, bare);
    return bare;
  };

  for (const [name, ...flags] of [
    ['4', '-gdwarf-4'],
    ['5', '-gdwarf-5'],
    ['4-types', '-gdwarf-4', '-fdebug-types-section'],
    ['5-64', '-gdwarf-5', '-gdwarf64'],
  ]) {
    it(`split DWARF ${name ?? ''}: from .dwo files, as if it were in the program`, () => {
      const wanted = told(opened(build(`whole-${name ?? ''}`, ...flags)));
      assert.ok(wanted.some((line) => / \S+ \S+:\d+$/.test(line)));
      const path = buildSplit(`split-${name ?? ''}`, ...flags);
      const file = opened(path);
      assert.deepEqual(told(file), wanted);
      assert.deepEqual(file.warnings, []);
      // Moved together with its .dwo files: comp_dir leads nowhere then.
      const moved = `${dirname(path)}.moved`;
      renameSync(dirname(path), moved);
      assert.deepEqual(told(opened(join(moved, basename(path)))), wanted);
    });
  }

  it('split DWARF 4: from a package', () => {
    const wanted = told(opened(build('whole-packed', '-gdwarf-4', '-fdebug-types-section')));
    const path = buildSplit('packed', '-gdwarf-4', '-fdebug-types-section');
    execFileSync(DWP, ['-e', path, '-o', `${path}.dwp`], { cwd: dirname(path), timeout: 20_000 });
    const dwos = ['main', 'helper'].map((one) => join(dirname(path), `${one}.dwo`));
    for (const dwo of dwos) rmSync(dwo);
    const file = opened(path);
    assert.deepEqual(told(file), wanted);
    assert.deepEqual(file.warnings, []);
  });

  it('split DWARF: missing and stale files are told once, and lines work', () => {
    const path = buildSplit('missing', '-gdwarf-5');
    const dwo = (one: string): string => join(dirname(path), `${one}.dwo`);
    const lines = (file: SymbolFile): string[] => told(file).map((line) => /\S+:\d+/.exec(line)?.[0] ?? '');
    const wanted = lines(opened(path));
    rmSync(dwo('main'));
    rmSync(dwo('helper'));
    const file = opened(path);
    assert.deepEqual(lines(file), wanted);
    assert.match(file.warnings.join('\n'), /^(main|helper).dwo is not found, .*$/);
    const other = buildSplit('other', '-gdwarf-5', '-O1');
    copyFileSync(join(dirname(other), 'main.dwo'), dwo('main'));
    const stale = opened(path);
    assert.deepEqual(lines(stale), wanted);
    assert.ok(
      stale.warnings.some((line) => /is not of this build/.test(line)),
      stale.warnings.join('\n'),
    );
  });

  it('a debug file is found by .gnu_debuglink, beside the program, in .debug and in a debug directory', () => {
    const path = build('linked', '-gdwarf-5', '-Wl,--build-id=none');
    const wanted = told(opened(path));
    const debug = join(dirname(path), 'linked.debug');
    const bare = strip(path, debug);
    output(OBJCOPY, `--add-gnu-debuglink=${debug}`, bare);
    assert.deepEqual(told(opened(bare)), wanted);
    const folder = join(dirname(path), '.debug');
    mkdirSync(folder);
    renameSync(debug, join(folder, 'linked.debug'));
    assert.deepEqual(told(opened(bare)), wanted);
    const root = join(dirname(path), 'root');
    const deep = join(root, dirname(bare));
    mkdirSync(deep, { recursive: true });
    renameSync(join(folder, 'linked.debug'), join(deep, 'linked.debug'));
    assert.notDeepEqual(told(opened(bare)), wanted);
    const file = opened(bare, { debugDirectories: [root] });
    assert.deepEqual(told(file), wanted);
    assert.deepEqual(file.warnings, []);
    assert.deepEqual(
      file.breakpointAddressesOf('fibonacci'),
      opened(path).breakpointAddressesOf('fibonacci'),
    );
    assert.ok(file.frameInfoAt(file.symbolNamed('main')?.address ?? 0n));
  });

  it('a debug file of another build is refused by its checksum', () => {
    const path = build('stale', '-gdwarf-5', '-Wl,--build-id=none');
    const debug = join(dirname(path), 'stale.debug');
    const bare = strip(path, debug);
    output(OBJCOPY, `--add-gnu-debuglink=${debug}`, bare);
    output(OBJCOPY, '--only-keep-debug', build('changed', '-gdwarf-5', '-Wl,--build-id=none'), debug);
    const file = opened(bare);
    assert.equal(file.lineAt(file.elf.header.entry), undefined);
    assert.match(file.warnings.join('\n'), /is not the debug file of this build/);
  });

  it('a debug file is found by build id in a debug directory', () => {
    const path = build('identified', '-gdwarf-5', '-Wl,--build-id=sha1');
    const wanted = told(opened(path));
    const id = opened(path).elf.buildId() ?? assert.fail();
    const root = join(dirname(path), 'root');
    const folder = join(root, '.build-id', id.slice(0, 2));
    mkdirSync(folder, { recursive: true });
    const debug = join(folder, `${id.slice(2)}.debug`);
    const bare = strip(path, debug);
    assert.deepEqual(told(opened(bare, { debugDirectories: [root] })), wanted);
    truncateSync(debug, 40);
    const file = opened(bare, { debugDirectories: [root] });
    assert.equal(file.lineAt(file.elf.header.entry), undefined);
    assert.equal(file.warnings.length, 1);
  });

  it('what dwz moved to a file for several programs is found there', () => {
    const [first, second] = ['dwz-a', 'dwz-b'].map((name) =>
      build(name, '-gdwarf-4', '-Wl,--build-id=sha1', '-DX'),
    );
    assert.ok(first !== undefined && second !== undefined);
    const wanted = told(opened(first));
    const common = join(dirname(first), 'common.dwz');
    output(DWZ, '-m', common, '-M', common, first, second);
    assert.ok(opened(first).elf.sectionNamed('.gnu_debugaltlink'), 'dwz moved nothing');
    const file = opened(first);
    assert.deepEqual(told(file), wanted);
    assert.deepEqual(file.warnings, []);
    rmSync(common);
    const without = opened(first);
    told(without);
    assert.match(without.warnings.join('\n'), /common.dwz is not found/);
  });
});
