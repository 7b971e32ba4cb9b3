/**
 * The two levels of tables that lead from a guest's cluster to its place in the file. Reading looks them up; writing
 * changes them here first, and `flush` brings them to the file in an order that a crash at any moment does not hurt:
 * second-level tables before the first-level entries that lead to them. Table entries that lead out of the file are an
 * error, not a wild read.
 */
import { invariant } from '../../base/errors';
import type { ByteFile, WritableFile } from '../types';
import { Cache } from './cache';
import { damaged, type Qcow2Header } from './header';

/** Second-level tables kept, in bytes: 128 tables of the usual 64 KiB cover 64 GiB of disk. */
const L2_CACHE_BYTES = 8 << 20;

export type Place =
  | { readonly kind: 'data'; readonly offset: number }
  | { readonly kind: 'compressed'; readonly offset: number; readonly length: number }
  /** `offset` of a cluster that is allocated all the same; 0 when there is none. */
  | { readonly kind: 'zero'; readonly offset: number }
  | { readonly kind: 'backing' };

const BACKING: Place = { kind: 'backing' };

export class Tables {
  readonly clusterBytes: number;
  readonly entriesPerTable: number;
  private readonly clean: Cache<DataView>;
  /** Tables that differ from the file, by offset: they are looked at before all else. */
  private readonly dirty = new Map<number, DataView>();
  private readonly dirtyL1 = new Set<number>();

  constructor(
    private readonly file: ByteFile,
    private readonly name: string,
    private readonly header: Qcow2Header,
    private readonly l1: DataView,
  ) {
    this.clusterBytes = 2 ** header.clusterBits;
    this.entriesPerTable = this.clusterBytes / 8;
    this.clean = new Cache(Math.max(1, L2_CACHE_BYTES / this.clusterBytes));
  }

  static async load(file: ByteFile, name: string, header: Qcow2Header): Promise<Tables> {
    const l1Bytes = header.l1Entries * 8;
    if (header.l1Offset + l1Bytes > file.sizeBytes) {
      throw damaged(name, 'its first-level table is outside the file');
    }
    const l1 = l1Bytes === 0 ? new Uint8Array(0) : new Uint8Array(await file.read(header.l1Offset, l1Bytes));
    if (l1.length < l1Bytes) throw damaged(name, 'its first-level table is outside the file');
    return new Tables(file, name, header, new DataView(l1.buffer));
  }

  async locate(cluster: number): Promise<Place> {
    const table = await this.tableOf(Math.floor(cluster / this.entriesPerTable));
    return table === undefined ? BACKING : this.placeIn(table, cluster % this.entriesPerTable);
  }

  /** Offset of a second-level table; 0 when there is none. */
  tableOffset(l1Index: number): number {
    return hostOffset(this.l1.getUint32(l1Index * 8), this.l1.getUint32(l1Index * 8 + 4));
  }

  get tableCount(): number {
    return this.header.l1Entries;
  }

  /** A second-level table, to be looked at at once: it may be replaced by another later. */
  async tableOf(l1Index: number): Promise<DataView | undefined> {
    const offset = this.tableOffset(l1Index);
    if (offset === 0) return undefined;
    return this.dirty.get(offset) ?? (await this.clean.get(offset, () => this.readTable(offset)));
  }

  placeIn(table: DataView, index: number): Place {
    const high = table.getUint32(index * 8);
    const low = table.getUint32(index * 8 + 4);
    if ((high & 0x4000_0000) !== 0) return this.compressedPlace(high, low);
    const offset = hostOffset(high, low);
    // Bit 0 says "reads as zeroes", whether or not a cluster is allocated (version 3; reserved as 0 before).
    if ((low & 1) !== 0) return { kind: 'zero', offset };
    if (offset === 0) return BACKING;
    this.checkInside(offset, 'a cluster');
    return { kind: 'data', offset };
  }

  // --- changing

  get dirtyBytes(): number {
    return this.dirty.size * this.clusterBytes;
  }

