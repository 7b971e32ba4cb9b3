/** From a file name to an image, with whatever images it stands on. */
import { userError } from '../base/errors';
import { RawImage } from './images';
import { isQcow2 } from './qcow2/header';
import { Qcow2Image } from './qcow2/image';
import type { BaseImage, OpenFile } from './types';

export type ImageFormat = 'raw' | 'qcow2';

/** Images that may stand on each other. */
const MAX_CHAIN = 10_000;

/**
 * Opens an image for reading; without a format, qcow2 is known by its first bytes, and all else is raw. Throws
 * UserErrors: 'QCOW2_...' for what cannot be read, 'DISK_FORMAT', 'DISK_CHAIN'; and whatever `openFile` throws.
 */
export function openImage(
  name: string,
  format: ImageFormat | undefined,
  openFile: OpenFile,
): Promise<BaseImage> {
  return open(name, format, openFile, undefined, new Set());
}

async function open(
  name: string,
  format: string | undefined,
  openFile: OpenFile,
  from: string | undefined,
  opened: Set<string>,
): Promise<BaseImage> {
  const step = JSON.stringify([from, name]);
  if (opened.has(step) || opened.size >= MAX_CHAIN) {
    throw userError('DISK_CHAIN', `${name}: its backing files form a circle, or are more than ${MAX_CHAIN}`);
  }
  opened.add(step);
  if (from !== undefined && /^[a-z][a-z0-9+.-]+:(?!\\)/i.test(name)) {
    throw userError(
      'DISK_BACKING',
      `${from} stands on "${name}", which is not a file; convert it with qemu-img`,
    );
  }
  const file = await openFile(name, from);
  switch (format ?? ((await looksLikeQcow2(file)) ? 'qcow2' : 'raw')) {
    case 'raw':
      return new RawImage(file);
    case 'qcow2':
      return Qcow2Image.open(file, name, (backing, backingFormat) =>
        open(backing, backingFormat, openFile, name, opened),
      );
    default:
      throw userError(
        'DISK_FORMAT',
        `${name} has the format "${format ?? ''}"; only raw and qcow2 can be read: convert it with qemu-img`,
      );
  }
}

const looksLikeQcow2 = async (file: Awaited<ReturnType<OpenFile>>): Promise<boolean> =>
  isQcow2(await file.read(0, Math.min(4, file.sizeBytes)));
