/**
 * Builds the small kernel of this folder with its user programs, once for each set of flags in a test process: see
 * kernel.c for what it does. Needs riscv64-unknown-elf-gcc.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defined } from '../../../src/base/errors';

export const KERNEL_GCC = 'riscv64-unknown-elf-gcc';
const here = (name: string): string => join(__dirname, name);

export interface KernelBuild {
  readonly kernel: string;
  /** Processes 1 and 3. */
  readonly first: string;
  /** Process 2. */
  readonly second: string;
}

const built = new Map<string, KernelBuild>();
let folder: string | undefined;

/** `flags` are those of the C compiler, for all programs. */
export function buildKernel(...flags: string[]): KernelBuild {
  const key = flags.join(' ');
  const known = built.get(key);
  if (known !== undefined) return known;
  if (folder === undefined) {
    const made = (folder = mkdtempSync(join(tmpdir(), 'kernel-')));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  const into = (name: string): string => join(defined(folder), `${built.size}-${name}`);
  const user = (name: string): string =>
    compile(into(`${name}.elf`), flags, 'user.ld', [here('ustart.S'), here(`${name}.c`)]);
  const first = user('first');
  const second = user('second');
  const images = [`-DFIRST="${first}"`, `-DSECOND="${second}"`];
  const kernel = compile(into('kernel.elf'), [...flags, ...images], 'kernel.ld', [
    here('entry.S'),
    here('kernel.c'),
  ]);
  const all = { kernel, first, second };
  built.set(key, all);
  return all;
}

function compile(output: string, flags: readonly string[], script: string, sources: string[]): string {
  const target = ['-march=rv64gc_zicsr', '-mabi=lp64d', '-mcmodel=medany', '-ffreestanding', '-nostdlib'];
  const rest = ['-nostartfiles', '-g', '-fno-builtin', '-Wl,--no-warn-rwx-segments', '-Wl,--build-id=none'];
  execFileSync(KERNEL_GCC, [...target, ...rest, ...flags, '-T', here(script), ...sources, '-o', output]);
  return output;
}

/** Line of a marker like `#FIB` in one of the sources, 1-based, and the file's path. */
export function marked(file: string, marker: string): { readonly path: string; readonly line: number } {
  const path = here(file);
  const lines = readFileSync(path, 'utf8').split('\n');
  const line = 1 + lines.findIndex((text) => text.includes(`#${marker}`));
  if (line === 0) throw new Error(`${file} has no #${marker}`);
  return { path, line };
}
