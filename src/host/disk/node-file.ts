/**
 * Files of the host as disks see them. Work is done on the threads of Node's pool, so the guest's thread waits for
 * nothing. Errors of the host become coded ones: 'DISK_FULL', 'DISK_IO', 'FILE_MISSING', 'FILE_EXISTS', 'FILE_UNREADABLE'.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { messageOf, userError, type UserError } from '../../base/errors';
import type { ByteFile, WritableFile } from '../../disk/types';

export type OpenMode =
  /** For reading. */
  | 'read'
  /** An existing file, for reading and writing. */
  | 'write'
  /** A new file, for reading and writing; there must be none. */
  | 'create';

const FLAGS = { read: 'r', write: 'r+', create: 'wx+' } as const;

export async function openNodeFile(path: string, mode: OpenMode): Promise<WritableFile> {
  const handle = await open(path, FLAGS[mode]).catch((error: unknown) => {
    throw diskError(path, error);
  });
  const { size } = await handle.stat();
  return new NodeFile(path, handle, size);
}

class NodeFile implements WritableFile, ByteFile {
  constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private size: number,
  ) {}

  get sizeBytes(): number {
    return this.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.trying(this.handle.read(buffer, done, length - done, offset + done));
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done === length ? buffer : buffer.subarray(0, done);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.trying(
        this.handle.write(bytes, done, bytes.length - done, offset + done),
      );
      done += bytesWritten;
    }
    this.size = Math.max(this.size, offset + bytes.length);
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.trying(this.handle.truncate(sizeBytes));
    this.size = sizeBytes;
  }

  async flush(): Promise<void> {
    await this.trying(this.handle.datasync());
  }

  async close(): Promise<void> {
    await this.trying(this.handle.close());
  }

  private async trying<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw diskError(this.path, error);
    }
  }
}

export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

export function diskError(path: string, error: unknown): UserError {
  switch (codeOf(error)) {
    case 'ENOENT':
      return userError('FILE_MISSING', `There is no file ${path}: check the path.`, error);
    case 'EEXIST':
      return userError('FILE_EXISTS', `${path} is there already: choose another name, or delete it.`, error);
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return userError('DISK_FULL', `There is no space left for ${path}: free some and try again.`, error);
    case 'EIO':
      return userError('DISK_IO', `The device of ${path} reports an error: check it.`, error);
    default:
      return userError('FILE_UNREADABLE', `${path} cannot be used: ${messageOf(error)}.`, error);
  }
}
