/** Opens the checkpoint store at a path: a folder (the default), a file, or a raw device. */
import { createHash } from 'node:crypto';
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { SavedDisk } from '../../checkpoint/archive';
import { CheckpointStore, type StoreOptions } from '../../checkpoint/store/store';
import { FileSpace, syncFolder } from './file-space';
import { lockStore, releaseFor, type StoreLock } from './lock';

/** The store's file in a folder. */
export const STORE_FILE_NAME = 'checkpoints.cvstore';

export interface OpenStoreOptions extends StoreOptions {
  /** A file is used as it is and keeps its size, as a device does. */
  readonly fixed?: boolean;
}

export interface OpenedStore {
  readonly store: CheckpointStore;
  /** The file or device. */
  readonly path: string;
  /** Closes the store and lets others open it. */
  readonly close: () => Promise<void>;
}

/**
 * A path that does not exist becomes a folder, unless it ends in .cvstore. Throws what CheckpointStore.open throws, and
 * 'STORE_MISSING', 'STORE_IN_USE'.
 */
export async function openStore(path: string, options: OpenStoreOptions = {}): Promise<OpenedStore> {
  const file = await storeFile(path, options);
  if (options.create === 'never' && !options.readOnly) {
    // Looked at first: no lock is made where there is no store.
    await (await FileSpace.open(file, { mode: 'read' })).close();
  }
  const lock = options.readOnly ? undefined : await lockStore(await lockPath(file));
  try {
    const mode = options.readOnly ? 'read' : options.create === 'never' ? 'write' : 'create';
    const space = await FileSpace.open(file, { mode, ...(options.fixed ? { fixed: true } : {}) });
    const store = await CheckpointStore.open(space, { pause: () => setImmediate(), ...options });
    return { store, path: file, close: () => closeAll(store, lock) };
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/** Lets others open a store (OpenedStore.path) that a thread had open which has ended by an error. */
export async function unlockAfter(thread: number, file: string): Promise<void> {
  await releaseFor(thread, await lockPath(file));
}

async function closeAll(store: CheckpointStore, lock: StoreLock | undefined): Promise<void> {
  try {
    await store.close();
  } finally {
    await lock?.release();
  }
}

async function storeFile(path: string, options: OpenStoreOptions): Promise<string> {
  const kind = await stat(path).catch(() => undefined);
  if (kind) return kind.isDirectory() ? join(path, STORE_FILE_NAME) : path;
  if (path.endsWith('.cvstore')) return path;
  if (!options.readOnly && options.create !== 'never') await mkdir(path, { recursive: true });
  return join(path, STORE_FILE_NAME);
}

/** A device's lock cannot lie beside it. */
async function lockPath(file: string): Promise<string> {
  const kind = await stat(file).catch(() => undefined);
  if (!kind?.isBlockDevice()) return `${file}.lock`;
  const name = createHash('sha256')
    .update(await realpath(file))
    .digest('hex');
  return join(tmpdir(), `chronovisor-${name.slice(0, 16)}.lock`);
}

/** Makes a file of fixed size whose bytes are all allocated. */
export async function preallocate(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    const zeroes = new Uint8Array(1024 * 1024);
    for (let at = 0; at < sizeBytes; at += zeroes.length) {
      await file.write(zeroes, 0, Math.min(zeroes.length, sizeBytes - at), at);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes one checkpoint with all that it needs into a file of its own; a file of that name is replaced at the end.
 * `disks` has what the checkpoint keeps in layers outside the store.
 */
export async function exportCheckpoint(
  store: CheckpointStore,
  id: string,
  path: string,
  disks?: readonly SavedDisk[],
): Promise<void> {
  const partial = `${path}.partial`;
  await rm(partial, { force: true });
  try {
    await store.exportTo(id, await FileSpace.open(partial, { mode: 'create' }), disks);
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Takes over the checkpoints of a file that exportCheckpoint wrote, or of the store at any path. Returns the new ids. */
export async function importCheckpoints(store: CheckpointStore, path: string): Promise<string[]> {
  const space = await FileSpace.open(await storeFile(path, { readOnly: true }), { mode: 'read' });
  return (await store.importFrom(space)).map(({ id }) => id);
}
