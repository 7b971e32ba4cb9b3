/**
 * What the rooms above and the host agree on with the disks. The request types have the same shape as those of a disk
 * port in the machine, which this room must not know; a test holds the two together.
 */

/** A file of the host, opened for reading. */
export interface ByteFile {
  readonly sizeBytes: number;
  /** Where the host found it; what names another file relative to itself means that place. */
  readonly path?: string;
  /** The bytes at `offset`; fewer than `length` only where the file ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Where the host keeps anything open for it. */
  close?(): Promise<void>;
}

/**
 * A file of the host that this process alone writes. Writes reach the file in the order in which they were asked for;
 * they outlive a crash of this process at once, and one of the host after `flush`.
 */
export interface WritableFile extends ByteFile {
  /** Grows the file where needed. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** All that was written before is durable. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file by the name that a setting or another image gives; `from` is the name of that image. */
export type OpenFile = (name: string, from?: string) => Promise<ByteFile>;

/** The contents of a disk that never change. Reads reach past the end as zeroes. */
export interface BaseImage {
  /** A multiple of 512. */
  readonly sizeBytes: number;
  /** Exactly `length` bytes. Rejects with a UserError when the image is damaged. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export type DiskRequest =
  | { readonly op: 'read'; readonly offset: number; readonly length: number }
  | { readonly op: 'write'; readonly offset: number; readonly data: Uint8Array }
  | { readonly op: 'flush' }
  | { readonly op: 'discard' | 'writeZeroes'; readonly offset: number; readonly length: number };

export type DiskResult =
  { readonly ok: true; readonly data?: Uint8Array } | { readonly ok: false; readonly error: string };

export const SECTOR_BYTES = 512;

export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
