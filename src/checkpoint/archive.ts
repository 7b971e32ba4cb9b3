/**
 * Durable checkpoints as the rest of the product sees them: an archive saves frozen state in the background, on another
 * thread, and gives it back page by page. Nothing here waits for the guest, and the guest waits for nothing here but a
 * page that it touches for the first time after a resume.
 */
import type { Event } from '../base/events';
import type { PageSource } from '../machine/absent';
import type { DiskContents, Section } from '../machine/device';
import type { CheckpointInfo, DiskPointer } from './store/manifest';
import type { StoreStatistics } from './store/store';
import type { CheckpointSummary } from './store/stored';
import type { Verification } from './store/verify';

/** The linear memory of a machine, and the directory of a page table that stays frozen until the save has ended. */
export interface FrozenRam {
  readonly memory: WebAssembly.Memory;
  /** Frame of the leaf for each 4 MiB of RAM (machine/memory.ts). */
  readonly directory: Uint32Array;
  readonly ramBytes: number;
}

export interface SavedDisk {
  readonly pointer: DiskPointer;
  /** Blocks of 4 KiB over the pointer's image, by number; none where the pointer names a layer that has them. */
  readonly blocks: readonly (readonly [number, Uint8Array])[];
}

export interface SaveRequest {
  readonly info: CheckpointInfo;
  readonly sections: readonly Section[];
  readonly ram: FrozenRam;
  readonly disks: readonly SavedDisk[];
  /**
   * Instead of `disks`: the machine's frozen disks (MachineState.disks). A DiskArchive (disk-archive.ts) makes `disks` of
   * them before its inner archive saves; references of its own keep them meanwhile.
   */
  readonly frozenDisks?: readonly DiskContents[];
  /**
   * A checkpoint of this archive that this one descends from: only pages that differ from it are looked at, where its
   * directory is given and is frozen still; without, all pages are compared by content.
   */
  readonly like?: { readonly id: string; readonly directory?: Uint32Array };
  /**
   * What absent pages of the directory are read from: LoadedCheckpoint.handle by the number of the source. They may be
   * closed while the save is under way; but the source's template in the linear memory stays as it is until `done`.
   */
  readonly sources: readonly (number | undefined)[];
}

export interface SaveProgress {
  readonly pages: number;
  readonly totalPages: number;
}

/** A save under way. Its checkpoint is in no list before `done` has resolved (S5 of the method). */
export interface SaveJob {
  /** Rejects with 'SAVE_CANCELLED', 'STORE_FULL', 'STORE_IO'; the archive is then as it was before. */
  readonly done: Promise<CheckpointSummary>;
  readonly onProgress: Event<SaveProgress>;
  /** Once it is being committed, this has no effect. */
  cancel(): void;
  /** The guest stands still: it need not be spared any more. */
  hurry(): void;
}

export interface LoadedCheckpoint {
  readonly summary: CheckpointSummary;
  readonly sections: readonly Section[];
  readonly disks: readonly SavedDisk[];
  /** Its `fill` throws 'STORE_IO', 'STORE_DAMAGED'. */
  readonly ram: PageSource;
  /** Names it in SaveRequest.sources. */
  readonly handle: number;
  /** Pages are not needed any more. */
  close(): void;
}

/** All calls throw 'STORE_WORKER' when the thread has ended by itself, and 'STORE_CLOSED' after close. */
export interface CheckpointArchive {
  readonly path: string;
  /** The newest state was damaged: what was saved or deleted last may be missing or back. */
  readonly fellBack: boolean;
  /** In the order in which they were saved. */
  list(): Promise<readonly CheckpointSummary[]>;
  save(request: SaveRequest): SaveJob;
  /** Stays readable until it is closed, also when the checkpoint is deleted meanwhile. */
  load(id: string): Promise<LoadedCheckpoint>;
  update(id: string, change: { readonly name?: string; readonly notes?: string }): Promise<void>;
  delete(id: string): Promise<void>;
  verify(id: string): Promise<Verification>;
  /**
   * Writes one checkpoint, with all that it needs but the base images of its disks, into a file. `disks` takes the place
   * of its own: DiskArchive gives the blocks of layers that way.
   */
  exportTo(id: string, path: string, disks?: readonly SavedDisk[]): Promise<void>;
  /** Takes over the checkpoints of an exported file or of another store; their new ids. */
  importFrom(path: string): Promise<readonly string[]>;
  statistics(): Promise<StoreStatistics>;
  /** Saves under way are cancelled; loaded checkpoints cannot be read any more. */
  close(): Promise<void>;
}
