/**
 * A random guest program: the image that both machines load, and its fixed parts, the prologue, which gives every
 * register a known value, and the M-mode handler, which sends each trap on to the next place and mode of a table.
 * Its code is made by generator.ts.
 */
import { defined } from '../../src/base/errors';
import { ROWS } from '../../src/isa/table';
import type { Operands } from '../../src/isa/types';
import { Random } from '../isa/random';
import { assemble } from './assemble';
import { IMAGE_BYTES, PLACE, TABLE_ENTRIES, USER_ALIAS, writePageTables } from './layout';
import { csrNumber } from './state';

const rowsByName = new Map(ROWS.map((row) => [row.name, row]));

/** One instruction by name; operands that are not given are 0. */
export function instruction(name: string, operands: Partial<Operands>): number {
  const row = defined(rowsByName.get(name), `row ${name}`);
  const all = { rd: 0, rs1: 0, rs2: 0, imm: 0, ...operands };
  const wanted: Partial<Operands> = {};
  // Only what the row's encoding has: short formats lack some.
  const sample = row.decode(row.match);
  for (const key of ['rd', 'rs1', 'rs2', 'imm'] as const) {
    if (sample === undefined || operands[key] !== undefined || sample[key] === 0) wanted[key] = all[key];
  }
  return defined(assemble(row, wanted, new Random(1)), `${name} can be assembled`);
}

const csr = (name: string, register: number): number =>
  instruction('csrrw', { rs1: register, imm: csrNumber(name) });

/** Address differences for auipc and a 12-bit offset. */
export function relative(from: number, to: number): { upper: number; lower: number } {
  const delta = to - from;
  const lower = (delta << 20) >> 20;
  return { upper: (delta - lower) | 0, lower };
}

const CLEARED = [
  ...[
    'mscratch',
    'sscratch',
    'mepc',
    'sepc',
    'mcause',
    'scause',
    'mtval',
    'stval',
    'satp',
    'mie',
    'mip',
    'stvec',
  ],
  ...['medeleg', 'mideleg', 'mcounteren', 'scounteren', 'senvcfg', 'fcsr'],
];

function prologue(): number[] {
  const code: number[] = [];
  const t0 = 5;
  const t1 = 6;
  const add = (name: string, operands: Partial<Operands>): void => {
    code.push(instruction(name, operands));
  };
  // FS on; MPP, MPRV and all else clear.
  add('lui', { rd: t0, imm: 0x6000 });
  code.push(csr('mstatus', t0));
  for (const name of CLEARED) code.push(csr(name, 0));
  // mtimecmp = never: at power-on QEMU's is due, ours not.
  add('lui', { rd: t0, imm: 0x0200_4000 });
  add('addi', { rd: t1, imm: -1 });
  add('sd', { rs1: t0, rs2: t1, imm: 0 });
  // PMP: the last entry allows everything.
  add('srli', { rd: t1, rs1: t1, imm: 10 });
  code.push(csr('pmpaddr15', t1));
  // The others point into the data: QEMU 7.2 takes a TOR entry of address 0 for one that matches everything.
  add('lui', { rd: t1, imm: PLACE.data >>> 2 });
  for (let entry = 0; entry < 15; entry++) code.push(csr(`pmpaddr${entry}`, t1));
  add('addi', { rd: t0, imm: 0x1f });
  add('slli', { rd: t0, rs1: t0, imm: 56 });
  code.push(csr('pmpcfg2', t0));
  // menvcfg: PBMTE, and here ADUE, which QEMU behaves as if it were always set.
  add('addi', { rd: t0, imm: 3 });
  add('slli', { rd: t0, rs1: t0, imm: 61 });
  code.push(csr('menvcfg', t0));
  const { upper, lower } = relative(PLACE.prologue + 4 * code.length, PLACE.handler);
  add('auipc', { rd: t0, imm: upper });
  add('addi', { rd: t0, rs1: t0, imm: lower });
  code.push(csr('mtvec', t0));
  for (let f = 0; f < 32; f++) add('fmv.d.x', { rd: f });
  for (let x = 1; x < 32; x++) add('addi', { rd: x });
  const jump = PLACE.code - (PLACE.prologue + 4 * code.length);
  add('jal', { imm: jump });
  return code;
}

