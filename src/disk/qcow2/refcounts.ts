/**
 * Reference counts of a qcow2 image that is open for writing, all in memory, and the search for free clusters.
 *
 * Order: a count is in the file before anything in the file refers to its cluster, and goes down only after nothing
 * refers to it any more. So a crash leaves clusters that are counted and not used (leaks), never the other way.
 */
import { defined, invariant, userError } from '../../base/errors';
import type { WritableFile } from '../types';
import { damaged, type Qcow2Header } from './header';

/** 16-bit counts are the only ones in use: QEMU makes others on request only. */
const COUNT_BYTES = 2;

export class Refcounts {
  private counts = new Uint16Array(1024);
  /** Clusters that `counts` tells something about: all behind are free. */
  private end = 0;
  private searchFrom = 0;
  private readonly perBlock: number;
  private readonly dirtyBlocks = new Set<number>();
  private tableDirty = false;

  constructor(
    private readonly clusterBytes: number,
    public tableOffset: number,
    public tableClusters: number,
    /** Offsets of the blocks of counts; 0 where there is none. */
    private readonly blocks: number[],
  ) {
    this.perBlock = clusterBytes / COUNT_BYTES;
  }

  static async load(file: WritableFile, name: string, header: Qcow2Header): Promise<Refcounts> {
    if (header.refcounts.order !== 4) {
      throw userError(
        'QCOW2_REFCOUNTS',
        `${name} has reference counts of an unusual width; make one that can be written: qemu-img convert -O qcow2`,
      );
    }
    const clusterBytes = 2 ** header.clusterBits;
    const { tableOffset, tableClusters } = header.refcounts;
    const tableBytes = tableClusters * clusterBytes;
    if (tableOffset % clusterBytes !== 0 || tableOffset + tableBytes > file.sizeBytes) {
      throw damaged(name, 'its table of reference counts is outside the file');
    }
    const bytes = new Uint8Array(await file.read(tableOffset, tableBytes));
    const view = new DataView(bytes.buffer);
    const blocks = Array.from({ length: tableBytes / 8 }, (_, index) => Number(view.getBigUint64(index * 8)));
    const result = new Refcounts(clusterBytes, tableOffset, tableClusters, blocks);
    for (const [index, offset] of blocks.entries()) {
      if (offset === 0) continue;
      if (offset % clusterBytes !== 0 || offset + clusterBytes > file.sizeBytes) {
        throw damaged(name, 'a block of reference counts is outside the file');
      }
      result.loadBlock(index, await file.read(offset, clusterBytes));
    }
    return result;
  }

