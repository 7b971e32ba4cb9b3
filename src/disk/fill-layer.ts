/** Writes blocks into a layer's file, cluster by cluster, at a pace that the caller sets. */
import { defined, userError } from '../base/errors';
import { BLOCK_BYTES, hashOf, ZERO_BLOCK, type Block } from './block';
import type { Qcow2Layer } from './qcow2/qcow2-layer';

export interface FillOptions {
  /** Asked before each piece: throttles by waiting. `done` and `total` are in bytes. */
  readonly pace?: (done: number, total: number) => Promise<void>;
  readonly signal?: { readonly aborted: boolean };
}

/** Bytes of one write: large and aligned, as flash likes it (S21). */
const PIECE_BYTES = 1 << 20;

/** Returns the hashes of the blocks. Throws UserError 'SAVE_CANCELLED' once `signal` says so. */
export async function fillLayer(
  layer: Qcow2Layer,
  blocks: ReadonlyMap<number, Block>,
  options: FillOptions,
): Promise<Map<number, bigint>> {
  const hashes = new Map<number, bigint>();
  const perCluster = layer.clusterBytes / BLOCK_BYTES;
  const clusters = [...new Set([...blocks.keys()].map((index) => Math.floor(index / perCluster)))];
  clusters.sort((a, b) => a - b);
  const most = Math.max(1, PIECE_BYTES / layer.clusterBytes);
  for (let at = 0; at < clusters.length;) {
    await options.pace?.(at * layer.clusterBytes, clusters.length * layer.clusterBytes);
    if (options.signal?.aborted === true) throw userError('SAVE_CANCELLED', 'saving the disk was cancelled');
    const first = defined(clusters[at]);
    let count = 1;
    while (count < most && clusters[at + count] === first + count) count++;
    await fillClusters(layer, first, count, blocks, hashes);
    at += count;
  }
  return hashes;
}

async function fillClusters(
  layer: Qcow2Layer,
  first: number,
  count: number,
  blocks: ReadonlyMap<number, Block>,
  hashes: Map<number, bigint>,
): Promise<void> {
  const offset = first * layer.clusterBytes;
  const length = Math.min(count * layer.clusterBytes, layer.sizeBytes - offset);
  const indices = Array.from(
    { length: Math.ceil(length / BLOCK_BYTES) },
    (_, at) => offset / BLOCK_BYTES + at,
  );
  const present = indices.map((index) => blocks.get(index));
  indices.forEach((index, at) => {
    const block = present[at];
    if (block !== undefined) hashes.set(index, hashOf(index, block));
  });
  if (present.every((block) => block === ZERO_BLOCK)) {
    await layer.writeZeroes(offset, length);
    return;
  }
  // The blocks that were not written are filled with what is underneath: a disk COW fault by cluster (S5).
  const whole = present.every((block) => block !== undefined);
  const bytes = whole ? new Uint8Array(length) : new Uint8Array(await layer.read(offset, length));
  for (const [at, index] of indices.entries()) {
    const block = present[at];
    if (block === undefined) continue;
    const start = at * BLOCK_BYTES;
    const end = Math.min(start + BLOCK_BYTES, length);
    const data = block.bytes ?? (await defined(block.home).image.read(index * BLOCK_BYTES, end - start));
    bytes.set(data.subarray(0, end - start), start);
  }
  await layer.write(offset, bytes);
}
