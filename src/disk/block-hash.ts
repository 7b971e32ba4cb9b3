/**
 * A 64-bit hash of a block and its place, made to be added up: the sum over a set of blocks does not depend on the order
 * in which they were written. Not cryptographic: it finds replays that went astray (I8), not forgeries.
 */

/** As an unsigned 64-bit number. The block's length is a multiple of 4, and it starts its buffer's word. */
export function hashBlock(index: number, block: Uint8Array): bigint {
  const words = new Uint32Array(block.buffer, block.byteOffset, block.length / 4);
  let a = mix(index ^ 0x9e3779b9);
  let b = mix((index / 2 ** 32) ^ 0x85ebca6b);
  for (const word of words) {
    a = Math.imul(rotate(a ^ word, 13), 0x5bd1e995) + b;
    b = Math.imul(rotate(b + word, 17), 0x1b873593) ^ a;
  }
  return (BigInt(mix(a ^ rotate(b, 16)) >>> 0) << 32n) | BigInt(mix(b + a) >>> 0);
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

function mix(value: number): number {
  const half = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  const full = Math.imul(half ^ (half >>> 13), 0xc2b2ae35);
  return full ^ (full >>> 16);
}
