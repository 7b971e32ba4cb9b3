/**
 * Just enough of an assembler for the loops that are measured: one method an instruction, labels, forward branches.
 * Encodings from the RISC-V unprivileged specification, chapter "RV32/64G instruction set listings".
 */

export type Register = number;
/** Register names as numbers, for readable programs. */
export const r = {
  zero: 0, ra: 1, sp: 2, t0: 5, t1: 6, t2: 7, s0: 8, s1: 9,
  a0: 10, a1: 11, a2: 12, a3: 13, a4: 14, a5: 15, a6: 16, a7: 17,
  s2: 18, s3: 19, s4: 20, s5: 21, t3: 28, t4: 29, t5: 30, t6: 31,
} as const; // prettier-ignore

type Fix = (offset: number) => number;

const bits = (value: number, high: number, low: number): number =>
  (value >>> low) & ((1 << (high - low + 1)) - 1);
const branchOffset: Fix = (o) =>
  (bits(o, 12, 12) << 31) | (bits(o, 10, 5) << 25) | (bits(o, 4, 1) << 8) | (bits(o, 11, 11) << 7);
const jumpOffset: Fix = (o) =>
  (bits(o, 20, 20) << 31) | (bits(o, 10, 1) << 21) | (bits(o, 11, 11) << 20) | (bits(o, 19, 12) << 12);

const R = (funct7: number, funct3: number, opcode: number) => (rd: Register, rs1: Register, rs2: Register) =>
  (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
const I = (funct3: number, opcode: number) => (rd: Register, rs1: Register, imm: number) =>
  (imm << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
const S = (funct3: number, opcode: number) => (rs2: Register, rs1: Register, imm: number) =>
  (bits(imm, 11, 5) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (bits(imm, 4, 0) << 7) | opcode;
const B = (funct3: number) => (rs1: Register, rs2: Register) =>
  (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | 0x63;

/** Instructions whose words depend on their operands alone. */
const plain = {
  add: R(0, 0, 0x33), sub: R(0x20, 0, 0x33), xor: R(0, 4, 0x33), or: R(0, 6, 0x33), and: R(0, 7, 0x33),
  mul: R(1, 0, 0x33), sltu: R(0, 3, 0x33),
  addi: I(0, 0x13), xori: I(4, 0x13), andi: I(7, 0x13), slli: I(1, 0x13), srli: I(5, 0x13),
  ld: I(3, 0x03), lbu: I(4, 0x03), jalr: I(0, 0x67), csrrs: I(2, 0x73), fld: I(3, 0x07),
  sd: S(3, 0x23), sw: S(2, 0x23), sb: S(0, 0x23), fsd: S(3, 0x27),
  amoaddD: (rd: Register, rs2: Register, rs1: Register) => R(0, 3, 0x2f)(rd, rs1, rs2),
  // Rounding mode 7: dynamic, as compilers have it.
  faddD: R(1, 7, 0x53), fmulD: R(0x09, 7, 0x53), fdivD: R(0x0d, 7, 0x53),
  fmaddD: (rd: Register, rs1: Register, rs2: Register, rs3: Register) =>
    (rs3 << 27) | (1 << 25) | (rs2 << 20) | (rs1 << 15) | (7 << 12) | (rd << 7) | 0x43,
  fcvtDL: (rd: Register, rs1: Register) => R(0x69, 7, 0x53)(rd, rs1, 2),
  fcvtLD: (rd: Register, rs1: Register) => (0x61 << 25) | (2 << 20) | (rs1 << 15) | (1 << 12) | (rd << 7) | 0x53,
  csrs: (csr: number, rs1: Register) => I(2, 0x73)(0, rs1, csr),
  csrr: (rd: Register, csr: number) => I(2, 0x73)(rd, 0, csr),
} as const; // prettier-ignore

const branches = { beq: B(0), bne: B(1), blt: B(4), bltu: B(6) } as const;

export class Assembler {
  private readonly words: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly fixes: { readonly at: number; readonly label: string; readonly fix: Fix }[] = [];

  label(name: string): this {
    this.labels.set(name, this.words.length);
    return this;
  }

  op<Name extends keyof typeof plain>(name: Name, ...operands: Parameters<(typeof plain)[Name]>): this {
    const encode: (...operands: number[]) => number = plain[name];
    this.words.push(encode(...operands) >>> 0);
    return this;
  }

  branch(name: keyof typeof branches, rs1: Register, rs2: Register, label: string): this {
    this.fixes.push({ at: this.words.length, label, fix: branchOffset });
    this.words.push(branches[name](rs1, rs2) >>> 0);
    return this;
  }

  jal(rd: Register, label: string): this {
    this.fixes.push({ at: this.words.length, label, fix: jumpOffset });
    this.words.push((rd << 7) | 0x6f);
    return this;
  }

  /** A constant of at most 31 bits. */
  li(rd: Register, value: number): this {
    const low = (value << 20) >> 20;
    const high = (value - low) >>> 12;
    if (high === 0) return this.op('addi', rd, 0, low);
    this.words.push(((high << 12) | (rd << 7) | 0x37) >>> 0);
    return low === 0 ? this : this.op('addi', rd, rd, low);
  }

  /** The code as bytes, for one place: branches are relative. */
  assemble(): Uint8Array {
    const out = new DataView(new ArrayBuffer(4 * this.words.length));
    for (const { at, label, fix } of this.fixes) {
      const target = this.labels.get(label);
      if (target === undefined) throw new Error(`no label ${label}`);
      this.words[at] = ((this.words[at] ?? 0) | fix(4 * (target - at))) >>> 0;
    }
    this.words.forEach((word, index) => {
      out.setUint32(4 * index, word, true);
    });
    return new Uint8Array(out.buffer);
  }
}
