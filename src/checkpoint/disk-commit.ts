/**
 * Moves what a checkpoint's disks hold into their base images. Killed at any moment, the layers still hide whatever is in the
 * images, and committing again ends it: what was going on is noted before, and what the image is now afterwards.
 */
import { defined, userError, type UserError } from '../base/errors';
import { WritableRaw } from '../disk/images';
import type { CommitTarget } from '../disk/layer-files';
import { openImage, type OpenedImage } from '../disk/open-image';
import { makePointer } from '../disk/pointer';
import { Qcow2Layer } from '../disk/qcow2/qcow2-layer';
import type { BaseImage, OpenFile, WritableFile } from '../disk/types';
import type { SavedDisk } from './archive';
import type { DiskHost } from './disk-archive';
import type { DiskLayers } from './disk-layers';
import { toStored, type Chain } from './disk-pointers';
import type { DiskPointer } from './store/manifest';
import type { CheckpointSummary } from './store/stored';

export interface CommitContext {
  readonly summaries: readonly CheckpointSummary[];
  readonly layers: DiskLayers;
  readonly host: DiskHost;
  readonly openFile: OpenFile;
  check(pointer: DiskPointer, opened: OpenedImage): Promise<Chain>;
}

export async function commitDisks(
  id: string,
  disks: readonly SavedDisk[],
  context: CommitContext,
): Promise<void> {
  // All are looked at before one is written.
  for (const [at, { pointer }] of disks.entries()) {
    await checkUnused(id, pointer, disks.slice(0, at), context);
  }
  for (const disk of disks) await commitOne(disk, context);
}

async function checkUnused(
  id: string,
  pointer: DiskPointer,
  before: readonly SavedDisk[],
  { summaries, layers }: CommitContext,
): Promise<void> {
  if (before.some((disk) => disk.pointer.path === pointer.path)) throw inUse(pointer, 'another disk of it');
  const now = async (one: DiskPointer): Promise<DiskPointer> => (await layers.record(one)).now ?? one;
  const { contentHash } = await now(pointer);
  for (const summary of summaries) {
    if (summary.id === id) continue;
    if (summary.damaged) throw inUse(pointer, `checkpoint ${summary.id}, which cannot be read,`);
    for (const other of summary.disks) {
      const files = [await now(other), ...(other.backing ?? [])];
      if (!files.some((file) => file.contentHash === contentHash)) continue;
      const above = pointer.layer !== undefined && other.contentHash === pointer.contentHash;
      if (!above || !(await layers.isUnder(pointer, other))) throw inUse(pointer, `checkpoint ${summary.id}`);
    }
  }
}

async function commitOne(disk: SavedDisk, context: CommitContext): Promise<void> {
  const { pointer, blocks } = disk;
  if (pointer.layer === undefined && blocks.length === 0) return;
  const opened = await openImage(pointer.path, formatOf(pointer), context.openFile);
  try {
    await commitInto(opened, disk, context);
  } finally {
    await opened.close();
  }
}

const formatOf = ({ format }: DiskPointer): 'raw' | 'qcow2' => (format === 'qcow2' ? 'qcow2' : 'raw');

async function commitInto(
  opened: OpenedImage,
  { pointer, blocks }: SavedDisk,
  context: CommitContext,
): Promise<void> {
  const { layers, host } = context;
  const format = formatOf(pointer);
  const chain = await context.check(pointer, opened);
  const own = defined(chain[0], 'an image has a file');
  const { now } = await layers.record(pointer);
  const file = await host.openWritable(own.path);
  const under: OpenedImage[] = [];
  try {
    const target = await commitTarget(file, own.path, format, async (name, known) => {
      const image = await openImage(name, known, (next, from) => context.openFile(next, from ?? own.path));
      under.push(image);
      return image.image;
    });
    await layers.setRecord(pointer, { committing: true, ...(now === undefined ? {} : { now }) });
    if (pointer.layer !== undefined) await (await layers.files(pointer)).commit(pointer.layer, target);
    else await writeBlocks(target, blocks, opened.image.sizeBytes);
    await target.flush();
    if (target instanceof Qcow2Layer) await target.close();
  } finally {
    await file.close().catch(() => undefined);
    for (const image of under) await image.close();
  }
  const written = await makePointer(own.path, format, host.files);
  await layers.setRecord(pointer, { now: toStored([written, ...chain.slice(1)]) });
}

async function commitTarget(
  file: WritableFile,
  path: string,
  format: 'raw' | 'qcow2',
  openUnder: (name: string, format: 'raw' | 'qcow2' | undefined) => Promise<BaseImage>,
): Promise<CommitTarget> {
  if (format === 'raw') return new WritableRaw(file);
  return Qcow2Layer.open(file, path, (name, backingFormat) =>
    openUnder(name, backingFormat === 'raw' || backingFormat === 'qcow2' ? backingFormat : undefined),
  );
}

async function writeBlocks(
  target: CommitTarget,
  blocks: SavedDisk['blocks'],
  sizeBytes: number,
): Promise<void> {
  for (const [index, bytes] of blocks) {
    const offset = index * bytes.length;
    await target.write(offset, bytes.subarray(0, sizeBytes - offset));
  }
}

const inUse = ({ path }: DiskPointer, who: string): UserError =>
  userError(
    'COMMIT_IN_USE',
    `${who} stands on ${path} too, and what it shows would change: delete it first, or work on a copy of the image.`,
  );
