/** Steps back from random places, and what recording costs a guest that only runs. */
import { instret } from '../src/base/brand';
import { hostClock } from '../src/host/clock';
import type { TimeMachine } from '../src/timetravel/time-machine';
import { bootLinux, linuxMissing, openProgram } from './guest';
import { loopPrograms } from './programs';
import { median, quantile } from './statistics';
import type { BenchResult, Figure } from './types';

const POSITIONS = 40;
/** Consecutive steps back at each position, as a person takes them. */
const STEPS = 4;
const TARGET_MS = 15;
const LOOP_INSTRUCTIONS = 300_000_000;
const REPEATS = 3;

/** xorshift: the same positions each time. */
function* randomFractions(): Generator<number, never> {
  for (let x = 0x9e37_79b9; ;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield (x >>> 0) / 2 ** 32;
  }
}

async function stepsBack(time: TimeMachine, where: string): Promise<Figure[]> {
  const steps: number[] = [];
  const cpu: number[] = [];
  const seeks: number[] = [];
  const { end } = time;
  const fractions = randomFractions();
  for (let position = 0; position < POSITIONS; position++) {
    let started = hostClock.now();
    await time.seek(instret(Math.floor(fractions.next().value * end)));
    seeks.push(hostClock.now() - started);
    for (let step = 0; step < STEPS; step++) {
      const before = time.now;
      started = hostClock.now();
      const used = process.cpuUsage();
      await time.reverseStepInstructions(0, 1);
      steps.push(hostClock.now() - started);
      const { user, system } = process.cpuUsage(used);
      cpu.push((user + system) / 1000);
      if (time.now !== Math.max(0, before - 1))
        throw new Error(`step back from ${before} came to ${time.now}`);
    }
  }
  return [
    {
      name: `step back ${where}: median`,
      value: median(steps),
      unit: 'ms',
      target: { atMost: TARGET_MS },
    },
    { name: `step back ${where}: 95th percentile`, value: quantile(steps, 0.95), unit: 'ms' },
    { name: `step back ${where}: median of processor time`, value: median(cpu), unit: 'ms' },
    { name: `seek to a random instant ${where}: median`, value: median(seeks), unit: 'ms' },
    { name: `seek to a random instant ${where}: 95th percentile`, value: quantile(seeks, 0.95), unit: 'ms' },
  ];
}

async function runLoop(record: boolean): Promise<{ readonly time: TimeMachine; readonly seconds: number }> {
  const [program] = loopPrograms.filter(({ name }) => name === 'memory');
  if (program === undefined) throw new Error('there is a memory loop');
  const time = await openProgram(program.code(LOOP_INSTRUCTIONS), { record });
  const started = hostClock.now();
  await time.seek(instret(LOOP_INSTRUCTIONS));
  return { time, seconds: (hostClock.now() - started) / 1000 };
}

type Run = (record: boolean) => Promise<{ readonly time: TimeMachine; readonly seconds: number }>;

async function overhead(run: Run, where: string): Promise<Figure> {
  const ratios: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const without = await run(false);
    without.time.dispose();
    const recorded = await run(true);
    recorded.time.dispose();
    ratios.push(recorded.seconds / without.seconds);
  }
  return { name: `time with recording ${where}`, value: median(ratios), unit: '× that without' };
}

async function place(run: Run, where: string): Promise<Figure[]> {
  const figures = [await overhead(run, where)];
  const { time } = await run(true);
  figures.push(...(await stepsBack(time, where)));
  time.dispose();
  return figures;
}

export async function seek(): Promise<BenchResult> {
  const figures = await place(runLoop, 'in a loop');
  const noLinux = linuxMissing();
  if (noLinux === undefined) figures.push(...(await place(bootLinux, "in Linux's boot")));
  return { name: 'seek', figures, skipped: noLinux === undefined ? [] : [noLinux] };
}
