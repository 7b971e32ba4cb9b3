/** From starting the debug adapter's process to the stop at the program's entry, as VS Code does it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { startAdapter } from '../test/support/dap-streams';
import { linuxFiles, linuxMissing, root, withProgram } from './guest';
import { loopPrograms } from './programs';
import { cpuMsOf, type Took } from './qemu';
import { median, quantile, spread } from './statistics';
import type { BenchResult, Figure } from './types';

const REPEATS = 15;
const TARGET_MS = 500;

async function once(adapter: string, launch: object): Promise<Took> {
  const started = performance.now();
  const { client, child, exited } = startAdapter(adapter);
  await client.startStopped(launch);
  const took = { ms: performance.now() - started, cpuMs: cpuMsOf(child.pid ?? 0) };
  await client.request('disconnect');
  await exited;
  return took;
}

async function measure(name: string, launch: object): Promise<Figure[]> {
  const adapter = join(root, 'dist/adapter.js');
  const runs: Took[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) runs.push(await once(adapter, launch));
  const times = runs.map(({ ms }) => ms);
  return [
    {
      name: `launch to the entry stop, ${name}: median`,
      value: median(times),
      unit: 'ms',
      noise: spread(times),
      target: { atMost: TARGET_MS },
    },
    { name: 'the same: 95th percentile', value: quantile(times, 0.95), unit: 'ms' },
    { name: 'the same: processor time', value: median(runs.map(({ cpuMs }) => cpuMs)), unit: 'ms' },
  ];
}

export async function launch(): Promise<BenchResult> {
  if (!existsSync(join(root, 'dist/adapter.js')))
    return { name: 'launch', figures: [], skipped: ['dist/adapter.js is not built'] };
  const [program] = loopPrograms;
  if (program === undefined) throw new Error('there is a program');
  const figures = await withProgram(program.code(1), (path) =>
    measure('bare metal', { program: path, firmware: 'none' }),
  );
  const noLinux = linuxMissing();
  if (noLinux === undefined) {
    const { kernel, initrd } = linuxFiles;
    figures.push(...(await measure('Linux', { program: kernel, initrd, memory: '256M' })));
  }
  return { name: 'launch', figures, skipped: noLinux === undefined ? [] : [noLinux] };
}
