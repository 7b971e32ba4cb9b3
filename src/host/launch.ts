/**
 * From a launch to a guest with its archive: opens the store, finds the checkpoint to begin with, sees to it that settings and
 * files are those of that checkpoint, and builds the machine. Debug adapter and command line both begin here.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { UserError, userError } from '../base/errors';
import type { CheckpointArchive, LoadedCheckpoint, SaveJob } from '../checkpoint/archive';
import type { DiskArchive } from '../checkpoint/disk-archive';
import { storeDamaged } from '../checkpoint/store/errors';
import type { CheckpointSummary } from '../checkpoint/store/stored';
import { openGuest, type Guest, type GuestFiles, type GuestOptions, type GuestSettings } from '../dap/guest';
import type { Keeping } from '../dap/ports';
import {
  decodeGuest,
  differencesOf,
  encodeGuest,
  guestDiffers,
  type GivenSettings,
  type GuestFile,
  type SavedGuest,
} from '../protocol';
import { openArchive } from './archive';
import { openDiskArchive } from './disk/disk-archive';
import { guestFiles, openPaged } from './files';
import type { PagedFile } from './paged-file';
import { SymbolFiles } from './symbol-files';

export interface LaunchRequest {
  readonly settings: GuestSettings;
  /** Those of the settings that somebody gave: the others follow the checkpoint. */
  readonly given: GivenSettings;
  /** Absent: nothing can be saved. */
  readonly store?: string | undefined;
  /** Space budget of the store. */
  readonly maxBytes?: number | undefined;
  /** Name or id of a checkpoint in the store, or the path of an exported file. */
  readonly checkpoint?: string | undefined;
  /** Of the checkpoint, the disks alone are taken: the guest begins with power-on. So it is with a snapshot of disks. */
  readonly disksOnly?: boolean;
  /** What the guest writes to its disks is forgotten: nothing is saved. */
  readonly snapshot?: boolean;
  /** Where disk images are now that have moved, by where they were. */
  readonly relocated?: Readonly<Record<string, string>>;
  /** A store that cannot be opened is told, and the guest runs without. */
  readonly storeIsOptional?: boolean;
}

export interface Launched {
  readonly guest: Guest;
  /** Absent without a store that can be written. */
  readonly keeping?: Keeping;
  /** Why there is none, though there should be. */
  readonly storeError?: UserError;
  /** Keeps the disks alone, as they are now (row S23). */
  readonly saveDisks?: (name: string, guest: SavedGuest, savedAt: number) => SaveJob;
  /** What the guest begins with. */
  readonly from?: CheckpointSummary;
  /** After the guest has been disposed of. Saves under way are cancelled. */
  close(): Promise<void>;
}

/** Throws what openGuest and openArchive throw, 'CHECKPOINT_UNKNOWN', 'CHECKPOINT_AMBIGUOUS', 'CHECKPOINT_GUEST'. */
export async function launchGuest(
  request: LaunchRequest,
  options: Omit<GuestOptions, 'archive' | 'from'>,
): Promise<Launched> {
  const resolve = (path: string): string => guestFiles.resolve(path, request.settings.cwd);
  const open: DiskArchive[] = [];
  const files = new HashedFiles();
  const close = async (): Promise<void> => {
    files.close();
    for (const archive of open.splice(0).reverse()) await archive.close();
  };
  let loaded: LoadedCheckpoint | undefined;
  try {
    const moved = Object.entries(request.relocated ?? {}).map(
      ([from, to]) => [resolve(from), resolve(to)] as const,
    );
    const relocated = new Map(moved);
    const opening = storeOf(request, resolve, relocated);
    const plain = await beside(opening, () => openPlain(request, files.files, options));
    const { archive: store, error: storeError } = await opening;
    if (store) open.push(store);
    const source =
      request.checkpoint === undefined
        ? undefined
        : await sourceOf(request.checkpoint, store, resolve, relocated);
    if (source && source.archive !== store) open.push(source.archive);
    loaded = await source?.archive.load(source.id);
    const disksOnly = request.disksOnly === true || loaded?.summary.ramBytes === 0;
    const settings = loaded
      ? await settingsOf(request, loaded.summary, files, resolve, disksOnly)
      : request.settings;
    const from = loaded &&
      !disksOnly && {
        loaded,
        ...(source?.archive === store && store ? { archivePath: store.path } : {}),
      };
    const archive = store ?? source?.archive;
    const guest =
      plain ??
      (await openGuest(settings, files.files, {
        ...options,
        ...(archive ? { archive } : {}),
        ...(from ? { from } : {}),
        ...(loaded && disksOnly ? { disksFrom: loaded } : {}),
      }));
    const summary = from ? loaded?.summary : undefined;
    if (disksOnly) loaded?.close();
    // From now on it is the guest's.
    loaded = undefined;
    let described: Promise<SavedGuest> | undefined;
    const identity = (): Promise<SavedGuest> => (described ??= describeGuest(settings, files, resolve));
    return {
      guest,
      ...(store && request.snapshot !== true
        ? { keeping: keepingOf(store, identity, guest), saveDisks: savingDisks(store, guest) }
        : {}),
      ...(storeError ? { storeError } : {}),
      ...(summary ? { from: summary } : {}),
      close,
    };
  } catch (error) {
    loaded?.close();
    await close().catch(() => undefined);
    throw error;
  }
}

