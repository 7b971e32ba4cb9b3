/** What the next instructions of a random program are to be, given the state that they will run in. */
import { physAddr } from '../../src/base/brand';
import { ROWS } from '../../src/isa/table';
import type { Operands, Row } from '../../src/isa/types';
import { H } from '../../src/machine/layout';
import type { Machine } from '../../src/machine/machine';
import type { Random } from '../isa/random';
import { anyWord, assemble } from './assemble';
import { csrName, csrValue, HARMLESS_CSRS, PRIVILEGED_CSRS } from './csr-choices';
import { PLACE, REGIONS } from './layout';
import { instruction, randomCodeAddress, relative, type Program } from './program';
import { csrNumber } from './state';
import { interestingFloat, interestingInteger } from './values';

/** Rows that QEMU 7.2 does not have; they are judged by tests of their own in test/machine. */
export const NOT_IN_QEMU: ReadonlySet<string> = new Set(['zicbom', 'zicboz']);

const MEMORY = /^(l[bhwd]u?|s[bhwd]|f[ls][wd]|amo\w+\.[wd]|lr\.[wd]|sc\.[wd])$/;
const ATOMIC = /^(amo|lr|sc)/;
const JUMP = /^(jal|jalr|beq|bne|blt|bge|bltu|bgeu)$/;

const usable = ROWS.filter((row) => !NOT_IN_QEMU.has(row.extension) && row.name !== 'wfi');
const memoryRows = usable.filter((row) => MEMORY.test(row.semantics.name));
const jumpRows = usable.filter((row) => JUMP.test(row.semantics.name));
const csrRows = usable.filter((row) => row.semantics.name.startsWith('csr'));
const floatRows = usable.filter((row) => row.extension === 'f' || row.extension === 'd');
const plainRows = usable.filter(
  (row) => !memoryRows.includes(row) && !jumpRows.includes(row) && !csrRows.includes(row),
);
/** Without those that QEMU 7.2 lets pass in U-mode, at which a program ends: see accepted.ts. */
const ordinaryRows = plainRows.filter((row) => !/^sfence\.(w|inval)/.test(row.name));

export class Choices {
  private nextSlot = PLACE.pool;
  private readonly random: Random;

  constructor(
    private readonly machine: Machine,
    private readonly program: Program,
  ) {
    this.random = program.random;
  }

