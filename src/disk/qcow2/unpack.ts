/** Unpacks one compressed cluster. What a hostile stream would unpack to beyond the cluster is never kept. */
import { Inflate } from 'fflate';
import { Decompress } from 'fzstd';
import type { Compression } from './header';

/** Compressed bytes fed at a time, so that what a hostile stream unpacks to is noticed soon. */
const CHUNK_BYTES = 4096;

/**
 * `packed` may be followed by padding up to a sector. Returns undefined when it yields less than a cluster; throws
 * whatever the decompressor throws for a damaged stream.
 */
export function unpackCluster(
  packed: Uint8Array,
  compression: Compression,
  clusterBytes: number,
): Uint8Array | undefined {
  const cluster = new Uint8Array(clusterBytes);
  let filled = 0;
  const collect = (chunk: Uint8Array): void => {
    const fitting = chunk.subarray(0, clusterBytes - filled);
    cluster.set(fitting, filled);
    filled += fitting.length;
  };
  const stream = compression === 'zlib' ? new Inflate(collect) : new Decompress(collect);
  try {
    for (let at = 0; at < packed.length && filled < clusterBytes; at += CHUNK_BYTES) {
      stream.push(packed.subarray(at, at + CHUNK_BYTES), false);
    }
  } catch (error) {
    // Padding behind a complete stream is no stream: it may well be refused.
    if (filled < clusterBytes) throw error;
  }
  return filled < clusterBytes ? undefined : cluster;
}
