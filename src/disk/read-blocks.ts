/** The bytes of blocks, from memory or from their homes. */
import { defined } from '../base/errors';
import { BLOCK_BYTES, type Block, type Home } from './block';

/** Blocks that one read of a home asks for, at most: 1 MiB. */
const MAX_RUN = 256;

/**
 * In the order of their places; `sizeBytes` is the disk's. The homes must be held meanwhile. Bytes in memory are not copied:
 * the blocks must be frozen (I3).
 */
export async function readBlocks(
  blocks: Iterable<readonly [number, Block]>,
  sizeBytes: number,
): Promise<(readonly [number, Uint8Array])[]> {
  const sorted = [...blocks].sort(([a], [b]) => a - b);
  const result: (readonly [number, Uint8Array])[] = [];
  for (let at = 0; at < sorted.length;) {
    const [index, block] = defined(sorted[at]);
    if (block.bytes !== undefined) {
      result.push([index, block.bytes]);
      at++;
      continue;
    }
    const home = defined(block.home, 'a block without bytes has a home');
    let count = 1;
    while (count < MAX_RUN && isNext(sorted[at + count], index + count, home)) count++;
    const offset = index * BLOCK_BYTES;
    const length = Math.min(count * BLOCK_BYTES, sizeBytes - offset);
    const bytes = new Uint8Array(count * BLOCK_BYTES);
    bytes.set(await home.image.read(offset, length));
    for (let one = 0; one < count; one++) {
      result.push([index + one, bytes.subarray(one * BLOCK_BYTES, (one + 1) * BLOCK_BYTES)]);
    }
    at += count;
  }
  return result;
}

const isNext = (entry: readonly [number, Block] | undefined, index: number, home: Home): boolean =>
  entry?.[0] === index && entry[1].bytes === undefined && entry[1].home === home;