/** Nothing of it depends on a store: built while the store's thread starts. Undefined for other guests. */
async function openPlain(
  { checkpoint, settings }: LaunchRequest,
  files: GuestFiles,
  options: GuestOptions,
): Promise<Guest | undefined> {
  if (checkpoint !== undefined || settings.disks.length > 0) return undefined;
  return openGuest(settings, files, options);
}

/** Both, or neither: what has been opened when the other fails is closed. */
async function beside(
  opening: ReturnType<typeof storeOf>,
  open: () => Promise<Guest | undefined>,
): Promise<Guest | undefined> {
  const [store, guest] = await Promise.allSettled([opening, open()]);
  if (guest.status === 'rejected') {
    if (store.status === 'fulfilled') await store.value.archive?.close().catch(() => undefined);
    throw guest.reason;
  }
  if (store.status === 'rejected') {
    guest.value?.debuggee.dispose();
    throw store.reason;
  }
  return guest.value;
}

const keepingOf = (archive: DiskArchive, guest: () => Promise<SavedGuest>, { debuggee }: Guest): Keeping => ({
  archive,
  guest,
  disksOf: (loaded) => archive.contents(loaded.disks, debuggee.config.disks?.map(({ port }) => port) ?? []),
});

const savingDisks =
  (archive: DiskArchive, { debuggee }: Guest) =>
  (name: string, guest: SavedGuest, savedAt: number): SaveJob => {
    const contents = (debuggee.config.disks ?? []).map(({ port }) => port.freeze());
    const job = archive.saveDisks(contents, {
      ...{ name, notes: '', automatic: false, savedAt, instret: debuggee.now, stopMicroseconds: 0 },
      ...{ consoleTail: '', guest: encodeGuest(guest) },
    });
    for (const one of contents) one.release();
    return job;
  };

async function storeOf(
  { store, maxBytes, storeIsOptional, checkpoint }: LaunchRequest,
  resolve: (path: string) => string,
  relocated: ReadonlyMap<string, string>,
): Promise<{ readonly archive?: DiskArchive; readonly error?: UserError }> {
  if (store === undefined) return {};
  try {
    const archive = await openArchive(resolve(store), maxBytes === undefined ? {} : { maxBytes });
    return { archive: await openDiskArchive(archive, { relocated }) };
  } catch (error) {
    if (!(error instanceof UserError) || storeIsOptional !== true || checkpoint !== undefined) throw error;
    return { error };
  }
}

// --- which checkpoint

interface Source {
  readonly archive: DiskArchive;
  readonly id: string;
}

async function sourceOf(
  key: string,
  store: DiskArchive | undefined,
  resolve: (path: string) => string,
  relocated: ReadonlyMap<string, string>,
): Promise<Source> {
  const all = (await store?.list()) ?? [];
  if (store && all.some(({ id, name }) => id === key || name === key)) {
    return { archive: store, id: findCheckpoint(all, key).id };
  }
  const path = resolve(key);
  if (!(await stat(path).catch(() => undefined))) {
    const where = store ? `in the store ${store.path}, and no file ${path}` : `(there is no file ${path})`;
    throw userError(
      'CHECKPOINT_UNKNOWN',
      `There is no checkpoint "${key}" ${where}: "chronovisor checkpoint list" shows what a store has.`,
    );
  }
  const reading = { readOnly: true };
  const options = { ...reading, relocated };
  const archive = await openDiskArchive(await openArchive(path, { ...reading, create: 'never' }), options);
  return { archive, id: await onlyOneOf(archive, path) };
}

async function onlyOneOf(archive: CheckpointArchive, path: string): Promise<string> {
  const all = await archive.list().catch(async (error: unknown) => {
    await archive.close();
    throw error;
  });
  const [first] = all;
  if (first && all.length === 1) return first.id;
  await archive.close();
  if (archive.fellBack) throw storeDamaged(path);
  throw userError(
    'CHECKPOINT_AMBIGUOUS',
    `${path} holds ${all.length} checkpoints, not one: give it as the store, and one of them by name.`,
  );
}

