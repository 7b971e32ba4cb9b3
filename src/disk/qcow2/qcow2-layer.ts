/**
 * A qcow2 image that is written: a COW layer over a backing image, or the target of a commit.
 *
 * Reads and writes may overlap; writes, flushes and changes of the backing image take effect one after the other. A
 * read that overlaps a write of the same bytes gets either. Nothing is durable before `flush`.
 *
 * Crash order. Data go to fresh clusters first; then, in `flush`, reference counts, second-level tables, and first-level
 * entries, each durable before the next. Clusters given up are counted down after that. A process killed at any moment
 * leaves a valid image that holds all that was flushed, and perhaps clusters that are counted and not used: `open`
 * takes those back. Writes over what the layer holds already are in place, as on any disk.
 */
import { invariant, messageOf, userError } from '../../base/errors';
import type { BaseImage, WritableFile } from '../types';
import { repairCounts, type Repair } from './check';
import { damaged, HEADER_READ_BYTES, parseHeader, V3_BYTES, type Qcow2Header } from './header';
import { Qcow2Image, type OpenBacking } from './image';
import {
  encodeHeader,
  encodeName,
  HEADER_SECTOR_BYTES,
  otherNameAt,
  type Backing,
  type NewHeader,
} from './new-header';
import { Refcounts } from './refcounts';
import { Tables, type Place } from './tables';

/** The block group: what a COW fault on disk copies. The size that QEMU uses unless told otherwise. */
export const DEFAULT_CLUSTER_BITS = 16;
/** Two names of backing files and the first sector fit from 4 KiB on. */
const MIN_OWN_CLUSTER_BITS = 12;
const MAX_OWN_CLUSTER_BITS = 21;
/** Changed tables held in memory before they are written without being asked for. */
const MAX_DIRTY_BYTES = 8 << 20;
/** Bytes of one write to the file: large enough for any device to be at its full rate. */
const MAX_RUN_BYTES = 4 << 20;

export interface NewLayer {
  readonly sizeBytes: number;
  readonly clusterBits?: number;
  readonly backing?: Backing & { readonly image: BaseImage };
}

export class Qcow2Layer implements BaseImage {
  readonly sizeBytes: number;
  readonly clusterBytes: number;
  private readonly tables: Tables;
  private turn: Promise<unknown> = Promise.resolve();
  /** Clusters that nothing refers to after the next flush of the tables. */
  private givenUp: number[] = [];
  /** Clusters that a read that is under way may still look at. */
  private quarantine: { clusters: number[]; reads: ReadonlySet<Promise<unknown>> }[] = [];
  private readonly reads = new Set<Promise<Uint8Array>>();
  private failure: unknown;
  private closed = false;

  private constructor(
    private readonly file: WritableFile,
    readonly name: string,
    private readonly image: Qcow2Image,
    private readonly counts: Refcounts,
    private nameAt: number,
    /** What opening put right. */
    readonly repaired: Repair,
  ) {
    this.sizeBytes = image.sizeBytes;
    this.tables = image.tables;
    this.clusterBytes = this.tables.clusterBytes;
  }

  /** Makes a new layer in an empty file; it is durable afterwards. */
  static async create(file: WritableFile, name: string, layer: NewLayer): Promise<Qcow2Layer> {
    const clusterBits = layer.clusterBits ?? DEFAULT_CLUSTER_BITS;
    invariant(
      clusterBits >= MIN_OWN_CLUSTER_BITS && clusterBits <= MAX_OWN_CLUSTER_BITS,
      'a usual cluster size',
    );
    invariant(
      layer.sizeBytes % 512 === 0 && file.sizeBytes === 0,
      'a new layer has whole sectors and an empty file',
    );
    const clusterBytes = 2 ** clusterBits;
    const l1Entries = Math.ceil(layer.sizeBytes / 2 ** (2 * clusterBits - 3));
    const l1Clusters = Math.max(1, Math.ceil((l1Entries * 8) / clusterBytes));
    const counts = new Refcounts(clusterBytes, clusterBytes, 1, []);
    counts.put(0, 1);
    counts.put(1, 1);
    const l1Offset = counts.allocateRun(l1Clusters) * clusterBytes;
    const { backing } = layer;
    const nameAt = HEADER_SECTOR_BYTES;
    const header: NewHeader = {
      ...{ sizeBytes: layer.sizeBytes, clusterBits, l1Offset, l1Entries },
      ...{ tableOffset: clusterBytes, tableClusters: 1, backing },
    };
    const first = new Uint8Array(clusterBytes);
    first.set(encodeHeader(header, nameAt));
    if (backing !== undefined) first.set(encodeName(backing.name), nameAt);
    await file.write(l1Offset, new Uint8Array(l1Clusters * clusterBytes));
    await counts.flush(file);
    // Last: a file without a header is no image.
    await file.write(0, first);
    await file.flush();
    const parsed = parseHeader(first, name);
    const tables = await Tables.load(file, name, parsed);
    const image = new Qcow2Image(file, name, parsed, tables, backing?.image);
    return new Qcow2Layer(file, name, image, counts, nameAt, { leaked: 0, undercounted: 0 });
  }

