/** How long a running guest stands still for a checkpoint, and what it pays afterwards in copied pages. */
import { instret } from '../src/base/brand';
import { hostClock } from '../src/host/clock';
import { openProgram } from './guest';
import { pageWriter } from './programs';
import { median, quantile, spread } from './statistics';
import type { BenchResult } from './types';

const CHECKPOINTS = 300;
const TARGET_US = 250;
/** Of 128 MiB: all but the program. */
const WRITTEN_BYTES = 127 << 20;
/** One round over all pages is 130,000 instructions: each checkpoint finds all of RAM written since the one before. */
const INSTRUCTIONS_BETWEEN = 200_000;
/** Held at any time, so that frames stay shared. */
const HELD = 4;

export async function checkpoint(): Promise<BenchResult> {
  const time = await openProgram(pageWriter(WRITTEN_BYTES), { record: false });
  const run = async (): Promise<number> => {
    const started = hostClock.now();
    await time.seek(instret(time.now + INSTRUCTIONS_BETWEEN));
    return hostClock.now() - started;
  };
  const plain: number[] = [];
  for (let repeat = 0; repeat < CHECKPOINTS / 4; repeat++) plain.push(await run());

  const stops: number[] = [];
  const copying: number[] = [];
  const restores: number[] = [];
  const held: string[] = [];
  for (let taken = 0; taken < CHECKPOINTS; taken++) {
    const { id, stopMicroseconds } = time.takeCheckpoint();
    stops.push(stopMicroseconds);
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
  const pages = WRITTEN_BYTES / 4096;
  const figures = [
    {
      name: 'stop of a guest of 128 MiB, all of it written since the one before: median',
      value: median(stops),
      unit: 'µs',
      noise: spread(stops),
      target: { atMost: TARGET_US },
    },
    { name: 'the same: 99th percentile', value: quantile(stops, 0.99), unit: 'µs' },
    {
      name: 'first write to a page after it',
      value: ((median(copying) - median(plain)) * 1000) / pages,
      unit: 'µs',
    },
    {
      name: 'going back to one, all of RAM written since: median',
      value: median(restores),
      unit: 'µs',
      noise: spread(restores),
    },
  ];
  return { name: 'checkpoint', figures, skipped: [] };
}
