/** Operand values at which arithmetic goes wrong. */
import type { Random } from '../isa/random';
import { PLACE } from './layout';

const edges: readonly bigint[] = [
  ...[0n, 1n, -1n, 2n, -2n, 7n, 63n, 64n, 31n, 32n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn],
  ...[1n << 31n, (1n << 31n) - 1n, -(1n << 31n), 1n << 32n, (1n << 32n) - 1n, 1n << 63n, (1n << 63n) - 1n],
  ...[0x5555_5555_5555_5555n, 0xaaaa_aaaa_aaaa_aaaan, 0x0102_0304_0506_0708n],
];

export function interestingInteger(random: Random): bigint {
  switch (random.below(4)) {
    case 0:
      return BigInt.asUintN(64, random.pick(edges) + BigInt(random.below(3) - 1));
    case 1:
      return random.long();
    case 2:
      return random.long() >> BigInt(random.below(64));
    default:
      return BigInt(PLACE.data + random.below(PLACE.dataEnd - PLACE.data));
  }
}

const singles: readonly number[] = [
  ...[0, 1, 2, 0x7fffff, 0x800000, 0x800001, 0x3f800000, 0x3f800001, 0x3f7fffff, 0x40000000, 0x3f000000],
  ...[
    0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000, 0x7fc00001, 0x4f000000, 0x4effffff,
    0x4f800000,
  ],
  ...[0x5f000000, 0x5f7fffff, 0x5f800000, 0x4b000000, 0x4b800000, 0x33800000, 0x34000000],
];
const doubles: readonly bigint[] = [
  ...[0n, 1n, 0xf_ffff_ffff_ffffn, 0x10_0000_0000_0000n, 0x3ff0_0000_0000_0000n, 0x3ff0_0000_0000_0001n],
  ...[0x7fef_ffff_ffff_ffffn, 0x7ff0_0000_0000_0000n, 0x7ff0_0000_0000_0001n, 0x7ff8_0000_0000_0000n],
  ...[0x41df_ffff_ffc0_0000n, 0x41e0_0000_0000_0000n, 0x43e0_0000_0000_0000n, 0x43f0_0000_0000_0000n],
  ...[0x47ef_ffff_e000_0000n, 0x47ef_ffff_f000_0000n, 0x3810_0000_0000_0000n, 0x380f_ffff_ffff_ffffn],
  ...[0x36a0_0000_0000_0000n, 0x3690_0000_0000_0000n, 0x3fe0_0000_0000_0000n, 0x3ca0_0000_0000_0000n],
];

/** Bits for a float register; singles are mostly, not always, NaN-boxed. */
export function interestingFloat(random: Random, single: boolean): bigint {
  const sign = random.below(2);
  if (single) {
    const bits = random.below(3) > 0 ? random.pick(singles) : (random.word() & 0x7fff_ffff) >>> 0;
    const boxed = random.below(8) > 0 ? 0xffff_ffffn : BigInt(random.word() >>> 0);
    return (boxed << 32n) | BigInt((bits | (sign << 31)) >>> 0);
  }
  const bits = random.below(3) > 0 ? random.pick(doubles) : random.long() >> 1n;
  return bits | (BigInt(sign) << 63n);
}
