/**
 * The durable checkpoint data store (docs/decisions/0010-checkpoint-store.md; design rows S5, S18, S20, S21). One writer
 * at a time: who opens it sees to that. All functions may be used from a worker; long ones call `pause` between batches.
 *
 * At any moment the medium holds the store as it was after some commit: a crash leaves a checkpoint as a whole or not at
 * all, and never harms an older one.
 */
import { defined, UserError } from '../../base/errors';
import type { SavedDisk } from '../archive';
import { Codec } from './codec';
import { compact, NOT_QUITE_FULL, SPARSE, sweep, type Roots } from './collector';
import { copyCheckpoint } from './copy';
import { Core } from './core';
import { checkpointUnknown, storeDamaged, storeReadOnly } from './errors';
import { DATA_START, encodeHeader, type Listed } from './format';
import { isSegmentSize, loadNewest } from './load';
import type { Layout } from './log';
import { decodeSummary, encodeSummary, type Manifest } from './manifest';
import { getBlob, Held, letGo, putBlob } from './objects';
import { BLOCK_BYTES, type BlockSpace } from './space';
import { StoredCheckpoint, type CheckpointSummary } from './stored';
import { SaveTransaction, type SaveOptions } from './transaction';
import { verifyCheckpoint, type Verification } from './verify';

export interface StoreOptions {
  /** 'ifEmpty' (default): an empty space becomes a store. 'erase': whatever is there is lost. 'never': must be a store. */
  readonly create?: 'ifEmpty' | 'erase' | 'never';
  readonly readOnly?: boolean;
  /** Space budget. */
  readonly maxBytes?: number;
  /** For a new store: the unit of allocation. By default it follows from the space's limit. */
  readonly segmentBytes?: number;
  /** Called between batches of long work: where others get their turn, and where work is slowed down. */
  readonly pause?: () => Promise<void>;
}

export interface StoreStatistics {
  readonly checkpoints: number;
  /** Live objects; 0 until something was saved or deleted since opening. */
  readonly objects: number;
  readonly sizeBytes: number;
  /** Infinity without a budget on a growable space. */
  readonly limitBytes: number;
  readonly liveBytes: number;
  /** Infinity without a limit. */
  readonly freeBytes: number;
  readonly writtenBytes: number;
}

/** Small stores get small segments, so that there are enough of them. */
const SEGMENT_SIZES = [1024 * 1024, 256 * 1024, 64 * 1024];
const MIN_SEGMENTS = 16;

const noPause = (): Promise<void> => Promise.resolve();

export class CheckpointStore {
  private readonly transactions = new Set<SaveTransaction>();
  private readonly handles = new Set<StoredCheckpoint>();
  private readonly summaries = new Map<number, CheckpointSummary>();
  private collecting: Promise<unknown> = Promise.resolve();
  private roomTried = false;

  private constructor(
    private readonly core: Core,
    private readonly pause: () => Promise<void>,
    /** The newest state was damaged: what was saved or deleted last may be missing or back. */
    readonly fellBack: boolean,
  ) {}

  /** Throws 'STORE_FOREIGN', 'STORE_NEWER', 'STORE_DAMAGED', 'STORE_TOO_SMALL', 'STORE_IO'. The space is closed on errors. */
  static async open(space: BlockSpace, options: StoreOptions = {}): Promise<CheckpointStore> {
    try {
      return await CheckpointStore.openUnguarded(space, options);
    } catch (error) {
      await space.close().catch(() => undefined);
      throw error;
    }
  }

  private static async openUnguarded(space: BlockSpace, options: StoreOptions): Promise<CheckpointStore> {
    const codec = new Codec();
    if (options.create === 'erase') {
      if (options.readOnly) throw storeReadOnly();
      if (space.growable) await space.truncate(0);
      else await space.write(0, new Uint8Array(DATA_START));
      await space.sync();
    }
    const loaded = await loadNewest(space, codec);
    const limitBytes = Math.min(space.limitBytes, options.maxBytes ?? Infinity);
    if (!loaded && (options.create === 'never' || options.readOnly)) throw storeDamaged('This empty store');
    const layout = layoutFor(limitBytes, loaded?.segmentBytes ?? options.segmentBytes, loaded === undefined);
    if (!loaded) {
      await space.write(0, encodeHeader(codec, layout.segmentBytes));
      // A file takes the anchors' place now, not when its disk is full.
      const header = 2 * BLOCK_BYTES;
      if (space.growable) await space.write(header, new Uint8Array(DATA_START - header));
      await space.sync();
    }
    const core = new Core(space, codec, layout, loaded, options.readOnly ?? false);
    const store = new CheckpointStore(core, options.pause ?? noPause, loaded?.fellBack ?? false);
    if ((loaded?.generation ?? -1) < 0 && !options.readOnly)
      await core.commit(() => undefined, { urgent: true });
    core.onReload = () => store.loadSummaries();
    await store.loadSummaries();
    await core.trim();
    return store;
  }

