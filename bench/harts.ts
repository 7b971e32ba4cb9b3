/** What several harts in turn cost: all add to one counter, with the default quantum and with others. */
import { DEFAULT_QUANTUM } from '../src/machine/config';
import { Machine } from '../src/machine/machine';
import { planBoot, rawImage } from '../src/machine/boot';
import { hostClock } from '../src/host/clock';
import { sharedCounter } from './programs';
import { median, spread } from './statistics';
import type { BenchResult, Figure } from './types';

const INSTRUCTIONS = 60_000_000;
const REPEATS = 3;
const RAM_BYTES = 16 << 20;

function mips(harts: number, quantum: number): number {
  const boot = planBoot({
    ramBytes: RAM_BYTES,
    harts,
    svadu: true,
    firmware: { kind: 'none' },
    program: rawImage(sharedCounter(), 0x8000_0000),
  });
  const machine = new Machine({ ramBytes: RAM_BYTES, harts, boot, quantum }, () => undefined);
  const started = hostClock.now();
  machine.run(INSTRUCTIONS);
  return INSTRUCTIONS / (hostClock.now() - started) / 1000;
}

const measured = [
  ...[1, 2, 4, 8].map((harts) => ({ harts, quantum: DEFAULT_QUANTUM })),
  ...[500, 50_000].map((quantum) => ({ harts: 4, quantum })),
];

export async function harts(): Promise<BenchResult> {
  const figures = measured.map(({ harts: count, quantum }): Figure => {
    const values = Array.from({ length: REPEATS }, () => mips(count, quantum));
    return {
      name: `${count} harts, turns of ${quantum} instructions, together`,
      value: median(values),
      unit: 'MIPS',
      noise: spread(values),
    };
  });
  return { name: 'harts', figures, skipped: [] };
}
