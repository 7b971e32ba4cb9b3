/**
 * Layers of a copy-on-write disk, as a tree. A layer holds the blocks that were written while it was the topmost one;
 * once it has a child or a reference, it is frozen and its contents never change (I3).
 *
 * Each block remembers what its place held below, so that going from one layer to another costs what lies between them,
 * however deep the chain is. A layer without references is merged into its only child, or dropped when it has none: the
 * chain is never deeper than the checkpoints that are kept.
 *
 * A layer that has been written to a file has a home there. Its blocks may then leave memory: the home shows the same
 * contents, block for block, as the layer with all that is below it.
 */
import { invariant } from '../base/errors';
import { type Block, BLOCK_BYTES, hashOf, type Home, type View } from './block';

interface Change {
  data: Block;
  /** What the layers below hold here; undefined where they leave it to the base. */
  before: Block | undefined;
  /** Hash of `data` less that of `before`, once known: a hash of the present costs what was written since the last. */
  difference: bigint | undefined;
}

export class Layer {
  private readonly children = new Set<Layer>();
  private changes = new Map<number, Change>();
  private references = 0;
  private sum: bigint | undefined;
  private ownHome: Home | undefined;
  /** Homes of blocks that came from layers below, while this one has none. */
  private readonly otherHomes = new Set<Home>();
  /** The one of them that shows the same contents as this layer, but for the blocks whose home it is not. */
  private basis: Home | undefined;

  constructor(private parent: Layer | undefined) {
    parent?.children.add(this);
  }

  get isEmpty(): boolean {
    return this.changes.size === 0;
  }

  get parentLayer(): Layer | undefined {
    return this.parent;
  }

  get sizeBytes(): number {
    return this.changes.size * BLOCK_BYTES;
  }

  /** Layers from this one to the root. */
  get depth(): number {
    return lineage(this).length;
  }

  /** A block that may be written in place: this layer's own, never one that others refer to. */
  own(index: number): Block | undefined {
    const data = this.changes.get(index)?.data;
    return data?.isWritable === true ? data : undefined;
  }

  /** Only for the topmost layer, which is not frozen. */
  set(index: number, data: Block, view: View): void {
    invariant(this.references === 0 && this.children.size === 0, 'I3: a frozen layer is not written');
    const change = this.changes.get(index);
    if (change === undefined)
      this.changes.set(index, { data, before: view.get(index), difference: undefined });
    else Object.assign(change, { data, difference: undefined });
    view.set(index, data);
    this.sum = undefined;
  }

  // --- homes

  get home(): Home | undefined {
    return this.ownHome;
  }

  /** The nearest of the caller's that has contents from which this layer's came to be. */
  homeBelow(isOwn: (home: Home) => boolean): Home | undefined {
    for (const layer of lineage(this)) {
      const home = layer === this ? layer.basis : (layer.ownHome ?? layer.basis);
      if (home !== undefined && isOwn(home)) return home;
    }
    return undefined;
  }

  /** Homes that the blocks of this layer may be read from. */
  get homes(): Iterable<Home> {
    return this.ownHome === undefined ? this.otherHomes : [this.ownHome];
  }

  /** What was written above what that home shows; see homeBelow. */
  changesAbove(home: Home | undefined): { blocks: Map<number, Block>; homes: Set<Home> } {
    const blocks = new Map<number, Block>();
    const homes = new Set<Home>();
    for (const layer of lineage(this)) {
      if (home !== undefined && layer.ownHome === home) break;
      const isBasis = home !== undefined && layer.basis === home;
      for (const [index, { data }] of layer.changes) {
        if (!blocks.has(index)) blocks.set(index, data);
      }
      for (const other of layer.homes) homes.add(other);
      if (!isBasis) continue;
      for (const [index, block] of blocks) if (block.home === home) blocks.delete(index);
      break;
    }
    return { blocks, homes };
  }

  /** The contents of a disk that goes on from what was stored: blocks in memory, or in `home`. For a new layer. */
  fill(home: Home | undefined, blocks: Iterable<readonly [number, Block]>): void {
    for (const [index, block] of blocks) {
      this.changes.set(index, { data: block, before: undefined, difference: undefined });
    }
    home?.retain();
    this.ownHome = home;
  }

  /**
   * The layer is in a file now, which takes the place of one elsewhere; returns the blocks that could leave memory. The
   * layer retains the home.
   */
  settle(home: Home): Block[] {
    invariant(this.ownHome !== home, 'a layer settles once');
    home.retain();
    const before = this.ownHome;
    this.ownHome = home;
    const movable: Block[] = [];
    for (const [index, { data }] of this.changes) {
      if (data.moveTo(home, index)) movable.push(data);
    }
    before?.release();
    this.leaveOtherHomes();
    return movable;
  }

  private leaveOtherHomes(): void {
    for (const home of this.otherHomes) home.release();
    this.otherHomes.clear();
    this.basis = undefined;
  }

