/** Which CSRs random programs touch, and with which values. */
import type { Random } from '../isa/random';
import { PLACE, SATPS } from './layout';
import { randomCodeAddress, randomStatus } from './program';

/** Any operation with any value: no other state hangs on them, or what does is meant to be changed at random. */
export const HARMLESS_CSRS: readonly string[] = [
  ...['sscratch', 'mscratch', 'scause', 'mcause', 'stval', 'mtval', 'fflags', 'frm', 'fcsr'],
  ...['mhartid', 'mvendorid', 'misa', 'marchid', 'mconfigptr'],
];

/** Written with values of csrValue; `mstatus+` and the like stand for themselves. */
export const PRIVILEGED_CSRS: readonly string[] = [
  ...[
    'mstatus',
    'mstatus',
    'sstatus',
    'sstatus',
    'satp',
    'satp',
    'satp',
    'medeleg',
    'medeleg',
    'mideleg',
    'mie',
    'mie',
  ],
  ...['sie', 'mip', 'mip', 'sip', 'mtvec', 'stvec', 'stvec', 'mepc', 'sepc', 'mcounteren', 'scounteren'],
  ...['menvcfg', 'senvcfg', 'fcsr', 'frm', 'sscratch', 'mscratch', 'cycle', 'instret', 'time'],
  ...['pmpcfg0', 'pmpcfg0', 'pmpcfg2', ...Array.from({ length: 15 }, (_, index) => `pmpaddr${index}`)],
];

export const csrName = (name: string): string => name;

export interface CsrValue {
  readonly bits: bigint;
  /** Only this operation is sensible. */
  readonly set?: 'csrrw' | 'csrrs' | 'csrrc';
}

const bitsOf = (random: Random, mask: bigint): bigint => random.long() & mask;

/** Entries below match naturally aligned regions, the others ranges (top of range; not the first, see pmpAddress). */
const FIRST_RANGE = 6;

/** Configurations of eight PMP entries. Locked ones are rare: they stay until the end. */
function pmpConfig(random: Random, first: number): bigint {
  let value = 0n;
  for (let entry = 0; entry < 8; entry++) {
    const lock = random.below(60) === 0 ? 0x80 : 0;
    const index = first + entry;
    const matching = index === FIRST_RANGE || random.below(3) === 0 ? 0 : index < FIRST_RANGE ? 24 : 8;
    // W without R is reserved: ours drops W, QEMU 7.2 keeps it.
    const access = random.pick([0, 1, 3, 4, 5, 7]);
    value |= BigInt(access | matching | lock) << BigInt(8 * entry);
  }
  return value;
}

/**
 * Regions of whole pages among the data: QEMU 7.2 lets a page pass as a whole as soon as one entry covers all of it, also
 * where an entry before that covers a part. Parts of pages are in test/machine/lockstep-finds.
 */
function pmpAddress(random: Random, entry: number): bigint {
  const address = BigInt(PLACE.data + random.below(PLACE.dataEnd - PLACE.data)) >> 2n;
  if (entry >= FIRST_RANGE) return (address >> 10n) << 10n;
  // A zero above the ones: a region that grows over the page tables would forbid updates of A and D, which QEMU 7.2 makes
  // all the same.
  const above = 1n << BigInt(random.pick([9, 9, 10, 11, 11, 12]));
  return (address & ~above) | (above - 1n);
}

/**
 * Load and store causes mostly together: QEMU 7.2 takes an AMO's fault for a load's, and where only one of them is
 * delegated the two machines go different ways.
 */
function delegation(bits: bigint, together: boolean): bigint {
  const loads = bits & 0x2030n;
  return together ? (bits & ~0x80c0n) | (loads << 2n) : bits;
}

export function csrValue(random: Random, name: string, mprv: boolean): CsrValue {
  const chance = (percent: number): boolean => random.below(100) < percent;
  if (name.startsWith('pmpaddr')) return { bits: pmpAddress(random, Number(name.slice(7))), set: 'csrrw' };
  switch (name) {
    case 'mstatus':
      // Setting and clearing single bits of MPP could give the reserved 2, which QEMU 7.2 keeps.
      if (chance(50)) return { bits: randomStatus(random, mprv), set: 'csrrw' };
      return { bits: randomStatus(random, mprv) | (3n << 11n), set: chance(50) ? 'csrrs' : 'csrrc' };
    case 'sstatus':
      return { bits: randomStatus(random, mprv) & ~0x7e_0000_1888n };
    case 'satp':
      if (chance(8))
        return { bits: (BigInt(random.below(16)) << 60n) | BigInt(PLACE.pageTables >> 12), set: 'csrrw' };
      return { bits: random.pick(SATPS) | (BigInt(random.below(16)) << 44n), set: 'csrrw' };
    case 'medeleg':
      return { bits: delegation(bitsOf(random, chance(40) ? -1n : ~0x1002n), chance(97)) };
    case 'mideleg':
      return { bits: bitsOf(random, 0x222n) };
    case 'mie':
    case 'sie':
      return { bits: bitsOf(random, 0xaaan) };
    case 'mip':
    case 'sip':
      return { bits: bitsOf(random, 0x222n) };
    case 'mtvec':
      if (chance(88)) return { bits: BigInt(PLACE.handler) | (chance(30) ? 1n : 0n), set: 'csrrw' };
      return { bits: (randomCodeAddress(random, false) & ~3n) | BigInt(random.below(3)), set: 'csrrw' };
    case 'stvec':
      return { bits: (randomCodeAddress(random, chance(10)) & ~3n) | BigInt(random.below(3)), set: 'csrrw' };
    case 'mepc':
    case 'sepc':
      return { bits: randomCodeAddress(random, chance(40)), set: 'csrrw' };
    case 'menvcfg':
      return { bits: random.pick([1n, 0xd1n, 0xc0n, 0x10n, 0x30n]), set: chance(50) ? 'csrrs' : 'csrrc' };
    case 'senvcfg':
      return { bits: random.pick([0n, 1n, 0xd1n, 0xc0n, 0x10n, 0x30n]), set: 'csrrw' };
    case 'pmpcfg0':
      return { bits: pmpConfig(random, 0), set: 'csrrw' };
    case 'pmpcfg2':
      return { bits: (pmpConfig(random, 8) & ((1n << 56n) - 1n)) | (0x1fn << 56n), set: 'csrrw' };
    case 'mcounteren':
    case 'scounteren':
      // 32 bits (privileged spec 3.1.11); QEMU 7.2 keeps more.
      return { bits: bitsOf(random, 0xffff_ffffn) };
    default:
      return { bits: random.long() };
  }
}
