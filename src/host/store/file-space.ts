/**
 * A store's space in a file that grows, in a file of fixed size, or on a raw block device. All writes are whole blocks at
 * multiples of 4 KiB, so that devices with large sectors take them.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, userError } from '../../base/errors';
import { BLOCK_BYTES, type BlockSpace } from '../../checkpoint/store/space';

export interface FileSpaceOptions {
  readonly mode: 'read' | 'write' | 'create';
  /** The file keeps its size; a device always does. */
  readonly fixed?: boolean;
}

export class FileSpace implements BlockSpace {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private size: number,
    readonly growable: boolean,
  ) {}

  /** Throws 'STORE_MISSING', 'STORE_IO'. */
  static async open(path: string, options: FileSpaceOptions): Promise<FileSpace> {
    const { O_RDONLY, O_RDWR, O_CREAT } = constants;
    const flags = { read: O_RDONLY, write: O_RDWR, create: O_RDWR | O_CREAT }[options.mode];
    const file = await open(path, flags, 0o600).catch((error: unknown) => {
      throw fileError(path, error);
    });
    try {
      const stat = await file.stat();
      const isDevice = stat.isBlockDevice() || stat.isCharacterDevice();
      const size = isDevice ? await deviceBytes(file) : stat.size;
      if (options.mode === 'create' && !isDevice) await syncFolder(dirname(path));
      return new FileSpace(path, file, size, !isDevice && options.fixed !== true);
    } catch (error) {
      await file.close();
      throw fileError(path, error);
    }
  }

  get sizeBytes(): number {
    return this.size;
  }

  get limitBytes(): number {
    return this.growable ? Infinity : this.size - (this.size % BLOCK_BYTES);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.guarded(() =>
        this.file.read(bytes, done, length - done, offset + done),
      );
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.guarded(() =>
        this.file.write(bytes, done, bytes.length - done, offset + done),
      );
      done += bytesWritten;
    }
    if (this.growable) this.size = Math.max(this.size, offset + bytes.length);
  }

  sync(): Promise<void> {
    return this.guarded(() => this.file.datasync());
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.guarded(() => this.file.truncate(sizeBytes));
    this.size = sizeBytes;
  }

  discard(): void {
    // No portable way to say it.
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private async guarded<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw fileError(this.path, error);
    }
  }
}

/** Where reads end. A device's stat does not say its size. */
async function deviceBytes(file: FileHandle): Promise<number> {
  const buffer = new Uint8Array(BLOCK_BYTES);
  const isInside = async (block: number): Promise<boolean> => {
    const { bytesRead } = await file.read(buffer, 0, BLOCK_BYTES, block * BLOCK_BYTES);
    return bytesRead === BLOCK_BYTES;
  };
  let inside = 0;
  let outside = 1;
  while (outside < 2 ** 40 && (await isInside(outside - 1))) {
    inside = outside;
    outside *= 2;
  }
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2);
    if (await isInside(middle - 1)) inside = middle;
    else outside = middle;
  }
  return inside * BLOCK_BYTES;
}

/** A new file's name is durable once its folder is. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  } catch {
    // Not every system lets folders be opened; those that do not keep names by themselves.
  }
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

function fileError(path: string, error: unknown): Error {
  switch (codeOf(error)) {
    case 'ENOENT':
      return userError('STORE_MISSING', `There is no checkpoint store ${path}: check the path.`, error);
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return userError(
        'STORE_FULL',
        `The medium of ${path} is full: delete checkpoints or free space. All that was saved is unharmed.`,
        error,
      );
    default:
      return userError(
        'STORE_IO',
        `${path} cannot be read or written (${messageOf(error)}): check the medium and permissions.`,
        error,
      );
  }
}