  /**
   * Points a cluster at its new place. `allocate` makes room for a second-level table where there is none yet; it is
   * called before anything changes.
   */
  async set(cluster: number, place: Place, allocate: () => number): Promise<void> {
    const l1Index = Math.floor(cluster / this.entriesPerTable);
    const table = (await this.tableOf(l1Index)) ?? this.addTable(l1Index, allocate());
    this.dirty.set(this.tableOffset(l1Index), table);
    const at = (cluster % this.entriesPerTable) * 8;
    invariant(place.kind !== 'compressed', 'compressed clusters are only read');
    const offset = place.kind === 'backing' ? 0 : place.offset;
    putOffset(table, at, offset, offset !== 0);
    if (place.kind === 'zero') table.setUint32(at + 4, table.getUint32(at + 4) | 1);
  }

  /** Every cluster is left to what is underneath; returns the offsets of the tables that are not needed any more. */
  dropAll(): number[] {
    const dropped: number[] = [];
    for (let index = 0; index < this.tableCount; index++) {
      const offset = this.tableOffset(index);
      if (offset === 0) continue;
      dropped.push(offset);
      putOffset(this.l1, index * 8, 0, false);
      this.dirtyL1.add(index);
      this.dirty.delete(offset);
      this.clean.delete(offset);
    }
    return dropped;
  }

  private addTable(l1Index: number, offset: number): DataView {
    const table = new DataView(new ArrayBuffer(this.clusterBytes));
    putOffset(this.l1, l1Index * 8, offset, true);
    this.dirtyL1.add(l1Index);
    this.dirty.set(offset, table);
    return table;
  }

  /**
   * Clusters, and the reference counts of all that the tables lead to, are durable already. Afterwards so is what was
   * changed here. Not to be called while `set` is under way.
   */
  async flush(file: WritableFile): Promise<void> {
    if (this.dirty.size > 0) {
      const written = [...this.dirty];
      for (const [offset, table] of written) await file.write(offset, bytesOf(table));
      await file.flush();
      for (const [offset, table] of written) {
        this.clean.set(offset, table);
        this.dirty.delete(offset);
      }
    }
    if (this.dirtyL1.size === 0) return;
    for (const index of this.dirtyL1) {
      await file.write(this.header.l1Offset + index * 8, bytesOf(this.l1).slice(index * 8, index * 8 + 8));
    }
    await file.flush();
    this.dirtyL1.clear();
  }

  /** Offset in the low bits, then the number of further sectors of 512 bytes that the data touch. */
  private compressedPlace(high: number, low: number): Place {
    const offsetBits = 62 - (this.header.clusterBits - 8);
    const highBits = offsetBits - 32;
    const offset = (high & (2 ** highBits - 1)) * 2 ** 32 + low;
    const sectors = (high & 0x3fff_ffff) >>> highBits;
    this.checkInside(offset, 'a compressed cluster');
    return { kind: 'compressed', offset, length: (sectors + 1) * 512 - (offset % 512) };
  }

  private async readTable(offset: number): Promise<DataView> {
    if (offset + this.clusterBytes > this.file.sizeBytes) {
      throw damaged(this.name, 'a second-level table is outside the file');
    }
    const bytes = new Uint8Array(await this.file.read(offset, this.clusterBytes));
    if (bytes.length < this.clusterBytes) {
      throw damaged(this.name, 'a second-level table is outside the file');
    }
    return new DataView(bytes.buffer);
  }

  private checkInside(offset: number, what: string): void {
    if (offset >= this.file.sizeBytes) throw damaged(this.name, `${what} is outside the file`);
  }
}

/** Bits 9 to 55 of a table entry. */
export const hostOffset = (high: number, low: number): number =>
  (high & 0x00ff_ffff) * 2 ** 32 + ((low & 0xffff_fe00) >>> 0);

/** An entry with bit 63 set where the cluster has exactly one reference. */
export function putOffset(view: DataView, at: number, offset: number, copied: boolean): void {
  view.setUint32(at, (Math.floor(offset / 2 ** 32) | (copied ? 0x8000_0000 : 0)) >>> 0);
  view.setUint32(at + 4, offset % 2 ** 32);
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
