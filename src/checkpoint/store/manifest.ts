/**
 * What a checkpoint consists of besides pages. The summary is what a list shows, and may change later (name, notes); the
 * manifest never changes and leads to all the rest.
 */
import type { SectionData } from '../../machine/device';
import { decodeData, encodeData } from './data';
import { storeDamaged, storeNewer } from './errors';
import { decodeMapRoot, encodeMapRoot, type MapRoot } from './page-map';

/** Raise when older versions cannot read what this one writes. */
const MANIFEST_VERSION = 1;

/** What its maker says of a checkpoint. */
export interface CheckpointInfo {
  readonly name: string;
  readonly notes: string;
  readonly automatic: boolean;
  /** The checkpoint of the same store that it descends from. */
  readonly parent?: string;
  /** Milliseconds since 1970, by the host's clock. */
  readonly savedAt: number;
  readonly instret: number;
  /** For how long the guest stood still, microseconds. */
  readonly stopMicroseconds: number;
  readonly ramBytes: number;
  /** The end of what the console had shown. */
  readonly consoleTail: string;
  /** Which guest it is of: program, hashes, settings. Only the maker knows its shape. */
  readonly guest: SectionData;
}

/** The image that a disk's blocks lie over (row S18). */
export interface DiskPointer {
  readonly path: string;
  readonly format: string;
  readonly sizeBytes: number;
  readonly contentHash: string;
  /** Of the image's file: when equal, its hash need not be computed again. */
  readonly stamp?: string;
  /** Reference of the layer, where blocks are kept elsewhere than in the store. */
  readonly layer?: string;
  /** The files that the image stands on, from the nearest on (qcow2). */
  readonly backing?: readonly DiskPointer[];
}

/** Where a section's data are; loaded when they are asked for. */
export interface SectionRef {
  readonly name: string;
  readonly version: number;
  readonly blob: number;
}

export interface Manifest {
  readonly ram: MapRoot;
  readonly disks: readonly { readonly pointer: DiskPointer; readonly blocks: MapRoot }[];
  readonly sections: readonly SectionRef[];
}

/** What the store adds to the summary. */
export interface Sizes {
  /** RAM pages and disk blocks that are not zero. */
  readonly pages: number;
  /** Bytes by which saving it made the store larger. */
  readonly addedBytes: number;
  /** Of the manifest: so a list tells which images and layers are in use. */
  readonly disks: readonly DiskPointer[];
}

type Dictionary = Readonly<Record<string, SectionData>>;

const isDictionary = (data: SectionData | undefined): data is Dictionary =>
  typeof data === 'object' && data !== null && !Array.isArray(data) && !(data instanceof Uint8Array);

/** Reads typed fields; what does not fit is damage. */
export class Fields {
  constructor(private readonly data: Dictionary) {}

  static of(data: SectionData | undefined): Fields {
    if (!isDictionary(data)) throw storeDamaged('Saved state');
    return new Fields(data);
  }
  any(key: string): SectionData {
    const value = this.data[key];
    if (value === undefined) throw storeDamaged('Saved state');
    return value;
  }
  has(key: string): boolean {
    return this.data[key] !== undefined;
  }
  number(key: string): number {
    const value = this.any(key);
    if (typeof value !== 'number') throw storeDamaged('Saved state');
    return value;
  }
  text(key: string): string {
    const value = this.any(key);
    if (typeof value !== 'string') throw storeDamaged('Saved state');
    return value;
  }
  bytes(key: string): Uint8Array {
    const value = this.any(key);
    if (!(value instanceof Uint8Array)) throw storeDamaged('Saved state');
    return value;
  }
  list(key: string): readonly SectionData[] {
    const value = this.any(key);
    if (!Array.isArray(value)) throw storeDamaged('Saved state');
    return value as readonly SectionData[];
  }
}

export const encodeSummary = (info: CheckpointInfo, sizes: Sizes): Uint8Array =>
  encodeData({
    version: MANIFEST_VERSION,
    info: { ...info },
    sizes: { ...sizes, disks: sizes.disks.map(encodePointer) },
  });

export function decodeSummary(bytes: Uint8Array): CheckpointInfo & Sizes {
  const outer = versioned(bytes);
  const info = Fields.of(outer.any('info'));
  const sizes = Fields.of(outer.any('sizes'));
  return {
    name: info.text('name'),
    notes: info.text('notes'),
    automatic: info.any('automatic') === true,
    ...(info.has('parent') ? { parent: info.text('parent') } : {}),
    savedAt: info.number('savedAt'),
    instret: info.number('instret'),
    stopMicroseconds: info.number('stopMicroseconds'),
    ramBytes: info.number('ramBytes'),
    consoleTail: info.text('consoleTail'),
    guest: info.any('guest'),
    pages: sizes.number('pages'),
    addedBytes: sizes.number('addedBytes'),
    disks: sizes.has('disks') ? sizes.list('disks').map(decodePointer) : [],
  };
}

function versioned(bytes: Uint8Array): Fields {
  const fields = Fields.of(decodeData(bytes));
  const version = fields.number('version');
  if (version > MANIFEST_VERSION) throw storeNewer('The checkpoint', version);
  return fields;
}

export const encodeManifest = (manifest: Manifest): Uint8Array =>
  encodeData({
    version: MANIFEST_VERSION,
    ram: encodeMapRoot(manifest.ram),
    disks: manifest.disks.map(({ pointer, blocks }) => ({
      pointer: encodePointer(pointer),
      blocks: encodeMapRoot(blocks),
    })),
    sections: manifest.sections.map((section) => ({ ...section })),
  });

export function decodeManifest(bytes: Uint8Array): Manifest {
  const fields = versioned(bytes);
  return {
    ram: decodeMapRoot(fields.bytes('ram')),
    disks: fields.list('disks').map((item) => {
      const disk = Fields.of(item);
      return {
        pointer: decodePointer(disk.any('pointer')),
        blocks: decodeMapRoot(disk.bytes('blocks')),
      };
    }),
    sections: fields.list('sections').map((item) => {
      const section = Fields.of(item);
      return { name: section.text('name'), version: section.number('version'), blob: section.number('blob') };
    }),
  };
}

export const encodePointer = ({ backing, ...pointer }: DiskPointer): SectionData => ({
  ...pointer,
  ...(backing === undefined ? {} : { backing: backing.map(encodePointer) }),
});

export function decodePointer(data: SectionData): DiskPointer {
  const pointer = Fields.of(data);
  return {
    path: pointer.text('path'),
    format: pointer.text('format'),
    sizeBytes: pointer.number('sizeBytes'),
    contentHash: pointer.text('contentHash'),
    ...(pointer.has('stamp') ? { stamp: pointer.text('stamp') } : {}),
    ...(pointer.has('layer') ? { layer: pointer.text('layer') } : {}),
    ...(pointer.has('backing') ? { backing: pointer.list('backing').map(decodePointer) } : {}),
  };
}
