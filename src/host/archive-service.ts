/**
 * What the thread that owns the stores does for its clients: opens archives, saves, loads, and reads pages for a guest that
 * waits. Nothing here takes long without a pause (archive-pacer.ts).
 */
import { defined } from '../base/errors';
import type { SavedDisk, SaveProgress } from '../checkpoint/archive';
import { saveFrozen, type SaveSources } from '../checkpoint/save-frozen';
import { storeClosed } from '../checkpoint/store/errors';
import { BLOCK_BYTES } from '../checkpoint/store/space';
import type { CheckpointStore } from '../checkpoint/store/store';
import type { CheckpointSummary, StoredCheckpoint, StoredPages } from '../checkpoint/store/stored';
import { Pacer } from './archive-pacer';
import {
  FillCells,
  FillState,
  packError,
  unpackBlocks,
  unpackDisk,
  type ArchiveCalls,
  type FillRequest,
  type LoadMessage,
  type OpenArchiveOptions,
  type PackedBlocks,
  type PackedDisk,
  type SaveMessage,
} from './archive-protocol';
import { Stores, type UsedStore } from './archive-stores';
import { exportCheckpoint, importCheckpoints } from './store/open-store';

/** How the thread reaches its client besides answers. */
export interface ServiceClient {
  progress(save: number, progress: SaveProgress): void;
  /** Asks for blocks of a save's disk, from this index of its list on; they come by `blocks`. */
  pull(save: number, disk: number, from: number): void;
}

interface Archive {
  readonly used: UsedStore;
  readonly saves: Set<Save>;
  /** What else uses the store and takes a while: closing waits for its end. */
  readonly busy: Set<Promise<unknown>>;
  readonly handles: Set<number>;
}

/** A loaded checkpoint. */
interface Handle {
  readonly checkpoint: StoredCheckpoint;
  /** One for its client, and one for each save that may take pages from it. */
  uses: number;
}

/** A save under way. */
interface Save {
  cancelled: boolean;
  readonly stopSparing: () => void;
  /** Gets the blocks that were pulled; undefined when none will come. */
  receive: ((blocks: PackedBlocks | undefined) => void) | undefined;
  ended: Promise<unknown>;
}

type Service = {
  [Name in keyof ArchiveCalls]: (
    ...args: Parameters<ArchiveCalls[Name]>
  ) => Promise<ReturnType<ArchiveCalls[Name]>>;
};

export class ArchiveService implements Service {
  private readonly pacer = new Pacer();
  private readonly stores = new Stores(() => this.pacer.pause());
  private readonly archives = new Map<number, Archive>();
  private readonly handles = new Map<number, Handle>();
  private readonly saves = new Map<number, Save>();

  constructor(private readonly client: ServiceClient) {}

  async open(
    archive: number,
    path: string,
    options: OpenArchiveOptions,
  ): Promise<{ path: string; fellBack: boolean }> {
    const used = await this.stores.use(path, options);
    this.archives.set(archive, { used, saves: new Set(), busy: new Set(), handles: new Set() });
    return { path: used.path, fellBack: used.store.fellBack };
  }

  async close(number: number): Promise<void> {
    const archive = this.archive(number);
    this.archives.delete(number);
    for (const save of archive.saves) cancel(save);
    await Promise.all([...archive.saves].map((save) => save.ended));
    for (const handle of archive.handles) await this.unload(handle);
    await archive.used.release();
    await Promise.allSettled([...archive.busy]);
  }

  async list(archive: number): Promise<readonly CheckpointSummary[]> {
    return this.store(archive).list();
  }

  async update(
    archive: number,
    id: string,
    change: { readonly name?: string; readonly notes?: string },
  ): Promise<void> {
    await this.store(archive).update(id, change);
  }

  async delete(archive: number, id: string): Promise<void> {
    await this.using(archive, (store) => store.delete(id));
  }

  async verify(archive: number, id: string): ReturnType<CheckpointStore['verify']> {
    return this.using(archive, (store) => store.verify(id));
  }

  async exportTo(archive: number, id: string, path: string, disks?: readonly PackedDisk[]): Promise<void> {
    await this.using(archive, (store) => exportCheckpoint(store, id, path, disks?.map(unpackDisk)));
  }

  async importFrom(archive: number, path: string): Promise<readonly string[]> {
    return this.using(archive, (store) => importCheckpoints(store, path));
  }

  async statistics(archive: number): Promise<ReturnType<CheckpointStore['statistics']>> {
    return this.store(archive).statistics();
  }

  // --- saving

