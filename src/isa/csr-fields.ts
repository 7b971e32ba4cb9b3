/** Bit fields of the control and status registers, as the privileged specification names them. */
import { causes } from './causes';
import type { CsrField } from './types';

const field = (
  name: string,
  low: number,
  width = 1,
  values?: Readonly<Record<number, string>>,
): CsrField => ({ name, low, width, ...(values && { values }) });

const privilegeModes = { 0: 'U', 1: 'S', 3: 'M' };
const unitStates = { 0: 'Off', 1: 'Initial', 2: 'Clean', 3: 'Dirty' };
const widths = { 1: '32', 2: '64', 3: '128' };
const endianness = { 0: 'little', 1: 'big' };

const flagFields = ['NX', 'UF', 'OF', 'DZ', 'NV'].map((name, bit) => field(name, bit));
const roundingField = (low: number): CsrField =>
  field('FRM', low, 3, {
    0: 'RNE',
    1: 'RTZ',
    2: 'RDN',
    3: 'RUP',
    4: 'RMM',
    5: 'reserved',
    6: 'reserved',
    7: 'reserved',
  });

const sstatus: readonly CsrField[] = [
  field('SIE', 1),
  field('SPIE', 5),
  field('UBE', 6, 1, endianness),
  field('SPP', 8, 1, { 0: 'U', 1: 'S' }),
  field('VS', 9, 2, unitStates),
  field('FS', 13, 2, unitStates),
  field('XS', 15, 2, unitStates),
  field('SUM', 18),
  field('MXR', 19),
  field('UXL', 32, 2, widths),
  field('SD', 63),
];

const mstatus: readonly CsrField[] = [
  ...sstatus,
  field('MIE', 3),
  field('MPIE', 7),
  field('MPP', 11, 2, privilegeModes),
  field('MPRV', 17),
  field('TVM', 20),
  field('TW', 21),
  field('TSR', 22),
  field('SXL', 34, 2, widths),
  field('SBE', 36, 1, endianness),
  field('MBE', 37, 1, endianness),
].sort((a, b) => a.low - b.low);

/** SSIP, MSIP, ... : bits of the interrupts, `suffix` P (pending), E (enable) or '' (delegation). */
const interrupts = (suffix: string, levels: string): CsrField[] =>
  (
    [
      ['S', 'S', 1],
      ['M', 'S', 3],
      ['S', 'T', 5],
      ['M', 'T', 7],
      ['S', 'E', 9],
      ['M', 'E', 11],
    ] as const
  )
    .filter(([level]) => levels.includes(level))
    .map(([level, kind, bit]) => field(`${level}${kind}I${suffix}`, bit));

const counterBits = (withTime: boolean): CsrField[] => [
  field('CY', 0),
  ...(withTime ? [field('TM', 1)] : []),
  field('IR', 2),
  field('HPM', 3, 29),
];

const senvcfg: readonly CsrField[] = [
  field('FIOM', 0),
  field('CBIE', 4, 2, { 0: 'trap', 1: 'flush', 3: 'invalidate' }),
  field('CBCFE', 6),
  field('CBZE', 7),
];

/** Field `pmp3cfg` and so on: eight entries a register. */
const pmpConfiguration = (first: number): CsrField[] =>
  Array.from({ length: 8 }, (_, entry) => field(`pmp${first + entry}cfg`, entry * 8, 8));

const trapVector = [field('MODE', 0, 2, { 0: 'Direct', 1: 'Vectored' }), field('BASE', 2, 62)];
const cause = [field('Code', 0, 63), field('Interrupt', 63)];

/** Fields by CSR name; a CSR that is not here is one number. */
export const csrFields: Readonly<Record<string, readonly CsrField[]>> = {
  fflags: flagFields,
  frm: [roundingField(0)],
  fcsr: [...flagFields, roundingField(5)],
  sstatus,
  sie: interrupts('E', 'S'),
  sip: interrupts('P', 'S'),
  stvec: trapVector,
  scounteren: counterBits(true),
  senvcfg,
  scause: cause,
  satp: [
    field('PPN', 0, 44),
    field('ASID', 44, 16),
    field('MODE', 60, 4, { 0: 'Bare', 8: 'Sv39', 9: 'Sv48', 10: 'Sv57' }),
  ],
  mstatus,
  misa: [field('Extensions', 0, 26), field('MXL', 62, 2, widths)],
  medeleg: causes.filter((c) => !c.interrupt && c.id !== 'ecall_from_m').map((c) => field(c.id, c.code)),
  mideleg: interrupts('', 'S'),
  mie: interrupts('E', 'SM'),
  mip: interrupts('P', 'SM'),
  mtvec: trapVector,
  mcounteren: counterBits(true),
  menvcfg: [...senvcfg, field('ADUE', 61), field('PBMTE', 62), field('STCE', 63)],
  mcountinhibit: counterBits(false),
  mcause: cause,
  pmpcfg0: pmpConfiguration(0),
  pmpcfg2: pmpConfiguration(8),
};
