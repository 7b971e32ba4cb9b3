/**
 * The parts of an open store together: log, table, codec, and the list of checkpoints; and the one way to change what is
 * durable, `commit`.
 *
 * Invariants. What the last durable root refers to is in no segment that is written to. A commit prepares everything
 * without waiting for anything, so that saves going on meanwhile are either wholly in it or not at all; then it writes,
 * syncs, writes the anchor, syncs. After an error of the medium the state in memory is given up and read anew
 * (`epoch`), so that it is never ahead of the durable one by something that may not be there.
 */
import { invariant } from '../../base/errors';
import { type Codec, HASH_BYTES, MAX_OBJECT_BYTES } from './codec';
import { storeClosed, storeFull, storeIo, storeReadOnly } from './errors';
import {
  encodeAnchor,
  encodeRoot,
  rootBytes,
  slotOffset,
  type Anchor,
  type Listed,
  type RootChunk,
} from './format';
import { loadNewest, type Loaded, type RootPiece } from './load';
import { SegmentLog, type Layout } from './log';
import type { BlockSpace } from './space';
import { ObjectTable, TABLE_PAGE_BYTES, type TablePage } from './table';

/** What changes with every commit, and is read anew after an error. */
export interface State {
  readonly log: SegmentLog;
  readonly table: ObjectTable;
  listed: readonly Listed[];
  nextNumber: number;
  leftovers: boolean;
  /** Where the last commit's root is: released by the next. */
  pieces: readonly RootPiece[];
}

export class Core {
  private current: State;
  /** Raised when the state was read anew: what was made before it is void. */
  epoch = 0;
  /** Why the last epoch ended. */
  epochError: Error | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private closed = false;
  /** The state in memory was given up, and the durable one could not be read. */
  private unread = false;
  private generation: number;
  /** Objects of saves that are not committed, and how many saves refer to each. */
  readonly fresh = new Map<number, number>();
  /** After the state was read anew. */
  onReload: (() => Promise<void>) | undefined;
  /** While unneeded objects are being looked for: is told of each object that is put or found. */
  onUse: ((id: number) => void) | undefined;

  constructor(
    readonly space: BlockSpace,
    readonly codec: Codec,
    readonly layout: Layout,
    loaded: Loaded | undefined,
    readonly readOnly: boolean,
  ) {
    this.generation = loaded?.generation ?? -1;
    this.current = this.stateOf(loaded);
  }

  get state(): State {
    return this.current;
  }

  /** Free segments that saves leave alone, so that deleting works in a full store. */
  get reserve(): number {
    const { table, listed, log } = this.current;
    const root = rootBytes(listed.length + 1, table.pageCount, log.segments + 2);
    return 2 + Math.ceil((table.pageCount * TABLE_PAGE_BYTES + 2 * root) / this.layout.segmentBytes);
  }

  /** Runs after everything that was queued before; what fails does not stop what comes after. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    const result = this.queue.then(action, action);
    this.queue = result.catch(() => undefined);
    return result;
  }

  checkOpen(): void {
    if (this.closed) throw storeClosed();
  }

  checkWritable(): void {
    this.checkOpen();
    if (this.readOnly) throw storeReadOnly();
  }

  private get failure(): Error | undefined {
    return this.unread ? this.epochError : this.state.log.failed;
  }

  /** Ready to be changed: the table is loaded, and after an error the state has been read anew. */
  async ready(): Promise<void> {
    this.checkWritable();
    if (this.failure) {
      await this.exclusive(async () => {
        if (this.failure) await this.reload(this.failure);
      });
    }
    await this.state.table.loadAll();
    this.checkWritable();
  }

  /**
   * Makes durable what `change` does, with all that was put before. `change` does not wait, and throws only before it has
   * changed anything. Throws 'STORE_FULL' with
   * nothing changed when there is no room; 'STORE_IO' after an error of the medium, when the change may be durable or not.
   * `urgent`: may use the reserve.
   */
  commit(
    change: () => void,
    options: { readonly urgent?: boolean; readonly objects?: number } = {},
  ): Promise<void> {
    return this.exclusive(async () => {
      this.checkWritable();
      const { epoch } = this;
      const { log } = this.state;
      if (!log.failed) {
        if (!options.urgent) this.checkRoom(options.objects ?? 0);
        change();
      }
      try {
        await this.persist();
      } catch (error) {
        invariant(epoch === this.epoch, 'one thing at a time changes the store');
        await this.reload(storeIo(error));
        throw storeIo(error);
      }
    });
  }

