/** Reads all of a checkpoint and says what of it is damaged. */
import { UserError } from '../../base/errors';
import type { CheckpointSummary, StoredCheckpoint, StoredPages } from './stored';

export interface Verification {
  readonly id: string;
  /** Pages and blocks that were read and are right. */
  readonly pages: number;
  /** One line each, at most MAX_PROBLEMS; empty when the checkpoint is whole. */
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 20;
const BATCH = 64;

export async function verifyCheckpoint(
  open: () => Promise<StoredCheckpoint>,
  summary: CheckpointSummary,
  pause: () => Promise<void>,
): Promise<Verification> {
  const problems: string[] = [];
  let pages = 0;
  /** Undefined for damage, which is noted. */
  const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof UserError) || !['STORE_DAMAGED', 'STORE_NEWER'].includes(error.code))
        throw error;
      if (problems.length < MAX_PROBLEMS) problems.push(`${what}: ${error.message}`);
      return undefined;
    }
  };
  const pagesOf = async (what: string, map: StoredPages): Promise<void> => {
    for (const leaf of [...map.root.keys()].sort((a, b) => a - b)) {
      await attempt(`${what}, map ${leaf}`, async () => {
        for (const page of await map.numbersIn(leaf)) {
          const bytes = await attempt(`${what} ${page}`, () => map.read(page));
          if (bytes) pages++;
          if (page % BATCH === 0) await pause();
        }
      });
    }
  };
  if (summary.damaged) problems.push('its name and notes cannot be read');
  const checkpoint = await attempt('manifest', open);
  if (checkpoint) {
    try {
      for (const name of checkpoint.sectionNames)
        await attempt(`section "${name}"`, () => checkpoint.section(name));
      await pagesOf('page', checkpoint.ram);
      for (const [disk, { blocks }] of checkpoint.disks.entries())
        await pagesOf(`disk ${disk}, block`, blocks);
    } finally {
      checkpoint.close();
    }
  }
  return { id: summary.id, pages, problems };
}
