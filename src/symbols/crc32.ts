/** The checksum of .gnu_debuglink: CRC-32 as in ISO 3309, of a file read by parts. */
import type { ByteSource } from './bytes';

const TABLE = Int32Array.from({ length: 256 }, (_, value) => {
  let rest = value;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb8_8320 : rest >>> 1;
  return rest;
});

/** Bytes read at once. */
const PART = 2 ** 20;

export const crc32 = (source: ByteSource): number => {
  let sum = -1;
  for (let offset = 0; offset < source.size; offset += PART) {
    const bytes = source.read(offset, PART);
    for (const byte of bytes) sum = (sum >>> 8) ^ (TABLE[(sum ^ byte) & 0xff] ?? 0);
    if (bytes.length === 0) break;
  }
  return (sum ^ -1) >>> 0;
};
