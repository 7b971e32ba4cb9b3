/**
 * Checkpoints of this session on their way into the store. A save is answered when it is durable; meanwhile the guest runs
 * on, and the client sees progress. Saves outlive the guest's session: `finish` waits for them.
 */
import { userError, type UserError } from '../base/errors';
import type { SaveJob } from '../checkpoint/archive';
import type { CheckpointSummary } from '../checkpoint/store/stored';
import { encodeGuest } from '../protocol';
import type { SessionContext } from './context';
import type { Keeping } from './ports';
import { ProgressReporter } from './progress';

export interface SaveAs {
  readonly name?: string;
  readonly notes?: string;
}

interface Save {
  readonly job: SaveJob;
  readonly progressId: string;
  readonly requestSeq: number;
}

export class Saving {
  /** By the checkpoint's id in the tree. */
  private readonly saves = new Map<string, Save>();
  private nextProgressId = 1;

  constructor(private readonly context: SessionContext) {}

  /** Throws 'CHECKPOINT_UNKNOWN', 'CHECKPOINT_SAVED', 'CHECKPOINT_SAVING', 'NO_STORE', 'SAVE_CANCELLED', 'STORE_*'. */
  async save(id: string, as: SaveAs, requestSeq: number): Promise<CheckpointSummary> {
    const { context } = this;
    const { archive, guest } = keepingOf(context);
    const found = context.debuggee.checkpoints().find((one) => one.id === id);
    if (found?.saved) {
      throw userError('CHECKPOINT_SAVED', `This checkpoint has been saved already, as ${found.saved.id}.`);
    }
    if (this.saves.has(id)) throw userError('CHECKPOINT_SAVING', 'This checkpoint is being saved already.');
    const job = context.debuggee.saveCheckpoint(id, archive, {
      ...as,
      guest: encodeGuest(guest),
      savedAt: context.host.unixTime(),
    });
    const title = `Saving ${as.name ?? found?.name ?? 'a checkpoint'}`;
    const progress = new ProgressReporter(context, `save-${this.nextProgressId++}`, title, requestSeq);
    this.saves.set(id, { job, progressId: progress.id, requestSeq });
    const listening = job.onProgress(({ pages, totalPages }) => {
      progress.report(pages / Math.max(1, totalPages), `${pages} of ${totalPages} pages`);
    });
    try {
      return await job.done;
    } finally {
      listening.dispose();
      progress.end();
      this.saves.delete(id);
    }
  }

  /** Throws 'NOT_SAVING'. */
  cancel(id: string): void {
    const save = this.saves.get(id);
    if (!save) throw userError('NOT_SAVING', 'This checkpoint is not being saved: it may be saved by now.');
    save.job.cancel();
  }

  /** By DAP's `cancel`; true when there was such a save. */
  cancelBy(which: { requestSeq?: number | undefined; progressId?: string | undefined }): boolean {
    for (const { job, progressId, requestSeq } of this.saves.values()) {
      if (progressId !== which.progressId && requestSeq !== which.requestSeq) continue;
      job.cancel();
      return true;
    }
    return false;
  }

  /** Nobody runs any more: saves may take all of the host. Resolves when all have ended, well or not. */
  async finish(): Promise<void> {
    const jobs = [...this.saves.values()].map(({ job }) => job);
    for (const job of jobs) job.hurry();
    await Promise.allSettled(jobs.map(({ done }) => done));
  }
}

/** Throws 'NO_STORE'. */
export function keepingOf({ guest }: SessionContext): Keeping {
  if (guest.keeping) return guest.keeping;
  if (guest.configuration.snapshot) {
    throw userError('SNAPSHOT', 'This session forgets what it writes ("snapshot"): it saves no checkpoints.');
  }
  throw noStore(guest.notice);
}

const noStore = (notice: string | undefined): UserError =>
  userError(
    'NO_STORE',
    notice ?? 'This session has no checkpoint store: give "store" in the launch configuration.',
  );
