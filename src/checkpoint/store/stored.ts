/**
 * A checkpoint of the store, opened for reading. Opening reads the manifest alone; pages and sections are read when they
 * are asked for. While it is open, its contents stay readable even if the checkpoint is deleted: close it.
 */
import { defined } from '../../base/errors';
import type { Section } from '../../machine/device';
import type { Core } from './core';
import { decodeData } from './data';
import { decodeManifest, type CheckpointInfo, type DiskPointer, type Manifest, type Sizes } from './manifest';
import { getBlob, getObject } from './objects';
import { LEAF_PAGES, readLeaf, type MapRoot } from './page-map';
import { storeDamaged } from './errors';
import { BLOCK_BYTES } from './space';
import { ABSENT, ZERO } from './table';

/** What a list shows of a checkpoint. */
export interface CheckpointSummary extends CheckpointInfo, Sizes {
  readonly id: string;
  /** Its summary cannot be read: the other fields are empty. */
  readonly damaged: boolean;
}

/** Leaves kept in memory for one open map: 4 KiB each. */
const LEAVES = 512;

/** Pages by number, each read when it is asked for. */
export class StoredPages {
  private readonly leaves = new Map<number, Promise<Uint32Array>>();

  constructor(
    private readonly core: Core,
    readonly root: MapRoot,
  ) {}

  /** The 4096 bytes of a page; undefined for what was never put. Throws 'STORE_DAMAGED', 'STORE_IO'. */
  async read(page: number): Promise<Uint8Array | undefined> {
    const id = await this.idOf(page);
    if (id === ABSENT) return undefined;
    if (id === ZERO) return new Uint8Array(BLOCK_BYTES);
    const bytes = await getObject(this.core, id);
    if (bytes.length !== BLOCK_BYTES) throw storeDamaged('A page');
    return bytes;
  }

  /** Numbers of the pages that were put, rising. */
  async *numbers(): AsyncGenerator<number> {
    for (const number of [...this.root.keys()].sort((a, b) => a - b)) {
      yield* await this.numbersIn(number);
    }
  }

  /** Those of one leaf. */
  async numbersIn(leaf: number): Promise<number[]> {
    const ids = await this.leaf(leaf);
    return Array.from(ids, (id, i) => (id === ABSENT ? -1 : leaf * LEAF_PAGES + i)).filter(
      (page) => page >= 0,
    );
  }

  /**
   * Numbers of the pages that another checkpoint of the same store has otherwise, rising. Contents are kept once, so ids
   * tell, and nothing but the maps is read.
   */
  async *differences(other: StoredPages): AsyncGenerator<number> {
    const numbers = new Set([...this.root.keys(), ...other.root.keys()]);
    for (const number of [...numbers].sort((a, b) => a - b)) {
      if (this.root.get(number) === other.root.get(number)) continue;
      const [own, others] = [await this.leafOrEmpty(number), await other.leafOrEmpty(number)];
      for (let i = 0; i < LEAF_PAGES; i++) if (own[i] !== others[i]) yield number * LEAF_PAGES + i;
    }
  }

  private leafOrEmpty(number: number): Promise<Uint32Array> {
    return this.root.has(number) ? this.leaf(number) : Promise.resolve(new Uint32Array(LEAF_PAGES));
  }

  /** The object's id, if these are pages of the store with this core; undefined for another store. */
  idIn(core: Core, page: number): Promise<number> | undefined {
    return core === this.core ? this.idOf(page) : undefined;
  }

  private async idOf(page: number): Promise<number> {
    const number = Math.floor(page / LEAF_PAGES);
    if (!this.root.has(number)) return ABSENT;
    return defined((await this.leaf(number))[page % LEAF_PAGES]);
  }

  private leaf(number: number): Promise<Uint32Array> {
    const known = this.leaves.get(number);
    if (known) return known;
    const leaf = readLeaf(this.core, defined(this.root.get(number)));
    this.leaves.set(number, leaf);
    // What could not be read is tried again.
    leaf.catch(() => this.leaves.delete(number));
    const oldest = this.leaves.keys().next();
    if (this.leaves.size > LEAVES && !oldest.done) this.leaves.delete(oldest.value);
    return leaf;
  }
}

export interface StoredDisk {
  readonly pointer: DiskPointer;
  /** Blocks of 4 KiB over the image; undefined where there is none. */
  readonly blocks: StoredPages;
}

export class StoredCheckpoint {
  readonly ram: StoredPages;
  readonly disks: readonly StoredDisk[];

  private constructor(
    private readonly core: Core,
    readonly summary: CheckpointSummary,
    readonly manifest: Manifest,
    private readonly release: () => void,
  ) {
    this.ram = new StoredPages(core, manifest.ram);
    this.disks = manifest.disks.map(({ pointer, blocks }) => ({
      pointer,
      blocks: new StoredPages(core, blocks),
    }));
  }

  static async open(
    core: Core,
    summary: CheckpointSummary,
    manifest: number,
    release: () => void,
  ): Promise<StoredCheckpoint> {
    return new StoredCheckpoint(core, summary, decodeManifest(await getBlob(core, manifest)), release);
  }

  get sectionNames(): readonly string[] {
    return this.manifest.sections.map(({ name }) => name);
  }

  /** Undefined when there is none of this name. */
  async section(name: string): Promise<Section | undefined> {
    const found = this.manifest.sections.find((section) => section.name === name);
    if (!found) return undefined;
    return { name, version: found.version, data: decodeData(await getBlob(this.core, found.blob)) };
  }

  async sections(): Promise<Section[]> {
    const sections: Section[] = [];
    for (const { name } of this.manifest.sections) sections.push(defined(await this.section(name)));
    return sections;
  }

  close(): void {
    this.release();
  }
}
