/** An archive in memory that keeps no pages, and whose saves end when a test says so. */
import { setImmediate as immediate } from 'node:timers/promises';
import { userError } from '../../src/base/errors';
import { Emitter } from '../../src/base/events';
import type {
  CheckpointArchive,
  LoadedCheckpoint,
  SaveJob,
  SaveProgress,
  SaveRequest,
} from '../../src/checkpoint/archive';
import type { CheckpointSummary } from '../../src/checkpoint/store/stored';

export class FakeArchive implements CheckpointArchive {
  readonly path = '/stores/fake';
  readonly fellBack = false;
  /** Saves wait until they are let go (or cancelled). */
  isHolding = false;
  isClosed = false;
  /** Errors to come, by the name of the call. */
  readonly failures = new Map<string, Error>();
  readonly exported: string[] = [];
  /** Loaded checkpoints that are not closed. */
  open = 0;
  private all: CheckpointSummary[] = [];
  private nextId = 1;
  private readonly held = new Set<() => void>();
  private readonly progress = new Emitter<SaveProgress>();

  private async calls(name: string): Promise<void> {
    await immediate();
    const failure = this.failures.get(name);
    if (failure) throw failure;
  }

  async list(): Promise<readonly CheckpointSummary[]> {
    await this.calls('list');
    return this.all;
  }

  get count(): number {
    return this.all.length;
  }

  /** Puts one there, as if an earlier session had saved it. */
  put(summary: Partial<CheckpointSummary>): void {
    this.all.push({
      name: '',
      notes: '',
      automatic: false,
      savedAt: 1,
      instret: 0,
      stopMicroseconds: 1,
      ramBytes: 1,
      consoleTail: '',
      guest: null,
      pages: 1,
      addedBytes: 1,
      disks: [],
      damaged: false,
      ...summary,
      id: String(this.nextId++),
    });
  }

  /** Progress of all saves that are held. */
  report(pages: number, totalPages: number): void {
    this.progress.fire({ pages, totalPages });
  }

  /** Lets the saves go that are held. */
  letGo(): void {
    this.isHolding = false;
    for (const go of this.held) go();
  }

  save(request: SaveRequest): SaveJob {
    let isCancelled = false;
    let go = (): void => undefined;
    const run = async (): Promise<CheckpointSummary> => {
      if (this.isHolding) {
        await new Promise<void>((resolve) => {
          go = resolve;
          this.held.add(resolve);
        });
      }
      this.held.delete(go);
      await this.calls('save');
      if (isCancelled) throw userError('SAVE_CANCELLED', 'Saving the checkpoint was cancelled.');
      this.put(request.info);
      return this.all.at(-1) as CheckpointSummary;
    };
    const done = run();
    done.catch(() => undefined);
    return {
      done,
      onProgress: this.progress.event,
      cancel: () => {
        isCancelled = true;
        go();
      },
      // Nobody waits for the guest any longer.
      hurry: () => go(),
    };
  }

  async load(id: string): Promise<LoadedCheckpoint> {
    const summary = await this.find('load', id);
    this.open++;
    const ram = { fill: () => [] };
    return { summary, sections: [], disks: [], ram, handle: 1, close: () => this.open-- };
  }

  async update(id: string, change: { readonly name?: string; readonly notes?: string }): Promise<void> {
    const summary = await this.find('update', id);
    this.all = this.all.map((one) => (one === summary ? { ...one, ...change } : one));
  }

  async delete(id: string): Promise<void> {
    const summary = await this.find('delete', id);
    this.all = this.all.filter((one) => one !== summary);
  }

  async verify(id: string) {
    await this.find('verify', id);
    return { id, pages: 1, problems: [] };
  }

  async exportTo(id: string, path: string): Promise<void> {
    await this.find('exportTo', id);
    this.exported.push(path);
  }

  async importFrom(): Promise<readonly string[]> {
    await this.calls('importFrom');
    return [];
  }

  async statistics() {
    await this.calls('statistics');
    const sizes = { sizeBytes: 0, limitBytes: Infinity, liveBytes: 0, freeBytes: Infinity, writtenBytes: 0 };
    return { checkpoints: this.all.length, objects: 0, ...sizes };
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  private async find(call: string, id: string): Promise<CheckpointSummary> {
    await this.calls(call);
    const found = this.all.find((one) => one.id === id);
    if (!found) throw userError('CHECKPOINT_UNKNOWN', `There is no checkpoint ${id} in the store.`);
    return found;
  }
}
