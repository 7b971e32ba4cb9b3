/**
 * An archive over a store in memory, without a thread: what is saved and loaded is what the real one saves and loads, at
 * instants that the test chooses. Disks are not its affair: frozen contents are kept as they are, for the same process.
 */
import assert from 'node:assert/strict';
import { userError } from '../../src/base/errors';
import { Emitter } from '../../src/base/events';
import type {
  CheckpointArchive,
  LoadedCheckpoint,
  SaveJob,
  SaveProgress,
  SaveRequest,
} from '../../src/checkpoint/archive';
import { saveFrozen } from '../../src/checkpoint/save-frozen';
import { MemorySpace } from '../../src/checkpoint/store/space';
import { CheckpointStore } from '../../src/checkpoint/store/store';
import type { StoredCheckpoint } from '../../src/checkpoint/store/stored';

const PAGE = 4096;

export class MemoryArchive implements CheckpointArchive {
  readonly fellBack = false;
  /** Requests of saves, in their order. */
  readonly requests: SaveRequest[] = [];
  /** Pages that were asked for after loading, of all handles. */
  pagesFilled = 0;
  /** What the store is read with fails. */
  broken = false;
  /** Handles of loaded checkpoints that are not closed. */
  readonly open = new Map<number, StoredCheckpoint>();
  /** Saves wait here while it is set. */
  private gate: Promise<void> | undefined;
  private openGate: () => void = () => undefined;
  private nextHandle = 1;

  private constructor(
    readonly path: string,
    private readonly store: CheckpointStore,
  ) {}

  static async make(path = 'memory'): Promise<MemoryArchive> {
    let archive: MemoryArchive | undefined = undefined as MemoryArchive | undefined;
    const pause = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      await archive?.gate;
    };
    archive = new MemoryArchive(path, await CheckpointStore.open(new MemorySpace(), { pause }));
    return archive;
  }

  /** From now on saves stand still, until `letGo`. */
  hold(): void {
    this.gate ??= new Promise((resolve) => {
      this.openGate = resolve;
    });
  }

  letGo(): void {
    this.gate = undefined;
    this.openGate();
  }

  save(request: SaveRequest): SaveJob {
    this.requests.push(request);
    const progress = new Emitter<SaveProgress>();
    let isCancelled = false;
    // As another thread gets it: directories are copied now.
    const copy = (table: Uint32Array): Uint32Array => table.slice();
    const like = request.like && {
      id: request.like.id,
      ...(request.like.directory ? { directory: copy(request.like.directory) } : {}),
    };
    const state = {
      info: request.info,
      sections: structuredClone(request.sections),
      ram: { ...request.ram, directory: copy(request.ram.directory) },
      disks: [],
      ...(like ? { like } : {}),
    };
    const done = saveFrozen(this.store, state, {
      absent: (source) => {
        const stored = this.open.get(request.sources[source] ?? 0);
        assert(stored, 'the source of an absent page is open');
        return stored.ram;
      },
      async *blocks() {
        // None here.
      },
      isCancelled: () => isCancelled,
      onProgress: (value) => {
        progress.fire(value);
      },
    }).finally(() => {
      // Disks are not saved here, but they must be there until the end: this throws where they were released.
      for (const contents of request.frozenDisks ?? []) contents.hash();
    });
    return {
      done,
      onProgress: progress.event,
      cancel: () => {
        isCancelled = true;
      },
      hurry: () => undefined,
    };
  }

  async load(id: string): Promise<LoadedCheckpoint> {
    const stored = await this.store.read(id);
    const pages = new Map<number, Uint8Array>();
    for await (const page of stored.ram.numbers()) {
      const bytes = await stored.ram.read(page);
      if (bytes) pages.set(page, bytes);
    }
    const handle = this.nextHandle++;
    this.open.set(handle, stored);
    return {
      summary: stored.summary,
      sections: await stored.sections(),
      disks: [],
      handle,
      ram: {
        fill: (memory, numbers, frames) => {
          if (!this.open.has(handle)) throw userError('STORE_CLOSED', 'It has been closed.');
          if (this.broken) throw userError('STORE_IO', 'The store cannot be read.');
          const all = new Uint8Array(memory.buffer);
          return numbers.map((page, index) => {
            this.pagesFilled++;
            const bytes = pages.get(page);
            if (bytes) all.set(bytes, (frames[index] ?? 0) * PAGE);
            return bytes === undefined;
          });
        },
      },
      close: () => {
        this.open.delete(handle);
        stored.close();
      },
    };
  }

  list(): ReturnType<CheckpointArchive['list']> {
    return Promise.resolve(this.store.list());
  }
  update(id: string, change: { readonly name?: string; readonly notes?: string }): Promise<void> {
    return this.store.update(id, change);
  }
  delete(id: string): Promise<void> {
    return this.store.delete(id);
  }
  verify(id: string): ReturnType<CheckpointArchive['verify']> {
    return this.store.verify(id);
  }
  exportTo(): Promise<void> {
    return Promise.reject(new Error('not here'));
  }
  importFrom(): Promise<readonly string[]> {
    return Promise.reject(new Error('not here'));
  }
  statistics(): ReturnType<CheckpointArchive['statistics']> {
    return Promise.resolve(this.store.statistics());
  }
  close(): Promise<void> {
    return this.store.close();
  }
}