  /** Opens an image for writing, puts its reference counts right, and opens what is underneath (for reading). */
  static async open(file: WritableFile, name: string, openBacking: OpenBacking): Promise<Qcow2Layer> {
    const start = new Uint8Array(await file.read(0, Math.min(HEADER_READ_BYTES, file.sizeBytes)));
    const header = parseHeader(start, name);
    checkWritable(header, name);
    const image = await Qcow2Image.open(file, name, openBacking);
    const counts = await Refcounts.load(file, name, header);
    const repaired = await repairCounts(file, name, header, image.tables, counts);
    if (repaired.leaked + repaired.undercounted > 0) await counts.flush(file);
    const view = new DataView(start.buffer);
    const AUTOCLEAR_AT = 88;
    if (header.version === 3 && view.getBigUint64(AUTOCLEAR_AT) !== 0n) {
      // Features that a writer who does not know them must declare void (bitmaps, for one).
      await file.write(AUTOCLEAR_AT, new Uint8Array(8));
      await file.flush();
    }
    return new Qcow2Layer(file, name, image, counts, Number(view.getBigUint64(8)), repaired);
  }

  get header(): Qcow2Header {
    return this.image.header;
  }

  /** Bytes of the file. */
  get fileBytes(): number {
    return this.file.sizeBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const reading = this.image.read(offset, length);
    this.reads.add(reading);
    try {
      return await reading;
    } finally {
      this.reads.delete(reading);
    }
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    this.checkRange(offset, data.length);
    return this.exclusively(async () => {
      for (let at = offset; at < offset + data.length;) {
        at += await this.writeSome(at, data.subarray(at - offset));
        if (this.tables.dirtyBytes > MAX_DIRTY_BYTES) await this.flushNow();
      }
    });
  }

  /** Whole clusters cost no space afterwards. */
  writeZeroes(offset: number, length: number): Promise<void> {
    this.checkRange(offset, length);
    return this.exclusively(async () => {
      const end = offset + length;
      for (let at = offset; at < end;) {
        const to = Math.min(end, at - (at % this.clusterBytes) + this.clusterBytes);
        const whole =
          at % this.clusterBytes === 0 && (to - at === this.clusterBytes || to === this.sizeBytes);
        if (whole && this.header.version === 3) await this.zeroCluster(at / this.clusterBytes);
        else await this.writeSome(at, new Uint8Array(to - at));
        at = to;
        if (this.tables.dirtyBytes > MAX_DIRTY_BYTES) await this.flushNow();
      }
    });
  }

  /** What is discarded reads as zeroes where whole clusters are concerned, and stays as it is elsewhere. */
  async discard(offset: number, length: number): Promise<void> {
    this.checkRange(offset, length);
    const from = Math.ceil(offset / this.clusterBytes) * this.clusterBytes;
    const end = offset + length;
    const to = end === this.sizeBytes ? end : end - (end % this.clusterBytes);
    if (to > from) await this.writeZeroes(from, to - from);
  }

  /** All that was written before is durable afterwards. */
  flush(): Promise<void> {
    return this.exclusively(() => this.flushNow());
  }

  /**
   * Puts another image underneath, with which the layer shows the same contents. Reads that are under way may still
   * use the one before: wait for `settled` before closing it.
   */
  rebase(backing: (Backing & { readonly image: BaseImage }) | undefined): Promise<void> {
    invariant(this.header.headerBytes === V3_BYTES, 'only layers that were made here are put on others');
    return this.exclusively(async () => {
      await this.flushNow();
      const nameAt = otherNameAt(this.nameAt, this.clusterBytes);
      if (backing !== undefined) {
        await this.file.write(nameAt, encodeName(backing.name));
        await this.file.flush();
      }
      await this.file.write(0, this.headerSector(backing, nameAt));
      await this.file.flush();
      this.nameAt = nameAt;
      this.image.backing = backing?.image;
    });
  }

