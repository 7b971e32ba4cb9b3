/**
 * Saving one checkpoint. Many can be under way at once; nothing of one shows before its commit. What is put is
 * deduplicated, compressed and sent on its way at once; `flow` between batches keeps the way short.
 *
 * A transaction ends by commit, by abort, or by an error: after an error only abort makes sense.
 */
import { invariant, userError } from '../../base/errors';
import type { Section } from '../../machine/device';
import type { Core } from './core';
import { encodeData } from './data';
import {
  encodeManifest,
  encodeSummary,
  type CheckpointInfo,
  type DiskPointer,
  type SectionRef,
} from './manifest';
import { Held, letGo, putBlob, putLoaded } from './objects';
import { MapBuilder } from './page-map';
import { BLOCK_BYTES } from './space';
import type { CheckpointSummary, StoredCheckpoint, StoredPages } from './stored';
import { ABSENT, ZERO } from './table';

/** Bytes that may wait to be written when flow returns. */
const BACKLOG_BYTES = 4 * 1024 * 1024;
const ZERO_PAGE = new Uint8Array(BLOCK_BYTES);

export interface SaveOptions {
  readonly info: CheckpointInfo;
  /** State of harts and devices, and whatever else belongs to the checkpoint. Names must differ. */
  readonly sections: readonly Section[];
  readonly disks?: readonly DiskPointer[];
  /** A checkpoint of this store: pages and blocks that are not put are the same as in it. */
  readonly like?: string;
  /** All blocks of the disks are put: `like` stands for RAM alone. */
  readonly allBlocks?: boolean;
}

/** What a transaction needs of the store. */
export interface TransactionOwner {
  readonly core: Core;
  pause(): Promise<void>;
  /** Frees space if little is left. */
  makeRoom(): Promise<void>;
  ended(transaction: SaveTransaction, summary?: CheckpointSummary): void;
}

export class SaveTransaction {
  /** Objects that are not committed and that this save refers to. */
  readonly held = new Held();
  private readonly ram: MapBuilder;
  private readonly disks: readonly { pointer: DiskPointer; blocks: MapBuilder }[];
  private readonly epoch: number;
  private sections: readonly SectionRef[] = [];
  private state: 'open' | 'committing' | 'ended' = 'open';
  private pagesPut = 0;

  constructor(
    private readonly owner: TransactionOwner,
    private readonly options: SaveOptions,
    private readonly like: StoredCheckpoint | undefined,
  ) {
    const { core } = owner;
    this.epoch = core.epoch;
    this.ram = new MapBuilder(like?.ram.root ?? new Map<number, number>());
    this.disks = (options.disks ?? []).map((pointer, i) => ({
      pointer,
      blocks: new MapBuilder(
        (options.allBlocks ? undefined : like?.disks[i]?.blocks.root) ?? new Map<number, number>(),
      ),
    }));
  }

  /** Puts what is known from the beginning. Throws 'STORE_FULL', 'STORE_IO'. */
  putSections(): void {
    const { core } = this.owner;
    this.sections = this.options.sections.map(({ name, version, data }) => ({
      name,
      version,
      blob: putBlob(core, encodeData(data), this.held),
    }));
  }

  /** Pages and blocks put so far. */
  get pages(): number {
    return this.pagesPut;
  }

  /**
   * Takes one page of 4096 bytes, which may lie in shared memory and are read before this returns. Pages of zeroes cost
   * nothing, and need not be put at all unless there is a `like`. Throws 'STORE_FULL', 'STORE_IO'.
   */
  putPage(page: number, bytes: Uint8Array): void {
    this.ram.set(page, this.put(page, bytes));
  }

  /** Takes a page as an open checkpoint has it; one of the same store is not read for it. Throws what reading throws, too. */
  async putFrom(page: number, source: StoredPages): Promise<void> {
    const { core } = this.owner;
    const id = await source.idIn(core, page);
    if (id === undefined) {
      this.putPage(page, (await source.read(page)) ?? ZERO_PAGE);
      return;
    }
    this.check();
    this.ram.set(page, id === ABSENT ? ZERO : id);
    if (id === ABSENT || id === ZERO) return;
    this.pagesPut++;
    core.onUse?.(id);
  }

