/**
 * The programs of the corpus: the sources of this folder by both compilers, with everything that changes how debug
 * information looks. A build is kept in .cache/corpus under a hash of all that it is made of. The set for CI has every
 * compiler, level of optimisation, version of DWARF and variant, and most pairs of them; the full product has all.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { splitObject } from './split';

const run = promisify(execFile);

export const GCC = 'riscv64-unknown-elf-gcc';
export const CLANG = 'clang';
export const LLD = 'ld.lld';

const sourceFolder = join(__dirname, 'sources');
const cacheFolder = join(__dirname, '../../.cache/corpus');
export const SCRIPT = join(sourceFolder, 'corpus.ld');
export const START = join(sourceFolder, 'start.S');

const sources = readdirSync(sourceFolder).sort();
const compiled = sources.filter((name) => /\.(c|cpp|S)$/.test(name));

/** Those that lines are taken from. */
export const sourcePaths = compiled
  .filter((name) => !name.endsWith('.S'))
  .map((name) => join(sourceFolder, name));

export interface Build {
  readonly name: string;
  readonly compiler: 'gcc' | 'clang';
  readonly flags: readonly string[];
  /** Its code is made in the way that split files need, although it has none. */
  readonly isTwin?: boolean;
}

const build = (compiler: Build['compiler'], text: string): Build => ({
  name: `${compiler} ${text}`,
  compiler,
  flags: text.split(' '),
});

/** In which every variable has its place all the time. */
export const UNOPTIMISED = build('gcc', '-O0 -gdwarf-2');

const CHOSEN: readonly Build[] = [
  UNOPTIMISED,
  build('gcc', '-O1 -gdwarf-2 -fomit-frame-pointer'),
  build('gcc', '-O2 -gdwarf-3'),
  build('gcc', '-Os -gdwarf-3 -fno-omit-frame-pointer'),
  build('gcc', '-O0 -gdwarf-4'),
  build('gcc', '-O1 -gdwarf-4 -gsplit-dwarf'),
  build('gcc', '-O2 -gdwarf-4 -gsplit-dwarf -fdebug-types-section'),
  build('gcc', '-O0 -gdwarf-4 -flto'),
  build('gcc', '-O1 -gdwarf-5 -flto'),
  build('gcc', '-Os -gdwarf-4 -flto'),
  build('gcc', '-O1 -gdwarf-5 -fomit-frame-pointer'),
  build('gcc', '-O0 -gdwarf-5 -gsplit-dwarf'),
  build('gcc', '-O2 -gdwarf-5'),
  build('gcc', '-Os -gdwarf-5 -gdwarf64 -gz'),
  build('clang', '-O0 -gdwarf-2 -fno-omit-frame-pointer'),
  build('clang', '-O2 -gdwarf-2'),
  build('clang', '-O1 -gdwarf-3'),
  build('clang', '-Os -gdwarf-3 -fomit-frame-pointer'),
  build('clang', '-O0 -gdwarf-4 -fdebug-types-section'),
  build('clang', '-O2 -gdwarf-4 -gsplit-dwarf'),
  build('clang', '-O0 -gdwarf-5 -gsplit-dwarf'),
  build('clang', '-O1 -gdwarf-5 -gdwarf64'),
  build('clang', '-O2 -gdwarf-5 -flto'),
  build('clang', '-Os -gdwarf-5 -gpubnames -gz'),
];

function product(): Build[] {
  const found: Build[] = [];
  for (const compiler of ['gcc', 'clang'] as const) {
    for (const level of ['-O0', '-O1', '-O2', '-Os']) {
      for (const version of [2, 3, 4, 5]) {
        const plain = `${level} -gdwarf-${version}`;
        const variants = ['-fomit-frame-pointer', '-fno-omit-frame-pointer', '-flto'];
        if (version >= 4) variants.push('-gsplit-dwarf');
        found.push(build(compiler, plain), ...variants.map((one) => build(compiler, `${plain} ${one}`)));
      }
    }
  }
  return found;
}

/**
 * The same code with debug information that GDB 13 reads better: it cannot follow clang's location lists in split files of
 * DWARF 5. Without optimisation there are none.
 */
export function twinOf({ compiler, flags }: Build): Build | undefined {
  const isUnread = compiler === 'clang' && ['-gdwarf-5', '-gsplit-dwarf'].every((one) => flags.includes(one));
  if (!isUnread || flags.includes('-O0')) return undefined;
  const left = flags.filter((flag) => flag !== '-gsplit-dwarf');
  return { ...build(compiler, left.join(' ')), isTwin: true };
}