  async save(archiveNumber: number, number: number, message: SaveMessage): Promise<CheckpointSummary> {
    const archive = this.archive(archiveNumber);
    const save: Save = {
      cancelled: false,
      stopSparing: this.pacer.spareGuest(),
      receive: undefined,
      ended: Promise.resolve(),
    };
    const handles = message.sources.flatMap((handle) => this.handles.get(handle ?? -1) ?? []);
    for (const handle of handles) handle.uses++;
    const saving = saveFrozen(archive.used.store, message, this.sourcesOf(save, number, message));
    save.ended = saving.catch(() => undefined);
    this.saves.set(number, save);
    archive.saves.add(save);
    try {
      return await saving;
    } finally {
      save.stopSparing();
      handles.forEach(letGo);
      this.saves.delete(number);
      archive.saves.delete(save);
    }
  }

  private sourcesOf(save: Save, number: number, message: SaveMessage): SaveSources {
    const { client } = this;
    const sources = message.sources.map((handle) => this.handles.get(handle ?? -1)?.checkpoint);
    return {
      absent: (source): StoredPages =>
        defined(sources[source], 'the source of an absent page is loaded when a save begins').ram,
      async *blocks(disk): AsyncGenerator<SavedDisk['blocks']> {
        const { blockCount } = defined(message.disks[disk]);
        for (let from = 0; from < blockCount && !save.cancelled;) {
          const blocks = await new Promise<PackedBlocks | undefined>((resolve) => {
            save.receive = resolve;
            client.pull(number, disk, from);
          });
          if (!blocks) return;
          from += blocks.numbers.length;
          yield unpackBlocks(blocks);
        }
      },
      isCancelled: () => save.cancelled,
      onProgress: (progress) => client.progress(number, progress),
    };
  }

  cancel(number: number): void {
    const save = this.saves.get(number);
    if (save) cancel(save);
  }

  hurry(number: number): void {
    this.saves.get(number)?.stopSparing();
  }

  blocks(number: number, blocks: PackedBlocks): void {
    this.saves.get(number)?.receive?.(blocks);
  }

  // --- loading

  async load(archiveNumber: number, id: string, handle: number): Promise<LoadMessage> {
    const archive = this.archive(archiveNumber);
    const checkpoint = await archive.used.store.read(id);
    try {
      const disks = [];
      for (const { pointer, blocks } of checkpoint.disks) {
        disks.push({ pointer, blocks: await packAll(blocks) });
      }
      const sections = await checkpoint.sections();
      // It may have been closed meanwhile.
      this.archive(archiveNumber);
      this.handles.set(handle, { checkpoint, uses: 1 });
      archive.handles.add(handle);
      return { summary: checkpoint.summary, sections, disks };
    } catch (error) {
      checkpoint.close();
      throw error;
    }
  }

  async unload(handle: number): Promise<void> {
    const loaded = this.handles.get(handle);
    if (loaded) letGo(loaded);
    this.handles.delete(handle);
    for (const { handles } of this.archives.values()) handles.delete(handle);
  }

  /** Reads pages into the memory of a guest that waits for them. */
  async fill({ handle, memory, pages, frames, shared }: FillRequest): Promise<void> {
    const cells = new FillCells(shared, pages.length);
    try {
      const checkpoint = this.handles.get(handle)?.checkpoint;
      if (!checkpoint) throw storeClosed();
      const contents = await this.pacer.first(() =>
        Promise.all(pages.map((page) => checkpoint.ram.read(page))),
      );
      if (!cells.change(FillState.wanted, FillState.writing)) return;
      const bytes = new Uint8Array(memory.buffer);
      contents.forEach((content, index) => {
        if (content === undefined) cells.isZero[index] = 1;
        else bytes.set(content, defined(frames[index]) * BLOCK_BYTES);
      });
      cells.end(FillState.done);
    } catch (error) {
      cells.setError(packError(error));
      if (cells.state !== FillState.givenUp) cells.end(FillState.failed);
    }
  }

  // --- inside

  private archive(number: number): Archive {
    const archive = this.archives.get(number);
    if (!archive) throw storeClosed();
    return archive;
  }

  private async using<T>(number: number, action: (store: CheckpointStore) => Promise<T>): Promise<T> {
    const { busy, used } = this.archive(number);
    const result = action(used.store);
    busy.add(result);
    try {
      return await result;
    } finally {
      busy.delete(result);
    }
  }

  private store(archive: number): CheckpointStore {
    return this.archive(archive).used.store;
  }
}

function letGo(handle: Handle): void {
  if (--handle.uses === 0) handle.checkpoint.close();
}

function cancel(save: Save): void {
  save.cancelled = true;
  save.receive?.(undefined);
}

async function packAll(blocks: StoredPages): Promise<PackedBlocks> {
  const numbers: number[] = [];
  for await (const number of blocks.numbers()) numbers.push(number);
  const bytes = new Uint8Array(numbers.length * BLOCK_BYTES);
  for (const [index, number] of numbers.entries()) {
    bytes.set((await blocks.read(number)) ?? new Uint8Array(BLOCK_BYTES), index * BLOCK_BYTES);
  }
  return { numbers, bytes };
}
