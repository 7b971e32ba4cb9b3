/** A machine's RAM and its tree of checkpoints, driven step by step beside plain arrays that say what must be there. */
import assert from 'node:assert/strict';
import { CheckpointTree } from '../../src/checkpoint/tree';
import type { Machine, MachineState } from '../../src/machine/machine';

export type TreeStep =
  | { readonly do: 'write'; readonly place: number; readonly offset: number; readonly value: number }
  | { readonly do: 'clear' | 'take' }
  | { readonly do: 'restore' | 'delete'; readonly pick: number };

/** Facts about a checkpoint that do not matter here. */
export const PLAIN = { automatic: false, branch: 0, logIndex: 0, consoleLength: 0 };

const BYTES = 8;

/** Looks at eight bytes at each of the places, which are zero at first. */
export class TreeModel {
  readonly tree: CheckpointTree;
  readonly expected = new Map<string, number[][]>();
  present: number[][];

  constructor(
    readonly machine: Machine,
    readonly places: readonly number[],
  ) {
    this.tree = new CheckpointTree(machine, () => 0);
    this.present = this.zero();
    this.take();
  }

  take(): MachineState {
    const { id, state } = this.tree.take(PLAIN);
    this.note(id);
    return state;
  }

  /** The checkpoint holds what is present. */
  protected note(id: string): void {
    this.expected.set(
      id,
      this.present.map((bytes) => [...bytes]),
    );
  }

  applyStep(step: TreeStep): void {
    switch (step.do) {
      case 'write': {
        this.machine.memory.write((this.places[step.place] ?? 0) + step.offset, Uint8Array.of(step.value));
        const bytes = this.present[step.place];
        if (bytes) bytes[step.offset] = step.value;
        return;
      }
      case 'clear':
        this.machine.memory.clear();
        this.present = this.zero();
        return;
      case 'take':
        this.take();
        return;
      case 'restore': {
        const ids = [...this.expected.keys()];
        const id = ids[step.pick % ids.length];
        if (id !== undefined) this.restore(id);
        return;
      }
      case 'delete': {
        // The first one stays, as in a recording.
        const [, ...ids] = this.expected.keys();
        const id = ids[step.pick % ids.length];
        if (id !== undefined) this.delete(id);
        return;
      }
    }
  }

  protected restore(id: string): void {
    this.tree.restore(id);
    this.present = (this.expected.get(id) ?? []).map((bytes) => [...bytes]);
  }

  protected delete(id: string): void {
    this.tree.delete(id);
    this.expected.delete(id);
  }

  check(index: number): void {
    const found = this.machine.memory.read(this.places[index] ?? 0, BYTES);
    assert.deepEqual([...found], this.present[index], `place ${index}`);
  }

  checkAll(): void {
    for (const index of this.places.keys()) this.check(index);
  }

  /** Every checkpoint, in the order of taking, still holds its bytes (I3). Only the first one is left then, and present. */
  finish(): void {
    for (const id of this.expected.keys()) {
      this.restore(id);
      this.checkAll();
    }
    const [first, ...others] = this.expected.keys();
    this.restore(first ?? '');
    for (const id of others) this.delete(id);
  }

  private zero(): number[][] {
    return this.places.map(() => new Array<number>(BYTES).fill(0));
  }
}
