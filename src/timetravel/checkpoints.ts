/** What can be done with a recording's checkpoints while the guest stands or runs; going to one is a move. */
import { invariant, userError } from '../base/errors';
import type { CheckpointArchive, SaveJob } from '../checkpoint/archive';
import type { Checkpoint } from '../checkpoint/tree';
import type { DiskContents } from '../machine/device';
import type { CheckpointInfo } from './api';
import { describeCheckpoint } from './checkpoint-info';
import type { Recording } from './recording';
import type { PageSources, SavedCheckpoint } from './saved-state';
import { Saving, type SaveCheckpointOptions } from './saving';

export class Checkpoints {
  private readonly saving: Saving;

  constructor(
    private readonly recording: Recording,
    private readonly sources: PageSources,
    private readonly changed: () => void,
  ) {
    this.saving = new Saving(recording, sources, changed);
  }

  take(name: string | undefined): CheckpointInfo {
    const checkpoint = this.recording.take(name, false);
    this.changed();
    return this.describe(checkpoint);
  }

  rename(id: string, name: string): void {
    const checkpoint = this.recording.tree.get(id);
    checkpoint.name = name;
    checkpoint.automatic = false;
    this.changed();
  }

  delete(id: string): void {
    const { recording } = this;
    const { tree } = recording;
    const checkpoint = tree.get(id);
    const root = recording.rootOf(checkpoint.branch);
    if (checkpoint === recording.root) {
      throw userError(
        'CHECKPOINT_ROOT',
        'This checkpoint is the beginning of the recording, and stays: all that comes later is played from it.',
      );
    }
    const others = tree.all().filter((other) => recording.rootOf(other.branch) === root);
    if (checkpoint === root && (recording.rootOf(recording.branch.id) === root || others.length > 1)) {
      throw userError(
        'CHECKPOINT_ROOT',
        'A history begins with this checkpoint: go to a checkpoint of another one, and delete those that follow it first.',
      );
    }
    tree.delete(id);
    if (!tree.isPinned) this.sources.closeUnused();
    this.changed();
  }

  list(): readonly CheckpointInfo[] {
    return this.recording.tree.all().map((checkpoint) => this.describe(checkpoint));
  }

  /** The checkpoint at or before now, on this branch. */
  get current(): string | undefined {
    const { recording } = this;
    return recording.before(recording.now, recording.applied).id;
  }

  save(id: string, archive: CheckpointArchive, options: SaveCheckpointOptions): SaveJob {
    return this.saving.save(id, archive, options);
  }

  adopt(saved: SavedCheckpoint, disks: readonly DiskContents[]): CheckpointInfo {
    const { recording } = this;
    invariant(disks.length === recording.machine.board.disks.length, 'each disk has contents');
    const checkpoint = recording.adopt(this.sources.attach(recording.machine, saved, disks));
    this.changed();
    return this.describe(checkpoint);
  }

  forgetSaved(archivePath: string, savedId: string): void {
    for (const checkpoint of this.recording.tree.all()) {
      const { saved } = checkpoint;
      if (saved?.archivePath === archivePath && saved.id === savedId) checkpoint.saved = undefined;
    }
    this.changed();
  }

  private describe(checkpoint: Checkpoint): CheckpointInfo {
    const { branches, branch, tree } = this.recording;
    const own = branches.get(checkpoint.branch) ?? branch;
    const saving = this.saving.fraction(checkpoint.id);
    return {
      ...describeCheckpoint(checkpoint, own, tree.all()),
      ...(saving === undefined ? {} : { saving }),
    };
  }
}
