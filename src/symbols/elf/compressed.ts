/**
 * Compressed sections: SHF_COMPRESSED with ELFCOMPRESS_ZLIB or ELFCOMPRESS_ZSTD (gABI "Section Compression") and
 * the older .zdebug_* sections ("ZLIB" and a big-endian size). See docs/decisions/0003-inflate.md for the inflaters.
 */
import { unzlibSync } from 'fflate';
import { decompress as unzstd } from 'fzstd';
import { userError } from '../../base/errors';
import { ByteReader } from '../bytes';
import type { ElfSection } from './format';

/** Deflate cannot do better than 1032 to 1 (RFC 1951: 258 bytes from 2 bits), so a larger claim is damage. */
const MAX_RATIO = 1040;
/** Zstandard can say 128 KiB in 4 bytes (RFC 8878, RLE blocks), so a limit in bytes (of one section) is needed too. */
const MAX_ZSTD_RATIO = 32768;
const MAX_ZSTD_BYTES = 2 ** 29;

/** The plain contents. Codes: ELF_BAD_COMPRESSION, ELF_UNSUPPORTED_COMPRESSION. */
export const decompressSection = (section: ElfSection, bytes: Uint8Array): Uint8Array => {
  const reader = new ByteReader(bytes, {
    code: 'ELF_BAD_COMPRESSION',
    name: `compressed section ${section.name}`,
  });
  if (section.name.startsWith('.zdebug_')) {
    // Linkers leave a section uncompressed, under the old name, when compression would not pay.
    if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'ZLIB') return bytes;
    const size = bytes.subarray(4, 12).reduce((sum, byte) => sum * 256 + byte, 0);
    return inflate(section.name, bytes.subarray(12), size);
  }
  const type = reader.u32();
  reader.skip(4);
  const size = reader.offset64();
  reader.skip(8);
  const data = bytes.subarray(reader.offset);
  if (type === 1) return inflate(section.name, data, size);
  if (type === 2) return decompressZstd(section.name, data, size);
  throw userError(
    'ELF_UNSUPPORTED_COMPRESSION',
    `section ${section.name} is compressed in an unknown way (type ${type}); link with -gz=zlib or -gz=none`,
  );
};

const bad = (name: string, why: string, cause?: unknown): never => {
  throw userError(
    'ELF_BAD_COMPRESSION',
    `compressed section ${name} ${why}; the file is damaged: build or copy it again`,
    cause,
  );
};

const decompressZstd = (name: string, data: Uint8Array, size: number): Uint8Array => {
  if (size > Math.min(data.length * MAX_ZSTD_RATIO, MAX_ZSTD_BYTES)) bad(name, 'claims an impossible size');
  // The library fills the given buffer and does not tell how much of it; the frame says how long it means to be.
  const stated = zstdContentSize(data);
  if (stated !== undefined && stated !== BigInt(size)) bad(name, 'has another size than it claims');
  try {
    return unzstd(data, new Uint8Array(size));
  } catch (error) {
    return bad(name, 'cannot be inflated', error);
  }
};

/** Frame_Content_Size of the first frame (RFC 8878, 3.1.1.1); undefined when it is not stated. */
const zstdContentSize = (data: Uint8Array): bigint | undefined => {
  const [, , , , descriptor = 0] = data;
  const singleSegment = (descriptor & 0x20) !== 0;
  const length = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  if (length === 0) return undefined;
  const value = data.subarray(at, at + length).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return length === 2 ? value + 256n : value;
};

const inflate = (name: string, data: Uint8Array, size: number): Uint8Array => {
  if (size > data.length * MAX_RATIO) bad(name, 'claims an impossible size');
  let plain: Uint8Array;
  try {
    plain = unzlibSync(data, { out: new Uint8Array(size) });
  } catch (error) {
    return bad(name, 'cannot be inflated', error);
  }
  if (plain.length !== size) bad(name, 'has another size than it claims');
  // The inflater does not check the sum at the end, and damaged debug information misleads more than missing.
  const stored = data.subarray(data.length - 4).reduce((sum, byte) => sum * 256 + byte, 0);
  if (adler32(plain) !== stored) bad(name, 'fails its checksum');
  return plain;
};

/** RFC 1950 chapter 9; 3800 bytes is what fits before the sums have to be reduced, with room to spare. */
const adler32 = (bytes: Uint8Array): number => {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + 3800, bytes.length);
    for (; at < end; at++) {
      a += bytes[at] ?? 0;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
};
