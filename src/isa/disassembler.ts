/**
 * From an instruction to assembly text, from Row.assembly. Its placeholders:
 *   {rd} {rs1} {rs2}  {fd} {fs1} {fs2} {fs3}   registers
 *   {imm}     the immediate, decimal            {shamt}  the same, hexadecimal
 *   {upper}   bits 31:12 of the immediate       {target} pc + immediate, with its symbol
 *   {csr}     name of the CSR, or its number    {uimm}   the 5-bit immediate of csrrwi and its like
 *   {rm}      `, rtz`: the rounding mode; none for the dynamic one
 *   {exactrm} the same for exact conversions, where assemblers write rne and this shows it as none
 *   {hint}    the immediate where it is not 0
 *   {pred} {succ}   sets of a fence
 *   {aqrl}    first in the text: adds `.aq`, `.rl` or `.aqrl` to the mnemonic
 * With aliases (the default) pseudo-instructions are used, and compressed instructions are written as what they stand
 * for. Hints and other instructions without effect keep their own compressed names.
 */
import { aliases } from './aliases';
import { csrByNumber } from './csr';
import { decode, instructionLength } from './decoder';
import { floatRegisterNames, integerRegisterNames } from './registers';
import { ROWS } from './table';
import type { Operands, Row, Semantics } from './types';

export interface DisassembleOptions {
  /** Pseudo-instructions, and no `c.` names. Default true. */
  readonly aliases?: boolean;
  /** x10 and f10 in place of a0 and fa0. */
  readonly numeric?: boolean;
  /** Name of a code address, written behind it: `j 0x80000010 <main+4>`. */
  readonly symbolize?: (address: bigint) => string | undefined;
}

export interface Disassembly {
  /** Mnemonic and operands: `addi a0, a0, 1`. */
  readonly text: string;
  /** In bytes. */
  readonly length: 2 | 4;
  readonly mnemonic: string;
  /** Operands alone; '' where there are none. */
  readonly operands: string;
}

interface Environment {
  readonly pc: bigint;
  readonly aliases: boolean;
  readonly numeric: boolean;
  readonly symbolize: (address: bigint) => string | undefined;
}

const roundingModes = ['rne', 'rtz', 'rdn', 'rup', 'rmm', 'unknown', 'unknown', 'dyn'];

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

const x = (number: number, e: Environment): string =>
  (e.numeric ? undefined : integerRegisterNames[number]) ?? `x${number}`;
const f = (number: number, e: Environment): string =>
  (e.numeric ? undefined : floatRegisterNames[number]) ?? `f${number}`;

/** The sets of a fence: bits 3..0 are i, o, r, w. */
const fenceSet = (bits: number): string =>
  Array.from('iorw')
    .filter((_, index) => bits & (8 >> index))
    .join('') || 'unknown';

function target(o: Operands, e: Environment): string {
  const address = BigInt.asUintN(64, e.pc + BigInt(o.imm));
  const symbol = e.symbolize(address);
  return symbol === undefined ? hex(address) : `${hex(address)} <${symbol}>`;
}

const placeholders: Readonly<Record<string, (o: Operands, e: Environment) => string>> = {
  rd: (o, e) => x(o.rd, e),
  rs1: (o, e) => x(o.rs1, e),
  rs2: (o, e) => x(o.rs2, e),
  fd: (o, e) => f(o.rd, e),
  fs1: (o, e) => f(o.rs1, e),
  fs2: (o, e) => f(o.rs2, e),
  fs3: (o, e) => f(o.rs3, e),
  imm: (o) => `${o.imm}`,
  shamt: (o) => hex(o.imm),
  upper: (o) => hex(o.imm >>> 12),
  target,
  csr: (o) => csrByNumber(o.imm)?.name ?? hex(o.imm),
  uimm: (o) => `${o.rs1}`,
  rm: (o) => (o.rm === 7 ? '' : `, ${roundingModes[o.rm] ?? 'unknown'}`),
  exactrm: (o) => (o.rm === 0 ? '' : `, ${roundingModes[o.rm] ?? 'unknown'}`),
  hint: (o) => (o.imm === 0 ? '' : `${o.imm}`),
  pred: (o) => fenceSet((o.imm >> 4) & 15),
  succ: (o) => fenceSet(o.imm & 15),
};

const orderings = ['', '.rl', '.aq', '.aqrl'];

/** What a compressed instruction stands for: the uncompressed row with the same semantics. */
const baseRows = new Map<Semantics, Row>();
for (const row of ROWS)
  if (row.length === 4 && !baseRows.has(row.semantics)) baseRows.set(row.semantics, row);

function present(row: Row, o: Operands, e: Environment): { mnemonic: string; assembly: string } {
  if (!e.aliases) return { mnemonic: row.name, assembly: row.assembly };
  let shown = row;
  if (row.length === 2) {
    const isNop = row.name === 'c.nop' && o.imm === 0;
    const isHint = (row.semantics.pure && o.rd === 0 && !isNop) || row.name.endsWith('64');
    if (isHint) return { mnemonic: row.name, assembly: row.assembly };
    shown = baseRows.get(row.semantics) ?? row;
  }
  const candidates = [...(aliases.get(row.name) ?? []), ...(aliases.get(shown.name) ?? [])];
  const found = candidates.find((candidate) => candidate.when(o));
  return found ?? { mnemonic: shown.name, assembly: shown.assembly };
}

function fill(assembly: string, o: Operands, e: Environment): string {
  return assembly.replace(/\{(\w+)\}/g, (whole, name: string) => placeholders[name]?.(o, e) ?? whole);
}

function undecoded(insn: number, e: Environment): Disassembly {
  const length = instructionLength(insn);
  const word = length === 2 ? insn & 0xffff : insn >>> 0;
  // All zeros is the instruction that is illegal by definition.
  if (length === 2 && word === 0) {
    const mnemonic = e.aliases ? 'unimp' : 'c.unimp';
    return { text: mnemonic, length, mnemonic, operands: '' };
  }
  const mnemonic = length === 2 ? '.2byte' : '.4byte';
  return { text: `${mnemonic} ${hex(word)}`, length, mnemonic, operands: hex(word) };
}

/**
 * The assembly text of one instruction. `insn` has 32 bits, of which a compressed one uses the low 16; `pc` is its
 * address. What is not an instruction of this machine gives `.4byte` or `.2byte` with the raw bits.
 */
export function disassemble(insn: number, pc: bigint, options: DisassembleOptions = {}): Disassembly {
  const environment: Environment = {
    pc,
    aliases: options.aliases ?? true,
    numeric: options.numeric ?? false,
    symbolize: options.symbolize ?? ((): undefined => undefined),
  };
  const decoded = decode(insn);
  if (!decoded) return undecoded(insn, environment);
  const { row, operands: o } = decoded;
  let { mnemonic, assembly } = present(row, o, environment);
  if (assembly.startsWith('{aqrl} ')) {
    mnemonic += orderings[o.imm] ?? '';
    assembly = assembly.slice('{aqrl} '.length);
  }
  const operands = fill(assembly, o, environment);
  return { text: operands ? `${mnemonic} ${operands}` : mnemonic, length: row.length, mnemonic, operands };
}
