/** Tells a RISC-V ELF program by its first bytes (ELF gABI, chapter 4, "ELF Header"). */

/** How much of a file these functions need. */
const ELF_HEAD_BYTES = 32;

const EM_RISCV = 243;
const ET_REL = 1;

/** A linked 64-bit little-endian RISC-V program; object files cannot be run and do not count. */
export function isRiscvElf(head: Uint8Array): boolean {
  const magic = [0x7f, 0x45, 0x4c, 0x46, /* 64 bit */ 2, /* little-endian */ 1];
  if (head.length < ELF_HEAD_BYTES || magic.some((byte, at) => head[at] !== byte)) return false;
  const half = (at: number): number => (head[at] ?? 0) | ((head[at + 1] ?? 0) << 8);
  return half(18) === EM_RISCV && half(16) !== ET_REL;
}

/**
 * The firmware that a program without a configuration most likely wants. Firmware and bare-metal programs begin where RAM
 * begins; what runs on firmware is linked above it (0x80200000 by convention) or at virtual addresses.
 */
export function likelyFirmware(head: Uint8Array): 'none' | 'builtin' {
  const entry = new DataView(head.buffer, head.byteOffset, head.byteLength).getBigUint64(24, true);
  return entry >= 0x8000_0000n && entry < 0x8020_0000n ? 'none' : 'builtin';
}

/** Names that programs of guests have; others are not looked into. */
export function mayBeProgram(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return !name.includes('.') || /\.(?:elf|axf|out|bin|riscv|debug)$/iu.test(name) || /^vmlinux/u.test(name);
}
