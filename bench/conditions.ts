/**
 * What a breakpoint costs each time that its condition says no: the sample guest makes 131,214 transfers on its first night.
 * Told as processor time for each of them beyond that of the same run without the breakpoint.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startAdapter } from '../test/support/dap-streams';
import { root } from './guest';
import { cpuMsOf } from './qemu';
import { median, spread } from './statistics';
import type { BenchResult, Figure } from './types';

const REPEATS = 3;
/** As the guest itself counts them. */
const HITS = 131_214;
/** The line of bank.c that each transfer comes to. */
const LINE = 60;

const CONDITIONS: readonly (readonly [string, string])[] = [
  ['a variable', 'transfers == 100000000'],
  ['an element of an array', 'purses[2] == -1'],
  ['a register', '$a0 == 0x123456789'],
];

/** Processor time of the adapter, milliseconds, from power-on to the first audit. */
async function once(program: string, condition: string | undefined): Promise<number> {
  const { client, child, exited } = startAdapter(join(root, 'dist/adapter.js'));
  await client.startStopped({ program, firmware: 'none', memory: '16M' });
  const source = { path: join(root, 'samples/demo/bank.c') };
  const breakpoints = condition === undefined ? [] : [{ line: LINE, condition }];
  await client.request('setBreakpoints', { source, breakpoints });
  await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'audit' }] });
  const before = cpuMsOf(child.pid ?? 0);
  await client.continue();
  const took = cpuMsOf(child.pid ?? 0) - before;
  await client.request('disconnect');
  await exited;
  return took;
}

async function repeated(program: string, condition: string | undefined): Promise<readonly number[]> {
  const times: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) times.push(await once(program, condition));
  return times;
}

export async function conditions(): Promise<BenchResult> {
  const program = join(root, 'samples/demo/bank.elf');
  const missing = [program, join(root, 'dist/adapter.js')].find((path) => !existsSync(path));
  if (missing !== undefined) return { name: 'conditions', figures: [], skipped: [`${missing} is not there`] };
  const alone = median(await repeated(program, undefined));
  const figures: Figure[] = [];
  for (const [what, condition] of CONDITIONS) {
    const each = (await repeated(program, condition)).map((ms) => ((ms - alone) * 1000) / HITS);
    figures.push({ name: `a condition on ${what}`, value: median(each), unit: 'µs', noise: spread(each) });
  }
  return { name: 'conditions', figures, skipped: [] };
}
