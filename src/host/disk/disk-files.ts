/** What disk pointers ask of the host's files. */
import { createHash, webcrypto } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { DiskFiles } from '../../disk/pointer';
import { codeOf, diskError, openNodeFile } from './node-file';

/** What is hashed at once. Part of the hash's definition. */
const PIECE_BYTES = 4 << 20;

export const nodeDiskFiles: DiskFiles = {
  stat: async (path) => {
    try {
      const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
      return { sizeBytes: Number(size), stamp: `${ino}:${mtimeNs}:${ctimeNs}` };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw diskError(path, error);
    }
  },
  /**
   * SHA-256 of the SHA-256s of the pieces of 4 MiB. Reading and hashing are done on the threads of Node's pool, so a guest
   * runs on meanwhile; a stream into one hash would take this thread's time.
   */
  hash: async (path) => {
    const whole = createHash('sha256');
    const file = await openNodeFile(path, 'read');
    try {
      for (let at = 0; at < file.sizeBytes; at += PIECE_BYTES) {
        const piece = await file.read(at, PIECE_BYTES);
        whole.update(new Uint8Array(await webcrypto.subtle.digest('SHA-256', piece)));
      }
    } finally {
      await file.close();
    }
    return `sha256-4M:${whole.digest('hex')}`;
  },
};
