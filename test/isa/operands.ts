/** Operands at which integer arithmetic goes wrong. */
import type { Random } from './random';

export const mask64 = (1n << 64n) - 1n;

const edges = [0n, 1n, 2n, 63n, 64n, 0x7fn, 0x80n, 0xffffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn]
  .concat([0xffff_ffff_8000_0000n, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, mask64, mask64 - 1n])
  .concat([0x0100_0001_0000_0080n, 0x8000_0000_8000_0000n]);

function value(random: Random): bigint {
  const kind = random.below(4);
  if (kind === 0) return random.pick(edges);
  return kind === 1 ? random.long() >> BigInt(random.below(64)) : random.long();
}

/** Operands of chance, and every pair of edges: what goes wrong for MIN / -1 alone chance would not find. */
export function* operandsOf(random: Random, rounds = 150): Generator<[bigint, bigint]> {
  const divisors = [0n, mask64, 0x8000_0000_0000_0000n];
  for (let n = 0; n < rounds; n++) {
    yield [value(random), n % 9 === 0 ? random.pick(divisors) : value(random)];
  }
  for (const a of edges) for (const b of edges) yield [a, b];
}

/** The bits that an instruction's immediate is made of: none, all, the highest, all others. */
export const immediates = [0, -1, 0x8000_0000, 0x7fff_ffff] as const;
