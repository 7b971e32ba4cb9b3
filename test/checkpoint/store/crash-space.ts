/**
 * A space that remembers all that was done to it, so that the medium's contents after a power cut at any moment can be
 * made: what was synced is there; of the rest each 512-byte sector may be there or not; what was discarded is anything.
 * It also holds the store to row S21: whole blocks, and none written twice unless it was discarded in between.
 */
import assert from 'node:assert/strict';
import { BLOCK_BYTES, type BlockSpace } from '../../../src/checkpoint/store/space';

const SECTOR = 512;

/** Block number to contents; blocks that are missing are zeroes. */
export type Image = Map<number, Uint8Array>;

type Step =
  | { readonly op: 'write'; readonly block: number; readonly bytes: Uint8Array }
  | { readonly op: 'discard' | 'drop'; readonly block: number; readonly end: number }
  | { readonly op: 'sync' };

export class CrashSpace implements BlockSpace {
  readonly steps: Step[] = [];
  readonly limitBytes: number;
  readonly writeSizes: number[] = [];
  private readonly blocks: Image;
  private readonly written = new Set<number>();
  private size: number;

  constructor(
    private readonly start: Image,
    readonly growable: boolean,
    limitBytes: number,
  ) {
    this.blocks = new Map(start);
    this.limitBytes = growable ? Infinity : limitBytes;
    this.size = growable ? BLOCK_BYTES * (Math.max(-1, ...start.keys()) + 1) : limitBytes;
    for (const [block, bytes] of start) if (bytes.some((byte) => byte !== 0)) this.written.add(block);
  }

  get sizeBytes(): number {
    return this.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (let at = offset; at < offset + length; at += BLOCK_BYTES - (at % BLOCK_BYTES)) {
      const within = at % BLOCK_BYTES;
      const count = Math.min(BLOCK_BYTES - within, offset + length - at);
      const block = this.blocks.get(Math.floor(at / BLOCK_BYTES));
      if (block) out.set(block.subarray(within, within + count), at - offset);
    }
    return out;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    assert.equal(offset % BLOCK_BYTES, 0, 'S21: writes are aligned');
    assert.equal(bytes.length % BLOCK_BYTES, 0, 'S21: writes are whole blocks');
    assert.ok(offset + bytes.length <= this.limitBytes, 'writes stay inside');
    this.writeSizes.push(bytes.length);
    const kept = bytes.slice();
    const first = offset / BLOCK_BYTES;
    this.steps.push({ op: 'write', block: first, bytes: kept });
    for (let i = 0; i < bytes.length / BLOCK_BYTES; i++) {
      assert.ok(!this.written.has(first + i), `S21: block ${first + i} is written once`);
      // Zeroes where nothing is only take the place.
      if (bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES).some((byte) => byte !== 0))
        this.written.add(first + i);
      this.blocks.set(first + i, kept.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
    }
    this.size = Math.max(this.size, offset + bytes.length);
  }

  async sync(): Promise<void> {
    this.steps.push({ op: 'sync' });
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.remove('drop', Math.ceil(sizeBytes / BLOCK_BYTES), Math.ceil(this.size / BLOCK_BYTES));
    this.size = sizeBytes;
  }

  discard(offset: number, length: number): void {
    this.remove('discard', offset / BLOCK_BYTES, (offset + length) / BLOCK_BYTES);
  }

  async close(): Promise<void> {
    // Kept, to be looked at.
  }

  private remove(op: 'discard' | 'drop', block: number, end: number): void {
    this.steps.push({ op, block, end });
    for (let i = block; i < end; i++) {
      this.blocks.delete(i);
      this.written.delete(i);
    }
  }

  /** The medium after a power cut before step `at`. `random` gives numbers from 0 to below 1. */
  imageAt(at: number, random: () => number): Image {
    const image: Image = new Map(this.start);
    let synced = 0;
    for (let i = 0; i < at; i++) if (this.steps[i]?.op === 'sync') synced = i;
    // Sometimes nothing of the rest is there, sometimes all of it, mostly a part.
    const share = [0, 1, random(), random()][Math.floor(random() * 4)] ?? 0;
    this.steps.slice(0, at).forEach((step, i) => {
      const isThere = (): boolean => i < synced || random() < share;
      if (step.op === 'write') putSectors(image, step.block, step.bytes, i < synced ? () => true : isThere);
      if (step.op === 'discard' || step.op === 'drop') {
        for (let block = step.block; block < step.end; block++) {
          if (!image.has(block)) continue;
          if (step.op === 'drop' ? isThere() : random() < 0.5) image.delete(block);
          else if (step.op === 'discard') image.set(block, garbage());
        }
      }
    });
    return image;
  }
}

const garbage = (): Uint8Array => new Uint8Array(BLOCK_BYTES).fill(0xdb);

function putSectors(image: Image, first: number, bytes: Uint8Array, isThere: () => boolean): void {
  for (let i = 0; i < bytes.length / BLOCK_BYTES; i++) {
    const block = image.get(first + i)?.slice() ?? new Uint8Array(BLOCK_BYTES);
    for (let at = 0; at < BLOCK_BYTES; at += SECTOR) {
      if (isThere()) block.set(bytes.subarray(i * BLOCK_BYTES + at, i * BLOCK_BYTES + at + SECTOR), at);
    }
    image.set(first + i, block);
  }
}

/** Repeatable numbers from 0 to below 1. */
export function randomFrom(seed: number): () => number {
  let state = (seed + 1) * 0x9e37_79b1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d);
    state = (Math.imul(state ^ (state >>> 12), 0x297a_2d39) + 0x6d2b_79f5) | 0;
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
  };
}