  private loadBlock(index: number, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let entry = 0; entry < this.perBlock; entry++) {
      const count = view.getUint16(entry * COUNT_BYTES);
      if (count !== 0) this.put(index * this.perBlock + entry, count);
    }
    this.dirtyBlocks.clear();
  }

  /** Clusters up to the last that is in use, or was. */
  get clusters(): number {
    return this.end;
  }

  count(cluster: number): number {
    return cluster < this.end ? defined(this.counts[cluster]) : 0;
  }

  put(cluster: number, count: number): void {
    if (cluster >= this.counts.length) {
      const larger = new Uint16Array(Math.max(cluster + 1, this.counts.length * 2));
      larger.set(this.counts);
      this.counts = larger;
    }
    this.counts[cluster] = count;
    this.end = Math.max(this.end, cluster + 1);
    if (count === 0) this.searchFrom = Math.min(this.searchFrom, cluster);
    this.dirtyBlocks.add(Math.floor(cluster / this.perBlock));
  }

  release(cluster: number): void {
    const count = this.count(cluster);
    invariant(count > 0, 'a cluster is released as often as it was taken');
    this.put(cluster, count - 1);
  }

  /** Takes up to `wanted` clusters in a row, at least one; returns the first and their number. */
  allocate(wanted: number): { first: number; count: number } {
    for (;;) {
      while (this.count(this.searchFrom) !== 0) this.searchFrom++;
      const first = this.searchFrom;
      if (this.makeBlock(first)) continue;
      let count = 1;
      while (count < wanted && this.count(first + count) === 0 && this.hasBlock(first + count)) count++;
      for (let cluster = first; cluster < first + count; cluster++) this.put(cluster, 1);
      return { first, count };
    }
  }

  /** Clusters in a row behind all others: for tables. */
  allocateRun(count: number): number {
    for (;;) {
      const first = this.end;
      let made = false;
      for (let cluster = first; cluster < first + count; cluster++) made = this.makeBlock(cluster) || made;
      if (made) continue;
      for (let cluster = first; cluster < first + count; cluster++) this.put(cluster, 1);
      return first;
    }
  }

  /** Forgets the free clusters behind the last that is in use; returns how many clusters are left. */
  trim(): number {
    while (this.end > 0 && this.counts[this.end - 1] === 0) this.end--;
    this.searchFrom = Math.min(this.searchFrom, this.end);
    return this.end;
  }

  private hasBlock(cluster: number): boolean {
    return (this.blocks[Math.floor(cluster / this.perBlock)] ?? 0) !== 0;
  }

  /** A block of counts that covers `cluster`; true when one was made, which took a cluster itself. */
  private makeBlock(cluster: number): boolean {
    if (this.hasBlock(cluster)) return false;
    const index = Math.floor(cluster / this.perBlock);
    while (this.blocks.length <= index) this.blocks.push(0);
    // The new block may lie in the range that it counts itself.
    this.blocks[index] = cluster * this.clusterBytes;
    this.put(cluster, 1);
    this.tableDirty = true;
    return true;
  }

  /** The table needs more clusters than it has; see `moveTable`. */
  get tableTooSmall(): boolean {
    return this.blocks.length * 8 > this.tableClusters * this.clusterBytes;
  }

  /** Takes room for a larger table, to be put into the header after the next flush. Returns the old one's clusters. */
  moveTable(): { first: number; count: number } {
    const old = { first: this.tableOffset / this.clusterBytes, count: this.tableClusters };
    let count = this.tableClusters;
    do {
      count = Math.max(count + 1, Math.ceil((this.blocks.length * 8 * 2) / this.clusterBytes));
      this.tableOffset = this.allocateRun(count) * this.clusterBytes;
      this.tableClusters = count;
    } while (this.tableTooSmall);
    this.tableDirty = true;
    return old;
  }

  /** Places of the table and the blocks, for a check. */
  *ownClusters(): Iterable<number> {
    const first = this.tableOffset / this.clusterBytes;
    for (let index = 0; index < this.tableClusters; index++) yield first + index;
    for (const offset of this.blocks) if (offset !== 0) yield offset / this.clusterBytes;
  }

  /** Afterwards all counts are durable, with whatever else was written to the file before. */
  async flush(file: WritableFile): Promise<void> {
    await this.writeBlocks(file);
    await file.flush();
    if (!this.tableDirty) return;
    const table = new DataView(new ArrayBuffer(this.tableClusters * this.clusterBytes));
    this.blocks.forEach((offset, index) => table.setBigUint64(index * 8, BigInt(offset)));
    await file.write(this.tableOffset, new Uint8Array(table.buffer));
    await file.flush();
    this.tableDirty = false;
  }

  async writeBlocks(file: WritableFile): Promise<void> {
    for (const index of [...this.dirtyBlocks].sort((a, b) => a - b)) {
      const offset = this.blocks[index] ?? 0;
      invariant(offset !== 0, 'counts that are in use have a block');
      const view = new DataView(new ArrayBuffer(this.clusterBytes));
      for (let entry = 0; entry < this.perBlock; entry++) {
        view.setUint16(entry * COUNT_BYTES, this.count(index * this.perBlock + entry));
      }
      this.dirtyBlocks.delete(index);
      await file.write(offset, new Uint8Array(view.buffer));
    }
  }
}
