/** Tells a RISC-V ELF program by its first bytes (ELF gABI, chapter 4, "ELF Header"). */

/** How much of a file isRiscvElf needs. */
export const ELF_HEAD_BYTES = 20;

const EM_RISCV = 243;
const ET_REL = 1;

/** A linked 64-bit little-endian RISC-V program; object files cannot be run and do not count. */
export function isRiscvElf(head: Uint8Array): boolean {
  const magic = [0x7f, 0x45, 0x4c, 0x46, /* 64 bit */ 2, /* little-endian */ 1];
  if (head.length < ELF_HEAD_BYTES || magic.some((byte, at) => head[at] !== byte)) return false;
  const half = (at: number): number => (head[at] ?? 0) | ((head[at + 1] ?? 0) << 8);
  return half(18) === EM_RISCV && half(16) !== ET_REL;
}

/** Names that programs of guests have; others are not looked into. */
export function mayBeProgram(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return !name.includes('.') || /\.(?:elf|axf|out|bin|riscv|debug)$/iu.test(name) || /^vmlinux/u.test(name);
}