  /** One block of 4096 bytes that lies over a disk's image. A block of zeroes hides what the image has there. */
  putDiskBlock(disk: number, block: number, bytes: Uint8Array): void {
    const entry = this.disks[disk];
    invariant(entry, 'the disk was named when the save began');
    entry.blocks.set(block, this.put(block, bytes));
  }

  /** Waits until little is on its way to the medium; makes room where little is left. */
  async flow(): Promise<void> {
    this.check();
    const { core } = this.owner;
    await core.state.log.drain(BACKLOG_BYTES);
    await this.owner.makeRoom();
    this.check();
    await this.owner.pause();
  }

  /**
   * Makes the checkpoint durable; when this has returned, it is. Throws 'STORE_FULL', or 'STORE_IO': then it may be there
   * as a whole, or not at all.
   */
  async commit(): Promise<CheckpointSummary> {
    this.check();
    this.state = 'committing';
    const { core } = this.owner;
    const pause = (): Promise<void> => this.owner.pause();
    const check = (): void => this.checkEpoch();
    try {
      await this.owner.makeRoom();
      const asIs = (id: number): number => id;
      const zeroAsAbsent = (id: number): number => (id === ZERO ? ABSENT : id);
      const ram = await this.ram.finish(core, this.held, zeroAsAbsent, pause, check);
      const disks = [];
      for (const { pointer, blocks } of this.disks) {
        disks.push({ pointer, blocks: await blocks.finish(core, this.held, asIs, pause, check) });
      }
      check();
      const manifest = putBlob(core, encodeManifest({ ram, disks, sections: this.sections }), this.held);
      const sizes = {
        pages: this.pagesPut,
        addedBytes: this.held.addedBytes,
        disks: this.disks.map(({ pointer }) => pointer),
      };
      const summary = putBlob(core, encodeSummary(this.options.info, sizes), this.held);
      let number = 0;
      await core.commit(() => {
        check();
        const { state } = core;
        number = state.nextNumber++;
        state.listed = [...state.listed, { number, summary, manifest }];
        letGo(core, this.held, true);
      });
      const saved = { ...this.options.info, ...sizes, id: String(number), damaged: false };
      this.end(saved);
      return saved;
    } catch (error) {
      this.state = 'open';
      throw error;
    }
  }

  /** Gives up; nothing stays behind. Does nothing once the transaction has ended. */
  abort(): void {
    if (this.state !== 'open') return;
    if (this.epoch === this.owner.core.epoch) letGo(this.owner.core, this.held, false);
    this.end();
  }

  /** All objects that this save refers to, but for what its `like` refers to. */
  *ids(): Generator<number> {
    yield* this.held.fresh;
    yield* this.held.parts;
    yield* this.ram.ids();
    for (const { blocks } of this.disks) yield* blocks.ids();
  }

  private put(index: number, bytes: Uint8Array): number {
    invariant(bytes.length === BLOCK_BYTES && index >= 0, 'pages have 4096 bytes and a number');
    this.check();
    const { core } = this.owner;
    core.codec.load(bytes);
    if (core.codec.isZero()) return ZERO;
    this.pagesPut++;
    return putLoaded(core, BLOCK_BYTES, this.held);
  }

  private check(): void {
    if (this.state !== 'open')
      throw userError('SAVE_ENDED', 'This checkpoint has been saved, or its saving was ended.');
    this.checkEpoch();
  }

  private checkEpoch(): void {
    const { core } = this.owner;
    core.checkOpen();
    if (this.epoch !== core.epoch) {
      throw (
        core.epochError ?? userError('SAVE_ENDED', 'The saving of this checkpoint was ended by an error.')
      );
    }
  }

  private end(saved?: CheckpointSummary): void {
    this.state = 'ended';
    this.like?.close();
    this.owner.ended(this, saved);
  }
}
