/**
 * The table of objects: for each number (id) where the object's bytes are, how they are stored, and the hash of their
 * content. Page maps name pages by id, so moving a page changes one entry here and no map.
 *
 * In the store the table is pages of 128 entries. A page that has changed is appended to the log anew at the next
 * commit; pages are loaded when they are first needed. Ids of objects that nobody needs are given to new objects.
 */
import { invariant } from '../../base/errors';
import { HASH_BYTES } from './codec';
import type { Place } from './log';

export const ENTRY_BYTES = 32;
export const ENTRIES = 128;
export const TABLE_PAGE_BYTES = ENTRIES * ENTRY_BYTES;
/** No object: in page maps, what was never written. */
export const ABSENT = 0;
/** In page maps: a page of zeroes where the absence would mean something else. */
export const ZERO = 0xffff_ffff;

export interface Entry extends Place {
  readonly coding: number;
  readonly storedBytes: number;
  readonly contentBytes: number;
}

/** Where a table page is, with the beginning of its hash. */
export interface TablePage extends Place {
  readonly check: bigint;
}

/** Reads a table page; undefined when it is damaged. */
export type LoadPage = (page: TablePage) => Promise<Uint8Array | undefined>;

export class ObjectTable {
  private readonly pages: (Uint8Array | undefined)[] = [];
  private readonly damaged = new Set<number>();
  readonly dirty = new Set<number>();
  private readonly freeIds: number[] = [];
  private complete = false;
  /** Hash to id, open addressing; made when everything is loaded. */
  private index = new Uint32Array(0);
  private used = 0;

  constructor(
    /** Where each page is; undefined for one that has never been written. */
    readonly places: (TablePage | undefined)[],
    private readonly loadPage: LoadPage,
  ) {}

  get pageCount(): number {
    return Math.max(this.pages.length, this.places.length);
  }

  /** Objects, once everything is loaded. */
  get size(): number {
    return this.used;
  }

  /** Makes the entry of an id readable; false when its table page is damaged. */
  async ensure(id: number): Promise<boolean> {
    const page = Math.floor(id / ENTRIES);
    if (this.pages[page]) return true;
    if (this.damaged.has(page)) return false;
    const place = this.places[page];
    if (!place) return false;
    const bytes = await this.loadPage(place);
    // Somebody else may have been faster, and may have changed the page since.
    if (bytes) this.pages[page] ??= bytes;
    else this.damaged.add(page);
    return bytes !== undefined;
  }

  isLoaded(page: number): boolean {
    return this.pages[page] !== undefined;
  }

  /** Needed before anything is added, found by hash or removed. */
  async loadAll(): Promise<void> {
    if (this.complete) return;
    const inOrder = this.places
      .flatMap((place, page) => (place ? [{ place, page }] : []))
      .sort((a, b) => a.place.segment - b.place.segment || a.place.offset - b.place.offset);
    for (const { page } of inOrder) await this.ensure(page * ENTRIES);
    if (!this.isComplete()) this.buildIndex();
  }

  private isComplete(): boolean {
    return this.complete;
  }

  private buildIndex(): void {
    this.complete = true;
    this.used = 0;
    for (let page = this.pageCount - 1; page >= 0; page--) {
      if (!this.pages[page]) {
        if (this.places[page]) continue;
        this.pages[page] = new Uint8Array(TABLE_PAGE_BYTES);
      }
      for (let id = (page + 1) * ENTRIES - 1; id >= Math.max(1, page * ENTRIES); id--) {
        if (this.has(id)) this.used++;
        else this.freeIds.push(id);
      }
    }
    this.rehash(Math.max(1024, 4 * this.used));
  }

  private rehash(atLeast: number): void {
    this.index = new Uint32Array(2 ** Math.ceil(Math.log2(atLeast)));
    for (const id of this.ids()) this.insert(id);
  }

  private insert(id: number): void {
    const mask = this.index.length - 1;
    let slot = this.view(id).getUint32(0, true) & mask;
    while (this.index[slot] !== 0) slot = (slot + 1) & mask;
    this.index[slot] = id;
  }

