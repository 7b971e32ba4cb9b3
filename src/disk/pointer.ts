/**
 * The pointer by which a checkpoint names its disk (S18), and its check before anything runs on that disk. A chain of
 * images needs all of its files unchanged, so it has a pointer for each.
 */
import { userError } from '../base/errors';
import type { ImageFormat } from './open-image';

export interface DiskPointer {
  readonly path: string;
  readonly format: ImageFormat;
  /** Of the file. */
  readonly sizeBytes: number;
  /** Of the file's bytes, as `DiskFiles.hash` makes it. */
  readonly hash: string;
  /** When equal, the file was not written since, and its hash need not be computed again. */
  readonly stamp: string;
}

/** What the host knows about files. */
export interface DiskFiles {
  /** undefined where there is no such file. `stamp` changes whenever the file is written or replaced. */
  stat(path: string): Promise<{ readonly sizeBytes: number; readonly stamp: string } | undefined>;
  /** A cryptographic hash of all bytes, as a text. */
  hash(path: string): Promise<string>;
}

/** Reads all of the file: in the background, for a large one. Throws UserError 'DISK_MISSING', or what `files` throws. */
export async function makePointer(path: string, format: ImageFormat, files: DiskFiles): Promise<DiskPointer> {
  for (;;) {
    const before = await files.stat(path);
    if (before === undefined)
      throw userError('DISK_MISSING', `There is no disk image ${path}: check the path.`);
    const hash = await files.hash(path);
    // Written meanwhile: the hash is of neither.
    if ((await files.stat(path))?.stamp === before.stamp) return { path, format, hash, ...before };
  }
}

/**
 * Checks that a file is what the pointer says, and returns the pointer to use from now on (`relocated` and the stamp
 * may be new). Throws UserErrors that say what changed: 'DISK_MISSING', 'DISK_SIZE_CHANGED', 'DISK_CONTENTS_CHANGED'.
 */
export async function checkPointer(
  pointer: DiskPointer,
  files: DiskFiles,
  /** Where the file is now, if it has moved. */
  relocated?: string,
): Promise<DiskPointer> {
  const path = relocated ?? pointer.path;
  const remedy =
    'restore the image that the checkpoint was taken with, or say where it is now (run --relocate OLD=NEW, "relocate" in launch.json)';
  const moved = path === pointer.path ? '' : ` (it was ${pointer.path} then)`;
  const found = await files.stat(path);
  if (found === undefined) {
    throw userError(
      'DISK_MISSING',
      `The disk image ${path}${moved} of this checkpoint is not there: ${remedy}.`,
    );
  }
  if (found.sizeBytes !== pointer.sizeBytes) {
    throw userError(
      'DISK_SIZE_CHANGED',
      `The disk image ${path}${moved} has ${found.sizeBytes} bytes and had ${pointer.sizeBytes} when the checkpoint was taken: ${remedy}.`,
    );
  }
  if (found.stamp === pointer.stamp && path === pointer.path) return pointer;
  const hash = await files.hash(path);
  if (hash !== pointer.hash) {
    throw userError(
      'DISK_CONTENTS_CHANGED',
      `The disk image ${path}${moved} has been written since the checkpoint was taken ` +
        `(its hash is ${short(hash)} and was ${short(pointer.hash)}): ${remedy}.`,
    );
  }
  return { ...pointer, path, stamp: found.stamp };
}

/** The name of the hash is left out. */
const short = (hash: string): string => hash.slice(hash.indexOf(':') + 1).slice(0, 12);