/** The checkpoint of an id or a name. Throws 'CHECKPOINT_UNKNOWN', 'CHECKPOINT_AMBIGUOUS'. */
export function findCheckpoint(all: readonly CheckpointSummary[], key: string): CheckpointSummary {
  const found = all.filter(({ id, name }) => id === key || name === key);
  const [first] = found;
  if (!first) {
    throw userError(
      'CHECKPOINT_UNKNOWN',
      `There is no checkpoint "${key}" in the store: "chronovisor checkpoint list" shows all of them.`,
    );
  }
  if (found.length > 1) {
    const ids = found.map(({ id }) => id).join(', ');
    throw userError(
      'CHECKPOINT_AMBIGUOUS',
      `Several checkpoints are called "${key}": give one of the ids ${ids}.`,
    );
  }
  return first;
}

// --- of which guest

/** Bytes hashed at once. */
const HASHED_AT_ONCE = 2 ** 20;

/** Files of the host, each opened once, with the hash of the very bytes that the guest gets. */
class HashedFiles {
  private readonly open = new Map<string, PagedFile>();
  private readonly hashes = new Map<string, Promise<string>>();
  /** Debug files and .dwo files: no part of the guest, and so without a hash. */
  private readonly companions = new SymbolFiles();
  readonly files: GuestFiles = {
    ...guestFiles,
    readFile: async (path) => {
      const file = await this.opened(path);
      return file.read(0, file.size);
    },
    openSource: (path) => this.opened(path),
    openCompanion: (path) => this.companions.openFile(path),
  };

  async hashed(path: string): Promise<GuestFile> {
    const hash = this.hashes.get(path) ?? hashOf(await this.opened(path));
    this.hashes.set(path, hash);
    return { path, hash: await hash };
  }

  /** What was opened is empty from now on. */
  close(): void {
    for (const file of this.open.values()) file.close();
    this.companions.close();
  }

  private async opened(path: string): Promise<PagedFile> {
    const file = this.open.get(path) ?? openPaged(path);
    this.open.set(path, file);
    return file;
  }
}

/** In parts, between which the host's other work is done: the file may be a kernel of many hundred megabytes. */
async function hashOf(file: PagedFile): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < file.size; at += HASHED_AT_ONCE) {
    // At once and not by pages: what symbols are looked up in stays in the cache.
    hash.update(file.read(at, HASHED_AT_ONCE));
    await setImmediate();
  }
  return `sha256:${hash.digest('hex')}`;
}

const isFile = (firmware: string): boolean => firmware !== 'builtin' && firmware !== 'none';

async function describeGuest(
  settings: GuestSettings,
  files: HashedFiles,
  resolve: (path: string) => string,
): Promise<SavedGuest> {
  const { program, firmware, memoryBytes, harts, kernelArgs, initrd, disks, virtio = 'modern' } = settings;
  return {
    program: await files.hashed(resolve(program)),
    firmware:
      firmware === 'builtin' || firmware === 'none' ? firmware : await files.hashed(resolve(firmware)),
    memoryBytes,
    harts,
    kernelArgs,
    virtio,
    ...(initrd === undefined ? {} : { initrd: await files.hashed(resolve(initrd)) }),
    disks: disks.map((disk) => ({ ...disk, file: resolve(disk.file) })),
  };
}

/** The settings to go on with: those of the checkpoint, which the given ones must not contradict. */
async function settingsOf(
  { settings, given }: LaunchRequest,
  { guest }: CheckpointSummary,
  files: HashedFiles,
  resolve: (path: string) => string,
  disksOnly: boolean,
): Promise<GuestSettings> {
  const saved = decodeGuest(guest);
  // Disks can be put into any guest.
  if (disksOnly && given.program !== undefined)
    return { ...settings, disks: given.disks ?? [...saved.disks] };
  const hashed = async (path: string | undefined): Promise<GuestFile | undefined> =>
    path === undefined ? undefined : files.hashed(resolve(path));
  const firmware = typeof saved.firmware === 'string' ? saved.firmware : saved.firmware.path;
  const paths = {
    program: given.program ?? saved.program.path,
    firmware: given.firmware ?? firmware,
    initrd: given.initrd ?? saved.initrd?.path,
  };
  // The files are needed also where nobody gave them: for symbols, and when the guest resets itself.
  const differences = differencesOf(saved, given, {
    program: await hashed(paths.program),
    firmware: isFile(paths.firmware) ? await hashed(paths.firmware) : undefined,
    initrd: await hashed(paths.initrd),
  });
  if (differences.length > 0) throw guestDiffers(differences);
  const { memoryBytes, harts, kernelArgs, virtio, disks } = saved;
  return {
    ...settings,
    ...{ memoryBytes, harts, kernelArgs, virtio },
    program: paths.program,
    firmware: paths.firmware,
    ...(paths.initrd === undefined ? {} : { initrd: paths.initrd }),
    // Paths of disks may be new ones: their contents are checked.
    disks: disks.map((disk, index) => ({ ...disk, file: given.disks?.[index]?.file ?? disk.file })),
  };
}
