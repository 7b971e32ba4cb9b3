/** What the process to be killed writes: a function of the seed and the round alone. */
export const DISK_BYTES = 4 << 20;

export function writesOf(seed: number, round: number): { offset: number; data: Uint8Array }[] {
  return Array.from({ length: 6 }, (_, index) => {
    const mixed = (Math.imul(seed * 1000 + round * 10 + index, 2654435761) >>> 0) % 100_003;
    const count = 1 + (mixed % 90);
    const offset = (mixed % (DISK_BYTES / 512 - count)) * 512;
    return { offset, data: new Uint8Array(count * 512).fill((round * 6 + index + seed) & 0xff) };
  });
}

/** The disk after these rounds. */
export function contentsAfter(base: Uint8Array, seed: number, lastRound: number): Uint8Array {
  const disk = base.slice();
  for (let round = 0; round <= lastRound; round++) {
    for (const { offset, data } of writesOf(seed, round)) disk.set(data, offset);
  }
  return disk;
}