/**
 * Clobbers t0-t2; returns to the next entry of the table. MPRV is cleared first, by which QEMU 7.2 also drops what it
 * has kept from accesses with another MPP (it does not when a trap changes MPP).
 */
function handler(): number[] {
  const [t0, t1, t2] = [5, 6, 7];
  const { upper, lower } = relative(PLACE.handler + 8, PLACE.table);
  return [
    instruction('lui', { rd: t0, imm: 0x2_0000 }),
    instruction('csrrc', { rs1: t0, imm: csrNumber('mstatus') }),
    instruction('auipc', { rd: t0, imm: upper }),
    instruction('addi', { rd: t0, rs1: t0, imm: lower }),
    instruction('ld', { rd: t1, rs1: t0 }),
    instruction('addi', { rd: t2, rs1: t1, imm: 16 }),
    instruction('sd', { rs1: t0, rs2: t2 }),
    // modulo 1024 entries of 16 bytes
    instruction('slli', { rd: t1, rs1: t1, imm: 50 }),
    instruction('srli', { rd: t1, rs1: t1, imm: 50 }),
    instruction('add', { rd: t0, rs1: t0, rs2: t1 }),
    instruction('ld', { rd: t1, rs1: t0, imm: 64 }),
    csr('mepc', t1),
    instruction('ld', { rd: t1, rs1: t0, imm: 72 }),
    csr('mstatus', t1),
    instruction('mret', {}),
  ];
}

/** mstatus values that a program may write: UXL and SXL stay 64-bit (they are fixed on our machine). */
export function randomStatus(random: Random, mprv: boolean): bigint {
  const chance = (percent: number): boolean => random.below(100) < percent;
  let value = 0n;
  for (const bit of [1n, 3n, 5n, 7n, 8n, 18n, 19n]) if (chance(50)) value |= 1n << bit;
  if (chance(3) && mprv) value |= 1n << 17n;
  for (const bit of [20n, 21n, 22n]) if (chance(12)) value |= 1n << bit;
  value |= BigInt(random.pick([0, 0, 1, 1, 3, 3])) << 11n;
  value |= BigInt(chance(88) ? 3 : chance(60) ? 0 : random.below(4)) << 13n;
  return value;
}

/** A place in the code, as M-mode and S-mode see it or, with `user`, as U-mode does under paging. */
export function randomCodeAddress(random: Random, user: boolean): bigint {
  const size = (PLACE.codeEnd - PLACE.code) / 2;
  // Mostly at 32-byte steps, so that runs of code have room; then again just before the end of a page.
  let offset = random.below(size / 16) * 32;
  if (random.below(12) === 0) offset = (offset | 0xfff) - 1;
  return BigInt(PLACE.code + offset) + (user ? USER_ALIAS : 0n);
}

export class Program {
  readonly bytes = new Uint8Array(IMAGE_BYTES);
  private readonly view = new DataView(this.bytes.buffer);

  constructor(
    readonly random: Random,
    /** Whether MPRV is used; QEMU 7.2 keeps translations over traps that change it. */
    readonly mprv: boolean,
  ) {
    this.words(PLACE.prologue, prologue());
    this.words(PLACE.handler, handler());
    for (let entry = 0; entry < TABLE_ENTRIES; entry++) {
      const status = randomStatus(random, mprv);
      const mode = Number((status >> 11n) & 3n);
      const user = random.below(20) === 0 ? mode !== 0 : mode === 0 && random.below(3) > 0;
      this.set64(PLACE.table + 64 + 16 * entry, randomCodeAddress(random, user));
      this.set64(PLACE.table + 72 + 16 * entry, status);
    }
    writePageTables(random, (address, value) => {
      this.set64(address, value);
    });
    for (let address: number = PLACE.data; address < PLACE.dataEnd; address += 8)
      this.set64(address, random.long());
  }

  private words(address: number, words: readonly number[]): void {
    words.forEach((word, index) => {
      this.view.setUint32(address - PLACE.prologue + 4 * index, word, true);
    });
  }
  set64(address: number, value: bigint): void {
    this.view.setBigUint64(address - PLACE.prologue, BigInt.asUintN(64, value), true);
  }
  set16(address: number, value: number): void {
    this.view.setUint16(address - PLACE.prologue, value, true);
  }
}
