/** What disk pointers ask of the host's files. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { DiskFiles } from '../../disk/pointer';
import { codeOf, diskError } from './node-file';

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
  hash: async (path) => {
    const hash = createHash('sha256');
    try {
      await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
    } catch (error) {
      throw diskError(path, error);
    }
    return `sha256:${hash.digest('hex')}`;
  },
};
