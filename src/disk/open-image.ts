/** From a file name to an image, with whatever images it stands on. */
import { userError } from '../base/errors';
import { RawImage } from './images';
import { isQcow2 } from './qcow2/header';
import { Qcow2Image } from './qcow2/image';
import type { BaseImage, ByteFile, OpenFile } from './types';

export type ImageFormat = 'raw' | 'qcow2';

/** A file that an image consists of. */
export interface ImageFile {
  readonly path: string;
  readonly format: ImageFormat;
}

export interface OpenedImage {
  readonly image: BaseImage;
  /** The image's own, then those that it stands on. */
  readonly files: readonly ImageFile[];
  /** Closes the files; reads that are under way end before. */
  close(): Promise<void>;
}

/** What has been opened on the way down. */
interface Opening {
  readonly steps: Set<string>;
  readonly files: ImageFile[];
  readonly handles: ByteFile[];
}

/** Images that may stand on each other. */
const MAX_CHAIN = 10_000;

/**
 * Opens an image for reading; without a format, qcow2 is known by its first bytes, and all else is raw. Throws
 * UserErrors: 'QCOW2_...' for what cannot be read, 'DISK_FORMAT', 'DISK_CHAIN'; and whatever `openFile` throws.
 */
export async function openImage(
  name: string,
  format: ImageFormat | undefined,
  openFile: OpenFile,
): Promise<OpenedImage> {
  const opening: Opening = { steps: new Set(), files: [], handles: [] };
  const { files, handles } = opening;
  const close = async (): Promise<void> => {
    for (const handle of handles.splice(0)) await handle.close?.();
  };
  try {
    return { image: await open(name, format, openFile, undefined, opening), files, close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

async function open(
  name: string,
  format: string | undefined,
  openFile: OpenFile,
  from: string | undefined,
  opened: Opening,
): Promise<BaseImage> {
  const step = JSON.stringify([from, name]);
  if (opened.steps.has(step) || opened.steps.size >= MAX_CHAIN) {
    throw userError('DISK_CHAIN', `${name}: its backing files form a circle, or are more than ${MAX_CHAIN}`);
  }
  opened.steps.add(step);
  if (from !== undefined && /^[a-z][a-z0-9+.-]+:(?!\\)/i.test(name)) {
    throw userError(
      'DISK_BACKING',
      `${from} stands on "${name}", which is not a file; convert it with qemu-img`,
    );
  }
  const file = await openFile(name, from);
  opened.handles.push(file);
  const path = file.path ?? name;
  switch (format ?? ((await looksLikeQcow2(file)) ? 'qcow2' : 'raw')) {
    case 'raw':
      opened.files.push({ path, format: 'raw' });
      return new RawImage(file);
    case 'qcow2':
      opened.files.push({ path, format: 'qcow2' });
      return Qcow2Image.open(file, name, (backing, backingFormat) =>
        open(backing, backingFormat, openFile, path, opened),
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
