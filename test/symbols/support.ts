/** Builds the corpus with real compilers and asks binutils what it holds: the outside judge of these tests. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource } from '../../src/symbols/bytes';
import { SymbolFile } from '../../src/symbols/symbol-file';

const corpus = join(import.meta.dirname, 'corpus');

export const ELF_GCC = 'riscv64-unknown-elf-gcc';
export const LINUX_GCC = 'riscv64-linux-gnu-gcc';
export const GDB = 'gdb-multiarch';
export const READELF = 'riscv64-linux-gnu-readelf';
export const ADDR2LINE = 'riscv64-linux-gnu-addr2line';

export interface Build {
  readonly name: string;
  readonly compiler: string;
  readonly flags: readonly string[];
}

export const CORPUS_FLAGS = ['-ffreestanding'];
export const LINK = ['-nostdlib', '-static', '-Wl,-e,asm_entry', '-Wl,--build-id=sha1'];
export const SOURCES = ['entry.S', 'main.c', 'helper.c'].map((source) => join(corpus, source));

/** Every DWARF version, both offset sizes, all usual optimisations, and the ways to compress. */
export const BUILDS: readonly Build[] = [
  { name: 'dwarf2-O0', compiler: ELF_GCC, flags: ['-gdwarf-2', '-gstrict-dwarf', '-O0'] },
  { name: 'dwarf3-O1', compiler: ELF_GCC, flags: ['-gdwarf-3', '-O1'] },
  { name: 'dwarf4-O0', compiler: LINUX_GCC, flags: ['-gdwarf-4', '-O0'] },
  { name: 'dwarf4-O2', compiler: ELF_GCC, flags: ['-gdwarf-4', '-O2'] },
  { name: 'dwarf5-O0', compiler: LINUX_GCC, flags: ['-gdwarf-5', '-O0'] },
  { name: 'dwarf5-O2', compiler: LINUX_GCC, flags: ['-gdwarf-5', '-O2'] },
  {
    name: 'dwarf5-Os',
    compiler: ELF_GCC,
    flags: ['-gdwarf-5', '-Os', '-ffunction-sections', '-Wl,--gc-sections'],
  },
  { name: 'dwarf5-64', compiler: LINUX_GCC, flags: ['-gdwarf-5', '-gdwarf64', '-O1'] },
  { name: 'dwarf3-64', compiler: LINUX_GCC, flags: ['-gdwarf-3', '-gdwarf64', '-O2'] },
  { name: 'zlib', compiler: LINUX_GCC, flags: ['-gdwarf-5', '-O1', '-gz=zlib'] },
  { name: 'zlib-gnu', compiler: LINUX_GCC, flags: ['-gdwarf-4', '-O1', '-gz=zlib-gnu'] },
  {
    name: 'no-relax',
    compiler: LINUX_GCC,
    flags: ['-gdwarf-5', '-O2', '-mno-relax', '-fno-omit-frame-pointer'],
  },
  { name: 'lto', compiler: LINUX_GCC, flags: ['-gdwarf-5', '-O2', '-flto'] },
];

export class Corpus {
  private readonly folder = mkdtempSync(join(tmpdir(), 'corpus-'));
  private readonly paths = new Map<string, string>();

  /** Path of the built file. The compiler runs in `folder`, where it may leave other files. */
  build({ name, compiler, flags }: Build, folder = this.folder): string {
    let path = this.paths.get(name);
    if (path === undefined) {
      path = join(folder, name);
      execFileSync(compiler, [...CORPUS_FLAGS, ...LINK, ...flags, ...SOURCES, '-o', path], {
        ...{ stdio: 'pipe', cwd: folder, timeout: 60_000 },
      });
      this.paths.set(name, path);
    }
    return path;
  }

  /** Path for another file of a test. */
  path(name: string): string {
    return join(this.folder, name);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }
}

export const output = (tool: string, ...args: string[]): string =>
  execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });

/** What GDB prints when it runs the commands on the file; it wants them in a file that it can seek in. */
export const gdb = (path: string, script: string): string => {
  const scriptPath = `${path}.gdb`;
  writeFileSync(scriptPath, script);
  return output(GDB, '-nx', '-batch', '-iex', 'set debuginfod enabled off', '-x', scriptPath, path);
};

export const open = (path: string): SymbolFile => SymbolFile.open(bytesSource(readFileSync(path)));
