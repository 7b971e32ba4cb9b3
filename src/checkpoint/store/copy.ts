/** A checkpoint from one store into another: export and import. */
import { defined } from '../../base/errors';
import type { SavedDisk } from '../archive';
import type { CheckpointStore } from './store';
import type { CheckpointSummary, StoredCheckpoint, StoredPages } from './stored';

/** Pages between two looks at how much is on its way. */
const BATCH = 64;

/**
 * The copy has an id of its own, and no parent. `disks` are its disks, where they are not those of the source: with all
 * that the source has in layers. Throws what reading and saving throw; then nothing was copied.
 */
export async function copyCheckpoint(
  source: StoredCheckpoint,
  target: CheckpointStore,
  disks?: readonly SavedDisk[],
): Promise<CheckpointSummary> {
  const {
    id: _id,
    damaged: _damaged,
    pages: _pages,
    addedBytes: _added,
    disks: _disks,
    parent: _parent,
    ...info
  } = source.summary;
  const transaction = await target.begin({
    info,
    sections: await source.sections(),
    disks: (disks ?? source.disks).map(({ pointer }) => pointer),
  });
  const copy = async (pages: StoredPages, put: (page: number, bytes: Uint8Array) => void): Promise<void> => {
    let count = 0;
    for await (const number of pages.numbers()) {
      put(number, defined(await pages.read(number)));
      if (++count % BATCH === 0) await transaction.flow();
    }
  };
  try {
    await copy(source.ram, (page, bytes) => transaction.putPage(page, bytes));
    for (const [disk, { blocks }] of source.disks.entries()) {
      if (disks !== undefined) break;
      await copy(blocks, (block, bytes) => transaction.putDiskBlock(disk, block, bytes));
    }
    for (const [disk, { blocks }] of (disks ?? []).entries()) {
      for (const [at, [block, bytes]] of blocks.entries()) {
        transaction.putDiskBlock(disk, block, bytes);
        if (at % BATCH === BATCH - 1) await transaction.flow();
      }
    }
    return await transaction.commit();
  } catch (error) {
    transaction.abort();
    throw error;
  }
}
