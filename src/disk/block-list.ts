/**
 * Which blocks a layer's file holds, with their hashes, as a small file beside it. qcow2 knows clusters only; with this a
 * disk that goes on in another process has the same hash for the same contents (I8), and finds each block at once.
 */
import { userError } from '../base/errors';

/** "CVBLOCK1" */
const MAGIC = 0x43_56_42_4c_4f_43_4b_31n;
const HEADER_BYTES = 24;
const RUN_BYTES = 12;
const HASH_BYTES = 8;

/** Magic, runs, blocks, checksum; runs of (first index, length); hashes in the order of the runs. */
export function encodeBlockList(hashes: ReadonlyMap<number, bigint>): Uint8Array {
  const sorted = [...hashes].sort(([a], [b]) => a - b);
  const runs: { first: number; length: number }[] = [];
  for (const [index] of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.length === index) last.length++;
    else runs.push({ first: index, length: 1 });
  }
  const hashesAt = HEADER_BYTES + runs.length * RUN_BYTES;
  const bytes = new Uint8Array(hashesAt + sorted.length * HASH_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, MAGIC);
  view.setUint32(8, runs.length);
  view.setUint32(12, sorted.length);
  runs.forEach(({ first, length }, run) => {
    view.setBigUint64(HEADER_BYTES + run * RUN_BYTES, BigInt(first));
    view.setUint32(HEADER_BYTES + run * RUN_BYTES + 8, length);
  });
  sorted.forEach(([, hash], at) => view.setBigUint64(hashesAt + at * HASH_BYTES, hash));
  view.setUint32(16, checksum(bytes.subarray(HEADER_BYTES)));
  return bytes;
}

/** Throws UserError 'LAYER_DAMAGED'. */
export function decodeBlockList(bytes: Uint8Array, name: string): Map<number, bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const refuse = () => layerDamaged(name);
  if (bytes.length < HEADER_BYTES || view.getBigUint64(0) !== MAGIC) throw refuse();
  const [runs, blocks] = [view.getUint32(8), view.getUint32(12)];
  const hashesAt = HEADER_BYTES + runs * RUN_BYTES;
  if (hashesAt + blocks * HASH_BYTES !== bytes.length) throw refuse();
  if (view.getUint32(16) !== checksum(bytes.subarray(HEADER_BYTES))) throw refuse();
  const hashes = new Map<number, bigint>();
  for (let run = 0, at = 0; run < runs; run++) {
    const first = Number(view.getBigUint64(HEADER_BYTES + run * RUN_BYTES));
    const length = view.getUint32(HEADER_BYTES + run * RUN_BYTES + 8);
    if (at + length > blocks) throw refuse();
    for (let index = first; index < first + length; index++, at++) {
      hashes.set(index, view.getBigUint64(hashesAt + at * HASH_BYTES));
    }
  }
  return hashes;
}

export const layerDamaged = (name: string) =>
  userError(
    'LAYER_DAMAGED',
    `the disk layer ${name} is damaged or of another version; delete the checkpoints that stand on it`,
  );

/** FNV-1a: against torn files, not forgers. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