  private x(register: number): bigint {
    return BigInt.asUintN(64, this.machine.linear.get64(H.x + 8 * register));
  }
  private get mode(): number {
    return this.machine.linear.get32(H.priv);
  }
  private chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }
  private register(): number {
    return 1 + this.random.below(31);
  }

  /** Instruction words to be placed from physical address `at` on. */
  next(at: number): number[] {
    const kind = this.random.below(100);
    if (kind < 22)
      return this.plain(this.random.pick(this.mode !== 0 && this.chance(2) ? plainRows : ordinaryRows));
    if (kind < 34) return this.plain(this.random.pick(floatRows));
    if (kind < 58) return this.memory(at, this.random.pick(memoryRows));
    if (kind < 66) return this.jump(at, this.random.pick(jumpRows));
    if (kind < 70) return this.constant(at, this.register(), interestingInteger(this.random));
    if (kind < 77) return this.floatConstant(at);
    if (kind < 79) return [this.randomBits()];
    if (kind < 83) return this.harmlessCsr();
    if (kind < 93) return this.csr(at);
    if (kind < 96) return this.trapReturn(at);
    if (kind < 98) return this.pageTableEntry(at);
    return [
      instruction(this.random.pick(['ecall', 'ebreak', 'c.ebreak', 'sret', 'mret', 'ecall', 'fence.i']), {}),
    ];
  }

  private plain(row: Row): number[] {
    // Now and then registers are the same, or x0.
    if (!this.chance(15)) return [anyWord(row, this.random)];
    const rd = this.random.below(32);
    const wanted: Partial<Operands> = this.chance(50)
      ? { rd, rs1: rd }
      : this.chance(50)
        ? { rd: 0 }
        : { rs1: 0 };
    return [assemble(row, wanted, this.random) ?? anyWord(row, this.random)];
  }

  /** Any 16 or 32 bits: mostly no instruction. */
  private randomBits(): number {
    const word = this.random.word() >>> 0;
    // 'custom' and reserved opcodes more often than chance has it; csr? numbers that only QEMU has are left out.
    const bits = this.chance(40)
      ? ((word & ~0x7f) | this.random.pick([0x0b, 0x2b, 0x5b, 0x7b, 0x1b, 0x3b])) >>> 0
      : word;
    if ((bits & 3) !== 3) return bits & 0xffff;
    return (bits & 0x7f) === 0x73 ? (bits & ~0x7000) >>> 0 : bits;
  }

  // --- constants

  private slot(value: bigint): number {
    if (this.nextSlot >= PLACE.poolEnd)
      return PLACE.pool + 8 * this.random.below((PLACE.poolEnd - PLACE.pool) / 8);
    const slot = this.nextSlot;
    this.nextSlot += 8;
    this.program.set64(slot, value);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
    this.machine.pokePhysical(physAddr(BigInt(slot)), bytes);
    return slot;
  }

  /** register = value, by a load from the pool. */
  private constant(at: number, register: number, value: bigint): number[] {
    const { upper, lower } = relative(at, this.slot(value));
    return [
      instruction('auipc', { rd: register, imm: upper }),
      instruction('ld', { rd: register, rs1: register, imm: lower }),
    ];
  }

  private floatConstant(at: number): number[] {
    const register = this.register();
    const single = this.chance(50);
    const { upper, lower } = relative(at, this.slot(interestingFloat(this.random, single)));
    const load = single && this.chance(60) ? 'flw' : 'fld';
    return [
      instruction('auipc', { rd: register, imm: upper }),
      instruction(load, { rd: this.random.below(32), rs1: register, imm: lower }),
    ];
  }

  // --- memory

  private target(row: Row): bigint {
    const { random } = this;
    const paged = this.mode !== 3 ? this.machine.linear.get64(H.satp) !== 0n : this.chance(8);
    let region = paged ? random.pick(REGIONS) : BigInt(PLACE.prologue);
    let offset = BigInt(PLACE.data - PLACE.prologue + random.below(PLACE.dataEnd - PLACE.data));
    if (this.chance(4)) offset = BigInt(random.below(PLACE.pool - PLACE.prologue));
    if (region === REGIONS[4]) offset = BigInt(random.below(512 * 4096));
    if (this.chance(6)) region = random.pick([0x8200_0000n, 0x9000_0000n, 0x81ff_0000n, 0x2_0000_0000n]);
    let address = region + offset;
    if (this.chance(10)) address |= 0xff8n + BigInt(random.below(8));
    const size = this.accessBytes(row);
    const aligned =
      row.semantics.name.startsWith('sc') || this.chance(ATOMIC.test(row.semantics.name) ? 92 : 70);
    return BigInt.asUintN(64, aligned ? address & -size : address);
  }

  private accessBytes(row: Row): bigint {
    const name = row.semantics.name;
    return /b/.test(name.slice(0, 2)) && !name.startsWith('amo')
      ? 1n
      : name.includes('h')
        ? 2n
        : /w/.test(name.slice(1, 3)) || name.endsWith('.w')
          ? 4n
          : 8n;
  }

  private memory(at: number, row: Row): number[] {
    const { random } = this;
    if (row.semantics.name.startsWith('sc') && this.chance(60)) {
      // To the reservation, if there is one.
      const address = BigInt.asUintN(64, this.machine.linear.get64(H.reservationAddress));
      const size = this.accessBytes(row);
      const loaded = BigInt(this.machine.linear.get32(H.reservationBytes));
      if (address % size === 0n && size === loaded) return this.access(at, row, address);
    }
    if (this.chance(50)) {
      // Through an address that a register has.
      for (let attempt = 0; attempt < 12; attempt++) {
        const word = anyWord(row, random);
        const operands = row.decode(word);
        if (operands === undefined) continue;
        const address = BigInt.asUintN(64, this.x(operands.rs1) + this.displacement(row, operands));
        if (row.semantics.name.startsWith('sc') && address % this.accessBytes(row) !== 0n) continue;
        if (isRam(address)) return [word];
      }
    }
    return this.access(at, row, this.target(row));
  }

  private displacement(row: Row, operands: Operands): bigint {
    return ATOMIC.test(row.semantics.name) ? 0n : BigInt(operands.imm);
  }

  /** The access at the address, whose base register is loaded first. */
  private access(at: number, row: Row, address: bigint): number[] {
    const base = this.register();
    const word = assemble(row, { rs1: base }, this.random) ?? anyWord(row, this.random);
    const operands = row.decode(word);
    if (operands === undefined || operands.rs1 === 0) return [word];
    return [...this.constant(at, operands.rs1, address - this.displacement(row, operands)), word];
  }

  /** A page table entry changes, and the fence that this needs; in M-mode, where no translation is in the way. */
  private pageTableEntry(at: number): number[] {
    const { random } = this;
    if (this.mode !== 3 || (this.machine.linear.get64(H.mstatus) & (1n << 17n)) !== 0n) {
      const row = random.pick(usable.filter((candidate) => /^s(fence|inval).vma/.test(candidate.name)));
      return [anyWord(row, random)];
    }
    const [address, value] = [this.register(), this.register()];
    if (address === value) return [];
    const leafTables = [4, 5, 7].map((index) => PLACE.pageTables + 4096 * index);
    const slot = random.pick(leafTables) + 8 * random.below(64);
    const store = this.chance(60) ? instruction('sb', { rs1: address, rs2: value }) : undefined;
    const entry =
      (BigInt(PLACE.data + 4096 * random.below(16)) >> 2n) |
      BigInt(random.below(256)) |
      (this.chance(80) ? 1n : 0n);
    return [
      ...this.constant(at, address, BigInt(slot)),
      ...this.constant(at + 8, value, entry),
      store ?? instruction('sd', { rs1: address, rs2: value }),
      instruction('sfence.vma', {}),
      // Entries and PMP addresses look like those of devices that only QEMU has: they do not stay in registers.
      instruction('auipc', { rd: value }),
    ];
  }

  // --- control

  private jump(at: number, row: Row): number[] {
    const { random } = this;
    const name = row.semantics.name;
    if (name === 'jalr') {
      const word = anyWord(row, random);
      const operands = row.decode(word);
      if (operands === undefined || operands.rs1 === 0 || this.chance(3)) return [word];
      const alias = this.machine.linear.get64(H.pc) - BigInt(at);
      const target = BigInt.asUintN(64, randomCodeAddress(random, false) + alias);
      return [...this.constant(at, operands.rs1, target - BigInt(operands.imm)), word];
    }
    // Backwards rarely: most loops never end, and repeat themselves.
    const far = name === 'jal' && row.length === 4;
    const range = far ? PLACE.codeEnd - PLACE.code : row.name === 'c.j' ? 2000 : 250;
    for (let attempt = 0; attempt < 10; attempt++) {
      const distance = 2 * (1 + random.below(range / 2)) * (this.chance(far ? 50 : 10) ? -1 : 1);
      if (at + distance < PLACE.code || at + distance >= PLACE.codeEnd) continue;
      const word = assemble(row, { imm: distance }, random);
      if (word !== undefined) return [word];
    }
    return [anyWord(row, random)];
  }

  private trapReturn(at: number): number[] {
    const machine = this.mode === 3 && this.chance(70);
    const register = this.register();
    const user = this.chance(50);
    const pc = csrNumber(machine ? 'mepc' : 'sepc');
    return [
      ...this.constant(at, register, randomCodeAddress(this.random, user)),
      instruction('csrrw', { rs1: register, imm: pc }),
      instruction(machine ? 'mret' : 'sret', {}),
    ];
  }

  // --- CSRs

  private harmlessCsr(): number[] {
    const { random } = this;
    const row = random.pick(csrRows);
    const imm = csrNumber(random.pick(HARMLESS_CSRS));
    // Read-only ones are mostly read: a write traps.
    const wanted =
      imm >> 10 === 3 && row.semantics.name.startsWith('csrrs') && this.chance(90)
        ? { imm, rs1: 0 }
        : { imm };
    const word = assemble(row, wanted, random);
    return word === undefined ? [] : [word];
  }

  /** A CSR gets a value that makes something happen. */
  private csr(at: number): number[] {
    const { random } = this;
    const mode = this.mode;
    const names = PRIVILEGED_CSRS.filter((name) => ((csrNumber(name) >> 8) & 3) <= mode || this.chance(5));
    if (names.length === 0) return this.harmlessCsr();
    const name = random.pick(names);
    const value = csrValue(random, name, this.program.mprv);
    const number = csrNumber(csrName(name));
    const register = this.register();
    const words = this.constant(at, register, value.bits);
    const operation = value.set === undefined ? random.pick(['csrrw', 'csrrw', 'csrrs', 'csrrc']) : value.set;
    const rd = name.startsWith('pmp') ? 0 : random.below(32);
    words.push(instruction(operation, { rd, rs1: register, imm: number }));
    if (name.startsWith('pmp')) words.push(...this.afterPmp(name, register));
    return words;
  }

  /**
   * QEMU 7.2 keeps old translations after a change of pmpaddr (the specification demands the fence, 3.7.2), and the old
   * lower end of the range that the next entry ends: its configuration is written again. The address leaves the register,
   * since it looks like that of a device which only QEMU has.
   */
  private afterPmp(name: string, register: number): number[] {
    const words: number[] = [];
    if (name.startsWith('pmpaddr')) {
      const imm = csrNumber(Number(name.slice(7)) < 7 ? 'pmpcfg0' : 'pmpcfg2');
      words.push(
        instruction('csrrs', { rd: register, rs1: 0, imm }),
        instruction('csrrw', { rd: 0, rs1: register, imm }),
      );
    }
    return [...words, instruction('sfence.vma', {}), instruction('auipc', { rd: register })];
  }
}

/** Physical or virtual addresses that mostly lead to RAM; nothing near devices. */
function isRam(address: bigint): boolean {
  return (
    (address >= BigInt(PLACE.data) && address < BigInt(PLACE.dataEnd)) ||
    (address >= 0x1_0000_0000n && address < 0x1_4020_0000n) ||
    (address >= 0xc000_0000n && address < 0xc004_0000n)
  );
}
