/**
 * `npm run bench [-- NAME] [-- --json]` and `chronovisor bench`: runs the benches and says where a target is missed.
 * docs/performance.md explains the figures. Each bench has a process of its own: what one leaves behind in V8 would
 * slow the next.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { boot } from './boot';
import { checkpoint } from './checkpoint';
import { conditions } from './conditions';
import { harts } from './harts';
import { launch } from './launch';
import { loops } from './loops';
import { qemuMissing, qemuVersion } from './qemu';
import { RESUME, resumeOnce } from './resuming';
import { seek } from './seek';
import { symbols, SYMBOLS_ONCE, symbolsOnce } from './symbols';
import { meets, type Bench, type BenchResult, type Figure } from './types';

const benches: Readonly<Record<string, Bench>> = {
  ...{ loops, boot, checkpoint, seek, launch, harts },
  ...{ conditions, symbols },
};

const machine = (): string =>
  `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, ` +
  (qemuMissing() === undefined ? `QEMU ${qemuVersion()}` : 'no QEMU');

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function line(figure: Figure): string {
  const { name, value, unit, noise, target } = figure;
  const parts = [`  ${number(value)} ${unit}  ${name}`];
  if (noise !== undefined) parts.push(`(± ${number(noise * 100)} %)`);
  if (target !== undefined) {
    const wanted = 'atLeast' in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`;
    parts.push(`[target ${wanted}: ${meets(figure) ? 'met' : 'MISSED'}]`);
  }
  return parts.join(' ');
}

function print({ name, figures, skipped }: BenchResult): void {
  console.log(name);
  for (const figure of figures) console.log(line(figure));
  for (const reason of skipped) console.log(`  skipped: ${reason}`);
}

/** Runs one bench in this process. */
async function single(bench: Bench, json: boolean): Promise<void> {
  const result = await bench();
  if (json) console.log(JSON.stringify(result));
  else print(result);
  if (result.figures.some((figure) => !meets(figure))) process.exitCode = 1;
}

function all(json: boolean): void {
  if (!json) console.log(machine());
  const results: unknown[] = [];
  for (const name of Object.keys(benches)) {
    const args = [...process.execArgv, __filename, name, ...(json ? ['--json'] : [])];
    const { status, stdout } = spawnSync(process.execPath, args, {
      stdio: ['ignore', json ? 'pipe' : 'inherit', 'inherit'],
      encoding: 'utf8',
    });
    if (status !== 0) process.exitCode = 1;
    if (json) results.push(JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null'));
  }
  if (json) console.log(JSON.stringify({ machine: machine(), results }));
}

async function main(args: readonly string[]): Promise<void> {
  const names = args.filter((arg) => !arg.startsWith('-'));
  const json = args.includes('--json');
  const [name, path, where] = names;
  if (name === RESUME && path !== undefined) {
    await resumeOnce(path);
    return;
  }
  if (name === SYMBOLS_ONCE && path !== undefined && where !== undefined) {
    symbolsOnce(path, where);
    return;
  }
  if (name === undefined) {
    all(json);
    return;
  }
  const bench = benches[name];
  if (bench === undefined || names.length > 1)
    throw new Error(`bench: give one of ${Object.keys(benches).join(', ')}, or none for all`);
  await single(bench, json);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
