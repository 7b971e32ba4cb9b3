/**
 * Archives of durable checkpoints (checkpoint/archive.ts), kept by a thread of their own: here is its client. One thread
 * serves all archives of the process, so that a page that is absent in one checkpoint can be saved into another archive.
 */
import { invariant, UserError } from '../base/errors';
import { Emitter } from '../base/events';
import type {
  CheckpointArchive,
  LoadedCheckpoint,
  SavedDisk,
  SaveJob,
  SaveProgress,
  SaveRequest,
} from '../checkpoint/archive';
import { storeClosed } from '../checkpoint/store/errors';
import type { StoreStatistics } from '../checkpoint/store/store';
import type { CheckpointSummary } from '../checkpoint/store/stored';
import type { Verification } from '../checkpoint/store/verify';
import {
  packBlocks,
  packDisk,
  unpackDisk,
  type ArchiveCalls,
  type CallName,
  type OpenArchiveOptions,
} from './archive-protocol';
import { ArchiveThread } from './archive-thread';

/** Blocks sent to the thread at once: copying them takes the guest's time, some 50 µs. */
const BLOCKS_AT_ONCE = 64;

/** One for the process, begun anew if it has ended. */
let thread: ArchiveThread | undefined;
/** Numbers of archives, saves and handles; never used twice, whatever thread serves them. */
let numbers = 0;

/**
 * Opens the archive at a path: a folder (the default; made if need be), a file, or a raw device. Archives at one path with
 * the same options share its store. Throws 'STORE_MISSING', 'STORE_IN_USE', 'STORE_FOREIGN', 'STORE_NEWER',
 * 'STORE_DAMAGED', 'STORE_TOO_SMALL', 'STORE_FULL', 'STORE_IO', 'STORE_WORKER'.
 */
export async function openArchive(
  path: string,
  options: OpenArchiveOptions = {},
): Promise<CheckpointArchive> {
  const owner = (thread ??= startThread());
  const number = ++numbers;
  owner.use();
  try {
    const opened = await owner.call('open', number, path, options);
    owner.opened(opened.path);
    return new ThreadArchive(owner, number, opened.path, opened.fellBack);
  } catch (error) {
    owner.unuse();
    throw error;
  }
}

function startThread(): ArchiveThread {
  const started = new ArchiveThread(() => {
    if (thread === started) thread = undefined;
  });
  return started;
}

class ThreadArchive implements CheckpointArchive {
  private closed: Promise<void> | undefined;

  constructor(
    private readonly thread: ArchiveThread,
    private readonly number: number,
    readonly path: string,
    readonly fellBack: boolean,
  ) {}

  list(): Promise<readonly CheckpointSummary[]> {
    return this.call('list', this.number);
  }

  update(id: string, change: { readonly name?: string; readonly notes?: string }): Promise<void> {
    return this.call('update', this.number, id, change);
  }

  delete(id: string): Promise<void> {
    return this.call('delete', this.number, id);
  }

  verify(id: string): Promise<Verification> {
    return this.call('verify', this.number, id);
  }

  exportTo(id: string, path: string, disks?: readonly SavedDisk[]): Promise<void> {
    return this.call('exportTo', this.number, id, path, ...(disks ? [disks.map(packDisk)] : []));
  }

  importFrom(path: string): Promise<readonly string[]> {
    return this.call('importFrom', this.number, path);
  }

  statistics(): Promise<StoreStatistics> {
    return this.call('statistics', this.number);
  }

  save(request: SaveRequest): SaveJob {
    const save = ++numbers;
    const { thread: owner } = this;
    const { info, sections, ram, like, sources, disks } = request;
    const progress = new Emitter<SaveProgress>();
    const stopListening = owner.listen(save, {
      progress: (message) => progress.fire(message.progress),
      pull: ({ disk, from }) => {
        const blocks = packBlocks(disks[disk]?.blocks.slice(from, from + BLOCKS_AT_ONCE) ?? []);
        owner.send({ kind: 'blocks', save, blocks }, [blocks.bytes.buffer]);
      },
    });
    const done = this.call('save', this.number, save, {
      info,
      sections,
      ram,
      sources,
      ...(like ? { like } : {}),
      disks: disks.map(({ pointer, blocks }) => ({ pointer, blockCount: blocks.length })),
    }).finally(() => {
      stopListening();
      progress.dispose();
    });
    // Who does not look at `done` does not want to know.
    done.catch(() => undefined);
    return {
      done,
      onProgress: progress.event,
      cancel: () => owner.send({ kind: 'cancel', save }),
      hurry: () => owner.send({ kind: 'hurry', save }),
    };
  }

  async load(id: string): Promise<LoadedCheckpoint> {
    const handle = ++numbers;
    const { summary, sections, disks } = await this.call('load', this.number, id, handle);
    const { thread: owner } = this;
    let isOpen = true;
    return {
      summary,
      sections,
      disks: disks.map(unpackDisk),
      handle,
      ram: {
        fill: (memory, pages, frames) => {
          if (this.closed) throw storeClosed();
          invariant(isOpen, 'pages are read from checkpoints that are not closed');
          return owner.fill(handle, memory, pages, frames);
        },
      },
      close: () => {
        isOpen = false;
        // It closes when the archive does, or has ended with its thread.
        owner.call('unload', handle).catch(() => undefined);
      },
    };
  }

  close(): Promise<void> {
    return (this.closed ??= this.closeOnce());
  }

  private async closeOnce(): Promise<void> {
    try {
      await this.thread.call('close', this.number);
    } catch (error) {
      // A thread that has ended has closed everything.
      if (!(error instanceof UserError) || error.code !== 'STORE_WORKER') throw error;
    } finally {
      this.thread.unuse();
    }
  }

  private call<Name extends CallName>(
    name: Name,
    ...args: Parameters<ArchiveCalls[Name]>
  ): Promise<ReturnType<ArchiveCalls[Name]>> {
    return this.closed ? Promise.reject(storeClosed()) : this.thread.call(name, ...args);
  }
}