  /** Leaves everything to what is underneath, which must show the same contents, and frees the space. */
  empty(): Promise<void> {
    return this.exclusively(async () => {
      for await (const { offset } of this.held()) {
        const place = await this.tables.locate(offset / this.clusterBytes);
        if (place.kind === 'compressed') this.giveUp(place.offset, place.length);
        else if (place.kind !== 'backing' && place.offset !== 0) this.giveUp(place.offset, this.clusterBytes);
      }
      for (const offset of this.tables.dropAll()) this.giveUp(offset, this.clusterBytes);
      await this.flushNow();
    });
  }

  /** Resolves when the reads that are under way have ended; later ones do not matter. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.reads]);
  }

  /** The clusters that this layer itself holds, in order. */
  async *held(): AsyncIterable<{ offset: number; length: number; kind: 'data' | 'zero' }> {
    for (let l1Index = 0; l1Index < this.tables.tableCount; l1Index++) {
      const table = await this.tables.tableOf(l1Index);
      if (table === undefined) continue;
      for (let index = 0; index < this.tables.entriesPerTable; index++) {
        const { kind } = this.tables.placeIn(table, index);
        const offset = (l1Index * this.tables.entriesPerTable + index) * this.clusterBytes;
        if (kind === 'backing' || offset >= this.sizeBytes) continue;
        const length = Math.min(this.clusterBytes, this.sizeBytes - offset);
        yield { offset, length, kind: kind === 'zero' ? 'zero' : 'data' };
      }
    }
  }

  /** True where the layer leaves the cluster at `offset` to what is underneath. */
  async leaves(offset: number): Promise<boolean> {
    return (await this.tables.locate(Math.floor(offset / this.clusterBytes))).kind === 'backing';
  }

  /** Flushes and closes the file. What failed before is not tried again. */
  async close(): Promise<void> {
    if (this.closed) return;
    if (this.failure === undefined) await this.flush();
    this.closed = true;
    await this.settled();
    await this.file.close();
  }

  // --- one at a time

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(async () => {
      invariant(!this.closed, 'a closed layer is not written');
      if (this.failure !== undefined) {
        throw userError(
          'QCOW2_WRITE',
          `${this.name} could not be written before (${messageOf(this.failure)}); free space or check the device, then open it again`,
        );
      }
      try {
        return await work();
      } catch (error) {
        // What the file holds now is uncertain, though valid: only opening it again tells.
        this.failure = error;
        throw error;
      }
    });
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** Writes from `at`, as much as goes in one piece; returns how much that was. */
  private async writeSome(at: number, data: Uint8Array): Promise<number> {
    const cluster = Math.floor(at / this.clusterBytes);
    const within = at % this.clusterBytes;
    const count = Math.min(data.length, this.clusterBytes - within);
    const place = await this.tables.locate(cluster);
    if (place.kind === 'data') {
      await this.file.write(place.offset + within, data.subarray(0, count));
      return count;
    }
    const isWhole = within === 0 && (count === this.clusterBytes || at + count === this.sizeBytes);
    if (isWhole && place.kind === 'backing') return this.writeFresh(cluster, data);
    // A disk COW fault (S5): the rest of the cluster comes from what the layer shows now.
    const filled = new Uint8Array(this.clusterBytes);
    if (!isWhole) {
      const shown = Math.min(this.clusterBytes, this.sizeBytes - cluster * this.clusterBytes);
      filled.set(await this.image.read(cluster * this.clusterBytes, shown));
    }
    filled.set(data.subarray(0, count), within);
    const target = place.kind === 'zero' && place.offset !== 0 ? place.offset : this.allocate();
    await this.file.write(target, filled);
    await this.point(cluster, { kind: 'data', offset: target });
    if (place.kind === 'compressed') this.giveUp(place.offset, place.length);
    return count;
  }

