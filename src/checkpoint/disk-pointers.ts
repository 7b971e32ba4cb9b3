/**
 * The pointers by which stored checkpoints name their disks (S18): one for each file that an image consists of, the image's
 * own first. Made when a guest is opened, checked before one goes on from a checkpoint.
 */
import { defined, userError } from '../base/errors';
import type { ImageFile, ImageFormat } from '../disk/open-image';
import { checkPointer, makePointer, type DiskFiles, type DiskPointer } from '../disk/pointer';
import type { DiskPointer as StoredPointer } from './store/manifest';

/** Pointers of an image's files, the image's own first. */
export type Chain = readonly DiskPointer[];

export function toStored(chain: Chain, layer?: string): StoredPointer {
  const [own, ...backing] = chain.map(({ hash, ...rest }): StoredPointer => ({ ...rest, contentHash: hash }));
  return {
    ...defined(own),
    ...(backing.length > 0 ? { backing } : {}),
    ...(layer === undefined ? {} : { layer }),
  };
}

export function fromStored(pointer: StoredPointer): Chain {
  return [pointer, ...(pointer.backing ?? [])].map(({ path, format, sizeBytes, contentHash, stamp }) => ({
    ...{ path, sizeBytes, hash: contentHash },
    format: checkedFormat(path, format),
    // Never equal to one of a file: the hash decides.
    stamp: stamp ?? '',
  }));
}

function checkedFormat(path: string, format: string): ImageFormat {
  if (format === 'raw' || format === 'qcow2') return format;
  throw userError('DISK_FORMAT', `${path} has the format "${format}", which this version cannot read.`);
}

/** Reads what `known` does not have unchanged: in the background, for large files. Throws what makePointer throws. */
export function makeChain(files: readonly ImageFile[], known: Chain, host: DiskFiles): Promise<Chain> {
  return Promise.all(
    files.map(async ({ path, format }) => {
      const found = await host.stat(path);
      const same = known.find((pointer) => pointer.path === path && pointer.stamp === found?.stamp);
      return same === undefined ? makePointer(path, format, host) : { ...same, format };
    }),
  );
}

/**
 * Checks that an image's files are those of a checkpoint, and returns the chain to use from now on. Throws checkPointer's
 * errors, and 'DISK_CHAIN_CHANGED'.
 */
export async function checkChain(saved: Chain, files: readonly ImageFile[], host: DiskFiles): Promise<Chain> {
  const [image] = files;
  const isAlike =
    saved.length === files.length && saved.every(({ format }, at) => format === files[at]?.format);
  if (!isAlike) {
    const told = (chain: readonly ImageFile[]): string =>
      chain.map(({ path, format }) => `${path} (${format})`).join(' over ');
    throw userError(
      'DISK_CHAIN_CHANGED',
      `The disk image ${image?.path ?? ''} is ${told(files)}, and the checkpoint was taken with ${told(saved)}: ` +
        'restore what was there then, or give the right image.',
    );
  }
  return Promise.all(saved.map((pointer, at) => checkPointer(pointer, host, files[at]?.path)));
}
