/**
 * Live checkpoints: how long a running guest stands still for one, what it pays afterwards in copied pages, what saving costs
 * it, and how soon it is back; next to QEMU's savevm and loadvm.
 */
import { instret } from '../src/base/brand';
import { hostClock } from '../src/host/clock';
import { openProgram } from './guest';
import { pageWriter } from './programs';
import { qemuSnapshots } from './qemu-snapshots';
import { resuming } from './resuming';
import { recordingCost, savingLinux, savingSpeed } from './saving';
import { median, quantile, spread } from './statistics';
import type { BenchResult, Figure } from './types';

const MiB = 1 << 20;
const CHECKPOINTS = 300;
const TARGET_US = 150;
const TARGET_P99_US = 1000;
/** One round over 127 MiB is 130,000 instructions: each checkpoint finds as much of RAM written since the one before. */
const INSTRUCTIONS_BETWEEN = 200_000;
/** Held at any time, so that frames stay shared. */
const HELD = 4;

/** A guest that writes to all pages, round and round; `times` is what a larger guest may take in multiples of the targets. */
async function stops(ramBytes: number, times: number): Promise<Figure[]> {
  const size = ramBytes >= 1024 * MiB ? `${ramBytes / MiB / 1024} GiB` : `${ramBytes / MiB} MiB`;
  const code = pageWriter(ramBytes - MiB);
  const time = await openProgram(code, { record: false }, { memoryBytes: ramBytes });
  const run = async (): Promise<number> => {
    const started = hostClock.now();
    await time.seek(instret(time.now + INSTRUCTIONS_BETWEEN));
    return hostClock.now() - started;
  };
  // All pages are written once before: what is measured is copying, not their making.
  await time.seek(instret((5 * ramBytes) / 4096));
  const plain: number[] = [];
  for (let repeat = 0; repeat < CHECKPOINTS / 4; repeat++) plain.push(await run());

  const taken: number[] = [];
  const copying: number[] = [];
  const restores: number[] = [];
  const held: string[] = [];
  for (let count = 0; count < CHECKPOINTS; count++) {
    const { id, stopMicroseconds } = time.takeCheckpoint();
    taken.push(stopMicroseconds);
    held.push(id);
    copying.push(await run());
    const oldest = held.length > HELD ? held.shift() : undefined;
    if (oldest !== undefined) time.deleteCheckpoint(oldest);
  }
  for (let repeat = 0; repeat < CHECKPOINTS / 4; repeat++) {
    const started = hostClock.now();
    await time.restoreCheckpoint(held[repeat % HELD] ?? '');
    restores.push((hostClock.now() - started) * 1000);
    await run();
  }
  time.dispose();
  const pages = Math.min(ramBytes - MiB, INSTRUCTIONS_BETWEEN * 1024) / 4096;
  return [
    {
      name: `stop of a guest of ${size} that writes everywhere: median`,
      value: median(taken),
      unit: 'µs',
      noise: spread(taken),
      target: { atMost: times * TARGET_US },
    },
    {
      name: 'the same: 99th percentile',
      value: quantile(taken, 0.99),
      unit: 'µs',
      target: { atMost: times * TARGET_P99_US },
    },
    {
      name: 'first write to a page after it',
      value: ((median(copying) - median(plain)) * 1000) / pages,
      unit: 'µs',
    },
    {
      name: 'going back to one, as much written since: median',
      value: median(restores),
      unit: 'µs',
      noise: spread(restores),
    },
  ];
}

export async function checkpoint(): Promise<BenchResult> {
  const parts = [
    { figures: await stops(128 * MiB, 1), skipped: [] },
    { figures: await stops(1024 * MiB, 2), skipped: [] },
    await savingSpeed(),
    await recordingCost(),
    await savingLinux(),
    await resuming(),
    await qemuSnapshots(),
  ];
  return {
    name: 'checkpoint',
    figures: parts.flatMap(({ figures }) => figures),
    skipped: parts.flatMap(({ skipped }) => skipped),
  };
}
