/** Blocks: the unit in which layers hold what was written. */
import { defined } from '../base/errors';
import { hashBlock } from './block-hash';
import type { BaseImage } from './types';

export const BLOCK_BYTES = 4096;

/** Where contents are that have been written to a file. Counted: the file stays as long as anybody may read it. */
export interface Home {
  readonly image: BaseImage;
  retain(): void;
  release(): void;
}

/**
 * The contents of one place on the disk. In memory, in a file, or both; never changed once a layer that holds it is
 * frozen (I3).
 */
export class Block {
  private knownHash: bigint | undefined;
  /** Its bytes are in memory still, for requests that have begun. */
  isLeaving = false;

  constructor(
    /** undefined while it is in its home only. */
    public bytes: Uint8Array | undefined,
    private ownHome?: Home,
    hash?: bigint,
  ) {
    this.knownHash = hash;
  }

  get home(): Home | undefined {
    return this.ownHome;
  }

  get isWritable(): boolean {
    return this !== ZERO_BLOCK && this.ownHome === undefined;
  }

  /** Of a block at `index`. */
  hash(index: number): bigint {
    return (this.knownHash ??= hashBlock(index, defined(this.bytes, 'a block without bytes has its hash')));
  }

  /** Its bytes are about to be written. */
  touch(): Uint8Array {
    this.knownHash = undefined;
    return defined(this.bytes, 'a block that is written has its bytes');
  }

  /** The home has the same bytes at `index`. False where nothing is gained by it. */
  moveTo(home: Home, index: number): boolean {
    if (this === ZERO_BLOCK) return false;
    this.hash(index);
    this.ownHome = home;
    return this.bytes !== undefined;
  }
}

/** Shared by all zeroed blocks, and never written. */
export const ZERO_BLOCK = new Block(new Uint8Array(BLOCK_BYTES));

export const hashOf = (index: number, block: Block): bigint =>
  block === ZERO_BLOCK ? hashBlock(index, defined(ZERO_BLOCK.bytes)) : block.hash(index);

/** The present contents of all written blocks, whatever layer they are in. */
export type View = Map<number, Block>;
