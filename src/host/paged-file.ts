/**
 * A file that is read by parts: positioned reads through a bounded cache of pages. Synchronous, as whoever looks a symbol up
 * cannot wait; a page comes from the host's own cache as a rule. Only regular files are opened (a FIFO would block, a device
 * has no size), and only for reading.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { userError } from '../base/errors';
import type { ByteSource } from '../symbols/bytes';

/** Bytes: an entry of a unit and its neighbours. Larger pages make a walk over the headers of all units read everything. */
const PAGE = 16 * 1024;
/** Pages kept of each file: 16 MiB. */
const MAX_PAGES = 1024;

export class PagedFile implements ByteSource {
  readonly inMemory = false;
  private readonly pages = new Map<number, Uint8Array>();
  private closed = false;

  private constructor(
    private readonly descriptor: number,
    private readonly path: string,
    readonly size: number,
    private readonly modified: bigint,
  ) {}

  /** Throws FILE_UNREADABLE for what is no regular file, and the error of Node's open. */
  static open(path: string): PagedFile {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor, { bigint: true });
      if (!stats.isFile()) throw userError('FILE_UNREADABLE', `${path} is no regular file: give a file.`);
      return new PagedFile(descriptor, path, Number(stats.size), stats.mtimeNs);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  read(offset: number, length: number): Uint8Array {
    const size = Math.max(0, Math.min(length, this.size - offset));
    if (size <= PAGE) {
      const bytes = this.window(offset, size);
      return bytes.slice(0, Math.min(size, bytes.length));
    }
    return this.fill(new Uint8Array(size), offset);
  }

  window(offset: number, length: number): Uint8Array {
    if (offset >= this.size) return new Uint8Array(0);
    const number = Math.floor(offset / PAGE);
    const at = offset - number * PAGE;
    if (at + length <= PAGE) return this.page(number).subarray(at);
    return this.fill(new Uint8Array(Math.max(0, Math.min(length, this.size - offset))), offset);
  }

  close(): void {
    if (!this.closed) closeSync(this.descriptor);
    this.closed = true;
    this.pages.clear();
  }

  private page(number: number): Uint8Array {
    const known = this.pages.get(number);
    if (known !== undefined) {
      // The map keeps the order of insertion: what was used last stands last, and the first one goes first.
      this.pages.delete(number);
      this.pages.set(number, known);
      return known;
    }
    const start = number * PAGE;
    const page = this.fill(new Uint8Array(Math.min(PAGE, this.size - start)), start);
    const [oldest] = this.pages.keys();
    if (this.pages.size >= MAX_PAGES && oldest !== undefined) this.pages.delete(oldest);
    this.pages.set(number, page);
    return page;
  }

  /**
   * Fewer bytes where the file was closed, or cannot be read any more. One that was written since is no longer what its first
   * parts said: nothing more of it counts.
   */
  private fill(bytes: Uint8Array, offset: number): Uint8Array {
    if (!this.closed) this.checkUnchanged();
    let done = 0;
    while (done < bytes.length && !this.closed) {
      const count = this.readSome(bytes, done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  private checkUnchanged(): void {
    const { mtimeNs, size } = fstatSync(this.descriptor, { bigint: true });
    if (mtimeNs === this.modified && Number(size) === this.size) return;
    throw userError(
      'FILE_CHANGED',
      `${this.path} has been written since it was opened: what has not been read yet is left out. Start the session again.`,
    );
  }

  private readSome(bytes: Uint8Array, at: number, position: number): number {
    try {
      return readSync(this.descriptor, bytes, at, bytes.length - at, position);
    } catch {
      return 0;
    }
  }
}
