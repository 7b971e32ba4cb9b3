/** Plain images: bytes in memory, and raw files. */
import { roundUp, SECTOR_BYTES, type BaseImage, type ByteFile, type WritableFile } from './types';

/** Bytes in memory, as a file or as an image. */
export class MemoryImage implements BaseImage, ByteFile {
  readonly sizeBytes: number;

  /** Does not copy: the bytes must not change afterwards. */
  constructor(private readonly bytes: Uint8Array) {
    this.sizeBytes = roundUp(bytes.length, SECTOR_BYTES);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return padded(this.bytes.slice(offset, offset + length), length);
  }
}

/** A raw file: its bytes are the disk's. A size that is no whole number of sectors is filled up with zeroes. */
export class RawImage implements BaseImage {
  readonly sizeBytes: number;

  constructor(private readonly file: ByteFile) {
    this.sizeBytes = roundUp(file.sizeBytes, SECTOR_BYTES);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return readPadded(this.file, offset, length);
  }
}

/** A raw file that can be committed into. */
export class WritableRaw extends RawImage {
  constructor(private readonly target: WritableFile) {
    super(target);
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    return this.target.write(offset, data);
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    const PIECE = 1 << 20;
    for (let at = 0; at < length; at += PIECE) {
      await this.target.write(offset + at, new Uint8Array(Math.min(PIECE, length - at)));
    }
  }

  flush(): Promise<void> {
    return this.target.flush();
  }
}

/** Exactly `length` bytes of a file; zeroes past its end. */
export async function readPadded(file: ByteFile, offset: number, length: number): Promise<Uint8Array> {
  const available = Math.max(0, Math.min(length, file.sizeBytes - offset));
  return padded(available === 0 ? new Uint8Array(0) : await file.read(offset, available), length);
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  const result = new Uint8Array(length);
  result.set(bytes.subarray(0, length));
  return result;
}