  private async loadSummaries(): Promise<void> {
    for (const listed of this.core.state.listed) await this.summaryOf(listed);
  }

  private async summaryOf(listed: Listed): Promise<CheckpointSummary> {
    const known = this.summaries.get(listed.number);
    if (known) return known;
    const id = String(listed.number);
    try {
      const summary = { ...decodeSummary(await getBlob(this.core, listed.summary)), id, damaged: false };
      this.summaries.set(listed.number, summary);
      return summary;
    } catch (error) {
      if (!(error instanceof UserError) || !['STORE_DAMAGED', 'STORE_NEWER'].includes(error.code))
        throw error;
      const summary = damagedSummary(id);
      this.summaries.set(listed.number, summary);
      return summary;
    }
  }

  // --- saving

  /** Begins to save a checkpoint. Throws 'STORE_FULL', 'STORE_IO', 'CHECKPOINT_UNKNOWN'. */
  async begin(options: SaveOptions): Promise<SaveTransaction> {
    await this.core.ready();
    const like = options.like === undefined ? undefined : await this.read(options.like);
    const owner = {
      core: this.core,
      pause: this.pause,
      makeRoom: () => this.makeRoom(),
      ended: (ended: SaveTransaction, summary?: CheckpointSummary): void => {
        this.transactions.delete(ended);
        if (summary) this.summaries.set(Number(summary.id), summary);
        else this.roomTried = false;
      },
    };
    const transaction = new SaveTransaction(owner, options, like);
    this.transactions.add(transaction);
    try {
      await this.makeRoom();
      transaction.putSections();
      return transaction;
    } catch (error) {
      transaction.abort();
      throw error;
    }
  }

  // --- looking

  /** In the order of their commits. */
  list(): CheckpointSummary[] {
    this.core.checkOpen();
    return this.core.state.listed.map(
      ({ number }) => this.summaries.get(number) ?? damagedSummary(String(number)),
    );
  }

  /** Opens a checkpoint; close it after use. Throws 'CHECKPOINT_UNKNOWN', 'STORE_DAMAGED', 'STORE_NEWER', 'STORE_IO'. */
  async read(id: string): Promise<StoredCheckpoint> {
    this.core.checkOpen();
    const listed = this.find(id);
    const summary = await this.summaryOf(listed);
    const handle: StoredCheckpoint = await StoredCheckpoint.open(this.core, summary, listed.manifest, () => {
      this.handles.delete(handle);
    });
    this.find(id);
    this.handles.add(handle);
    return handle;
  }

  /** Reads all of a checkpoint. What is wrong with it is in the result; throws 'CHECKPOINT_UNKNOWN', 'STORE_IO'. */
  async verify(id: string): Promise<Verification> {
    const summary = await this.summaryOf(this.find(id));
    return verifyCheckpoint(() => this.read(id), summary, this.pause);
  }

  statistics(): StoreStatistics {
    const { log, table, listed } = this.core.state;
    const { maxSegments, segmentBytes, dataStart } = log.layout;
    const usage = log.snapshot();
    return {
      checkpoints: listed.length,
      objects: table.size,
      sizeBytes: this.core.space.growable
        ? this.core.space.sizeBytes
        : dataStart + maxSegments * segmentBytes,
      limitBytes: dataStart + maxSegments * segmentBytes,
      liveBytes: usage.reduce((sum, bytes) => sum + bytes, 0),
      freeBytes: log.room(this.core.reserve),
      writtenBytes: log.bytesWritten,
    };
  }

  // --- changing

  /** Changes name or notes. */
  async update(id: string, change: { readonly name?: string; readonly notes?: string }): Promise<void> {
    await this.core.ready();
    const { number } = this.find(id);
    const summary = await this.summaryOf(this.find(id));
    if (summary.damaged) throw storeDamaged('The checkpoint');
    const { id: _id, damaged: _damaged, pages, addedBytes, disks, ...info } = summary;
    const changed = { ...info, ...change };
    await this.core.commit(
      () => {
        this.find(id);
        const held = new Held();
        const blob = putBlob(this.core, encodeSummary(changed, { pages, addedBytes, disks }), held);
        const { state } = this.core;
        state.listed = state.listed.map((one) => (one.number === number ? { ...one, summary: blob } : one));
        letGo(this.core, held, true);
      },
      { urgent: true },
    );
    this.summaries.set(number, { ...summary, ...change });
  }

