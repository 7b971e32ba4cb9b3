/**
 * THE CSR table: every control and status register of the machine, one row each (privileged specification, "CSR
 * Listing"). Engine, disassembler and debugger derive from it; a CSR that is not here does not exist, and access to it
 * is an illegal instruction. Who may access one follows from its number (CsrRow) and, for some, from other CSRs, which
 * is the engine's to check (counters, stimecmp, satp under TVM, floating point under FS).
 */
import { causeOf } from './causes';
import { csrFields } from './csr-fields';
import type { CsrBehaviour, CsrField, CsrRow } from './types';

const special: CsrBehaviour = { kind: 'special' };
const constant = (value: bigint): CsrBehaviour => ({ kind: 'constant', value });
const all = (1n << 64n) - 1n;
const low32 = (1n << 32n) - 1n;
const stored = (writable: bigint): CsrBehaviour => ({ kind: 'stored', writable });

const row = (number: number, name: string, description: string, behaviour: CsrBehaviour): CsrRow => ({
  number,
  name,
  description,
  fields: csrFields[name] ?? [],
  behaviour,
});

/** `count` rows whose names and numbers count up by `step`. */
const series = (
  number: number,
  name: string,
  range: { readonly first: number; readonly last: number; readonly step?: number },
  description: string,
  behaviour: CsrBehaviour,
): CsrRow[] => {
  const rows: CsrRow[] = [];
  for (let index = range.first; index <= range.last; index += range.step ?? 1) {
    rows.push(row(number + index, `${name}${index}`, `${description} ${index}`, behaviour));
  }
  return rows;
};

const counters = { first: 3, last: 31 };

const userRows: readonly CsrRow[] = [
  row(0x001, 'fflags', 'Floating-point accrued exceptions', special),
  row(0x002, 'frm', 'Floating-point dynamic rounding mode', special),
  row(0x003, 'fcsr', 'Floating-point control and status', special),
  row(0xc00, 'cycle', 'Cycle counter', special),
  row(0xc01, 'time', 'Timer', special),
  row(0xc02, 'instret', 'Instructions-retired counter', special),
  ...series(0xc00, 'hpmcounter', counters, 'Performance-monitoring counter', special),
];

const supervisorRows: readonly CsrRow[] = [
  row(0x100, 'sstatus', 'Supervisor status', special),
  row(0x104, 'sie', 'Supervisor interrupt enable', special),
  row(0x105, 'stvec', 'Supervisor trap handler base address', special),
  row(0x106, 'scounteren', 'Supervisor counter enable', stored(low32)),
  row(0x10a, 'senvcfg', 'Supervisor environment configuration', special),
  row(0x140, 'sscratch', 'Supervisor scratch', stored(all)),
  // Bit 0 of a program counter is always 0; bit 1 is not, since there are compressed instructions.
  row(0x141, 'sepc', 'Supervisor exception program counter', stored(all - 1n)),
  row(0x142, 'scause', 'Supervisor trap cause', stored(all)),
  row(0x143, 'stval', 'Supervisor bad address or instruction', stored(all)),
  row(0x144, 'sip', 'Supervisor interrupt pending', special),
  row(0x14d, 'stimecmp', 'Supervisor timer compare', special),
  row(0x180, 'satp', 'Supervisor address translation and protection', special),
];

const misa =
  (2n << 62n) |
  Array.from('IMAFDCSU').reduce((bits, letter) => bits | (1n << BigInt(letter.charCodeAt(0) - 65)), 0n);

/**
 * As in QEMU's virt: all defined exceptions, and those of the hypervisor extension (10, 20..23) and the call from M-mode
 * (11) too, which the specification has read-only. They never reach S-mode here, so that storing them is harmless.
 */
const delegable = 0xf0_bfffn;

