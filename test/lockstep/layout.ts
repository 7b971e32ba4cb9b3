/**
 * Where the parts of a random program lie in physical memory, and how its page tables map them. The same bytes are
 * loaded into both machines. Addresses keep their distance in every mapping, so code can reach its constants by auipc.
 */
import type { Random } from '../isa/random';

export const RAM_BYTES = 32 << 20;
const RAM = 0x8000_0000;
export const IMAGE_BYTES = 0x40000;

/** Physical. */
export const PLACE = {
  prologue: RAM,
  handler: RAM + 0xe00,
  code: RAM + 0x1000,
  codeEnd: RAM + 0x11000,
  /** A counter, and from +64 on 1024 pairs (mepc, mstatus): where the handler goes next. */
  table: RAM + 0x11000,
  pool: RAM + 0x16000,
  poolEnd: RAM + 0x20000,
  pageTables: RAM + 0x20000,
  data: RAM + 0x30000,
  dataEnd: RAM + 0x40000,
} as const;

export const TABLE_ENTRIES = 1024;
/** Distance from a physical address to the same in the mapping for U-mode, when paging is on. */
export const USER_ALIAS = 0x1_0000_0000n - BigInt(RAM);

const page = (index: number): number => PLACE.pageTables + index * 4096;
export const ROOT = { sv39: page(2), sv48: page(1), sv57: page(0) } as const;
const supervisorL1 = page(3);
const supervisorL0 = page(4);
const oddL0 = page(5);

/** satp for each mode: bare, Sv39, Sv48, Sv57. */
export const SATPS: readonly bigint[] = [
  0n,
  ...([ROOT.sv39, ROOT.sv48, ROOT.sv57] as const).map(
    (root, index) => (BigInt(8 + index) << 60n) | BigInt(root / 4096),
  ),
];

const V = 1n;
const R = 2n;
const W = 4n;
const X = 8n;
const U = 16n;
const A = 64n;
const D = 128n;

const leaf = (address: number | bigint, flags: bigint): bigint =>
  ((BigInt(address) >> 12n) << 10n) | flags | V;
const pointer = (address: number): bigint => leaf(address, 0n);

/** Virtual addresses at which something is, or nearly is, mapped. */
export const ODD_PAGES = 0x1_4000_0000n;
const GIGA = 1n << 30n;
export const REGIONS: readonly bigint[] = [
  BigInt(RAM),
  BigInt(RAM),
  BigInt(RAM) + USER_ALIAS,
  BigInt(RAM) + USER_ALIAS,
  ODD_PAGES,
  3n * GIGA, // superpage
  6n * GIGA, // superpage for U
  7n * GIGA, // misaligned superpage
  8n * GIGA, // table outside RAM
  9n * GIGA, // pointer with A set
  11n * GIGA, // PBMT
  12n * GIGA, // not valid
  BigInt(RAM) + (1n << 21n),
  BigInt(RAM) + (2n << 21n),
  BigInt(RAM) + (3n << 21n),
  BigInt(RAM) + (4n << 21n),
  BigInt(RAM) + (5n << 21n),
  -GIGA, // the top of the address space
  (1n << 39n) + BigInt(RAM), // a superpage of Sv48
  (1n << 48n) + BigInt(RAM), // a superpage of Sv57
  1n << 38n, // not sign-extended in Sv39
  1n << 47n,
  1n << 56n,
  1n << 63n,
];

class Tables {
  constructor(private readonly write: (address: number, value: bigint) => void) {}
  set(table: number, index: number, entry: bigint): void {
    this.write(table + 8 * index, BigInt.asUintN(64, entry));
  }
}

/**
 * Writes the page tables of one program: the layout above with flags that vary, and now and then something broken. Left
 * out, since QEMU 7.2 lets them pass: bits 60:54 and PBMT = 3, which are reserved. test/machine/lockstep-finds has them.
 */
