/** Operands of DWARF expressions (DWARF 5, 2.5.1.1), and expressions that are one operation. */
import { ByteReader } from '../bytes';

export const readerOf = (bytes: Uint8Array): ByteReader =>
  new ByteReader(bytes, { code: 'DWARF_BAD_EXPRESSION', name: 'a DWARF expression' });

/** The number that bytes are, little-endian and unsigned. */
export const bitsOfBytes = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n);

/** The register that a location description names, if it is nothing else. */
export const registerIn = (bytes: Uint8Array): number | undefined => {
  const [op = 0] = bytes;
  if (bytes.length === 1 && op >= 0x50 && op <= 0x6f) return op - 0x50;
  if (op !== 0x90) return undefined;
  const reader = readerOf(bytes.subarray(1));
  const number = reader.uleb();
  return reader.done ? number : undefined;
};

/** What a literal operation pushes; undefined: it is none. */
export const constantOperand = (op: number, reader: ByteReader): bigint | undefined => {
  switch (op) {
    case 0x08: // DW_OP_const1u
      return BigInt(reader.u8());
    case 0x09:
      return BigInt(reader.i8());
    case 0x0a:
      return BigInt(reader.u16());
    case 0x0b:
      return BigInt(reader.i16());
    case 0x0c:
      return BigInt(reader.u32());
    case 0x0d:
      return BigInt(reader.i32());
    case 0x0e:
      return reader.u64();
    case 0x0f:
      return reader.i64();
    case 0x10: // DW_OP_constu
      return reader.uleb64();
    case 0x11: // DW_OP_consts
      return reader.sleb64();
    default:
      return undefined;
  }
};
