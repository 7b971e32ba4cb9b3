/**
 * The fixed parts of a store: header, anchors and root.
 *
 *     header (two copies of a block, written once) | 31 anchor slots (two copies each) | segments ...
 *
 * A commit appends a new root to the log, makes it durable, and then writes an anchor that names it into the next slot;
 * the valid anchor with the highest generation counts. Slots are gone through in a ring, so a torn anchor destroys
 * nothing. The root lists the checkpoints, the pages of the object table, and each segment's live bytes; each of its
 * chunks is in the log twice. Numbers are little-endian.
 */
import { invariant } from '../../base/errors';
import { HASH_BYTES, type Codec } from './codec';
import { storeDamaged, storeNewer } from './errors';
import type { Place } from './log';
import type { TablePage } from './table';
import { BLOCK_BYTES } from './space';

/** Raise when older versions cannot read what this one writes. */
export const STORE_VERSION = 1;

export const DATA_START = 256 * 1024;
const SLOT_BYTES = 2 * BLOCK_BYTES;
export const ANCHOR_SLOTS = DATA_START / SLOT_BYTES - 1;

const HEADER_MAGIC = 'CHRONOVISOR.STOR';
const ANCHOR_MAGIC = 'CHRONOVISOR.ANCH';
const ROOT_MAGIC = 0x5456_5243;

export interface RootChunk {
  readonly copies: readonly [Place, Place];
  readonly hash: Uint8Array;
}

export interface Anchor {
  readonly generation: number;
  readonly segmentBytes: number;
  readonly rootBytes: number;
  readonly chunks: readonly RootChunk[];
}

/** One checkpoint in the root: its number, and the ids of its summary and its manifest. */
export interface Listed {
  readonly number: number;
  readonly summary: number;
  readonly manifest: number;
}

export interface Root {
  readonly listed: readonly Listed[];
  readonly nextNumber: number;
  /** Objects may be left that nobody needs: from saves that were under way. */
  readonly leftovers: boolean;
  readonly table: readonly (TablePage | undefined)[];
  readonly usage: readonly number[];
}

const ROOT_HEAD_BYTES = 32;
export const rootBytes = (listed: number, tablePages: number, segments: number): number =>
  ROOT_HEAD_BYTES + 12 * listed + 16 * tablePages + 4 * segments;

/** Chunks that an anchor has place for. */
export const MAX_ROOT_CHUNKS = 120;
const CHUNK_ENTRY_BYTES = 32;

export const slotOffset = (generation: number): number => SLOT_BYTES * (1 + (generation % ANCHOR_SLOTS));

// --- blocks that check themselves

/**
 * A block ends in its hash. The header's lies in its first sector, which media write as a whole: a store whose making was
 * interrupted has no header at all, or a valid one.
 */
const hashAt = (magic: string): number => (magic === HEADER_MAGIC ? 512 : BLOCK_BYTES) - HASH_BYTES;

function sealed(codec: Codec, magic: string, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(new TextEncoder().encode(magic));
  const view = new DataView(block.buffer);
  view.setUint32(16, STORE_VERSION, true);
  fill(view, block);
  codec.load(block.subarray(0, hashAt(magic)));
  block.set(codec.hash(), hashAt(magic));
  const twice = new Uint8Array(2 * BLOCK_BYTES);
  twice.set(block);
  twice.set(block, BLOCK_BYTES);
  return twice;
}

/** The block, if it is whole. Throws 'STORE_NEWER' for a whole block of a newer version. */
function unsealed(codec: Codec, magic: string, block: Uint8Array): DataView | undefined {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK_BYTES);
  if (!startsWith(block, magic)) return undefined;
  codec.load(block.subarray(0, hashAt(magic)));
  const sum = block.subarray(hashAt(magic), hashAt(magic) + HASH_BYTES);
  if (!codec.hash().every((byte, i) => byte === sum[i])) return undefined;
  const version = view.getUint32(16, true);
  if (version > STORE_VERSION) throw storeNewer('The checkpoint store', version);
  return view;
}

const startsWith = (block: Uint8Array, magic: string): boolean =>
  new TextEncoder().encode(magic).every((byte, i) => block[i] === byte);

export const encodeHeader = (codec: Codec, segmentBytes: number): Uint8Array =>
  sealed(codec, HEADER_MAGIC, (view) => {
    view.setUint32(24, segmentBytes, true);
  });

export function encodeAnchor(codec: Codec, anchor: Anchor): Uint8Array {
  invariant(anchor.chunks.length <= MAX_ROOT_CHUNKS, 'the root fits its anchor');
  return sealed(codec, ANCHOR_MAGIC, (view, bytes) => {
    view.setUint32(24, anchor.segmentBytes, true);
    view.setUint32(28, anchor.chunks.length, true);
    view.setFloat64(32, anchor.generation, true);
    view.setUint32(40, anchor.rootBytes, true);
    anchor.chunks.forEach(({ copies, hash }, i) => {
      const at = 64 + CHUNK_ENTRY_BYTES * i;
      copies.forEach((place, copy) => {
        view.setUint32(at + 8 * copy, place.segment, true);
        view.setUint32(at + 8 * copy + 4, place.offset, true);
      });
      bytes.set(hash, at + 16);
    });
  });
}