export function writePageTables(random: Random, write: (address: number, value: bigint) => void): void {
  const tables = new Tables(write);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const accessed = (): bigint => (chance(60) ? A : 0n) | (chance(40) ? D : 0n);
  const soft = (): bigint => (chance(10) ? BigInt(random.below(4)) << 8n : 0n) | (chance(10) ? 32n : 0n);
  const odd = (): bigint => {
    const entry = leaf(PLACE.data + 4096 * random.below(16), BigInt(random.below(256))) | soft();
    if (chance(8)) return entry | (BigInt(random.below(3)) << 61n);
    // QEMU 7.2 sets A before it finds the size wrong.
    if (chance(8)) return entry | (1n << 63n) | A | D;
    if (chance(5)) return entry & ~V;
    return entry;
  };
  const user = page(6);
  const userL0 = page(7);
  // user L1 shares the page of odd pages' L1: both are below 0x1_8000_0000.
  tables.set(ROOT.sv57, 0, pointer(ROOT.sv48));
  tables.set(ROOT.sv57, 1, leaf(0, R | W | X | A | D | (chance(50) ? U : 0n)));
  tables.set(ROOT.sv57, 511, pointer(ROOT.sv48));
  tables.set(ROOT.sv48, 0, pointer(ROOT.sv39));
  tables.set(ROOT.sv48, 1, leaf(0, R | W | X | accessed() | (chance(50) ? U : 0n)));
  tables.set(ROOT.sv48, 2, leaf(1 << 30, R | A | D));
  tables.set(ROOT.sv48, 511, pointer(ROOT.sv39));
  tables.set(ROOT.sv39, 2, pointer(supervisorL1));
  tables.set(ROOT.sv39, 3, leaf(RAM, R | W | X | accessed()));
  tables.set(ROOT.sv39, 4, pointer(user));
  tables.set(ROOT.sv39, 5, pointer(page(8)));
  tables.set(ROOT.sv39, 6, leaf(RAM, R | W | X | U | accessed()));
  tables.set(ROOT.sv39, 7, leaf(RAM + 0x1000, R | W | X | A | D));
  tables.set(ROOT.sv39, 8, pointer(0x9000_0000));
  tables.set(ROOT.sv39, 9, pointer(supervisorL1) | (chance(50) ? A : chance(50) ? D : U));
  tables.set(ROOT.sv39, 11, leaf(RAM, R | W | X | A | D) | (BigInt(random.below(3)) << 61n));
  tables.set(ROOT.sv39, 511, pointer(supervisorL1));
  tables.set(supervisorL1, 0, pointer(supervisorL0));
  tables.set(supervisorL1, 1, leaf(RAM, R | W | X | accessed()));
  tables.set(supervisorL1, 2, leaf(RAM + 0x3000, R | W | X | A | D));
  tables.set(supervisorL1, 3, pointer(supervisorL0) | (chance(50) ? U : A));
  tables.set(supervisorL1, 4, leaf(RAM, R | W | X | A | D) | (1n << 63n));
  tables.set(supervisorL1, 5, leaf(RAM, R | X | accessed()) | (1n << 61n));
  tables.set(user, 0, pointer(userL0));
  tables.set(page(8), 0, pointer(oddL0));
  for (let index = 0; index < IMAGE_BYTES / 4096; index++) {
    const address = RAM + index * 4096;
    const code = address < PLACE.codeEnd;
    const flags = code ? (chance(60) ? R | W | X : R | X) : chance(80) ? R | W : chance(50) ? R : R | W | X;
    const data = address >= PLACE.data;
    tables.set(
      supervisorL0,
      index,
      chance(data ? 12 : 4) ? odd() : leaf(address, flags | accessed()) | soft(),
    );
    tables.set(userL0, index, chance(data ? 12 : 4) ? odd() : leaf(address, flags | U | accessed()) | soft());
  }
  for (let index = 0; index < 512; index++) tables.set(oddL0, index, odd());
  // Svnapot: sixteen entries alike; the data pages are 64 KiB, aligned.
  for (const first of [32, 64, 96]) {
    const entry = leaf(PLACE.data + (8 << 12), R | W | U | accessed()) | (1n << 63n);
    const supervisor = first === 64 ? ~U : -1n;
    for (let index = 0; index < 16; index++) tables.set(oddL0, first + index, entry & supervisor);
  }
}