  /** On absorbing `parent`, whose blocks are this layer's now. */
  private inheritHomes(parent: Layer, inherited: Iterable<readonly [number, Block]>): Block[] {
    const movable: Block[] = [];
    if (this.ownHome === undefined) {
      this.basis ??= parent.ownHome ?? parent.basis;
      for (const home of parent.homes) {
        if (this.otherHomes.has(home)) continue;
        home.retain();
        this.otherHomes.add(home);
      }
    } else {
      for (const [index, block] of inherited) if (block.moveTo(this.ownHome, index)) movable.push(block);
    }
    parent.giveUpHomes();
    return movable;
  }

  private giveUpHomes(): void {
    this.leaveOtherHomes();
    this.ownHome?.release();
    this.ownHome = undefined;
  }

  /** True when nobody refers to contents without this layer: no layer below has a reference or another child. */
  get isUnderAll(): boolean {
    return lineage(this)
      .slice(1)
      .every((layer) => layer.references === 0 && layer.children.size === 1);
  }

  retain(): void {
    this.references++;
  }

  /** Returns the blocks that could leave memory since. */
  release(): Block[] {
    invariant(this.references > 0, 'a layer is released as often as it was retained');
    this.references--;
    return this.collapse();
  }

  /** The topmost layer is given up; see release. */
  drop(): Block[] {
    invariant(this.references === 0 && this.children.size === 0, 'I3: a frozen layer is not dropped');
    return this.collapse();
  }

  /** Changes the view from this layer's contents to those of `target`. */
  moveTo(target: Layer, view: View): void {
    const here = new Set(lineage(this));
    const path = lineage(target);
    const shared = path.findIndex((layer) => here.has(layer));
    const apart = shared < 0 ? path : path.slice(0, shared);
    for (const layer of here) {
      if (layer === path[shared]) break;
      layer.undo(view);
    }
    for (const layer of apart.reverse()) layer.redo(view);
  }

  /** Hash of all written blocks from here down. */
  hash(): bigint {
    const path = lineage(this);
    const known = path.findIndex((layer) => layer.sum !== undefined);
    const unknown = known < 0 ? path : path.slice(0, known);
    let sum = path[known]?.sum ?? 0n;
    for (const layer of unknown.reverse()) {
      sum = BigInt.asUintN(64, sum + layer.difference());
      layer.sum = sum;
    }
    return sum;
  }

  private difference(): bigint {
    let sum = 0n;
    for (const [index, change] of this.changes) {
      change.difference ??=
        hashOf(index, change.data) - (change.before === undefined ? 0n : hashOf(index, change.before));
      sum += change.difference;
    }
    return sum;
  }

  /** The view of nothing becomes that of this layer, which stands on the base. */
  show(view: View): void {
    this.redo(view);
  }

  private undo(view: View): void {
    for (const [index, { before }] of this.changes) {
      if (before === undefined) view.delete(index);
      else view.set(index, before);
    }
  }

  private redo(view: View): void {
    for (const [index, { data }] of this.changes) view.set(index, data);
  }

  /** Nobody may need this layer any more; then the same is asked of its parent. */
  private collapse(): Block[] {
    for (const layer of lineage(this)) {
      if (layer.references > 0 || layer.children.size > 1) return [];
      const child = layer.children.values().next().value;
      layer.parent?.children.delete(layer);
      if (child === undefined) {
        layer.giveUpHomes();
        continue;
      }
      const movable = child.absorb(layer);
      child.parent?.children.add(child);
      return movable;
    }
    return [];
  }

  /** Takes over the changes of the parent, of which this is the only child. Moves the smaller of the two sets. */
  private absorb(parent: Layer): Block[] {
    this.parent = parent.parent;
    const inherited: [number, Block][] = [];
    for (const [index, { data }] of parent.changes) {
      if (!this.changes.has(index)) inherited.push([index, data]);
    }
    const movable = this.inheritHomes(parent, inherited);
    if (parent.changes.size <= this.changes.size) {
      for (const [index, older] of parent.changes) {
        const newer = this.changes.get(index);
        if (newer === undefined) this.changes.set(index, older);
        else this.changes.set(index, joined(older, newer));
      }
      return movable;
    }
    for (const [index, newer] of this.changes) {
      const older = parent.changes.get(index);
      parent.changes.set(index, older === undefined ? newer : joined(older, newer));
    }
    this.changes = parent.changes;
    parent.changes = new Map();
    return movable;
  }
}

/** Two changes of one block, one upon the other, as one. */
const joined = (older: Change, newer: Change): Change => ({
  data: newer.data,
  before: older.before,
  difference:
    older.difference === undefined || newer.difference === undefined
      ? undefined
      : older.difference + newer.difference,
});

/** The layer and all below it, down to the root. */
function lineage(from: Layer): Layer[] {
  const path: Layer[] = [];
  for (let layer: Layer | undefined = from; layer !== undefined; layer = layer.parentLayer) path.push(layer);
  return path;
}