  /** All objects' ids, rising; those in damaged table pages are not known. */
  *ids(): Generator<number> {
    for (let page = 0; page < this.pages.length; page++) {
      if (!this.pages[page]) continue;
      for (let id = Math.max(1, page * ENTRIES); id < (page + 1) * ENTRIES; id++) if (this.has(id)) yield id;
    }
  }

  has(id: number): boolean {
    return this.pages[Math.floor(id / ENTRIES)] !== undefined && this.view(id).getUint32(28, true) !== 0;
  }

  /** The entry of an id whose page is loaded; undefined when there is no such object. */
  entry(id: number): Entry | undefined {
    if (!this.has(id)) return undefined;
    const view = this.view(id);
    const stored = view.getUint32(24, true);
    return {
      segment: view.getUint32(16, true),
      offset: view.getUint32(20, true),
      coding: stored >>> 24,
      storedBytes: stored & 0xff_ffff,
      contentBytes: view.getUint32(28, true),
    };
  }

  hash(id: number): Uint8Array {
    const page = this.page(id);
    const at = (id % ENTRIES) * ENTRY_BYTES;
    return page.subarray(at, at + HASH_BYTES);
  }

  /** The object with this content hash. */
  find(hash: Uint8Array): number | undefined {
    invariant(this.complete, 'the table is loaded before it is searched');
    const mask = this.index.length - 1;
    let slot = new DataView(hash.buffer, hash.byteOffset).getUint32(0, true) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const id = this.index[slot] ?? 0;
      if (id === 0) return undefined;
      const known = this.hash(id);
      if (known.every((byte, i) => byte === hash[i])) return id;
    }
  }

  add(hash: Uint8Array, entry: Entry): number {
    invariant(this.complete, 'the table is loaded before it changes');
    if (this.freeIds.length === 0) this.addPage();
    const id = this.freeIds.pop() ?? ABSENT;
    const view = this.view(id);
    this.page(id).set(hash, (id % ENTRIES) * ENTRY_BYTES);
    view.setUint32(16, entry.segment, true);
    view.setUint32(20, entry.offset, true);
    view.setUint32(24, (entry.coding << 24) | entry.storedBytes, true);
    view.setUint32(28, entry.contentBytes, true);
    this.touch(id);
    this.used++;
    if (2 * this.used > this.index.length) this.rehash(4 * this.used);
    else this.insert(id);
    return id;
  }

  move(id: number, place: Place): void {
    const view = this.view(id);
    view.setUint32(16, place.segment, true);
    view.setUint32(20, place.offset, true);
    this.touch(id);
  }

  remove(id: number): void {
    this.unindex(id);
    this.page(id).fill(0, (id % ENTRIES) * ENTRY_BYTES, ((id % ENTRIES) + 1) * ENTRY_BYTES);
    this.touch(id);
    this.used--;
    this.freeIds.push(id);
  }

  /** A page's bytes for writing. */
  pageBytes(page: number): Uint8Array {
    return this.page(page * ENTRIES);
  }

  private unindex(id: number): void {
    const mask = this.index.length - 1;
    let hole = this.view(id).getUint32(0, true) & mask;
    while (this.index[hole] !== id) hole = (hole + 1) & mask;
    // Close the gap: an id may move down to the hole unless that is before where its search begins.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const other = this.index[slot] ?? 0;
      if (other === 0) break;
      const wanted = this.view(other).getUint32(0, true) & mask;
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue;
      this.index[hole] = other;
      hole = slot;
    }
    this.index[hole] = 0;
  }

  private addPage(): void {
    const page = this.pageCount;
    this.pages[page] = new Uint8Array(TABLE_PAGE_BYTES);
    for (let id = (page + 1) * ENTRIES - 1; id >= Math.max(1, page * ENTRIES); id--) this.freeIds.push(id);
  }

  private touch(id: number): void {
    this.dirty.add(Math.floor(id / ENTRIES));
  }

  private page(id: number): Uint8Array {
    const page = this.pages[Math.floor(id / ENTRIES)];
    invariant(page, 'the table page is loaded');
    return page;
  }

  private view(id: number): DataView {
    const page = this.page(id);
    return new DataView(page.buffer, page.byteOffset + (id % ENTRIES) * ENTRY_BYTES, ENTRY_BYTES);
  }
}
