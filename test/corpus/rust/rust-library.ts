/**
 * `core` and `alloc` for the target, made of the sources that come with a compiler: no distribution has them built for it.
 * They are kept in .cache/corpus under a hash of all that they are made of; making them takes half a minute.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from 'mocha';
import { skipBecause } from '../../support/tools';
import { cached } from '../builds';

const run = promisify(execFile);

const BUILTINS = join(__dirname, 'library/builtins.rs');

/** A compiler with the sources of its library. */
export interface RustTools {
  readonly rustc: string;
  readonly version: string;
  /** The folder of core, alloc, ... */
  readonly library: string;
}

/** Features of the compiler that are not stable are needed to make its library. */
const environment = { ...process.env, RUSTC_BOOTSTRAP: '1' };

const TARGET = 'riscv64gc-unknown-none-elf';

/**
 * What makes code for a target of our own, which is the compiler's but for the version of DWARF: before 1.64 nothing else
 * decides on that. Its name is the same for both versions, so that one library fits both. The environment says where
 * descriptions of targets are.
 */
export function targetOf(
  { rustc }: RustTools,
  folder: string,
  dwarf: number,
): { readonly flags: readonly string[]; readonly env: NodeJS.ProcessEnv } {
  const ask = ['-Zunstable-options', '--print', 'target-spec-json', '--target', TARGET];
  const known = JSON.parse(execFileSync(rustc, ask, { encoding: 'utf8', env: environment })) as object;
  const versions = { 'dwarf-version': dwarf, 'default-dwarf-version': dwarf };
  const target = { ...known, ...versions, 'is-builtin': false };
  writeFileSync(join(folder, 'riscv64gc-corpus.json'), JSON.stringify(target));
  const flags = ['-Zunstable-options', '--target', 'riscv64gc-corpus', '-Cpanic=abort'];
  return { flags, env: { ...environment, RUST_TARGET_PATH: folder } };
}

let found: { readonly tools: RustTools | undefined } | undefined;

/** The first rustc of the path, or that of CHRONOVISOR_RUSTC, that has its library's sources; undefined: none has. */
export const rustTools = (): RustTools | undefined => (found ??= { tools: findTools() }).tools;

function findTools(): RustTools | undefined {
  const given = process.env['CHRONOVISOR_RUSTC'];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = given === undefined ? folders.map((folder) => join(folder, 'rustc')) : [given];
  for (const rustc of new Set(candidates.filter((path) => existsSync(path)))) {
    const ask = (option: string): string =>
      execFileSync(rustc, [...option.split(' ')], { encoding: 'utf8', env: environment }).trim();
    const library = join(ask('--print sysroot'), 'lib/rustlib/src/rust/library');
    if (existsSync(join(library, 'core/src/lib.rs'))) return { rustc, version: ask('-vV'), library };
  }
  return undefined;
}

/** Skips where no compiler has its library's sources. */
export function requireRust(context: Context): void {
  if (rustTools() === undefined)
    skipBecause(context, 'no rustc with the sources of its library (Debian: rustc and rust-src)');
}

let making: Promise<string> | undefined;

/** The folder with the crates. Several may ask at once. */
export const rustLibrary = (tools: RustTools): Promise<string> => (making ??= makeLibrary(tools));

async function makeLibrary(tools: RustTools): Promise<string> {
  const { rustc, version, library } = tools;
  // Not optimised: that would only make it take longer, and no code of it is looked at.
  const flags = ['--crate-type', 'rlib', '--edition', '2021', '--cap-lints', 'allow', '-L', '.'];
  const hash = createHash('sha256').update(JSON.stringify([version, library, flags]));
  hash.update(readFileSync(BUILTINS));
  return cached(hash, version, async (folder) => {
    const target = targetOf(tools, folder, 4);
    const crate = (name: string, path: string, ...more: string[]): Promise<unknown> =>
      run(rustc, [...target.flags, ...flags, '--crate-name', name, ...more, path], {
        cwd: folder,
        env: target.env,
      });
    await crate('core', join(library, 'core/src/lib.rs'), '-Ccodegen-units=16');
    await crate('compiler_builtins', BUILTINS, '-Copt-level=1');
    await crate('alloc', join(library, 'alloc/src/lib.rs'));
  });
}
