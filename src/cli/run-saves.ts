/**
 * Checkpoints that a run saves: taken while the guest runs, written in the background, and waited for at the end. Each is
 * told in a line on standard error when it is durable.
 */
import { messageOf, UserError, userError } from '../base/errors';
import { formatBytes, formatInstret } from '../base/text';
import type { CheckpointArchive, SaveJob } from '../checkpoint/archive';
import { encodeGuest, type SavedGuest } from '../protocol';
import type { TimeMachine } from '../timetravel/time-machine';
import type { RunOptions } from './options';

/** In `run --json`. */
export interface SaveReport {
  readonly name: string;
  readonly instret: number;
  readonly stopMicroseconds: number;
  /** Of the store; absent when it was not saved. */
  readonly id?: string;
  readonly addedBytes?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface PlaceToSave {
  readonly archive: CheckpointArchive;
  readonly guest: SavedGuest;
}

export class Saves {
  private readonly jobs: SaveJob[] = [];
  private readonly reports: Promise<SaveReport>[] = [];
  private kept: string | undefined;

  /** Throws 'CHECKPOINT_PAST' for an instant that lies before the beginning of the run. */
  constructor(
    private readonly debuggee: TimeMachine,
    private readonly place: PlaceToSave | undefined,
    private readonly options: RunOptions,
  ) {
    const past = options.saving.checkpointAt.find((at) => at < debuggee.now);
    if (past !== undefined) {
      throw userError(
        'CHECKPOINT_PAST',
        `The run begins at instruction ${debuggee.now}: no checkpoint can be taken at ${past}; give later ones.`,
      );
    }
  }

  /** A live checkpoint, now. The guest can go on at once. */
  take(name: string): void {
    const { debuggee, place } = this;
    if (!place) return;
    const { id, instret, stopMicroseconds } = debuggee.takeCheckpoint(name);
    const job = debuggee.saveCheckpoint(id, place.archive, {
      name,
      guest: encodeGuest(place.guest),
      savedAt: Date.now(),
    });
    this.jobs.push(job);
    this.reports.push(this.reported(job, { name, instret, stopMicroseconds }));
    job.done.then(
      () => this.keepOnly(id),
      () => debuggee.deleteCheckpoint(id),
    );
  }

  /** A snapshot of the disks alone, under way. */
  add(job: SaveJob, name: string): void {
    this.jobs.push(job);
    this.reports.push(this.reported(job, { name, instret: this.debuggee.now, stopMicroseconds: 0 }));
  }

  /** Nothing goes back in time here: of what is saved, the last one stays in memory, so that the next is compared with it. */
  private keepOnly(id: string): void {
    if (this.kept !== undefined) this.debuggee.deleteCheckpoint(this.kept);
    this.kept = id;
  }

  /** Takes the one of --save-on-exit, and waits until all are durable. Undefined when nothing was to be saved. */
  async finish(): Promise<readonly SaveReport[] | undefined> {
    const { saveOnExit, saveDisksOnExit, checkpointAt } = this.options.saving;
    if (saveOnExit !== undefined) this.take(saveOnExit);
    for (const job of this.jobs) job.hurry();
    const reports = await Promise.all(this.reports);
    const isAsked = (saveOnExit ?? saveDisksOnExit) !== undefined || checkpointAt.length > 0;
    return isAsked ? reports : undefined;
  }

  private async reported(
    job: SaveJob,
    head: Pick<SaveReport, 'name' | 'instret' | 'stopMicroseconds'>,
  ): Promise<SaveReport> {
    const { name, instret, stopMicroseconds } = head;
    const what = `checkpoint "${name}", instruction ${formatInstret(instret)}, stop ${stopMicroseconds} µs`;
    const say = (text: string): void => void process.stderr.write(`chronovisor: ${text}\n`);
    try {
      const { id, addedBytes } = await job.done;
      say(`saved as ${id}: ${what}, ${formatBytes(addedBytes)} added`);
      return { ...head, id, addedBytes };
    } catch (error) {
      const code = error instanceof UserError ? error.code : 'INTERNAL_ERROR';
      say(`${code}: not saved: ${what}: ${messageOf(error)}`);
      return { ...head, error: { code, message: messageOf(error) } };
    }
  }
}