function decodeAnchor(codec: Codec, block: Uint8Array): Anchor | undefined {
  const view = unsealed(codec, ANCHOR_MAGIC, block);
  if (!view) return undefined;
  const place = (at: number): Place => ({
    segment: view.getUint32(at, true),
    offset: view.getUint32(at + 4, true),
  });
  const chunks = Array.from({ length: view.getUint32(28, true) }, (_, i): RootChunk => {
    const at = 64 + CHUNK_ENTRY_BYTES * i;
    return { copies: [place(at), place(at + 8)], hash: block.slice(at + 16, at + 16 + HASH_BYTES) };
  });
  return {
    generation: view.getFloat64(32, true),
    segmentBytes: view.getUint32(24, true),
    rootBytes: view.getUint32(40, true),
    chunks,
  };
}

// --- the beginning of a store

export interface Beginning {
  /** 'new': the header is there, but nothing has been committed. */
  readonly kind: 'empty' | 'foreign' | 'damaged' | 'new' | 'store';
  readonly segmentBytes: number;
  /** Newest first. */
  readonly anchors: readonly Anchor[];
}

/** Looks at the first DATA_START bytes. Throws 'STORE_NEWER'. */
export function readBeginning(codec: Codec, bytes: Uint8Array): Beginning {
  const block = (at: number): Uint8Array => bytes.subarray(at, at + BLOCK_BYTES);
  const header = unsealed(codec, HEADER_MAGIC, block(0)) ?? unsealed(codec, HEADER_MAGIC, block(BLOCK_BYTES));
  const anchors: Anchor[] = [];
  let slotsInUse = 0;
  for (let at = SLOT_BYTES; at < DATA_START; at += SLOT_BYTES) {
    const anchor = decodeAnchor(codec, block(at)) ?? decodeAnchor(codec, block(at + BLOCK_BYTES));
    if (anchor) anchors.push(anchor);
    if (!isBlank(bytes.subarray(at, at + SLOT_BYTES))) slotsInUse++;
  }
  anchors.sort((a, b) => b.generation - a.generation);
  const segmentBytes = anchors[0]?.segmentBytes ?? header?.getUint32(24, true) ?? 0;
  if (anchors.length > 0) return { kind: 'store', segmentBytes, anchors };
  // Only the very first anchor can have been torn without anything being lost.
  if (header) return { kind: slotsInUse <= 1 ? 'new' : 'damaged', segmentBytes, anchors };
  const named = [0, BLOCK_BYTES].some((at) => startsWith(block(at), HEADER_MAGIC));
  if (named) return { kind: 'damaged', segmentBytes, anchors };
  return { kind: isBlank(bytes) ? 'empty' : 'foreign', segmentBytes, anchors };
}

function isBlank(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

// --- root

export function encodeRoot(root: Root): Uint8Array {
  const bytes = new Uint8Array(rootBytes(root.listed.length, root.table.length, root.usage.length));
  const view = new DataView(bytes.buffer);
  [
    ROOT_MAGIC,
    STORE_VERSION,
    root.listed.length,
    root.table.length,
    root.usage.length,
    root.nextNumber,
    root.leftovers ? 1 : 0,
  ].forEach((value, i) => view.setUint32(4 * i, value, true));
  let at = ROOT_HEAD_BYTES;
  const put = (value: number): void => {
    view.setUint32(at, value, true);
    at += 4;
  };
  for (const { number, summary, manifest } of root.listed) [number, summary, manifest].forEach(put);
  for (const page of root.table) {
    put(page?.segment ?? 0xffff_ffff);
    put(page?.offset ?? 0);
    view.setBigUint64(at, page?.check ?? 0n, true);
    at += 8;
  }
  for (const bytesInUse of root.usage) put(bytesInUse);
  return bytes;
}

/** Throws 'STORE_DAMAGED', 'STORE_NEWER'. */
export function decodeRoot(bytes: Uint8Array): Root {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < ROOT_HEAD_BYTES || view.getUint32(0, true) !== ROOT_MAGIC) {
    throw storeDamaged('The list of checkpoints');
  }
  const version = view.getUint32(4, true);
  if (version > STORE_VERSION) throw storeNewer('The list of checkpoints', version);
  const [listed = 0, pages = 0, segments = 0, nextNumber = 0, flags = 0] = [2, 3, 4, 5, 6].map((i) =>
    view.getUint32(4 * i, true),
  );
  if (rootBytes(listed, pages, segments) !== bytes.length) throw storeDamaged('The list of checkpoints');
  let at = ROOT_HEAD_BYTES;
  const take = (): number => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  return {
    nextNumber,
    leftovers: flags !== 0,
    listed: Array.from({ length: listed }, () => ({ number: take(), summary: take(), manifest: take() })),
    table: Array.from({ length: pages }, () => {
      const [segment, offset] = [take(), take()];
      at += 8;
      const check = view.getBigUint64(at - 8, true);
      return segment === 0xffff_ffff ? undefined : { segment, offset, check };
    }),
    usage: Array.from({ length: segments }, take),
  };
}
