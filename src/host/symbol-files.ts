/**
 * Files that belong to a program's symbols (debug files, .dwo files), opened when they are asked for. Small ones are read
 * whole and closed, as there may be thousands; large ones stay open and are read by pages.
 */
import type { ByteSource } from '../symbols/bytes';
import { bytesSource } from '../symbols/bytes';
import { PagedFile } from './paged-file';

/** Bytes. The .dwo file of one source file is smaller as a rule. */
const MAX_WHOLE = 2 ** 20;

export class SymbolFiles {
  private readonly open = new Map<string, PagedFile>();

  /** Undefined for what is missing, cannot be read or is no regular file. */
  readonly openFile = (path: string): ByteSource | undefined => {
    const known = this.open.get(path);
    if (known !== undefined) return known;
    try {
      const file = PagedFile.open(path);
      if (file.size > MAX_WHOLE) {
        this.open.set(path, file);
        return file;
      }
      const bytes = file.read(0, file.size);
      file.close();
      return bytesSource(bytes);
    } catch {
      return undefined;
    }
  };

  /** What was opened is empty from now on. */
  close(): void {
    for (const file of this.open.values()) file.close();
    this.open.clear();
  }
}
