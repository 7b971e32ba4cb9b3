/**
 * The tree of checkpoints in memory. A node owns frozen machine state (I3) and gives it back when it is deleted.
 *
 * Two orders must not be confused. `base` is the node from whose page table this one's pages descend; releasing frames
 * needs it (see machine/memory.ts). What came before what in the guest's time is the business of branches, which the
 * room above keeps: here a node only carries its branch's number and how much of the log and console preceded it.
 *
 * A node that several others descend from keeps its pages when it is deleted, unseen: those others may share a frame
 * that it alone connects, and without it each would take the frame for its own. It goes as soon as one of them at most
 * is left.
 */
import { defined, invariant, userError } from '../base/errors';
import { CURRENT, H } from '../machine/layout';
import type { Machine, MachineState } from '../machine/machine';

export interface Checkpoint {
  readonly id: string;
  readonly state: MachineState;
  readonly branch: number;
  /** Entries of the branch's input log that had been applied. */
  readonly logIndex: number;
  /** Bytes that the console had shown. */
  readonly consoleLength: number;
  readonly pc: bigint;
  readonly hart: number;
  /** Host time for which the guest stood still, microseconds. */
  readonly stopMicroseconds: number;
  name: string | undefined;
  automatic: boolean;
  /** Where it is kept for good, if it is. */
  saved: SavedAs | undefined;
}

/** A checkpoint of an archive (archive.ts). */
export interface SavedAs {
  readonly archivePath: string;
  readonly id: string;
}

/** A checkpoint whose pages and disks stay frozen, also when it is deleted, until `release`. */
export interface Pinned {
  readonly checkpoint: Checkpoint;
  release(): void;
}

interface Node {
  readonly checkpoint: Checkpoint;
  base: Node | undefined;
  readonly children: Set<Node>;
  deleted: boolean;
  /** Saves under way that read its pages. */
  pins: number;
  holdsDisks: boolean;
}

export interface TakeOptions {
  readonly name?: string;
  readonly automatic: boolean;
  readonly branch: number;
  readonly logIndex: number;
  readonly consoleLength: number;
}

export interface AdoptOptions extends TakeOptions {
  readonly stopMicroseconds?: number;
  readonly saved?: SavedAs;
}

export class CheckpointTree {
  private readonly nodes = new Map<string, Node>();
  /** The node that the living state descends from. */
  private living: Node | undefined;
  private nextId = 1;
  private pinned = 0;

  constructor(
    private readonly machine: Machine,
    /** Milliseconds, monotonic. */
    private readonly now: () => number,
  ) {}

  /** Freezes the machine. Waits for nothing (I5). */
  take(options: TakeOptions): Checkpoint {
    const started = this.now();
    const state = this.machine.freeze();
    const stopMicroseconds = Math.round((this.now() - started) * 1000);
    const hart = state.current;
    const node = this.add(this.living, state, this.machine.pc(hart), { ...options, stopMicroseconds });
    this.living = node;
    return node.checkpoint;
  }

  /**
   * Takes in a state that was saved elsewhere: its page table and disks are frozen, and descend from nothing here. The
   * machine's state is not touched.
   */
  adopt(state: MachineState, options: AdoptOptions): Checkpoint {
    const block = defined(state.harts[state.current], 'the current hart exists');
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    return this.add(undefined, state, view.getBigUint64(H.pc - CURRENT, true), options).checkpoint;
  }

  private add(base: Node | undefined, state: MachineState, pc: bigint, options: AdoptOptions): Node {
    const checkpoint: Checkpoint = {
      id: String(this.nextId++),
      state,
      branch: options.branch,
      logIndex: options.logIndex,
      consoleLength: options.consoleLength,
      pc,
      hart: state.current,
      stopMicroseconds: options.stopMicroseconds ?? 0,
      name: options.name,
      automatic: options.automatic,
      saved: options.saved,
    };
    const node: Node = { checkpoint, base, children: new Set(), deleted: false, pins: 0, holdsDisks: true };
    base?.children.add(node);
    this.nodes.set(checkpoint.id, node);
    return node;
  }

  /** Makes the machine's state that of the checkpoint. The present state is dropped. */
  restore(id: string): Checkpoint {
    const node = this.node(id);
    const before = this.living;
    this.machine.restore(node.checkpoint.state);
    this.living = node;
    this.collect(before);
    return node.checkpoint;
  }

  /** Forgets a checkpoint and frees what only it holds, at once or when it is no longer pinned. */
  delete(id: string): void {
    const node = this.node(id);
    this.nodes.delete(id);
    node.deleted = true;
    if (node.pins === 0) this.free(node);
  }

  private free(node: Node): void {
    if (node.holdsDisks) for (const contents of node.checkpoint.state.disks) contents.release();
    node.holdsDisks = false;
    this.collect(node);
  }

  // --- for saving

  pin(id: string): Pinned {
    return this.pinNode(this.node(id));
  }

  private pinNode(node: Node): Pinned {
    node.pins++;
    this.pinned++;
    let isHeld = true;
    return {
      checkpoint: node.checkpoint,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        node.pins--;
        this.pinned--;
        if (node.pins === 0 && node.deleted) this.free(node);
      },
    };
  }

  /**
   * The nearest checkpoint in the archive from whose pages those of `id` descend, itself included; pinned. Its pages are
   * frozen still, even where it has been deleted here.
   */
  pinSaved(id: string, archivePath: string): Pinned | undefined {
    for (let node: Node | undefined = this.node(id); node; node = node.base) {
      if (node.checkpoint.saved?.archivePath === archivePath) return this.pinNode(node);
    }
    return undefined;
  }

  /** Saves read pages: no source of absent pages may go. */
  get isPinned(): boolean {
    return this.pinned > 0;
  }

  /** Frees the pages of a deleted node that one other at most descends from, and then of those before it. */
  private collect(start: Node | undefined): void {
    for (let node = start; node?.deleted === true;) {
      const { base, children } = node;
      if (node.pins > 0 || children.size + (this.living === node ? 1 : 0) > 1) return;
      this.machine.memory.release(
        node.checkpoint.state.pages,
        base?.checkpoint.state.pages,
        [...children].map((child) => child.checkpoint.state.pages),
      );
      for (const child of children) {
        child.base = base;
        base?.children.add(child);
      }
      base?.children.delete(node);
      if (this.living === node) this.living = base;
      // Released: it must not be taken for one that still waits.
      node.deleted = false;
      node = base;
    }
  }

  get(id: string): Checkpoint {
    return this.node(id).checkpoint;
  }

  /** In order of taking. */
  all(): Checkpoint[] {
    return [...this.nodes.values()].map((node) => node.checkpoint);
  }

  private node(id: string): Node {
    const node = this.nodes.get(id);
    if (!node) {
      throw userError('CHECKPOINT_UNKNOWN', `There is no checkpoint ${id}: it may have been deleted.`);
    }
    return node;
  }

  /** The checkpoint that the living state descends from. */
  get base(): Checkpoint {
    invariant(this.living, 'a recording begins with a checkpoint');
    return defined(this.living).checkpoint;
  }
}
