/** A folder of the host for disk layers. */
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../../base/errors';
import type { DiskFolder } from '../../disk/folder';
import { codeOf, diskError, openNodeFile } from './node-file';

/** Makes the folder if it is not there. */
export async function openNodeFolder(path: string): Promise<Required<DiskFolder>> {
  const trying = async <T>(name: string, work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw diskError(join(path, name), error);
    });
  await trying('', mkdir(path, { recursive: true }));
  return {
    list: () => trying('', readdir(path)),
    create: (name) => openNodeFile(join(path, name), 'create'),
    open: (name) => openNodeFile(join(path, name), 'write'),
    rename: async (from, to) => {
      await trying(from, rename(join(path, from), join(path, to)));
      await flushFolder(path);
    },
    remove: (name) => trying(name, unlink(join(path, name))),
    clone: (from, to) => cloneFile(join(path, from), join(path, to)),
  };
}

/** For looking only, beside a process that may be writing: what is written is dropped. */
export async function readNodeFolder(path: string): Promise<DiskFolder> {
  const none = async (): Promise<void> => undefined;
  return {
    list: () => readdir(path).catch(() => []),
    create: async (name) => {
      throw userError(
        'STORE_READ_ONLY',
        `${join(path, name)} is not made: the store was opened for reading.`,
      );
    },
    open: async (name) => {
      const file = await openNodeFile(join(path, name), 'read');
      return {
        sizeBytes: file.sizeBytes,
        read: (offset, length) => file.read(offset, length),
        ...{ write: none, truncate: none, flush: none },
        close: () => file.close(),
      };
    },
    ...{ rename: none, remove: none },
  };
}

/**
 * Makes a file that shares its storage with another (a reflink: Btrfs, XFS, APFS, ReFS); false where the file system
 * cannot do that. The new file must not be there.
 */
export async function cloneFile(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY'].includes(codeOf(error)))
      return false;
    throw diskError(to, error);
  }
}

/** New names are durable once their folder is; where folders cannot be opened (Windows), the system sees to it. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  if (folder === undefined) return;
  await folder.sync().catch(() => undefined);
  await folder.close();
}
