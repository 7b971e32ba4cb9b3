/**
 * Which object is at which page: leaves of 1024 ids (4 MiB of RAM each, as in the machine's own page table), themselves
 * objects, so that a leaf that two checkpoints have in common is kept once. A map's root is a list of (leaf number, id).
 */
import { defined } from '../../base/errors';
import type { Core } from './core';
import { storeDamaged } from './errors';
import { getObject, putObject, type Held } from './objects';
import { ABSENT } from './table';

export const LEAF_PAGES = 1024;

/** Leaf number to the leaf's object. */
export type MapRoot = ReadonlyMap<number, number>;

/** What a save has put so far. In its leaves, ABSENT means: as in the map that the save began with. */
export class MapBuilder {
  private readonly leaves = new Map<number, Uint32Array>();

  constructor(private readonly begun: MapRoot) {}

  set(page: number, id: number): void {
    const number = Math.floor(page / LEAF_PAGES);
    let leaf = this.leaves.get(number);
    if (!leaf) this.leaves.set(number, (leaf = new Uint32Array(LEAF_PAGES)));
    leaf[page % LEAF_PAGES] = id;
  }

  /** Of all pages put. */
  *ids(): Generator<number> {
    for (const leaf of this.leaves.values()) yield* leaf;
  }

  /**
   * Puts the leaves. `clean`: what an id is written as. `check` throws when the store has meanwhile changed in a way that
   * voids the save.
   */
  async finish(
    core: Core,
    held: Held,
    clean: (id: number) => number,
    pause: () => Promise<void>,
    check: () => void,
  ): Promise<MapRoot> {
    const root = new Map(this.begun);
    for (const [number, overlay] of [...this.leaves].sort(([a], [b]) => a - b)) {
      const before = this.begun.get(number);
      const leaf =
        before === undefined ? new Uint32Array(LEAF_PAGES) : (await readLeaf(core, before)).slice();
      overlay.forEach((id, i) => {
        if (id !== ABSENT) leaf[i] = clean(id);
      });
      check();
      if (leaf.some((id) => id !== ABSENT)) root.set(number, putObject(core, bytesOf(leaf), held));
      else root.delete(number);
      await pause();
      check();
    }
    return root;
  }
}

const bytesOf = (leaf: Uint32Array): Uint8Array => {
  const bytes = new Uint8Array(4 * leaf.length);
  const view = new DataView(bytes.buffer);
  leaf.forEach((id, i) => view.setUint32(4 * i, id, true));
  return bytes;
};

export async function readLeaf(core: Core, id: number): Promise<Uint32Array> {
  const bytes = await getObject(core, id);
  if (bytes.length !== 4 * LEAF_PAGES) throw storeDamaged('A page map');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: LEAF_PAGES }, (_, i) => view.getUint32(4 * i, true));
}

export function encodeMapRoot(root: MapRoot): Uint8Array {
  const bytes = new Uint8Array(8 * root.size);
  const view = new DataView(bytes.buffer);
  [...root.keys()]
    .sort((a, b) => a - b)
    .forEach((number, i) => {
      view.setUint32(8 * i, number, true);
      view.setUint32(8 * i + 4, defined(root.get(number)), true);
    });
  return bytes;
}

export function decodeMapRoot(bytes: Uint8Array): MapRoot {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new Map(
    Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => [
      view.getUint32(8 * i, true),
      view.getUint32(8 * i + 4, true),
    ]),
  );
}
