/** Immediates of instructions, as far as frames are read from code (RISC-V unprivileged specification). */

/** imm[12|10:5] in bits 31..25, imm[4:1|11] in bits 11..7 (B format). */
export const branchOffset = (word: number): number =>
  ((word >> 31) << 12) | ((word << 4) & 0x800) | ((word >> 20) & 0x7e0) | ((word >> 7) & 0x1e);

/** imm[20|10:1|11|19:12] in bits 31..12 (J format). */
export const jumpOffset = (word: number): number =>
  ((word >> 31) << 20) | (word & 0xff000) | ((word >> 9) & 0x800) | ((word >> 20) & 0x7fe);

/** imm[8|4:3] in bits 12..10, imm[7:6|2:1|5] in bits 6..2 (CB format). */
export const compressedBranchOffset = (half: number): number =>
  (half & 0x1000 ? -256 : 0) |
  ((half >> 7) & 0x18) |
  ((half << 1) & 0xc0) |
  ((half >> 2) & 6) |
  ((half << 3) & 0x20);

/** imm[11|4|9:8|10|6|7|3:1|5] in bits 12..2 (CJ format). */
export const compressedJumpOffset = (half: number): number =>
  (half & 0x1000 ? -2048 : 0) |
  ((half >> 7) & 0x10) |
  ((half >> 1) & 0x300) |
  ((half << 2) & 0x400) |
  ((half >> 1) & 0x40) |
  ((half << 1) & 0x80) |
  ((half >> 2) & 0xe) |
  ((half << 3) & 0x20);

/** nzuimm[5:4|9:6|2|3] in bits 12..5 (RISC-V unprivileged spec, C extension). */
export const addi4spn = (half: number): bigint =>
  BigInt(((half >> 7) & 0x30) | ((half >> 1) & 0x3c0) | ((half >> 4) & 4) | ((half >> 2) & 8));

/** nzimm[9] in bit 12, nzimm[4|6|8:7|5] in bits 6..2. */
export const addi16sp = (half: number): bigint =>
  BigInt(((half >> 2) & 0x10) | ((half << 1) & 0x40) | ((half << 4) & 0x180) | ((half << 3) & 0x20)) -
  (half & 0x1000 ? 512n : 0n);

/** imm[5] in bit 12, imm[4:3|8:6] in bits 6..2. */
export const loadSpOffset = (half: number): bigint =>
  BigInt(((half >> 7) & 0x20) | ((half >> 2) & 0x18) | ((half << 4) & 0x1c0));

/** imm[5:3|8:6] in bits 12..7. */
export const storeSpOffset = (half: number): bigint => BigInt(((half >> 7) & 0x38) | ((half >> 1) & 0x1c0));
