/** A save whose disks are prepared first: to its caller, one job. */
import { userError } from '../base/errors';
import { Emitter } from '../base/events';
import type { FillOptions } from '../disk/fill-layer';
import type { SavedDisk, SaveJob, SaveProgress } from './archive';
import type { CheckpointSummary } from './store/stored';

export interface DiskSaveSteps {
  prepare(options: FillOptions): Promise<readonly SavedDisk[]>;
  save(disks: readonly SavedDisk[]): SaveJob;
  /** The checkpoint was not saved: what was prepared is given up. */
  discard(disks: readonly SavedDisk[]): Promise<void>;
  ended(): void;
  pause(ms: number): Promise<void>;
}

/** Between two writes of 1 MiB to a layer, each of which takes the guest's thread for about a millisecond. */
const PAUSE_MS = 15;

export class DiskSave implements SaveJob {
  readonly done: Promise<CheckpointSummary>;
  private readonly progress = new Emitter<SaveProgress>();
  readonly onProgress = this.progress.event;
  private readonly signal = { aborted: false };
  private inHurry = false;
  private inner: SaveJob | undefined;

  constructor(private readonly steps: DiskSaveSteps) {
    this.done = this.run().finally(() => {
      steps.ended();
      this.progress.dispose();
    });
  }

  cancel(): void {
    this.signal.aborted = true;
    this.inner?.cancel();
  }

  hurry(): void {
    this.inHurry = true;
    this.inner?.hurry();
  }

  private async run(): Promise<CheckpointSummary> {
    const { steps, signal } = this;
    const disks = await steps.prepare({
      signal,
      pace: (done) => (this.inHurry || done === 0 ? Promise.resolve() : steps.pause(PAUSE_MS)),
    });
    try {
      if (signal.aborted) throw userError('SAVE_CANCELLED', 'Saving the checkpoint was cancelled.');
      this.inner = steps.save(disks);
      if (this.inHurry) this.inner.hurry();
      this.inner.onProgress((progress) => this.progress.fire(progress));
      return await this.inner.done;
    } catch (error) {
      await steps.discard(disks);
      throw error;
    }
  }
}
