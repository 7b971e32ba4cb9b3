/** Programs with every kind of type and variable, built by both compilers, for the tests of what DWARF says of them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTool } from '../support/tools';
import { ELF_GCC } from './support';

const sources = join(import.meta.dirname, 'corpus', 'typed');

const ELF_GXX = 'riscv64-unknown-elf-g++';
const CLANG = 'clang';

export interface TypedBuild {
  readonly name: string;
  readonly compiler: string;
  readonly flags: readonly string[];
  readonly language: 'c' | 'c++';
  /** The build to ask GDB about: it finds few of the types in type units by name. */
  readonly judged?: string;
}

const CLANG_TARGET = ['--target=riscv64-unknown-elf', '-march=rv64gc', '-mabi=lp64d', '-fuse-ld=lld', '-w'];
const CXX = ['-fno-rtti', '-fno-exceptions'];

export const TYPED_BUILDS: readonly TypedBuild[] = [
  { name: 'gcc-2-O0', compiler: ELF_GCC, language: 'c', flags: ['-gdwarf-2', '-gstrict-dwarf', '-O0'] },
  { name: 'gcc-3-O1', compiler: ELF_GCC, language: 'c', flags: ['-gdwarf-3', '-gstrict-dwarf', '-O1'] },
  { name: 'gcc-4-O2', compiler: ELF_GCC, language: 'c', flags: ['-gdwarf-4', '-O2'] },
  { name: 'gcc-5-O0', compiler: ELF_GCC, language: 'c', flags: ['-gdwarf-5', '-O0'] },
  { name: 'gcc-5-O2', compiler: ELF_GCC, language: 'c', flags: ['-gdwarf-5', '-O2'] },
  { name: 'gcc-5-64-O1', compiler: ELF_GCC, language: 'c', flags: ['-gdwarf-5', '-gdwarf64', '-O1'] },
  {
    name: 'clang-5-O1',
    compiler: CLANG,
    language: 'c',
    flags: [...CLANG_TARGET, '-gdwarf-5', '-gpubnames', '-O1'],
  },
  { name: 'clang-4-O0', compiler: CLANG, language: 'c', flags: [...CLANG_TARGET, '-gdwarf-4', '-O0'] },
  { name: 'g++-2-O0', compiler: ELF_GXX, language: 'c++', flags: [...CXX, '-gdwarf-2', '-O0'] },
  { name: 'g++-5-O2', compiler: ELF_GXX, language: 'c++', flags: [...CXX, '-gdwarf-5', '-O2'] },
  {
    name: 'g++-4-types',
    judged: 'g++-4-O0',
    compiler: ELF_GXX,
    language: 'c++',
    flags: [...CXX, '-gdwarf-4', '-fdebug-types-section', '-O0'],
  },
  { name: 'g++-4-O0', compiler: ELF_GXX, language: 'c++', flags: [...CXX, '-gdwarf-4', '-O0'] },
  {
    name: 'clang++-5-O0',
    compiler: CLANG,
    language: 'c++',
    flags: [...CLANG_TARGET, ...CXX, '-gdwarf-5', '-O0'],
  },
];

const LINK = ['-nostdlib', '-static', '-ffreestanding', '-fno-builtin'];

class TypedCorpus {
  private folder: string | undefined;
  private readonly paths = new Map<string, string>();

  /** Path of the built file. */
  build({ name, compiler, flags, language }: TypedBuild): string {
    let path = this.paths.get(name);
    if (path !== undefined) return path;
    this.folder ??= mkdtempSync(join(tmpdir(), 'typed-'));
    path = join(this.folder, name);
    const run = (...args: string[]): unknown => execFileSync(compiler, args, { stdio: 'pipe' });
    const names = language === 'c' ? ['types.c', 'other.c'] : ['classes.cpp'];
    const files = names.map((one) => join(sources, one));
    if (language === 'c') {
      // One definition that no debug information knows.
      const plain = `${path}-plain.o`;
      run(...flags, '-g0', '-ffreestanding', '-c', join(sources, 'plain.c'), '-o', plain);
      files.push(plain);
    }
    run(...flags, ...LINK, ...files, '-o', path);
    this.paths.set(name, path);
    return path;
  }

  dispose(): void {
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true });
  }
}

/** One for the suite that is being described, which is skipped where a compiler or one of its judges is missing. */
export function typedCorpus(...judges: string[]): TypedCorpus {
  const corpus = new TypedCorpus();
  before(function () {
    requireTool(this, ELF_GCC, ELF_GXX, CLANG, 'ld.lld', ...judges);
  });
  after(() => corpus.dispose());
  return corpus;
}
