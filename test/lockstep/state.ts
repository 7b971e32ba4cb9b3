/** The registers that are compared after every instruction, and the differences between two sets of them. */
import { csrByName } from '../../src/isa/csr';
import { defined } from '../../src/base/errors';
import { H } from '../../src/machine/layout';
import type { Machine } from '../../src/machine/machine';

const pmpAddresses = Array.from({ length: 16 }, (_, index) => `pmpaddr${index}`);

export const COMPARED_CSRS: readonly string[] = [
  ...[
    'fflags',
    'frm',
    'mstatus',
    'mepc',
    'mcause',
    'mtval',
    'mtvec',
    'mscratch',
    'mie',
    'mip',
    'medeleg',
    'mideleg',
  ],
  ...[
    'sepc',
    'scause',
    'stval',
    'stvec',
    'sscratch',
    'satp',
    'mcounteren',
    'scounteren',
    'menvcfg',
    'senvcfg',
  ],
  ...['pmpcfg0', 'pmpcfg2', ...pmpAddresses],
];

/** Every register by name, in the order of a State: x0-x31, pc, f0-f31, priv, CSRs. */
export const REGISTERS: readonly string[] = [
  ...Array.from({ length: 32 }, (_, index) => `x${index}`),
  'pc',
  ...Array.from({ length: 32 }, (_, index) => `f${index}`),
  'priv',
  ...COMPARED_CSRS,
];
export type State = BigUint64Array;
export const newState = (): State => new BigUint64Array(REGISTERS.length);
export const PC = 32;
export const F0 = 33;
export const PRIV = 65;
export const CSR0 = 66;
export const registerIndex = (name: string): number => REGISTERS.indexOf(name);

const [MSTATUS, MIP, MIE, MIDELEG] = ['mstatus', 'mip', 'mie', 'mideleg'].map(registerIndex) as [
  number,
  number,
  number,
  number,
];

/** Whether an interrupt comes before the next instruction (privileged spec 3.1.9). */
export function interruptDue(state: State): boolean {
  const at = (index: number): bigint => state[index] ?? 0n;
  const pending = at(MIP) & at(MIE);
  const mode = at(PRIV);
  const machine = mode < 3n || (at(MSTATUS) & 8n) !== 0n;
  const supervisor = mode < 1n || (mode === 1n && (at(MSTATUS) & 2n) !== 0n);
  return (machine && (pending & ~at(MIDELEG)) !== 0n) || (supervisor && (pending & at(MIDELEG)) !== 0n);
}

const csrNumbers = COMPARED_CSRS.map((name) => defined(csrByName(name), name).number);
export const csrNumber = (name: string): number => defined(csrByName(name), name).number;

/** Reads hart 0 of our machine. */
export function readOurs(machine: Machine, into: State): void {
  const { linear, engine } = machine;
  for (let index = 0; index < 32; index++) {
    into[index] = linear.get64(H.x + 8 * index);
    into[F0 + index] = linear.get64(H.f + 8 * index);
  }
  into[PC] = linear.get64(H.pc);
  into[PRIV] = BigInt(linear.get32(H.priv));
  csrNumbers.forEach((number, index) => {
    into[CSR0 + index] = engine.csrRead(number);
  });
}

export interface Difference {
  readonly register: string;
  readonly ours: bigint;
  readonly theirs: bigint;
}

/** `masks`: by register index, the bits that are compared; all where there is none. */
export function differences(ours: State, theirs: State, masks: ReadonlyMap<number, bigint>): Difference[] {
  const found: Difference[] = [];
  for (let index = 0; index < ours.length; index++) {
    const [a, b] = [defined(ours[index]), defined(theirs[index])];
    if (a === b) continue;
    const mask = masks.get(index);
    if (mask !== undefined && (a & mask) === (b & mask)) continue;
    found.push({ register: defined(REGISTERS[index]), ours: a, theirs: b });
  }
  return found;
}

/** Gives our machine the other one's values. Not the program counter or the mode: after those nothing can be compared. */
export function adopt(machine: Machine, found: readonly Difference[]): void {
  // mstatus last: writing a float CSR makes FS dirty.
  const ordered = [...found].sort(
    (a, b) => Number(a.register === 'mstatus') - Number(b.register === 'mstatus'),
  );
  for (const { register, theirs } of ordered) {
    const index = registerIndex(register);
    if (index < 32) machine.linear.set64(H.x + 8 * index, theirs);
    else if (index >= F0 && index < PRIV) machine.linear.set64(H.f + 8 * (index - F0), theirs);
    else if (index >= CSR0) machine.setCsr(0, csrNumber(register), theirs);
  }
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`;
