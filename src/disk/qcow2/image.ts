/**
 * Reads a qcow2 image: two levels of tables lead from a guest offset to a cluster, which is there, compressed, zero, or
 * left to the backing image. Reference counts and internal snapshots are not looked at. Memory is bounded by the caches
 * here and the sizes checked in the header; a table entry that leads out of the file is an error, not a wild read.
 */
import { defined, messageOf } from '../../base/errors';
import { Inflate } from 'fflate';
import { readPadded } from '../images';
import { roundUp, SECTOR_BYTES, type BaseImage, type ByteFile } from '../types';
import { damaged, HEADER_READ_BYTES, parseHeader, type Qcow2Header } from './header';

/** Second-level tables kept, in bytes: 128 tables of the usual 64 KiB cover 64 GiB of disk. */
const L2_CACHE_BYTES = 8 << 20;
/** Decompressed clusters kept, in bytes: a guest reads a cluster in pieces. */
const CLUSTER_CACHE_BYTES = 4 << 20;
/** Compressed bytes fed at a time, so that what a hostile stream unpacks to is noticed soon. */
const INFLATE_CHUNK_BYTES = 4096;

type Place =
  | { readonly kind: 'data'; readonly offset: number }
  | { readonly kind: 'compressed'; readonly offset: number; readonly length: number }
  | { readonly kind: 'zero' }
  | { readonly kind: 'backing' };

export class Qcow2Image implements BaseImage {
  readonly sizeBytes: number;
  private readonly clusterBytes: number;
  private readonly tables: Cache<DataView>;
  private readonly clusters: Cache<Uint8Array>;

  private constructor(
    private readonly file: ByteFile,
    private readonly name: string,
    private readonly header: Qcow2Header,
    private readonly l1: DataView,
    private readonly backing: BaseImage | undefined,
  ) {
    this.clusterBytes = 2 ** header.clusterBits;
    this.sizeBytes = roundUp(header.sizeBytes, SECTOR_BYTES);
    this.tables = new Cache(Math.max(1, L2_CACHE_BYTES / this.clusterBytes));
    this.clusters = new Cache(Math.max(1, CLUSTER_CACHE_BYTES / this.clusterBytes));
  }

  /**
   * Reads the header and the first-level table. `openBacking` opens the image underneath, if the header names one.
   * Throws coded UserErrors ('QCOW2_...').
   */
  static async open(
    file: ByteFile,
    name: string,
    openBacking: (name: string, format: string | undefined) => Promise<BaseImage>,
  ): Promise<Qcow2Image> {
    const start = await file.read(0, Math.min(HEADER_READ_BYTES, file.sizeBytes));
    const header = parseHeader(start, name);
    const l1Bytes = header.l1Entries * 8;
    if (header.l1Offset + l1Bytes > file.sizeBytes) {
      throw damaged(name, 'its first-level table is outside the file');
    }
    const l1 = l1Bytes === 0 ? new Uint8Array(0) : await file.read(header.l1Offset, l1Bytes);
    const { backing } = header;
    const under = backing === undefined ? undefined : await openBacking(backing.name, backing.format);
    return new Qcow2Image(file, name, header, viewOf(l1), under);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const result = new Uint8Array(length);
    const end = Math.min(offset + length, this.header.sizeBytes);
    for (let at = offset; at < end;) {
      const within = at % this.clusterBytes;
      const count = Math.min(end - at, this.clusterBytes - within);
      const place = await this.locate((at - within) / this.clusterBytes);
      const bytes = await this.fetch(place, at, within, count);
      if (bytes !== undefined) result.set(bytes, at - offset);
      at += count;
    }
    return result;
  }

  /** undefined for zeroes. */
  private async fetch(
    place: Place,
    at: number,
    within: number,
    count: number,
  ): Promise<Uint8Array | undefined> {
    switch (place.kind) {
      case 'zero':
        return undefined;
      case 'backing':
        return this.backing?.read(at, count);
      case 'data':
        return readPadded(this.file, place.offset + within, count);
      case 'compressed': {
        const cluster = await this.clusters.get(place.offset, () => this.inflate(place.offset, place.length));
        return cluster.subarray(within, within + count);
      }
    }
  }

  private async locate(cluster: number): Promise<Place> {
    const entries = this.clusterBytes / 8;
    const l1At = Math.floor(cluster / entries) * 8;
    const l2Offset = hostOffset(this.l1.getUint32(l1At), this.l1.getUint32(l1At + 4));
    if (l2Offset === 0) return { kind: 'backing' };
    const table = await this.tables.get(l2Offset, () => this.readTable(l2Offset));
    const at = (cluster % entries) * 8;
    const high = table.getUint32(at);
    const low = table.getUint32(at + 4);
    if ((high & 0x4000_0000) !== 0) return this.compressedPlace(high, low);
    // Bit 0 says "reads as zeroes", whether or not a cluster is allocated (version 3; reserved as 0 before).
    if ((low & 1) !== 0) return { kind: 'zero' };
    const offset = hostOffset(high, low);
    if (offset === 0) return { kind: 'backing' };
    this.checkInside(offset, 'a cluster');
    return { kind: 'data', offset };
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
    return viewOf(await this.file.read(offset, this.clusterBytes));
  }

  private async inflate(offset: number, length: number): Promise<Uint8Array> {
    const available = Math.min(length, this.file.sizeBytes - offset);
    const packed = await this.file.read(offset, available);
    const cluster = new Uint8Array(this.clusterBytes);
    let filled = 0;
    const stream = new Inflate((chunk) => {
      // Bytes behind the cluster come from the padding to a sector, or from somebody hostile.
      const fitting = chunk.subarray(0, this.clusterBytes - filled);
      cluster.set(fitting, filled);
      filled += fitting.length;
    });
    try {
      for (let at = 0; at < packed.length && filled < this.clusterBytes; at += INFLATE_CHUNK_BYTES) {
        stream.push(packed.subarray(at, at + INFLATE_CHUNK_BYTES), false);
      }
    } catch (error) {
      throw damaged(this.name, `a compressed cluster cannot be unpacked (${messageOf(error)})`);
    }
    if (filled < this.clusterBytes) throw damaged(this.name, 'a compressed cluster is too short');
    return cluster;
  }

  private checkInside(offset: number, what: string): void {
    if (offset >= this.file.sizeBytes) throw damaged(this.name, `${what} is outside the file`);
  }
}

/** Bits 9 to 55 of a table entry. */
const hostOffset = (high: number, low: number): number =>
  (high & 0x00ff_ffff) * 2 ** 32 + ((low & 0xffff_fe00) >>> 0);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The most recently used results, by file offset. A failure is not kept. */
class Cache<T> {
  private readonly entries = new Map<number, Promise<T>>();

  constructor(private readonly capacity: number) {}

  get(key: number, make: () => Promise<T>): Promise<T> {
    const known = this.entries.get(key);
    this.entries.delete(key);
    const entry = known ?? make();
    this.entries.set(key, entry);
    if (known === undefined) {
      entry.catch(() => this.entries.delete(key));
      if (this.entries.size > this.capacity) this.entries.delete(defined(this.entries.keys().next().value));
    }
    return entry;
  }
}
