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
  /** Absent while the files of the guest are read, which say what it is. */
  job?: SaveJob;
  isCancelled: boolean;
  readonly progressId: string;
  readonly requestSeq: number;
  readonly ended: Promise<unknown>;
}

export class Saving {
  /** By the checkpoint's id in the tree. */
  private readonly saves = new Map<string, Save>();
  private nextProgressId = 1;
  private isFinishing = false;

  constructor(private readonly context: SessionContext) {}

  /** Throws 'CHECKPOINT_UNKNOWN', 'CHECKPOINT_SAVED', 'CHECKPOINT_SAVING', 'NO_STORE', 'SAVE_CANCELLED', 'STORE_*'. */
  async save(id: string, as: SaveAs, requestSeq: number): Promise<CheckpointSummary> {
    const { context } = this;
    const keeping = keepingOf(context);
    const found = context.debuggee.checkpoints().find((one) => one.id === id);
    if (found?.saved) {
      throw userError('CHECKPOINT_SAVED', `This checkpoint has been saved already, as ${found.saved.id}.`);
    }
    if (this.saves.has(id)) throw userError('CHECKPOINT_SAVING', 'This checkpoint is being saved already.');
    const title = `Saving ${as.name ?? found?.name ?? 'a checkpoint'}`;
    const progress = new ProgressReporter(context, `save-${this.nextProgressId++}`, title, requestSeq);
    const begin = async (): Promise<CheckpointSummary> => {
      const guest = encodeGuest(await keeping.guest());
      if (save.isCancelled) throw userError('SAVE_CANCELLED', 'Saving the checkpoint was cancelled.');
      const savedAt = context.host.unixTime();
      save.job = context.debuggee.saveCheckpoint(id, keeping.archive, { ...as, guest, savedAt });
      if (this.isFinishing) save.job.hurry();
      const listening = save.job.onProgress(({ pages, totalPages }) => {
        progress.report(pages / Math.max(1, totalPages), `${pages} of ${totalPages} pages`);
      });
      return save.job.done.finally(() => listening.dispose());
    };
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => (start = resolve));
    const ended = started.then(begin);
    const save: Save = { isCancelled: false, progressId: progress.id, requestSeq, ended };
    this.saves.set(id, save);
    start();
    try {
      return await ended;
    } finally {
      progress.end();
      this.saves.delete(id);
    }
  }

  /** Throws 'NOT_SAVING'. */
  cancel(id: string): void {
    const save = this.saves.get(id);
    if (!save) throw userError('NOT_SAVING', 'This checkpoint is not being saved: it may be saved by now.');
    cancelled(save);
  }

  /** By DAP's `cancel`; true when there was such a save. */
  cancelBy(which: { requestSeq?: number | undefined; progressId?: string | undefined }): boolean {
    for (const save of this.saves.values()) {
      if (save.progressId !== which.progressId && save.requestSeq !== which.requestSeq) continue;
      cancelled(save);
      return true;
    }
    return false;
  }

  /** Nobody runs any more: saves may take all of the host. Resolves when all have ended, well or not. */
  async finish(): Promise<void> {
    this.isFinishing = true;
    const saves = [...this.saves.values()];
    for (const { job } of saves) job?.hurry();
    await Promise.allSettled(saves.map(({ ended }) => ended));
  }
}

function cancelled(save: Save): void {
  save.isCancelled = true;
  save.job?.cancel();
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