  private checkRoom(objectBytes: number): void {
    const { table, log, listed } = this.state;
    const root = rootBytes(listed.length + 1, table.pageCount + 2, log.segments + 2);
    const pages = table.dirty.size + 2 + Math.ceil(objectBytes / MAX_OBJECT_BYTES);
    const needed = objectBytes + pages * TABLE_PAGE_BYTES + 2 * (root + 2 * MAX_OBJECT_BYTES);
    if (log.room(0) < needed) throw storeFull();
  }

  private async persist(): Promise<void> {
    const { log } = this.state;
    if (log.failed) throw log.failed;
    this.writeTable();
    const anchor = this.writeRoot();
    const usage = log.snapshot();
    const block = encodeAnchor(this.codec, anchor);
    await log.flush();
    await this.space.sync();
    this.space.discard(slotOffset(anchor.generation), block.length);
    await this.space.write(slotOffset(anchor.generation), block);
    await this.space.sync();
    this.generation = anchor.generation;
    log.setDurable(usage);
    await this.trim();
  }

  /** Cuts off what is at the end of a file and in no use. Files that stay longer do no harm: errors are passed over. */
  async trim(): Promise<void> {
    if (!this.space.growable || this.readOnly) return;
    const end = this.state.log.usedEnd();
    if (end < this.space.sizeBytes) await this.space.truncate(end).catch(() => undefined);
  }

  private writeTable(): void {
    const { table, log } = this.state;
    for (const page of table.dirty) {
      const bytes = table.pageBytes(page);
      const before = table.places[page];
      if (before) log.release(before, TABLE_PAGE_BYTES);
      this.codec.load(bytes);
      const check = checkOf(this.codec.hash());
      table.places[page] = { ...log.append(bytes, 0), check };
    }
    table.dirty.clear();
  }

  private writeRoot(): Anchor {
    const { state } = this;
    const { log, table } = state;
    for (const { place, length } of state.pieces) log.release(place, length);
    // Where the root itself is, the anchor says: its own bytes are not counted in it.
    const bytes = encodeRoot({
      listed: state.listed,
      nextNumber: state.nextNumber,
      leftovers: state.leftovers || this.fresh.size > 0,
      table: Array.from({ length: table.places.length }, (_, page) => table.places[page]),
      usage: log.snapshot(),
    });
    const pieces: RootPiece[] = [];
    const chunks: RootChunk[] = [];
    for (let at = 0; at < bytes.length; at += MAX_OBJECT_BYTES) {
      const part = bytes.subarray(at, at + MAX_OBJECT_BYTES);
      this.codec.load(part);
      const hash = this.codec.hash().slice();
      const copies = [log.append(part, 0), log.append(part, 0)] as const;
      for (const place of copies) pieces.push({ place, length: part.length });
      chunks.push({ copies, hash });
    }
    state.pieces = pieces;
    const { segmentBytes } = this.layout;
    return { generation: this.generation + 1, segmentBytes, rootBytes: bytes.length, chunks };
  }

  private stateOf(loaded: Loaded | undefined): State {
    const root = loaded?.root;
    const log = new SegmentLog(this.space, this.layout, root?.usage ?? []);
    const load = async (page: TablePage): Promise<Uint8Array | undefined> => {
      for (const fresh of [false, true]) {
        const bytes = await log.read(page, TABLE_PAGE_BYTES, fresh);
        this.codec.load(bytes);
        if (checkOf(this.codec.hash()) === page.check) return bytes;
      }
      return undefined;
    };
    return {
      log,
      table: new ObjectTable([...(root?.table ?? [])], load),
      listed: root?.listed ?? [],
      nextNumber: root?.nextNumber ?? 1,
      leftovers: root?.leftovers ?? false,
      pieces: loaded?.pieces ?? [],
    };
  }

  /** Gives up what is in memory for what is durable. Saves that were under way are void. */
  private async reload(error: Error): Promise<void> {
    this.epoch++;
    this.epochError = error;
    this.fresh.clear();
    this.onUse = undefined;
    this.unread = true;
    await this.current.log.abandon(error);
    const loaded = await loadNewest(this.space, this.codec);
    this.generation = Math.max(this.generation, loaded?.generation ?? -1);
    this.current = this.stateOf(loaded);
    await this.onReload?.();
    await this.trim();
    this.unread = false;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.exclusive(async () => {
      // Writes under way end first: the space may not be closed under them.
      await this.state.log.flush().catch(() => undefined);
      await this.space.close();
    });
  }
}

const checkOf = (hash: Uint8Array): bigint =>
  new DataView(hash.buffer, hash.byteOffset, HASH_BYTES).getBigUint64(0, true);
