/**
 * Checkpoints of the living tree on their way into an archive. The guest runs on meanwhile: what is read is frozen (I3), and
 * pinned until the save has ended, also when the checkpoint is deleted before.
 */
import type { SaveJob, CheckpointArchive } from '../checkpoint/archive';
import type { Checkpoint } from '../checkpoint/tree';
import type { SectionData } from '../machine/device';
import { lastLine, parentOf } from './checkpoint-info';
import type { Recording } from './recording';
import { sectionsOf, type PageSources } from './saved-state';

export interface SaveCheckpointOptions {
  /** By default the checkpoint's own. */
  readonly name?: string;
  readonly notes?: string;
  /** Which guest it is of: for whoever offers it again. */
  readonly guest: SectionData;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** Steps in which progress is told. */
const STEP = 0.02;

export class Saving {
  /** How far saves are, by checkpoint. */
  private readonly fractions = new Map<string, number>();

  constructor(
    private readonly recording: Recording,
    private readonly sources: PageSources,
    private readonly changed: () => void,
  ) {}

  /** 0 to 1 while the checkpoint is being saved. */
  fraction(id: string): number | undefined {
    return this.fractions.get(id);
  }

  /** Throws 'CHECKPOINT_UNKNOWN'. */
  save(id: string, archive: CheckpointArchive, options: SaveCheckpointOptions): SaveJob {
    const { tree } = this.recording;
    const pinned = tree.pin(id);
    const like = tree.pinSaved(id, archive.path);
    const settle = (): void => {
      this.fractions.delete(id);
      pinned.release();
      like?.release();
      this.changed();
    };
    const { checkpoint } = pinned;
    let job: SaveJob;
    try {
      job = archive.save(this.request(checkpoint, like?.checkpoint, archive.path, options));
    } catch (error) {
      settle();
      throw error;
    }
    if (options.name !== undefined) checkpoint.name = options.name;
    // It is wanted: thinning leaves it.
    checkpoint.automatic = false;
    this.fractions.set(id, 0);
    job.onProgress(({ pages, totalPages }) => {
      const fraction = Math.min(1, pages / Math.max(1, totalPages));
      if (!this.fractions.has(id) || fraction - (this.fractions.get(id) ?? 0) < STEP) return;
      this.fractions.set(id, fraction);
      this.changed();
    });
    const done = job.done
      .then((summary) => {
        checkpoint.saved = { archivePath: archive.path, id: summary.id };
        return summary;
      })
      .finally(settle);
    // Who does not look at `done` does not want to know.
    done.catch(() => undefined);
    this.changed();
    return {
      done,
      onProgress: job.onProgress,
      cancel: () => {
        job.cancel();
      },
      hurry: () => {
        job.hurry();
      },
    };
  }

  private request(
    checkpoint: Checkpoint,
    like: Checkpoint | undefined,
    archivePath: string,
    options: SaveCheckpointOptions,
  ): Parameters<CheckpointArchive['save']>[0] {
    const { machine, branches, tree } = this.recording;
    const { state, consoleLength } = checkpoint;
    const { ramBytes } = machine.config;
    const branch = branches.get(checkpoint.branch) ?? this.recording.branch;
    const inArchive = tree.all().filter(({ saved }) => saved?.archivePath === archivePath);
    const parent = parentOf(checkpoint, branch, inArchive)?.saved?.id;
    const saved = like?.saved;
    return {
      info: {
        name: options.name ?? checkpoint.name ?? '',
        notes: options.notes ?? '',
        automatic: false,
        ...(parent === undefined ? {} : { parent }),
        savedAt: options.savedAt,
        instret: state.instret,
        stopMicroseconds: checkpoint.stopMicroseconds,
        ramBytes,
        consoleTail: lastLine(branch.console.slice(Math.max(0, consoleLength - 200), consoleLength)),
        guest: options.guest,
      },
      sections: sectionsOf(checkpoint, branch.console.slice(0, consoleLength), machine.config),
      ram: { memory: machine.linear.memory, directory: state.pages.directory, ramBytes },
      disks: [],
      ...(state.disks.length > 0 ? { frozenDisks: state.disks } : {}),
      ...(like && saved ? { like: { id: saved.id, directory: like.state.pages.directory } } : {}),
      sources: this.sources.handles,
    };
  }
}
