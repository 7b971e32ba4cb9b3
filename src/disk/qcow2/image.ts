/**
 * Reads a qcow2 image: two levels of tables lead from a guest offset to a cluster, which is there, compressed, zero, or
 * left to the backing image. Reference counts and internal snapshots are not looked at. Memory is bounded by the caches
 * here and the sizes checked in the header.
 */
import { messageOf } from '../../base/errors';
import { readPadded } from '../images';
import { roundUp, SECTOR_BYTES, type BaseImage, type ByteFile } from '../types';
import { Cache } from './cache';
import { damaged, HEADER_READ_BYTES, parseHeader, type Qcow2Header } from './header';
import { Tables, type Place } from './tables';
import { unpackCluster } from './unpack';

/** Decompressed clusters kept, in bytes: a guest reads a cluster in pieces. */
const CLUSTER_CACHE_BYTES = 4 << 20;

/** Opens the image underneath, by the name and format in the header. */
export type OpenBacking = (name: string, format: string | undefined) => Promise<BaseImage>;

export class Qcow2Image implements BaseImage {
  readonly sizeBytes: number;
  private readonly clusterBytes: number;
  private readonly clusters: Cache<Uint8Array>;

  /** For the writer; others use `open`. */
  constructor(
    private readonly file: ByteFile,
    private readonly name: string,
    readonly header: Qcow2Header,
    readonly tables: Tables,
    public backing: BaseImage | undefined,
  ) {
    this.clusterBytes = 2 ** header.clusterBits;
    this.sizeBytes = roundUp(header.sizeBytes, SECTOR_BYTES);
    this.clusters = new Cache(Math.max(1, CLUSTER_CACHE_BYTES / this.clusterBytes));
  }

  /** Reads the header and the first-level table. Throws coded UserErrors ('QCOW2_...'). */
  static async open(file: ByteFile, name: string, openBacking: OpenBacking): Promise<Qcow2Image> {
    const start = await file.read(0, Math.min(HEADER_READ_BYTES, file.sizeBytes));
    const header = parseHeader(start, name);
    const tables = await Tables.load(file, name, header);
    const { backing } = header;
    const under = backing === undefined ? undefined : await openBacking(backing.name, backing.format);
    return new Qcow2Image(file, name, header, tables, under);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const result = new Uint8Array(length);
    const end = Math.min(offset + length, this.header.sizeBytes);
    for (let at = offset; at < end;) {
      const within = at % this.clusterBytes;
      const count = Math.min(end - at, this.clusterBytes - within);
      // Taken before the place is looked up: where the tables then leave a cluster to what is underneath, this image
      // has it right, even when another has been put underneath meanwhile (see Qcow2Layer.rebase).
      const { backing } = this;
      const place = await this.tables.locate((at - within) / this.clusterBytes);
      const bytes = await this.fetch(place, backing, at, within, count);
      if (bytes !== undefined) result.set(bytes, at - offset);
      at += count;
    }
    return result;
  }

  /** undefined for zeroes. */
  private async fetch(
    place: Place,
    backing: BaseImage | undefined,
    at: number,
    within: number,
    count: number,
  ): Promise<Uint8Array | undefined> {
    switch (place.kind) {
      case 'zero':
        return undefined;
      case 'backing':
        return backing?.read(at, count);
      case 'data':
        return readPadded(this.file, place.offset + within, count);
      case 'compressed': {
        const cluster = await this.clusters.get(place.offset, () => this.unpack(place.offset, place.length));
        return cluster.subarray(within, within + count);
      }
    }
  }

  private async unpack(offset: number, length: number): Promise<Uint8Array> {
    const packed = await this.file.read(offset, Math.min(length, this.file.sizeBytes - offset));
    let cluster: Uint8Array | undefined;
    try {
      cluster = unpackCluster(packed, this.header.compression, this.clusterBytes);
    } catch (error) {
      throw damaged(this.name, `a compressed cluster cannot be unpacked (${messageOf(error)})`);
    }
    if (cluster === undefined) throw damaged(this.name, 'a compressed cluster is too short');
    return cluster;
  }
}
