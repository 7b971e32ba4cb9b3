/** One hart of the fake machine: registers, and one instruction at a time, with the product's decoder. */
import { decode } from '../../src/isa/decoder';
import { physAddr } from '../../src/base/brand';
import type { HartView, Privilege } from '../../src/timetravel/api';

export interface Access {
  readonly address: bigint;
  readonly sizeBytes: number;
  readonly write: boolean;
}

export interface Ram {
  readonly base: bigint;
  readonly bytes: Uint8Array;
  /** Stores outside of RAM: devices. */
  device(address: bigint, value: bigint): void;
}

/** What an attempt did besides changing registers. */
export interface Outcome {
  readonly accesses: Access[];
  readonly trap?: { readonly cause: number; readonly tval: bigint };
}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
export const CSR = {
  mstatus: 0x300,
  mtvec: 0x305,
  mepc: 0x341,
  mcause: 0x342,
  mtval: 0x343,
  mhartid: 0xf14,
} as const;

export class FakeHart implements HartView {
  pc: bigint;
  privilege: Privilege = 3;
  waiting = false;
  readonly xs: bigint[] = Array.from({ length: 32 }, () => 0n);
  readonly fs: bigint[] = Array.from({ length: 32 }, () => 0n);
  readonly csrs = new Map<number, bigint>();

  constructor(
    readonly id: number,
    private readonly ram: Ram,
  ) {
    this.pc = ram.base;
    for (const number of Object.values(CSR)) this.csrs.set(number, 0n);
    this.csrs.set(CSR.mhartid, BigInt(id));
  }

  x = (index: number): bigint => this.xs[index] ?? 0n;
  f = (index: number): bigint => this.fs[index] ?? 0n;
  csr = (number: number): bigint | undefined => this.csrs.get(number);
  translate = (address: bigint) =>
    this.readMemory(address, 1) === undefined ? undefined : physAddr(address);

  readMemory(address: bigint, length: number): Uint8Array | undefined {
    const offset = Number(address - this.ram.base);
    if (offset < 0 || offset >= this.ram.bytes.length) return undefined;
    return this.ram.bytes.slice(offset, offset + length);
  }

  setX(index: number, value: bigint): void {
    if (index !== 0) this.xs[index] = u64(value);
  }

  takeTrap(cause: bigint, tval: bigint): void {
    this.csrs.set(CSR.mepc, this.pc);
    this.csrs.set(CSR.mcause, cause);
    this.csrs.set(CSR.mtval, tval);
    this.pc = this.csr(CSR.mtvec) ?? 0n;
  }

  /** The cause of the exception that the next attempt would end in. */
  willTrap(): { cause: number; tval: bigint } | undefined {
    const word = this.word();
    const name = word === undefined ? undefined : decode(word)?.row.semantics.name;
    if (name === 'ecall') return { cause: 11, tval: 0n };
    return name === undefined ? { cause: 2, tval: BigInt((word ?? 0) >>> 0) } : undefined;
  }

  attempt(): Outcome {
    const trap = this.willTrap();
    if (trap !== undefined) {
      this.takeTrap(BigInt(trap.cause), trap.tval);
      return { accesses: [], trap };
    }
    const accesses: Access[] = [];
    this.execute(this.word() ?? 0, accesses);
    return { accesses };
  }

  private word(): number | undefined {
    const bytes = this.readMemory(this.pc, 4);
    return bytes?.length === 4 ? new DataView(bytes.buffer).getInt32(0, true) : undefined;
  }

  private execute(word: number, accesses: Access[]): void {
    const decoded = decode(word);
    if (decoded === undefined) throw new Error('checked before');
    const { rd, rs1, rs2, imm } = decoded.operands;
    const a = this.x(rs1);
    const b = this.x(rs2);
    const next = this.pc + 4n;
    let pc = next;
    switch (decoded.row.semantics.name) {
      case 'addi':
        this.setX(rd, a + BigInt(imm));
        break;
      case 'add':
        this.setX(rd, a + b);
        break;
      case 'lui':
        this.setX(rd, BigInt(imm));
        break;
      case 'auipc':
        this.setX(rd, this.pc + BigInt(imm));
        break;
      case 'ld':
        this.setX(rd, this.load(u64(a + BigInt(imm)), 8, accesses));
        break;
      case 'lw':
        this.setX(rd, BigInt.asIntN(32, this.load(u64(a + BigInt(imm)), 4, accesses)));
        break;
      case 'sd':
        this.store(u64(a + BigInt(imm)), 8, b, accesses);
        break;
      case 'sw':
        this.store(u64(a + BigInt(imm)), 4, b, accesses);
        break;
      case 'jal':
        pc = u64(this.pc + BigInt(imm));
        this.setX(rd, next);
        break;
      case 'jalr':
        pc = u64(a + BigInt(imm)) & ~1n;
        this.setX(rd, next);
        break;
      case 'blt':
        if (BigInt.asIntN(64, a) < BigInt.asIntN(64, b)) pc = u64(this.pc + BigInt(imm));
        break;
      case 'csrrw': {
        const old = this.csr(imm & 0xfff) ?? 0n;
        this.csrs.set(imm & 0xfff, a);
        this.setX(rd, old);
        break;
      }
      case 'csrrs': {
        const old = this.csr(imm & 0xfff) ?? 0n;
        if (rs1 !== 0) this.csrs.set(imm & 0xfff, old | a);
        this.setX(rd, old);
        break;
      }
      case 'mret':
        pc = this.csr(CSR.mepc) ?? 0n;
        break;
      default:
        throw new Error(`the fake machine cannot do ${decoded.row.name}`);
    }
    this.pc = pc;
  }

  private load(address: bigint, sizeBytes: number, accesses: Access[]): bigint {
    accesses.push({ address, sizeBytes, write: false });
    const bytes = this.readMemory(address, sizeBytes) ?? new Uint8Array(sizeBytes);
    return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  private store(address: bigint, sizeBytes: number, value: bigint, accesses: Access[]): void {
    accesses.push({ address, sizeBytes, write: true });
    const offset = Number(address - this.ram.base);
    if (offset < 0 || offset + sizeBytes > this.ram.bytes.length) return this.ram.device(address, value);
    for (let at = 0; at < sizeBytes; at++)
      this.ram.bytes[offset + at] = Number((value >> BigInt(8 * at)) & 255n);
  }
}
