/** A file in memory, in pieces that come into being when they are written. */
import type { WritableFile } from './types';

const PIECE_BYTES = 1 << 16;

export class MemoryFile implements WritableFile {
  private readonly pieces = new Map<number, Uint8Array>();
  private size = 0;

  get sizeBytes(): number {
    return this.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const result = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    forEachPiece(offset, result.length, (index, within, at, count) => {
      const piece = this.pieces.get(index);
      if (piece !== undefined) result.set(piece.subarray(within, within + count), at);
    });
    return result;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    forEachPiece(offset, bytes.length, (index, within, at, count) => {
      let piece = this.pieces.get(index);
      if (piece === undefined) this.pieces.set(index, (piece = new Uint8Array(PIECE_BYTES)));
      piece.set(bytes.subarray(at, at + count), within);
    });
    this.size = Math.max(this.size, offset + bytes.length);
  }

  async truncate(sizeBytes: number): Promise<void> {
    for (const index of [...this.pieces.keys()])
      if (index * PIECE_BYTES >= sizeBytes) this.pieces.delete(index);
    this.pieces.get(Math.floor(sizeBytes / PIECE_BYTES))?.fill(0, sizeBytes % PIECE_BYTES);
    this.size = sizeBytes;
  }

  async flush(): Promise<void> {
    // Memory is as durable as it gets.
  }

  async close(): Promise<void> {
    // Nothing is held outside.
  }
}

function forEachPiece(
  offset: number,
  length: number,
  visit: (index: number, within: number, at: number, count: number) => void,
): void {
  for (let at = 0; at < length;) {
    const within = (offset + at) % PIECE_BYTES;
    const count = Math.min(PIECE_BYTES - within, length - at);
    visit(Math.floor((offset + at) / PIECE_BYTES), within, at, count);
    at += count;
  }
}