const machineRows: readonly CsrRow[] = [
  row(0xf11, 'mvendorid', 'Vendor ID', constant(0n)),
  row(0xf12, 'marchid', 'Architecture ID', constant(0n)),
  row(0xf13, 'mimpid', 'Implementation ID', constant(0n)),
  row(0xf14, 'mhartid', 'Hardware thread ID', special),
  row(0xf15, 'mconfigptr', 'Pointer to configuration data structure', constant(0n)),
  row(0x300, 'mstatus', 'Machine status', special),
  row(0x301, 'misa', 'ISA and extensions', constant(misa)),
  row(0x302, 'medeleg', 'Machine exception delegation', stored(delegable)),
  row(0x303, 'mideleg', 'Machine interrupt delegation', special),
  row(0x304, 'mie', 'Machine interrupt enable', special),
  row(0x305, 'mtvec', 'Machine trap handler base address', special),
  row(0x306, 'mcounteren', 'Machine counter enable', stored(low32)),
  row(0x30a, 'menvcfg', 'Machine environment configuration', special),
  row(0x320, 'mcountinhibit', 'Machine counter inhibit', stored(low32 & ~2n)),
  ...series(0x320, 'mhpmevent', counters, 'Machine performance-monitoring event selector', stored(all)),
  row(0x340, 'mscratch', 'Machine scratch', stored(all)),
  row(0x341, 'mepc', 'Machine exception program counter', stored(all - 1n)),
  row(0x342, 'mcause', 'Machine trap cause', stored(all)),
  row(0x343, 'mtval', 'Machine bad address or instruction', stored(all)),
  row(0x344, 'mip', 'Machine interrupt pending', special),
  // RV64 has the even ones only: eight entries each.
  ...series(
    0x3a0,
    'pmpcfg',
    { first: 0, last: 2, step: 2 },
    'Physical memory protection configuration',
    special,
  ),
  ...series(0x3b0, 'pmpaddr', { first: 0, last: 15 }, 'Physical memory protection address', special),
  row(0xb00, 'mcycle', 'Machine cycle counter', special),
  row(0xb02, 'minstret', 'Machine instructions-retired counter', special),
  ...series(0xb00, 'mhpmcounter', counters, 'Machine performance-monitoring counter', stored(all)),
];

/** All CSRs: those of user mode, of supervisor mode, of machine mode. */
export const CSRS: readonly CsrRow[] = [...userRows, ...supervisorRows, ...machineRows];

const numbered = new Map(CSRS.map((csr) => [csr.number, csr]));
const named = new Map(CSRS.map((csr) => [csr.name, csr]));

export const csrByNumber = (number: number): CsrRow | undefined => numbered.get(number);
export const csrByName = (name: string): CsrRow | undefined => named.get(name);

export interface DecodedField {
  readonly name: string;
  readonly value: bigint;
  /** The value for people: its name in the specification, else a number. */
  readonly text: string;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** "IMAFDC..." as "ACDFIM...": the letters of the bits that are set. */
const extensionLetters = (bits: bigint): string =>
  Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ')
    .filter((_, bit) => (bits >> BigInt(bit)) & 1n)
    .join('');

/** One PMP entry: "RWX NAPOT locked". */
function pmpText(entry: number): string {
  const access = Array.from('RWX')
    .map((letter, bit) => (entry & (1 << bit) ? letter : '-'))
    .join('');
  const matching = ['OFF', 'TOR', 'NA4', 'NAPOT'][(entry >> 3) & 3] ?? '';
  return `${access} ${matching}${entry & 0x80 ? ' locked' : ''}`;
}

function textOf(field: CsrField, value: bigint, whole: bigint): string {
  if (field.name === 'Code') return causeOf(whole)?.description ?? hex(value);
  if (field.name === 'Extensions') return extensionLetters(value);
  if (field.name === 'BASE') return hex(value << BigInt(field.low));
  if (/^pmp\d+cfg$/.test(field.name)) return pmpText(Number(value));
  const known = field.values?.[Number(value)];
  if (known !== undefined) return known;
  return field.width > 8 ? hex(value) : `${value}`;
}

/** The fields of a CSR's value (64 bits, unsigned), lowest first; empty for a CSR that is one number. */
export function decodeFields(csr: CsrRow, value: bigint): DecodedField[] {
  return csr.fields.map((field) => {
    const part = BigInt.asUintN(field.width, value >> BigInt(field.low));
    return { name: field.name, value: part, text: textOf(field, part, value) };
  });
}
