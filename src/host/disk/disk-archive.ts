/** Archives with what their disks hold, on this host: see checkpoint/disk-archive.ts. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { DiskFolder } from '../../disk/folder';
import type { CheckpointArchive } from '../../checkpoint/archive';
import { DiskArchive } from '../../checkpoint/disk-archive';
import { DiskLayers } from '../../checkpoint/disk-layers';
import { guestFiles } from '../files';
import { STORE_FILE_NAME } from '../store/open-store';
import { nodeDiskFiles } from './disk-files';
import { openNodeFile } from './node-file';
import { openNodeFolder, readNodeFolder } from './node-folder';

export interface DiskArchiveOptions {
  /** The archive was opened for reading: its layers are not written either. */
  readonly readOnly?: boolean;
  /** Where base images are now that have moved, by where they were. */
  readonly relocated?: ReadonlyMap<string, string>;
}

/** By folder: archives of one store share its layers. */
const shared = new Map<string, DiskLayers>();

export async function openDiskArchive(
  archive: CheckpointArchive,
  options: DiskArchiveOptions = {},
): Promise<DiskArchive> {
  const folder = await layersBeside(archive.path);
  const host = {
    files: nodeDiskFiles,
    open: guestFiles.openDisk,
    openWritable: (path: string) => openNodeFile(path, 'write'),
    layers: folder === undefined ? undefined : layersIn(folder, options),
    layerBytes: () => layerBytesOf(archive.path),
    pause: (ms: number) => setTimeout(ms),
  };
  return new DiskArchive(archive, host, options.relocated);
}

/** Bytes of all disk layers of the store at a path: files in the folders of its folder. */
export async function layerBytesOf(path: string): Promise<number> {
  const folder = await layersBeside(path);
  if (folder === undefined) return 0;
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const below = join(folder, entry.name);
    // A layer may be merged, and its file go, while others are looked at.
    for (const name of await readdir(below).catch(() => []))
      sum += (await stat(join(below, name)).catch(() => undefined))?.size ?? 0;
  }
  return sum;
}

function layersIn(folder: string, { readOnly = false, relocated }: DiskArchiveOptions): DiskLayers {
  const openBase: typeof guestFiles.openDisk = (name, from) =>
    guestFiles.openDisk(relocated?.get(name) ?? name, from);
  if (readOnly) return new DiskLayers((name) => readNodeFolder(join(folder, name)), openBase);
  const known = shared.get(folder);
  if (known?.isUsed === true) return known;
  const layers = new DiskLayers(async (name) => folderWhenNeeded(join(folder, name)), openBase);
  shared.set(folder, layers);
  return layers;
}

/** The folder of a folder store; undefined for others. */
async function layersBeside(path: string): Promise<string | undefined> {
  const kind = await stat(path).catch(() => undefined);
  if (kind?.isDirectory() === true) return path;
  return kind?.isFile() === true && basename(path) === STORE_FILE_NAME ? dirname(path) : undefined;
}

/** Made when the first file is. */
async function folderWhenNeeded(path: string): Promise<DiskFolder> {
  if ((await stat(path).catch(() => undefined)) !== undefined) return openNodeFolder(path);
  let made: DiskFolder | undefined;
  const folder = async (): Promise<DiskFolder> => (made ??= await openNodeFolder(path));
  const looking = async (): Promise<DiskFolder> => made ?? readNodeFolder(path);
  return {
    list: async () => (await looking()).list(),
    create: async (name) => (await folder()).create(name),
    open: async (name) => (await folder()).open(name),
    rename: async (from, to) => (await folder()).rename(from, to),
    remove: async (name) => (await looking()).remove(name),
    clone: async (from, to) => (await (await folder()).clone?.(from, to)) ?? false,
  };
}
