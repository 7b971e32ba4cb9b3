/** What saving checkpoints, and taking them all the time, costs a guest that goes on meanwhile; how large they are. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instret } from '../src/base/brand';
import type { CheckpointArchive } from '../src/checkpoint/archive';
import { openArchive } from '../src/host/archive';
import { hostClock } from '../src/host/clock';
import type { TimeMachine } from '../src/timetravel/time-machine';
import { bootLinux, linuxMissing, openProgram } from './guest';
import { fillThenCompute } from './programs';
import { median, spread } from './statistics';
import type { BenchResult } from './types';

type Part = Omit<BenchResult, 'name'>;

const MiB = 1 << 20;
/** Instructions between two looks at the clock: some 10 ms. */
const PIECE = 2_000_000;
const SAVES = 7;

/** An archive in a folder of its own. */
export async function withStore<T>(
  action: (archive: CheckpointArchive, path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'chronovisor-bench-'));
  const path = join(folder, 'store');
  const archive = await openArchive(path);
  try {
    return await action(archive, path);
  } finally {
    await archive.close();
    rmSync(folder, { recursive: true });
  }
}

export const save = (time: TimeMachine, archive: CheckpointArchive) => {
  const { id } = time.takeCheckpoint();
  const job = time.saveCheckpoint(id, archive, { guest: null, savedAt: 0 });
  return { id, job };
};

/** Million instructions a second, until `isOver`. */
async function speed(time: TimeMachine, isOver: () => boolean): Promise<number> {
  const [from, started] = [time.now, hostClock.now()];
  do {
    await time.seek(instret(time.now + PIECE));
    await hostClock.yield();
  } while (!isOver());
  return (time.now - from) / (hostClock.now() - started) / 1000;
}

/** The guest's speed while all of its 128 MiB are being saved, as a fraction of its speed before and after. */
export async function savingSpeed(): Promise<Part> {
  const time = await openProgram(fillThenCompute(127 * MiB), { record: false });
  await time.seek(instret(127 * MiB));
  const fractions: number[] = [];
  const seconds: number[] = [];
  for (let round = 0; round < SAVES; round++) {
    await withStore(async (archive) => {
      const alone = async (): Promise<number> => {
        const end = hostClock.now() + 1000;
        return speed(time, () => hostClock.now() > end);
      };
      const before = await alone();
      let isSaved = false;
      const started = hostClock.now();
      const { id, job } = save(time, archive);
      const done = job.done.then(() => {
        isSaved = true;
        seconds.push((hostClock.now() - started) / 1000);
      });
      const meanwhile = await speed(time, () => isSaved);
      await done;
      fractions.push((2 * meanwhile) / (before + (await alone())));
      time.deleteCheckpoint(id);
    });
  }
  time.dispose();
  const figures = [
    {
      name: 'speed of a guest while its 128 MiB are saved, as a fraction of its speed alone: median',
      value: median(fractions),
      unit: '',
      noise: spread(fractions),
      target: { atLeast: 0.9 },
    },
    { name: 'until 128 MiB are saved, beside the guest: median', value: median(seconds), unit: 's' },
  ];
  return { figures, skipped: [] };
}

/** Two automatic checkpoints, and their thinning, are in each. */
const SEGMENT = 32_000_000;
const PAIRS = 150;
const BUSY = 'while :; do md5sum /bin/busybox | sort; done > /dev/null\n';

/** What the first of two Linux guests needs of the processor for the same instructions, as a multiple of the second. */
async function costOf(first: boolean, second: boolean): Promise<number[]> {
  const guests = [(await bootLinux(first)).time, (await bootLinux(second)).time] as const;
  for (const time of guests) {
    time.consoleInput(new TextEncoder().encode(BUSY));
    await time.seek(instret(time.now + 200_000_000));
  }
  const needed = async (time: TimeMachine): Promise<number> => {
    const before = process.cpuUsage();
    await time.seek(instret(time.now + SEGMENT));
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const ratios: number[] = [];
  const [a, b] = guests;
  // A machine whose load changes is even over many short pairs, in both orders; not over a few long ones.
  for (let pair = 0; pair < PAIRS; pair++) {
    const early = await needed(pair % 2 === 0 ? a : b);
    const late = await needed(pair % 2 === 0 ? b : a);
    ratios.push(pair % 2 === 0 ? early / late : late / early);
  }
  for (const time of guests) time.dispose();
  return ratios;
}

const percentMore = (ratios: readonly number[]): number => (median(ratios) - 1) * 100;

/** Two Linux guests at the same work, in turns: one records. The same where none does says how exact this is. */
export async function recordingCost(): Promise<Part> {
  const missing = linuxMissing();
  if (missing !== undefined) return { figures: [], skipped: [missing] };
  const recording = await costOf(true, false);
  const control = await costOf(false, false);
  const figures = [
    {
      name: `what recording with automatic checkpoints costs Linux: median of ${PAIRS} pairs`,
      value: percentMore(recording),
      unit: '%',
      noise: spread(recording),
      target: { atMost: 3 },
    },
    { name: 'the same for two guests that do not record', value: percentMore(control), unit: '%' },
  ];
  return { figures, skipped: [] };
}

const LINUX_CHECKPOINTS = 20;
const BETWEEN = 50_000_000;

/** Linux at work, saved again and again: bytes that each checkpoint needs. */
export async function savingLinux(): Promise<Part> {
  const missing = linuxMissing();
  if (missing !== undefined) return { figures: [], skipped: [missing] };
  const { time } = await bootLinux(false);
  const ramBytes = time.config.ramBytes;
  time.consoleInput(new TextEncoder().encode(BUSY));
  const figures = await withStore(async (archive) => {
    let before: string | undefined;
    const sizes: number[] = [];
    for (let count = 0; count < LINUX_CHECKPOINTS; count++) {
      await time.seek(instret(time.now + BETWEEN));
      const { id, job } = save(time, archive);
      job.hurry();
      await job.done;
      sizes.push(statSync(archive.path).size);
      if (before !== undefined) time.deleteCheckpoint(before);
      before = id;
    }
    const percent = (bytes: number): number => (bytes / ramBytes) * 100;
    const [first = 0, last = 0] = [sizes[0], sizes.at(-1)];
    return [
      {
        name: `store for each of ${LINUX_CHECKPOINTS} checkpoints of Linux, of its 256 MiB`,
        value: percent(last) / LINUX_CHECKPOINTS,
        unit: '%',
        target: { atMost: 10 },
      },
      { name: 'the first one of them', value: percent(first), unit: '%' },
      { name: 'each further one', value: percent(last - first) / (LINUX_CHECKPOINTS - 1), unit: '%' },
    ];
  });
  time.dispose();
  return { figures, skipped: [] };
}
