/**
 * What a commit did to a base image, as a small file beside the layers that stand on it: checkpoints name the image as it was
 * when they were taken, and stored checkpoints never change.
 */
import { readWhole, writeWhole, type DiskFolder } from '../disk/folder';
import { UserError } from '../base/errors';
import { storeDamaged } from './store/errors';
import { decodeData, encodeData } from './store/data';
import { decodePointer, encodePointer, Fields, type DiskPointer } from './store/manifest';

export interface BaseRecord {
  /** A commit has begun and not ended: what the layer holds may be in the image, or not yet. */
  readonly committing?: boolean;
  /** The image as the last commit left it. */
  readonly now?: DiskPointer;
}

const NAME = 'base';

export async function readRecord(folder: DiskFolder): Promise<BaseRecord> {
  if (!(await folder.list()).includes(NAME)) return {};
  try {
    const fields = Fields.of(decodeData(await readWhole(folder, NAME)));
    return {
      ...(fields.has('committing') ? { committing: fields.any('committing') === true } : {}),
      ...(fields.has('now') ? { now: decodePointer(fields.any('now')) } : {}),
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw storeDamaged('What is kept of a commit');
  }
}

export const writeRecord = (folder: DiskFolder, { committing, now }: BaseRecord): Promise<void> =>
  writeWhole(
    folder,
    NAME,
    encodeData({
      ...(committing === undefined ? {} : { committing }),
      ...(now === undefined ? {} : { now: encodePointer(now) }),
    }),
  );
