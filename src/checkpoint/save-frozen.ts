/**
 * Saves a machine's frozen state into a store while the machine runs on: pages are read straight out of the shared linear
 * memory, by a page table that stays frozen until this has ended (machine/memory.ts, I3).
 *
 * A page of a machine that was itself resumed from a checkpoint may never have been touched: its cell is then not a frame
 * but ABSENT_PAGE with the number of the checkpoint in which the page still is.
 */
import { defined, invariant, UserError, userError } from '../base/errors';
import { ABSENT_PAGE, isAbsent } from '../machine/absent';
import { PAGE, ZERO_FRAME, ZERO_LEAF } from '../machine/layout';
import type { FrozenRam, SaveProgress, SaveRequest } from './archive';
import type { DiskPointer } from './store/manifest';
import type { CheckpointStore } from './store/store';
import type { CheckpointSummary, StoredPages } from './store/stored';
import type { SaveTransaction } from './store/transaction';

const LEAF_PAGES = 1024;

/** Pages put between two pauses: about 1 ms of hashing and compressing, the longest that a guest waits for a page. */
const BATCH_PAGES = 16;

/** What is left to ask for while saving. */
export interface SaveSources {
  /** Pages of the checkpoint that absent cells call by this number. */
  absent(source: number): StoredPages;
  /** Blocks of a disk, in pieces. */
  blocks(disk: number): AsyncIterable<readonly (readonly [number, Uint8Array])[]>;
  isCancelled(): boolean;
  onProgress(progress: SaveProgress): void;
}

/** A SaveRequest whose blocks are still elsewhere. */
export interface FrozenState extends Pick<SaveRequest, 'info' | 'sections' | 'ram' | 'like'> {
  readonly disks: readonly { readonly pointer: DiskPointer; readonly blockCount: number }[];
}

/** Throws 'SAVE_CANCELLED', 'STORE_FULL', 'STORE_IO', and what reading absent pages throws; the store is then as before. */
export async function saveFrozen(
  store: CheckpointStore,
  state: FrozenState,
  sources: SaveSources,
): Promise<CheckpointSummary> {
  const { like, ...whole } = state;
  if (like?.directory === undefined) return new Saving(whole, sources).run(store);
  try {
    return await new Saving(state, sources).run(store);
  } catch (error) {
    if (!isLost(error)) throw error;
    // The checkpoint that it was to be like has been deleted, or is damaged: all pages are here, too.
    return await new Saving(whole, sources).run(store);
  }
}

const isLost = (error: unknown): boolean =>
  error instanceof UserError && ['CHECKPOINT_UNKNOWN', 'STORE_DAMAGED', 'STORE_NEWER'].includes(error.code);

class Saving {
  private readonly totalPages: number;
  private done = 0;
  /** Pages put since the last pause. */
  private put = 0;

  constructor(
    private readonly state: FrozenState,
    private readonly sources: SaveSources,
  ) {
    const blocks = state.disks.reduce((sum, { blockCount }) => sum + blockCount, 0);
    this.totalPages = state.ram.ramBytes / PAGE + blocks;
  }

  async run(store: CheckpointStore): Promise<CheckpointSummary> {
    const { info, sections, disks, like } = this.state;
    this.checkCancelled();
    const transaction = await store.begin({
      info,
      sections,
      disks: disks.map(({ pointer }) => pointer),
      ...(like ? { like: like.id } : {}),
      allBlocks: true,
    });
    try {
      await this.putRam(transaction);
      for (const disk of disks.keys()) await this.putDisk(transaction, disk);
      await this.pause(transaction);
      return await transaction.commit();
    } catch (error) {
      transaction.abort();
      throw error;
    }
  }

  private async putRam(transaction: SaveTransaction): Promise<void> {
    const { ram, like } = this.state;
    const pages = ram.ramBytes / PAGE;
    for (let first = 0; first < pages; first += LEAF_PAGES) {
      const leaf = defined(ram.directory[first / LEAF_PAGES]);
      // Without a `like`, what is not put is zero.
      const before = like ? like.directory?.[first / LEAF_PAGES] : ZERO_LEAF;
      const count = Math.min(LEAF_PAGES, pages - first);
      if (leaf !== before) await this.putLeaf(transaction, first, count, leaf, before);
      this.done += count;
      if (leaf !== before) this.report();
    }
    this.report();
  }

  /** Puts the pages of a leaf whose cells differ from those of the leaf `before`. */
  private async putLeaf(
    transaction: SaveTransaction,
    first: number,
    count: number,
    leaf: number,
    before: number | undefined,
  ): Promise<void> {
    const { ram } = this.state;
    // A copy: pages that are absent may be fetched, and their cells become frames, at any time.
    const cells = leafCells(ram, leaf);
    const cellsBefore = before === undefined ? undefined : leafCells(ram, before);
    for (let index = 0; index < count; index++) {
      const cell = defined(cells[index]);
      if (cell === cellsBefore?.[index]) continue;
      const page = first + index;
      if (!isAbsent(cell)) transaction.putPage(page, frameBytes(ram, cell));
      else await transaction.putFrom(page, this.sources.absent(cell - ABSENT_PAGE));
      if (++this.put % BATCH_PAGES === 0) await this.pause(transaction);
    }
  }

  private async putDisk(transaction: SaveTransaction, disk: number): Promise<void> {
    for await (const blocks of this.sources.blocks(disk)) {
      for (const [block, bytes] of blocks) {
        transaction.putDiskBlock(disk, block, bytes);
        if (++this.put % BATCH_PAGES === 0) await this.pause(transaction);
      }
      this.done += blocks.length;
      this.report();
    }
  }

  private async pause(transaction: SaveTransaction): Promise<void> {
    await transaction.flow();
    this.checkCancelled();
  }

  private checkCancelled(): void {
    if (this.sources.isCancelled()) throw saveCancelled();
  }

  private report(): void {
    this.sources.onProgress({ pages: this.done, totalPages: this.totalPages });
  }
}

const saveCancelled = (): UserError => userError('SAVE_CANCELLED', 'Saving the checkpoint was cancelled.');

function leafCells(ram: FrozenRam, leaf: number): Uint32Array {
  return new Uint32Array(ram.memory.buffer, leaf * PAGE, LEAF_PAGES).slice();
}

function frameBytes({ memory }: FrozenRam, frame: number): Uint8Array {
  const at = frame * PAGE;
  invariant(frame >= ZERO_FRAME && at + PAGE <= memory.buffer.byteLength, 'a frozen cell names a frame');
  return new Uint8Array(memory.buffer, at, PAGE);
}
