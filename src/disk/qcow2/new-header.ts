/**
 * The header that we write (qcow2 version 3). All that ever changes in it lies in its first sector, which a disk writes
 * as a whole: at any moment the old header is in force, or the new one.
 */
import { invariant, userError } from '../../base/errors';
import { EXTENSION_BACKING_FORMAT, MAX_NAME_BYTES, QCOW2_MAGIC, V3_BYTES } from './header';

export interface Backing {
  readonly name: string;
  readonly format: 'raw' | 'qcow2';
}

export interface NewHeader {
  readonly sizeBytes: number;
  readonly clusterBits: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly tableOffset: number;
  readonly tableClusters: number;
  readonly backing: Backing | undefined;
}

export const HEADER_SECTOR_BYTES = 512;
/** Names of backing files begin behind the first sector. */
const NAMES_AT = HEADER_SECTOR_BYTES;

/** The first sector; the name of the backing file is at `nameAt`. */
export function encodeHeader(header: NewHeader, nameAt: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, QCOW2_MAGIC);
  view.setUint32(4, 3);
  view.setUint32(20, header.clusterBits);
  view.setBigUint64(24, BigInt(header.sizeBytes));
  view.setUint32(36, header.l1Entries);
  view.setBigUint64(40, BigInt(header.l1Offset));
  view.setBigUint64(48, BigInt(header.tableOffset));
  view.setUint32(56, header.tableClusters);
  view.setUint32(96, 4); // counts of 16 bits
  view.setUint32(100, V3_BYTES);
  const { backing } = header;
  if (backing === undefined) return bytes;
  view.setBigUint64(8, BigInt(nameAt));
  view.setUint32(16, encodeName(backing.name).length);
  const format = new TextEncoder().encode(backing.format);
  view.setUint32(V3_BYTES, EXTENSION_BACKING_FORMAT);
  view.setUint32(V3_BYTES + 4, format.length);
  bytes.set(format, V3_BYTES + 8);
  return bytes;
}

export function encodeName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > 0 && bytes.length <= MAX_NAME_BYTES) return bytes;
  throw userError(
    'QCOW2_NAME',
    `"${name.slice(0, 60)}..." is too long for the name of a backing file; use a shorter path`,
  );
}

/** Where a new name goes while the one at `inUse` must stay whole. */
export function otherNameAt(inUse: number, clusterBytes: number): number {
  const slots = [NAMES_AT, NAMES_AT + 1024].filter((at) => at + MAX_NAME_BYTES <= clusterBytes);
  const slot = slots.find((at) => at !== inUse);
  invariant(slot !== undefined, 'layers of ours have room for two names');
  return slot;
}
