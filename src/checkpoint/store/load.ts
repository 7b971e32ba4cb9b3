/** Finds a store's newest whole state in its space. */
import { UserError } from '../../base/errors';
import { MAX_OBJECT_BYTES, type Codec } from './codec';
import { storeDamaged, storeForeign, storeIo } from './errors';
import { DATA_START, decodeRoot, MAX_ROOT_CHUNKS, readBeginning, type Anchor, type Root } from './format';
import type { Place } from './log';
import { BLOCK_BYTES, type BlockSpace } from './space';

export interface RootPiece {
  readonly place: Place;
  readonly length: number;
}

export interface Loaded {
  /** -1: nothing has been committed. */
  readonly generation: number;
  readonly segmentBytes: number;
  readonly root: Root | undefined;
  readonly pieces: readonly RootPiece[];
  /** The newest state was damaged, and an older one serves. */
  readonly fellBack: boolean;
}

/**
 * Undefined for a space that holds nothing. Throws 'STORE_FOREIGN' for one that holds something else, 'STORE_DAMAGED'
 * when no whole state is left, 'STORE_NEWER', 'STORE_IO'.
 */
export async function loadNewest(space: BlockSpace, codec: Codec): Promise<Loaded | undefined> {
  const bytes = await space.read(0, DATA_START).catch((error: unknown) => {
    throw storeIo(error);
  });
  const { kind, segmentBytes, anchors } = readBeginning(codec, bytes);
  if (kind === 'empty') return undefined;
  if (kind === 'foreign') throw storeForeign();
  if (kind !== 'damaged' && !isSegmentSize(segmentBytes)) throw storeDamaged('The beginning of the store');
  if (kind === 'new') return { generation: -1, segmentBytes, root: undefined, pieces: [], fellBack: false };
  for (const [index, anchor] of anchors.entries()) {
    const root = await readRoot(space, codec, anchor);
    if (!root) continue;
    const pieces = anchor.chunks.flatMap(({ copies }, i) =>
      copies.map((place) => ({ place, length: chunkBytes(anchor.rootBytes, i) })),
    );
    const usage = [...root.usage];
    for (const { place, length } of pieces) {
      for (let segment = usage.length; segment <= place.segment; segment++) usage.push(0);
      usage[place.segment] = (usage[place.segment] ?? 0) + length;
    }
    return {
      generation: anchors[0]?.generation ?? anchor.generation,
      segmentBytes,
      root: { ...root, usage, leftovers: root.leftovers || index > 0 },
      pieces,
      fellBack: index > 0,
    };
  }
  throw storeDamaged('The list of checkpoints');
}

export const isSegmentSize = (bytes: number): boolean =>
  bytes >= 2 * MAX_OBJECT_BYTES && bytes <= 2 ** 26 && bytes % BLOCK_BYTES === 0;

const chunkBytes = (rootBytes: number, index: number): number =>
  Math.min(MAX_OBJECT_BYTES, rootBytes - index * MAX_OBJECT_BYTES);

/** Undefined when both copies of a chunk are damaged. */
async function readRoot(space: BlockSpace, codec: Codec, anchor: Anchor): Promise<Root | undefined> {
  const { rootBytes, chunks, segmentBytes } = anchor;
  if (chunks.length > MAX_ROOT_CHUNKS || Math.ceil(rootBytes / MAX_OBJECT_BYTES) !== chunks.length)
    return undefined;
  const bytes = new Uint8Array(rootBytes);
  for (const [index, { copies, hash }] of chunks.entries()) {
    const length = chunkBytes(rootBytes, index);
    let whole: Uint8Array | undefined;
    for (const { segment, offset } of copies) {
      const part = await space
        .read(DATA_START + segment * segmentBytes + offset, length)
        .catch((error: unknown) => {
          throw storeIo(error);
        });
      codec.load(part);
      if (!codec.hash().every((byte, i) => byte === hash[i])) continue;
      whole = part;
      break;
    }
    if (!whole) return undefined;
    bytes.set(whole, index * MAX_OBJECT_BYTES);
  }
  try {
    return decodeRoot(bytes);
  } catch (error) {
    if (error instanceof UserError && error.code === 'STORE_DAMAGED') return undefined;
    throw error;
  }
}
