/** The Rust programs of the corpus: one crate by all that changes how its debug information looks. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, GCC, SCRIPT, START, type Built } from '../builds';
import { rustLibrary, targetOf, type RustTools } from './rust-library';

const run = promisify(execFile);

export const LD = 'riscv64-unknown-elf-ld';

const sourceFolder = join(__dirname, 'sources');

export const rustSources = readdirSync(sourceFolder)
  .sort()
  .map((name) => join(sourceFolder, name));

export interface RustBuild {
  readonly name: string;
  readonly dwarf: number;
  readonly flags: readonly string[];
}

const build = (dwarf: number, text: string): RustBuild => ({
  name: `rustc DWARF ${dwarf} ${text}`,
  dwarf,
  flags: text.split(' '),
});

/** In which every variable has its place all the time. */
export const UNOPTIMISED = build(4, '-Copt-level=0 -Ccodegen-units=16');

const CHOSEN: readonly RustBuild[] = [
  UNOPTIMISED,
  build(5, '-Copt-level=1 -Ccodegen-units=16 -Cforce-frame-pointers=yes'),
  build(4, '-Copt-level=2 -Ccodegen-units=1 -Csymbol-mangling-version=v0'),
  build(5, '-Copt-level=s -Ccodegen-units=16'),
  build(4, '-Copt-level=2 -Clto=fat'),
];

function product(): RustBuild[] {
  const found: RustBuild[] = [];
  for (const level of ['0', '1', '2', 's']) {
    for (const dwarf of [4, 5]) {
      for (const units of [1, 16]) {
        const plain = `-Copt-level=${level} -Ccodegen-units=${units}`;
        found.push(build(dwarf, plain), build(dwarf, `${plain} -Cforce-frame-pointers=yes`));
      }
      found.push(build(dwarf, `-Copt-level=${level} -Clto=fat`));
    }
  }
  return found.filter(({ name }) => !CHOSEN.some((one) => one.name === name));
}

/** `CHRONOVISOR_CORPUS`: `all`, or a part of the names of builds. */
export function chosenBuilds(choice = process.env['CHRONOVISOR_CORPUS']): readonly RustBuild[] {
  if (choice === undefined) return CHOSEN;
  const all = [...CHOSEN, ...product()];
  return choice === 'all' ? all : all.filter(({ name }) => name.includes(choice));
}

/** Builds it, unless that was done before. */
export async function built(what: RustBuild, tools: RustTools): Promise<Built> {
  const library = await rustLibrary(tools);
  const libgcc = execFileSync(GCC, ['-march=rv64gc', '-mabi=lp64d', '-print-libgcc-file-name'], {
    encoding: 'utf8',
  }).trim();
  const main = join(sourceFolder, 'main.rs');
  const link = ['start.o', libgcc, '-T', SCRIPT, '--no-warn-rwx-segments'];
  const flags = [
    ...['--crate-name', 'corpus', '--edition', '2021', '-L', library, '-Cdebuginfo=2'],
    ...['-Coverflow-checks=no', '-Crelocation-model=static', '-Ccode-model=medium'],
    ...[`-Clinker=${LD}`, '-Clinker-flavor=ld', ...link.map((one) => `-Clink-arg=${one}`)],
    ...[...what.flags, '-o', 'program.elf', main],
  ];
  const hash = createHash('sha256').update(JSON.stringify([what.dwarf, flags]));
  for (const path of [...rustSources, START, SCRIPT]) hash.update(path).update(readFileSync(path));
  const folder = await cached(hash, what.name, async (cwd) => {
    await run(GCC, ['-march=rv64gc', '-mabi=lp64d', '-c', START, '-o', 'start.o'], { cwd });
    const target = targetOf(tools, cwd, what.dwarf);
    await run(tools.rustc, [...target.flags, ...flags], { cwd, env: target.env });
  });
  return { folder, elf: join(folder, 'program.elf') };
}