  /** Deletes a checkpoint, durably, and then frees what only it needed. */
  async delete(id: string): Promise<void> {
    await this.core.ready();
    const { number } = this.find(id);
    await this.core.commit(
      () => {
        this.find(id);
        const { state } = this.core;
        state.listed = state.listed.filter((one) => one.number !== number);
        state.leftovers = true;
      },
      { urgent: true },
    );
    this.summaries.delete(number);
    await this.collect();
  }

  /** Frees what nobody needs, and moves what is left together. */
  collect(): Promise<void> {
    return this.alone(async () => {
      this.roomTried = false;
      await sweep(this.core, this.roots(), this.pause);
      await compact(this.core, SPARSE, this.pause);
    });
  }

  // --- export and import

  /** Makes a store of the one checkpoint in an empty space, and closes that. `disks`: see copyCheckpoint. */
  async exportTo(id: string, space: BlockSpace, disks?: readonly SavedDisk[]): Promise<void> {
    const target = await CheckpointStore.open(space, { segmentBytes: 1024 * 1024, pause: this.pause });
    try {
      await this.with(id, (source) => copyCheckpoint(source, target, disks));
    } finally {
      await target.close();
    }
  }

  /** Takes over all checkpoints of another store, which is closed afterwards. */
  async importFrom(space: BlockSpace): Promise<CheckpointSummary[]> {
    const source = await CheckpointStore.open(space, { readOnly: true, pause: this.pause });
    try {
      await this.core.ready();
      if (source.fellBack) throw storeDamaged('The file');
      const imported: CheckpointSummary[] = [];
      for (const { id } of source.list()) {
        await source.with(id, async (checkpoint) => {
          imported.push(await copyCheckpoint(checkpoint, this));
        });
      }
      return imported;
    } finally {
      await source.close();
    }
  }

  /** Saves under way are given up. */
  async close(): Promise<void> {
    for (const transaction of [...this.transactions]) transaction.abort();
    await this.collecting;
    await this.core.close();
  }

  // --- inside

  private async with<T>(id: string, use: (checkpoint: StoredCheckpoint) => Promise<T>): Promise<T> {
    const checkpoint = await this.read(id);
    try {
      return await use(checkpoint);
    } finally {
      checkpoint.close();
    }
  }

  private find(id: string): Listed {
    const listed = this.core.state.listed.find(({ number }) => String(number) === id);
    if (!listed) throw checkpointUnknown(id);
    return listed;
  }

  /** One collection at a time. */
  private alone(action: () => Promise<void>): Promise<void> {
    const result = this.collecting.then(action);
    this.collecting = result.catch(() => undefined);
    return result;
  }

  /** Called often: does something only where little room is left and something may be gained. */
  private async makeRoom(): Promise<void> {
    await this.core.ready();
    const little = (): boolean => this.core.state.log.freeSegments() < this.core.reserve + 4;
    if (!little() || this.roomTried) return;
    await this.alone(async () => {
      if (!little() || this.roomTried) return;
      this.roomTried = true;
      // What was given up while it was being written is free only now.
      await this.core.state.log.settle();
      if (this.core.state.leftovers) await sweep(this.core, this.roots(), this.pause);
      await compact(this.core, NOT_QUITE_FULL, this.pause);
    });
  }

  private roots(): Roots {
    const { transactions, handles } = this;
    return {
      *manifests(): Generator<Manifest> {
        for (const { manifest } of handles) yield manifest;
      },
      *ids(): Generator<number> {
        for (const transaction of transactions) yield* transaction.ids();
      },
    };
  }
}

function layoutFor(limitBytes: number, wanted: number | undefined, isNew: boolean): Layout {
  const room = limitBytes - DATA_START;
  const segmentBytes =
    wanted ?? SEGMENT_SIZES.find((size) => room / size >= 4 * MIN_SEGMENTS) ?? defined(SEGMENT_SIZES.at(-1));
  const maxSegments = room === Infinity ? Infinity : Math.floor(room / segmentBytes);
  if (isNew && (maxSegments < MIN_SEGMENTS || !isSegmentSize(segmentBytes))) {
    throw new UserError(
      'STORE_TOO_SMALL',
      `A checkpoint store needs at least ${(DATA_START + MIN_SEGMENTS * defined(SEGMENT_SIZES.at(-1))) / 1024} KiB: give it more space.`,
    );
  }
  return { segmentBytes, dataStart: DATA_START, maxSegments: Math.max(0, maxSegments) };
}

const damagedSummary = (id: string): CheckpointSummary => ({
  id,
  damaged: true,
  name: '',
  notes: '',
  automatic: false,
  savedAt: 0,
  instret: 0,
  stopMicroseconds: 0,
  ramBytes: 0,
  consoleTail: '',
  guest: null,
  pages: 0,
  addedBytes: 0,
  disks: [],
});
