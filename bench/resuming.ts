/** How soon a guest of 1 GiB runs again, in a new process, from a store that has all of its RAM. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { instret } from '../src/base/brand';
import { openArchive } from '../src/host/archive';
import { hostClock } from '../src/host/clock';
import { openProgram } from './guest';
import { fillThenCompute } from './programs';
import { save, withStore } from './saving';
import { median, spread } from './statistics';
import type { BenchResult } from './types';

const MiB = 1 << 20;
const RAM_BYTES = 1024 * MiB;
const REPEATS = 9;
const TARGET_MS = 150;
/** Name by which the benches' process is asked to resume. */
export const RESUME = 'resume-once';

/** All benches are one file when they are bundled. */
export const benchScript = __filename.endsWith('.ts') ? join(__dirname, 'index.ts') : __filename;

const program = (): Uint8Array => fillThenCompute(RAM_BYTES - MiB);

interface Resumed {
  /** Milliseconds from asking to the first instruction executed, and to the millionth. */
  readonly first: number;
  readonly million: number;
  /** From the start of the process. */
  readonly process: number;
}

export async function resuming(): Promise<Omit<BenchResult, 'name'>> {
  const time = await openProgram(program(), { record: false }, { memoryBytes: RAM_BYTES });
  await time.seek(instret(RAM_BYTES));
  return withStore(async (archive, path) => {
    const started = hostClock.now();
    const { job } = save(time, archive);
    job.hurry();
    await job.done;
    const seconds = (hostClock.now() - started) / 1000;
    time.dispose();
    await archive.close();
    const runs: Resumed[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const args = [...process.execArgv, benchScript, RESUME, path];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`the guest does not resume: ${stderr}`);
      runs.push(JSON.parse(stdout) as Resumed);
    }
    const firsts = runs.map(({ first }) => first);
    const figures = [
      { name: 'until 1 GiB, all of it written, is saved with the guest standing', value: seconds, unit: 's' },
      {
        name: 'from asking for it until the guest of 1 GiB executes, in a new process: median',
        value: median(firsts),
        unit: 'ms',
        noise: spread(firsts),
        target: { atMost: TARGET_MS },
      },
      {
        name: 'the same, until a million instructions are executed',
        value: median(runs.map(({ million }) => million)),
        unit: 'ms',
      },
      {
        name: 'the same, from the start of the process to the first instruction',
        value: median(runs.map((run) => run.process)),
        unit: 'ms',
      },
    ];
    return { figures, skipped: [] };
  });
}

/** In the new process. */
export async function resumeOnce(path: string): Promise<void> {
  const code = program();
  const started = hostClock.now();
  const archive = await openArchive(path, { create: 'never' });
  const [summary] = await archive.list();
  if (summary === undefined) throw new Error('the store has a checkpoint');
  const loaded = await archive.load(summary.id);
  const time = await openProgram(code, { record: false, from: { loaded } }, { memoryBytes: RAM_BYTES });
  await time.seek(instret(time.now + 1));
  const first = hostClock.now();
  await time.seek(instret(time.now + 1_000_000));
  const million = hostClock.now() - started;
  const result: Resumed = { first: first - started, million, process: first };
  process.stdout.write(JSON.stringify(result));
  time.dispose();
  await archive.close();
}