/** `CHRONOVISOR_CORPUS`: `all`, or a part of the names of builds. */
export function chosenBuilds(choice = process.env['CHRONOVISOR_CORPUS']): readonly Build[] {
  if (choice === undefined) return CHOSEN;
  const all = [...CHOSEN, ...product().filter(({ name }) => !CHOSEN.some((one) => one.name === name))];
  return choice === 'all' ? all : all.filter(({ name }) => name.includes(choice));
}

const TARGET = ['-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany', '-ffreestanding'];
const CPP = ['-std=gnu++17', '-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics'];

interface Command {
  readonly tool: string;
  readonly arguments: readonly string[];
}

const isSplit = ({ flags }: Build): boolean => flags.includes('-gsplit-dwarf');
/** Through assembly, and not relaxed. */
const isAssembled = (what: Build): boolean => isSplit(what) || what.isTwin === true;
const objectOf = (source: string): string => source.replace(/\.\w+$/, '.o');

/** What makes the object, one after the other. */
function compileCommands(what: Build, source: string): Command[] {
  const { compiler, flags } = what;
  const language = source.endsWith('.cpp') ? CPP : source.endsWith('.c') ? ['-std=gnu17'] : [];
  const tool = compiler === 'gcc' ? GCC : CLANG;
  // Without relaxation .debug_info of clang is complete: lld 14 leaves lengths as they are.
  const own = compiler === 'gcc' && !isAssembled(what) ? [] : ['-mno-relax'];
  const target = [...(compiler === 'gcc' ? [] : ['--target=riscv64-unknown-elf']), ...own, ...TARGET];
  const path = join(sourceFolder, source);
  const object = objectOf(source);
  if (!isAssembled(what)) {
    return [{ tool, arguments: [...target, ...flags, ...language, '-c', path, '-o', object] }];
  }
  if (language.length === 0) return [{ tool, arguments: [...target, '-c', path, '-o', object] }];
  const assembly = object.replace(/o$/, 's');
  return [
    { tool, arguments: [...target, ...flags, ...language, '-S', path, '-o', assembly] },
    { tool, arguments: [...target, '-c', assembly, '-o', object] },
  ];
}

function linkCommand(what: Build, objects: readonly string[], output: string): Command {
  const { compiler, flags } = what;
  if (compiler === 'gcc') {
    const options = ['-nostdlib', `-Wl,-T,${SCRIPT}`, '-Wl,--no-warn-rwx-segments', '-Wl,--build-id=none'];
    if (isAssembled(what)) options.push('-Wl,--no-relax');
    return {
      tool: GCC,
      arguments: [...TARGET, ...flags, ...options, ...objects, '-lgcc', '-o', output],
    };
  }
  const library = execFileSync(GCC, [...TARGET, '-print-libgcc-file-name'], { encoding: 'utf8' }).trim();
  const level = flags.includes('-flto') ? ['--lto-O2', '-mllvm', '-target-abi=lp64d'] : [];
  return { tool: LLD, arguments: [...level, '-T', SCRIPT, ...objects, library, '-o', output] };
}

const versions = new Map<string, string>();

function versionOf(tool: string): string {
  const known = versions.get(tool);
  if (known !== undefined) return known;
  const version = execFileSync(tool, ['--version'], { encoding: 'utf8' });
  versions.set(tool, version);
  return version;
}

/** A program of the corpus on disk; its folder may hold more that is made from it. */
export interface Built {
  readonly folder: string;
  readonly elf: string;
}

/** Builds it, unless that was done before. */
export async function built(what: Build): Promise<Built> {
  const objects = compiled.map(objectOf);
  const commands = compiled.map((source) => compileCommands(what, source));
  const link = linkCommand(what, objects, 'program.elf');
  const hash = createHash('sha256').update(JSON.stringify([commands, link]));
  for (const name of sources) hash.update(name).update(readFileSync(join(sourceFolder, name)));
  for (const tool of [GCC, ...(what.compiler === 'clang' ? [CLANG, LLD] : [])]) hash.update(versionOf(tool));
  const folder = await cached(hash, what.name, async (cwd) => {
    // Names of .dwo files are relative to the folder where the compiler runs.
    const inFolder = ({ tool, arguments: given }: Command): Promise<unknown> => run(tool, given, { cwd });
    for (const [index, steps] of commands.entries()) {
      for (const step of steps) await inFolder(step);
      if (isSplit(what) && steps.length > 1) await splitObject(join(cwd, objects[index] ?? ''));
    }
    await inFolder(link);
  });
  return { folder, elf: join(folder, 'program.elf') };
}

/** The folder of what has this hash; where it is not there yet, it is made. */
export async function cached(
  hash: Hash,
  name: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheFolder, hash.digest('hex').slice(0, 16));
  const done = join(folder, 'done');
  if (!existsSync(done)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await make(folder);
    writeFileSync(done, name);
  }
  return folder;
}