  /** Whole clusters in a row that the layer does not hold yet, in one write to the file. */
  private async writeFresh(cluster: number, data: Uint8Array): Promise<number> {
    const most = Math.floor(Math.min(data.length, MAX_RUN_BYTES) / this.clusterBytes);
    let wanted = 1;
    while (wanted < most && (await this.tables.locate(cluster + wanted)).kind === 'backing') wanted++;
    const { first, count } = this.counts.allocate(wanted);
    const bytes = Math.min(count * this.clusterBytes, data.length);
    let run = data.subarray(0, bytes);
    if (bytes < count * this.clusterBytes) {
      run = new Uint8Array(count * this.clusterBytes);
      run.set(data.subarray(0, bytes));
    }
    await this.file.write(first * this.clusterBytes, run);
    for (let index = 0; index < count; index++) {
      await this.point(cluster + index, { kind: 'data', offset: (first + index) * this.clusterBytes });
    }
    return bytes;
  }

  private async zeroCluster(cluster: number): Promise<void> {
    const place = await this.tables.locate(cluster);
    if (place.kind === 'zero') return;
    await this.point(cluster, { kind: 'zero', offset: 0 });
    if (place.kind === 'data') this.giveUp(place.offset, this.clusterBytes);
    if (place.kind === 'compressed') this.giveUp(place.offset, place.length);
  }

  private point(cluster: number, place: Place): Promise<void> {
    return this.tables.set(cluster, place, () => this.allocate());
  }

  private allocate(): number {
    return this.counts.allocate(1).first * this.clusterBytes;
  }

  private giveUp(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / this.clusterBytes);
    for (let cluster = Math.floor(offset / this.clusterBytes); cluster <= last; cluster++) {
      this.givenUp.push(cluster);
    }
  }

  private async flushNow(): Promise<void> {
    let oldTable: { first: number; count: number } | undefined;
    if (this.counts.tableTooSmall) oldTable = this.counts.moveTable();
    await this.counts.flush(this.file);
    if (oldTable !== undefined) await this.switchTable(oldTable);
    await this.tables.flush(this.file);
    if (this.givenUp.length > 0) {
      this.quarantine.push({ clusters: this.givenUp.splice(0), reads: new Set(this.reads) });
    }
    await this.releaseGivenUp();
  }

  /** Clusters that no read can look at any more are free, and the file ends where the last one in use does. */
  private async releaseGivenUp(): Promise<void> {
    const done = this.quarantine.filter(({ reads }) => [...reads].every((read) => !this.isUnderWay(read)));
    if (done.length === 0) return;
    this.quarantine = this.quarantine.filter((batch) => !done.includes(batch));
    for (const { clusters } of done) for (const cluster of clusters) this.counts.release(cluster);
    await this.counts.writeBlocks(this.file);
    const bytes = this.counts.trim() * this.clusterBytes;
    if (bytes >= this.file.sizeBytes) return;
    await this.file.flush();
    await this.file.truncate(bytes);
  }

  private isUnderWay(read: Promise<unknown>): boolean {
    return (this.reads as ReadonlySet<Promise<unknown>>).has(read);
  }

  private async switchTable(old: { first: number; count: number }): Promise<void> {
    const field = new DataView(new ArrayBuffer(12));
    field.setBigUint64(0, BigInt(this.counts.tableOffset));
    field.setUint32(8, this.counts.tableClusters);
    await this.file.write(48, new Uint8Array(field.buffer));
    await this.file.flush();
    for (let index = 0; index < old.count; index++) this.givenUp.push(old.first + index);
  }

  private headerSector(backing: Backing | undefined, nameAt: number): Uint8Array {
    const { header, counts } = this;
    return encodeHeader(
      {
        ...{ sizeBytes: header.sizeBytes, clusterBits: header.clusterBits },
        ...{ l1Offset: header.l1Offset, l1Entries: header.l1Entries },
        ...{ tableOffset: counts.tableOffset, tableClusters: counts.tableClusters, backing },
      },
      nameAt,
    );
  }

  private checkRange(offset: number, length: number): void {
    invariant(
      offset >= 0 && offset + length <= this.sizeBytes && offset % 512 === 0 && length % 512 === 0,
      'writes are whole sectors inside the disk',
    );
  }
}

function checkWritable(header: Qcow2Header, name: string): void {
  const refuse = (why: string) =>
    userError(
      'QCOW2_READ_ONLY',
      `${name} can only be read: ${why}; make one that can be written: qemu-img convert -O qcow2`,
    );
  if (header.snapshots > 0) throw refuse('it has internal snapshots');
  if (header.l1TableEntries > header.l1Entries) throw refuse('its first-level table is too long');
  if (header.sizeBytes % 512 !== 0) throw refuse('it does not end with a sector');
  if (header.l1Offset % 2 ** header.clusterBits !== 0)
    throw damaged(name, 'a table is not where tables can be');
}
