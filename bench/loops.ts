/**
 * The interpreter against QEMU on bare-metal loops, in turn, so that both meet the same noise. All times are processor
 * time (ours with V8's compiler threads), which other processes on the machine change little.
 */
import { openProgram, withProgram } from './guest';
import { loopPrograms, type LoopProgram } from './programs';
import { qemuMissing, qemuProgram } from './qemu';
import { geometricMean, median, spread } from './statistics';
import type { BenchResult, Figure } from './types';

/** About a second of ours. */
const INSTRUCTIONS = 150_000_000;
const REPEATS = 5;
/** The target for the interpreter. */
const TARGET = 0.25;

interface Measured {
  readonly ms: number;
  readonly exitCode: number;
  readonly instructions: number;
}

async function ours(code: Uint8Array): Promise<Measured> {
  const time = await openProgram(code, { record: false });
  const started = process.cpuUsage();
  const stop = await time.resume();
  const { user, system } = process.cpuUsage(started);
  const ms = (user + system) / 1000;
  const instructions = time.now;
  time.dispose();
  if (stop.kind !== 'exited') throw new Error(`the loop did not end: ${stop.kind}`);
  return { ms, exitCode: stop.exitCode, instructions };
}

/** QEMU's time without its start, which an almost empty run of the same program measures. */
async function qemus(program: LoopProgram, rounds: number): Promise<{ ms: number; exitCode: number }> {
  const run = (count: number) => withProgram(program.code(count), async (path) => qemuProgram(path, '128M'));
  const start = await run(1);
  const whole = await run(rounds);
  return { ms: Math.max(1, whole.ms - start.ms), exitCode: whole.exitCode };
}

async function measure(program: LoopProgram, compare: boolean) {
  const rounds = Math.round(INSTRUCTIONS / program.instructionsPerRound);
  const mips: number[] = [];
  const ratios: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const own = await ours(program.code(rounds));
    mips.push(own.instructions / own.ms / 1000);
    if (!compare) continue;
    const other = await qemus(program, rounds);
    if (other.exitCode !== own.exitCode)
      throw new Error(`${program.name}: ${own.exitCode} here, ${other.exitCode} in QEMU`);
    ratios.push(other.ms / own.ms);
  }
  return { mips, ratios };
}

export async function loops(): Promise<BenchResult> {
  const missing = qemuMissing();
  const figures: Figure[] = [];
  const all: number[] = [];
  for (const program of loopPrograms) {
    const { mips, ratios } = await measure(program, missing === undefined);
    figures.push({
      name: program.name,
      value: median(mips),
      unit: 'MIPS',
      noise: spread(mips),
      note: program.about,
    });
    if (missing !== undefined) continue;
    all.push(median(ratios));
    figures.push({
      name: `${program.name}, of QEMU's speed`,
      value: median(ratios),
      unit: '×',
      noise: spread(ratios),
    });
  }
  if (missing === undefined) {
    figures.push({
      name: 'geometric mean of the ratios',
      value: geometricMean(all),
      unit: '×',
      target: { atLeast: TARGET },
    });
  }
  return { name: 'loops', figures, skipped: missing === undefined ? [] : [missing] };
}
