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
}

interface Node {
  readonly checkpoint: Checkpoint;
  base: Node | undefined;
  readonly children: Set<Node>;
  deleted: boolean;
}

export interface TakeOptions {
  readonly name?: string;
  readonly automatic: boolean;
  readonly branch: number;
  readonly logIndex: number;
  readonly consoleLength: number;
}

export class CheckpointTree {
  private readonly nodes = new Map<string, Node>();
  /** The node that the living state descends from. */
  private living: Node | undefined;
  private nextId = 1;

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
    const checkpoint: Checkpoint = {
      id: String(this.nextId++),
      state,
      branch: options.branch,
      logIndex: options.logIndex,
      consoleLength: options.consoleLength,
      pc: this.machine.pc(hart),
      hart,
      stopMicroseconds,
      name: options.name,
      automatic: options.automatic,
    };
    const node: Node = { checkpoint, base: this.living, children: new Set(), deleted: false };
    this.living?.children.add(node);
    this.nodes.set(checkpoint.id, node);
    this.living = node;
    return checkpoint;
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

  /** Forgets a checkpoint and frees what only it holds. */
  delete(id: string): void {
    const node = this.node(id);
    this.nodes.delete(id);
    node.deleted = true;
    for (const contents of node.checkpoint.state.disks) contents.release();
    this.collect(node);
  }

  /** Frees the pages of a deleted node that one other at most descends from, and then of those before it. */
  private collect(start: Node | undefined): void {
    for (let node = start; node?.deleted === true;) {
      const { base, children } = node;
      if (children.size + (this.living === node ? 1 : 0) > 1) return;
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
