/** Files of the host for guests and sessions. Images are only ever opened for reading. */
import { access, open, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { messageOf, userError, type UserError } from '../base/errors';
import type { GuestFiles } from '../dap/guest';
import type { SessionHost } from '../dap/ports';
import { hostClock } from './clock';
import { PagedFile } from './paged-file';

/** Larger programs cannot fit any guest. */
const MAX_FILE_BYTES = 2 ** 31;

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

function fileError(path: string, error: unknown): UserError {
  if (codeOf(error) === 'ENOENT') {
    return userError('FILE_MISSING', `There is no file ${path}: check the path, or build it first.`, error);
  }
  return userError('FILE_UNREADABLE', `${path} cannot be read: ${messageOf(error)}.`, error);
}

/** The caller closes it. Rejects as GuestFiles.openSource does. */
export function openPaged(path: string): PagedFile {
  try {
    const file = PagedFile.open(path);
    if (file.size <= MAX_FILE_BYTES) return file;
    file.close();
  } catch (error) {
    throw codeOf(error) === 'FILE_UNREADABLE' ? error : fileError(path, error);
  }
  throw tooLarge(path);
}

const tooLarge = (path: string): UserError =>
  userError('FILE_TOO_LARGE', `${path} is larger than 2 GiB: no guest can hold it.`);

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) throw tooLarge(path);
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (codeOf(error) === 'FILE_TOO_LARGE') throw error;
    throw fileError(path, error);
  }
}

export const guestFiles: GuestFiles = {
  readFile: readWhole,
  openSource: (path) => Promise.resolve().then(() => openPaged(path)),
  openCompanion: () => undefined,
  openDisk: async (name, from) => {
    const path = from === undefined || isAbsolute(name) ? name : join(dirname(from), name);
    const file = await open(path, 'r').catch((error: unknown) => {
      throw fileError(path, error);
    });
    const { size } = await file.stat();
    return {
      sizeBytes: size,
      path,
      read: async (offset, length) => {
        const buffer = new Uint8Array(length);
        const { bytesRead } = await file.read(buffer, 0, length, offset);
        return buffer.subarray(0, bytesRead);
      },
      close: () => file.close(),
    };
  },
  resolve: (path, cwd) => {
    const home = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
    return resolve(cwd ?? process.cwd(), home);
  },
};

export const sessionHost: SessionHost = {
  clock: hostClock,
  unixTime: () => Date.now(),
  readTextFile: async (path) => {
    try {
      return await readFile(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  fileExists: async (path) => {
    try {
      await access(path);
      return true;
    } catch {
      return false;
    }
  },
};
