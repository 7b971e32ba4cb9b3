/** The registers that a frame has, by group, as values that can be shown and set. */
import { userError } from '../base/errors';
import { CSRS, csrByName, decodeFields } from '../isa/csr';
import { floatRegisterNames, integerRegisterNames, registerByName } from '../isa/registers';
import type { CsrRow } from '../isa/types';
import type { HartView, Pokes, Privilege } from '../timetravel/api';
import { floatText, wordText } from './format';
import type { Frame } from './frames';

export type RegisterGroup = 'integer' | 'float' | 'machine' | 'supervisor' | 'user';

export const GROUP_NAMES: Readonly<Record<RegisterGroup, string>> = {
  integer: 'Integer registers',
  float: 'Floating point',
  machine: 'CSRs: Machine',
  supervisor: 'CSRs: Supervisor',
  user: 'CSRs: User',
};

/** A register as a row of the variables view. */
export interface RegisterRow {
  readonly name: string;
  /** Undefined: not known in this frame. */
  readonly value: bigint | undefined;
  readonly text: string;
  readonly type: string;
  readonly readOnly: boolean;
  /** For an address: memory can be shown. */
  readonly isAddress: boolean;
  /** Of a CSR with fields. */
  readonly csr?: CsrRow;
}

const PRIVILEGE_NAMES: Readonly<Record<Privilege, string>> = { 0: 'U-mode', 1: 'S-mode', 3: 'M-mode' };
export const privilegeName = (privilege: Privilege): string => PRIVILEGE_NAMES[privilege];

const UNKNOWN = 'unavailable';

/** `frame` is undefined for the innermost one. */
export function registersOf(group: RegisterGroup, view: HartView, frame: Frame | undefined): RegisterRow[] {
  switch (group) {
    case 'integer':
      return [...integerRegisterNames.keys()]
        .map((index) => integerRow(index, frame === undefined ? view.x(index) : frame.register(index)))
        .concat(pcRow(frame?.pc ?? view.pc, frame !== undefined));
    case 'float':
      return floatRegisterNames.map((name, index) => {
        const value = frame === undefined ? view.f(index) : frame.register(32 + index);
        const text = value === undefined ? UNKNOWN : floatText(value);
        return { name, value, text, type: 'f64', readOnly: value === undefined, isAddress: false };
      });
    default:
      return CSRS.filter((csr) => groupOf(csr) === group).flatMap((csr) => csrRows(csr, view));
  }
}

function integerRow(index: number, value: bigint | undefined): RegisterRow {
  const name = integerRegisterNames[index] ?? `x${index}`;
  const text = value === undefined ? UNKNOWN : wordText(value);
  const isAddress = value !== undefined && index !== 0;
  return { name, value, text, type: 'u64', readOnly: index === 0 || value === undefined, isAddress };
}

const pcRow = (value: bigint, readOnly: boolean): RegisterRow => ({
  name: 'pc',
  value,
  text: wordText(value),
  type: 'u64',
  readOnly,
  isAddress: true,
});

/** Bits 9:8 of the number are the lowest privilege that may access it. */
function groupOf({ number }: CsrRow): RegisterGroup {
  const privilege = (number >> 8) & 3;
  return privilege === 0 ? 'user' : privilege === 3 ? 'machine' : 'supervisor';
}

const isReadOnly = ({ number }: CsrRow): boolean => number >> 10 === 3;

function csrRows(csr: CsrRow, view: HartView): RegisterRow[] {
  const value = view.csr(csr.number);
  if (value === undefined) return [];
  const text = wordText(value);
  const base = { name: csr.name, value, text, type: csr.description, readOnly: isReadOnly(csr) };
  return [
    { ...base, isAddress: /(?:epc|tvec|tval)$/u.test(csr.name), ...(csr.fields.length > 0 ? { csr } : {}) },
  ];
}

/** The fields of a CSR as rows. */
export function fieldsOf(csr: CsrRow, view: HartView): RegisterRow[] {
  const whole = view.csr(csr.number) ?? 0n;
  return decodeFields(csr, whole).map(({ name, value, text }) => ({
    name,
    value,
    text: /^\d+$/u.test(text) || text.startsWith('0x') ? text : `${text} (${value})`,
    type: 'field',
    readOnly: isReadOnly(csr),
    isAddress: false,
  }));
}

/** Sets a register by its name. Throws UserError; what was written may be masked by the hardware (WARL). */
export function setRegister(poke: Pokes, hart: number, name: string, value: bigint): void {
  if (name === 'pc') {
    if ((value & 1n) !== 0n)
      throw userError('PC_ODD', 'the pc must be even: instructions begin at even addresses');
    return poke.setPc(hart, value);
  }
  const register = registerByName(name);
  if (register?.file === 'x') {
    if (register.number === 0) throw userError('REGISTER_ZERO', 'the register zero is always 0');
    return poke.setX(hart, register.number, value);
  }
  if (register !== undefined) return poke.setF(hart, register.number, value);
  const csr = csrByName(name);
  if (csr === undefined) throw userError('REGISTER_UNKNOWN', `there is no register "${name}"`);
  poke.setCsr(hart, csr.number, value);
}

/** Sets one field of a CSR, and leaves the others. */
export function setField(
  { poke, view }: { readonly poke: Pokes; readonly view: HartView },
  csr: CsrRow,
  name: string,
  value: bigint,
): void {
  const field = csr.fields.find((one) => one.name === name);
  if (field === undefined) throw userError('FIELD_UNKNOWN', `${csr.name} has no field "${name}"`);
  if (value < 0n || value >> BigInt(field.width) !== 0n) {
    throw userError('FIELD_RANGE', `${csr.name}.${name} has ${field.width} bits; ${value} does not fit`);
  }
  const mask = ((1n << BigInt(field.width)) - 1n) << BigInt(field.low);
  const whole = view.csr(csr.number) ?? 0n;
  poke.setCsr(view.id, csr.number, (whole & ~mask) | (value << BigInt(field.low)));
}
