/** Constants and plain shapes of the ELF-64 object format and the RISC-V ELF psABI that the other files here share. */

export const ELF_HEADER_SIZE = 64;
export const PROGRAM_HEADER_SIZE = 56;
export const SECTION_HEADER_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const RELA_SIZE = 24;

export const ET = { rel: 1, exec: 2, dyn: 3, core: 4 } as const;
export const EM_RISCV = 243;
export const PT = { load: 1, dynamic: 2, interp: 3, note: 4 } as const;
export const PF = { execute: 1, write: 2, read: 4 } as const;
export const SHT = {
  null: 0,
  progbits: 1,
  symtab: 2,
  strtab: 3,
  rela: 4,
  note: 7,
  nobits: 8,
  dynsym: 11,
} as const;
export const SHF = { write: 1, alloc: 2, execinstr: 4, tls: 0x400, compressed: 0x800 } as const;
export const SHN = { undef: 0, loreserve: 0xff00, abs: 0xfff1, common: 0xfff2, xindex: 0xffff } as const;
export const STT = {
  notype: 0,
  object: 1,
  func: 2,
  section: 3,
  file: 4,
  common: 5,
  tls: 6,
  ifunc: 10,
} as const;
export const STB = { local: 0, global: 1, weak: 2 } as const;

/** Names for the architectures that people try by mistake (ELF e_machine). */
export const MACHINE_NAMES: ReadonlyMap<number, string> = new Map([
  [2, 'SPARC'],
  [3, 'x86'],
  [4, '68000'],
  [8, 'MIPS'],
  [20, 'PowerPC'],
  [21, 'PowerPC64'],
  [22, 's390'],
  [40, 'ARM'],
  [43, 'SPARC64'],
  [62, 'x86-64'],
  [94, 'Xtensa'],
  [183, 'AArch64'],
  [247, 'BPF'],
  [258, 'LoongArch'],
]);

export interface ElfHeader {
  /** ET_EXEC, ET_DYN, ... */
  readonly type: number;
  readonly entry: bigint;
  /** e_flags: bit 0 RVC, bits 1-2 float ABI (RISC-V psABI). */
  readonly flags: number;
}

export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly fileOffset: number;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly fileSize: number;
  readonly memSize: number;
  readonly align: bigint;
}

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly fileOffset: number;
  /** Bytes in the file (for SHT_NOBITS: in memory). */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
}

export interface ElfSymbol {
  readonly name: string;
  readonly value: bigint;
  readonly size: bigint;
  /** STT_*. */
  readonly type: number;
  /** STB_*. */
  readonly binding: number;
  readonly visibility: number;
  readonly sectionIndex: number;
  /** From .symtab, or only from .dynsym. */
  readonly dynamic: boolean;
}

export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly description: Uint8Array;
}
