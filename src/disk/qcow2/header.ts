/**
 * The header of a qcow2 image (QEMU's docs/interop/qcow2.txt), versions 2 and 3. Everything that a reader must understand
 * to read right, and does not, is refused here with a remedy; after this, offsets and sizes are within bounds.
 */
import { userError } from '../../base/errors';

export type Compression = 'zlib' | 'zstd';

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly sizeBytes: number;
  readonly clusterBits: number;
  readonly compression: Compression;
  readonly refcounts: {
    readonly tableOffset: number;
    readonly tableClusters: number;
    /** Width of a count is 2^order bits. */
    readonly order: number;
  };
  /** Internal snapshots: clusters may be shared. */
  readonly snapshots: number;
  /** Where header extensions begin. */
  readonly headerBytes: number;
  readonly l1Offset: number;
  /** Entries that the virtual size needs; the table may have more. */
  readonly l1Entries: number;
  /** Entries that the table has. */
  readonly l1TableEntries: number;
  readonly backing: { readonly name: string; readonly format: string | undefined } | undefined;
}

export const QCOW2_MAGIC = 0x514649fb;
/** Enough for the header, its extensions and the backing file's name, which all lie in the first cluster. */
export const HEADER_READ_BYTES = 1 << 16;

const V2_BYTES = 72;
export const V3_BYTES = 104;
const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
/** QEMU's limit for the first-level table. */
const MAX_L1_BYTES = 32 << 20;
export const MAX_NAME_BYTES = 1023;
export const EXTENSION_BACKING_FORMAT = 0xe2792aca;
const CORRUPT = 1 << 1;
const DATA_FILE = 1 << 2;
const COMPRESSION_TYPE = 1 << 3;
const EXTENDED_L2 = 1 << 4;
/** "Dirty" (bit 0) concerns reference counts only, which reading does not use. */
const UNDERSTOOD = 1 | COMPRESSION_TYPE;

export const isQcow2 = (start: Uint8Array): boolean =>
  start.length >= 4 && viewOf(start).getUint32(0) === QCOW2_MAGIC;

/** `start` holds the first HEADER_READ_BYTES of the file, or all of a smaller one. `name` is for messages. */
export function parseHeader(start: Uint8Array, name: string): Qcow2Header {
  const view = viewOf(start);
  if (start.length < V2_BYTES) throw damaged(name, 'it ends within the header');
  if (view.getUint32(0) !== QCOW2_MAGIC) {
    throw userError(
      'QCOW2_MAGIC',
      `${name} is not a qcow2 image; set its format to raw if that is what it is`,
    );
  }
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) {
    throw userError(
      'QCOW2_VERSION',
      `${name} is qcow2 version ${version}; ${convert(name, '-o compat=1.1')}`,
    );
  }
  const compression = version === 3 ? checkFeatures(view, start.length, name) : 'zlib';
  if (view.getUint32(32) !== 0) {
    throw userError('QCOW2_ENCRYPTED', `${name} is encrypted; decrypt it with qemu-img convert first`);
  }
  const clusterBits = view.getUint32(20);
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    throw damaged(name, `a cluster cannot have 2^${clusterBits} bytes`);
  }
  const sizeBytes = u64(view, 24);
  if (sizeBytes > Number.MAX_SAFE_INTEGER) throw damaged(name, 'its size is out of bounds');
  const l1Entries = Math.ceil(sizeBytes / 2 ** (2 * clusterBits - 3));
  const l1Offset = u64(view, 40);
  if (l1Entries * 8 > MAX_L1_BYTES || l1Entries > view.getUint32(36)) {
    throw damaged(name, 'its first-level table does not fit its size');
  }
  if (l1Offset > Number.MAX_SAFE_INTEGER) throw damaged(name, 'its first-level table is outside the file');
  const tableOffset = u64(view, 48);
  if (tableOffset > Number.MAX_SAFE_INTEGER) throw damaged(name, 'its reference counts are outside the file');
  return {
    version,
    sizeBytes,
    clusterBits,
    compression,
    refcounts: {
      tableOffset,
      tableClusters: view.getUint32(56),
      order: version === 3 ? view.getUint32(96) : 4,
    },
    snapshots: view.getUint32(60),
    headerBytes: version === 3 ? view.getUint32(100) : V2_BYTES,
    l1Offset,
    l1Entries,
    l1TableEntries: view.getUint32(36),
    backing: parseBacking(start, version, clusterBits, name),
  };
}

/** Returns how compressed clusters are packed. */
function checkFeatures(view: DataView, available: number, name: string): Compression {
  if (available < V3_BYTES) throw damaged(name, 'it ends within the header');
  const high = view.getUint32(72);
  const low = view.getUint32(76);
  if ((low & CORRUPT) !== 0) {
    throw userError('QCOW2_CORRUPT', `${name} is marked as corrupt; repair it with qemu-img check -r all`);
  }
  if ((low & DATA_FILE) !== 0) {
    throw userError('QCOW2_DATA_FILE', `${name} keeps its data in another file; ${convert(name)}`);
  }
  if ((low & EXTENDED_L2) !== 0) {
    throw userError('QCOW2_EXTENDED_L2', `${name} has subclusters; ${convert(name, '-o extended_l2=off')}`);
  }
  if (high !== 0 || (low & ~UNDERSTOOD) !== 0) {
    const bits = `0x${high.toString(16)}${low.toString(16).padStart(8, '0')}`;
    throw userError(
      'QCOW2_FEATURE',
      `${name} needs features that are not known here (${bits}); ${convert(name)}`,
    );
  }
  const headerBytes = view.getUint32(100);
  const compression = headerBytes > V3_BYTES && available > V3_BYTES ? view.getUint8(104) : 0;
  if (compression > 1) {
    const remedy = convert(name, '-o compression_type=zlib');
    throw userError('QCOW2_COMPRESSION', `${name} is compressed neither with zlib nor with zstd; ${remedy}`);
  }
  return compression === 1 ? 'zstd' : 'zlib';
}

function parseBacking(
  start: Uint8Array,
  version: number,
  clusterBits: number,
  name: string,
): Qcow2Header['backing'] {
  const view = viewOf(start);
  const offset = u64(view, 8);
  const length = view.getUint32(16);
  if (offset === 0) return undefined;
  if (length === 0 || length > MAX_NAME_BYTES || offset + length > Math.min(start.length, 2 ** clusterBits)) {
    throw damaged(name, 'the name of its backing file is out of bounds');
  }
  const extensionsAt = version === 2 ? V2_BYTES : view.getUint32(100);
  return {
    name: text(start.subarray(offset, offset + length)),
    format: backingFormat(start.subarray(0, offset), extensionsAt),
  };
}

/** Header extensions: type, length, data padded to 8 bytes; type 0 ends them. */
function backingFormat(start: Uint8Array, from: number): string | undefined {
  const view = viewOf(start);
  for (let at = from; at + 8 <= start.length;) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === 0 || at + 8 + length > start.length) return undefined;
    if (type === EXTENSION_BACKING_FORMAT) return text(start.subarray(at + 8, at + 8 + length));
    at += 8 + ((length + 7) & ~7);
  }
  return undefined;
}

export const damaged = (name: string, why: string) =>
  userError('QCOW2_DAMAGED', `${name} is damaged: ${why}; check it with qemu-img check`);

const convert = (name: string, option = ''): string =>
  `make one that can be read: qemu-img convert -O qcow2 ${option === '' ? '' : `${option} `}${name} new.qcow2`;

/** Imprecise from 2^53 on, which is larger than every limit here. */
const u64 = (view: DataView, at: number): number => view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
