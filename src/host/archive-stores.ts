/** The open stores of the thread: archives at the same place with the same options share one, as only one may write. */
import { resolve } from 'node:path';
import { MemorySpace } from '../checkpoint/store/space';
import { CheckpointStore } from '../checkpoint/store/store';
import type { OpenArchiveOptions } from './archive-protocol';
import { openStore, type OpenedStore } from './store/open-store';

interface Shared {
  readonly opened: Promise<OpenedStore>;
  users: number;
}

export interface UsedStore extends Pick<OpenedStore, 'store' | 'path'> {
  /** Closes the store after its last use. */
  release(): Promise<void>;
}

export class Stores {
  private readonly shared = new Map<string, Shared>();
  /** Stores that are being closed: their lock is still there. */
  private readonly closing = new Map<string, Promise<void>>();

  constructor(private readonly pause: () => Promise<void>) {}

  /** Throws what openStore throws. */
  async use(path: string, options: OpenArchiveOptions): Promise<UsedStore> {
    if (options.memory) return this.inMemory(path, options);
    const key = JSON.stringify([
      resolve(path),
      options.create,
      options.fixed,
      options.maxBytes,
      options.readOnly,
    ]);
    await this.closing.get(key);
    let shared = this.shared.get(key);
    if (!shared) {
      const { memory: _memory, ...rest } = options;
      shared = { opened: openStore(path, { ...rest, pause: this.pause }), users: 0 };
      this.shared.set(key, shared);
    }
    shared.users++;
    try {
      const { store, path: file } = await shared.opened;
      return { store, path: file, release: () => this.release(key, shared) };
    } catch (error) {
      if (this.shared.get(key) === shared) this.shared.delete(key);
      throw error;
    }
  }

  private async inMemory(path: string, { maxBytes }: OpenArchiveOptions): Promise<UsedStore> {
    const space = new MemorySpace(maxBytes ?? Infinity);
    const store = await CheckpointStore.open(space, { pause: this.pause });
    return { store, path, release: () => store.close() };
  }

  private async release(key: string, shared: Shared): Promise<void> {
    if (--shared.users > 0) return;
    this.shared.delete(key);
    const closing = shared.opened.then(({ close }) => close());
    this.closing.set(
      key,
      closing.catch(() => undefined),
    );
    try {
      await closing;
    } finally {
      this.closing.delete(key);
    }
  }
}
