/**
 * A small assembler for guest code in tests: the text that a RISC-V programmer would write, with labels, comments and
 * pseudo-instructions. It knows no encoding: THE instruction table gives the operands' text and their bits.
 *
 *     # comment              label:  2: (numeric labels are reached as 2b and 2f)
 *     .dword .word .half .byte VALUE, ...    .asciz "text"  .ascii "text"  .align POWER  .zero BYTES  .equ NAME, VALUE
 *     li rd, CONSTANT        la rd, LABEL    everything in pseudo.ts
 *
 * Values are sums and differences of numbers (decimal, 0x, 'c'), labels and .equ names; `.` is the present address.
 */
import { csrByName } from '../../src/isa/csr';
import { registerByName } from '../../src/isa/registers';
import { ROWS } from '../../src/isa/table';
import type { Operands, Row } from '../../src/isa/types';
import { Random } from '../isa/random';
import { assemble as encode } from '../lockstep/assemble';
import { loadImmediate, rewritten } from './pseudo';

export interface Assembled {
  /** Where the first byte belongs. */
  readonly base: number;
  readonly bytes: Uint8Array;
  readonly labels: ReadonlyMap<string, number>;
  /** A label's address; throws when there is none. */
  at(label: string): number;
}

/** A piece of the program whose size is known before its labels are. */
interface Item {
  readonly line: number;
  readonly address: number;
  readonly sizeBytes: number;
  /** The bytes, once all labels are known. */
  emit(scope: Scope): Uint8Array;
}

/** Looks names up as seen from an address. */
type Scope = (name: string) => bigint | undefined;

const rows = new Map(ROWS.map((row) => [row.name, row]));
const anything = new Random(1);
const roundingModes = ['rne', 'rtz', 'rdn', 'rup', 'rmm', '?', '?', 'dyn'];
const DYNAMIC = 7;

class AssemblyError extends Error {}

/** Throws an Error that names the line for what it does not understand. */
export function assemble(source: string, base = 0x8000_0000): Assembled {
  const program = new Program(base);
  source.split('\n').forEach((text, index) => {
    try {
      program.line(text, index + 1);
    } catch (error) {
      throw inLine(error, index + 1, text);
    }
  });
  return program.finish();
}

function inLine(error: unknown, line: number, text: string): Error {
  if (error instanceof AssemblyError) return new Error(`line ${line}: ${error.message}: ${text.trim()}`);
  return error instanceof Error ? error : new Error(String(error));
}

class Program {
  private readonly items: Item[] = [];
  private readonly labels = new Map<string, number>();
  /** Values of .equ, and labels: all that an expression may name. */
  private readonly names = new Map<string, bigint>();
  private readonly numeric: { readonly name: string; readonly address: number }[] = [];
  private address: number;

  constructor(private readonly base: number) {
    this.address = base;
  }

  line(text: string, line: number): void {
    let rest = withoutComment(text).trim();
    for (;;) {
      const [whole, label] = /^([\w.$]+):\s*/.exec(rest) ?? [];
      if (whole === undefined || label === undefined) break;
      this.label(label);
      rest = rest.slice(whole.length);
    }
    if (rest === '') return;
    const [, name = '', operands = ''] = /^(\S+)\s*(.*)$/.exec(rest) ?? [];
    if (name.startsWith('.')) this.directive(name, operands, line);
    else this.instruction(name, operands, line);
  }

  private label(name: string): void {
    if (/^\d+$/.test(name)) {
      this.numeric.push({ name, address: this.address });
      return;
    }
    if (this.names.has(name)) throw new AssemblyError(`${name} is there twice`);
    this.labels.set(name, this.address);
    this.names.set(name, BigInt(this.address));
  }

  private add(line: number, sizeBytes: number, emit: (scope: Scope) => Uint8Array): void {
    this.items.push({ line, address: this.address, sizeBytes, emit });
    this.address += sizeBytes;
  }

  private readonly known: Scope = (name) => this.names.get(name);

  private directive(name: string, operands: string, line: number): void {
    const sizes: Readonly<Record<string, number>> = { '.dword': 8, '.word': 4, '.half': 2, '.byte': 1 };
    const size = sizes[name];
    if (size !== undefined) {
      for (const value of operands.split(',')) {
        this.add(line, size, (scope) => littleEndian(evaluate(value, scope), size));
      }
      return;
    }
    switch (name) {
      case '.asciz':
      case '.ascii': {
        const text = new TextEncoder().encode(JSON.parse(operands) as string);
        const bytes = name === '.ascii' ? text : Uint8Array.from([...text, 0]);
        this.add(line, bytes.length, () => bytes);
        return;
      }
      case '.align':
        this.fill(line, -this.address & ((1 << Number(evaluate(operands, this.known))) - 1));
        return;
      case '.zero':
        this.fill(line, Number(evaluate(operands, this.known)));
        return;
      case '.equ': {
        const [equ = '', value = ''] = operands.split(',');
        this.names.set(equ.trim(), evaluate(value, this.known));
        return;
      }
      default:
        throw new AssemblyError(`there is no directive ${name}`);
    }
  }

  private fill(line: number, sizeBytes: number): void {
    this.add(line, sizeBytes, () => new Uint8Array(sizeBytes));
  }

  private instruction(name: string, text: string, line: number): void {
    const operands = text === '' ? [] : text.split(',').map((part) => part.trim());
    const [first = '', second = ''] = operands;
    if (name === 'li') {
      for (const step of loadImmediate(first, evaluate(second, this.known))) this.line(step, line);
    } else if (name === 'la') {
      this.loadAddress(first, second, line);
    } else if (name === 'unimp') {
      this.add(line, 4, () => littleEndian(0xc000_1073n, 4));
    } else {
      const other = rewritten(name, operands);
      if (other === undefined) this.plain(name, text, line);
      else this.line(other, line);
    }
  }

  private loadAddress(register: string, label: string, line: number): void {
    const from = this.address;
    this.add(line, 8, (scope) => {
      const delta = Number(evaluate(label, scope)) - from;
      const low = (delta << 20) >> 20;
      const upper = instructionBytes(
        'auipc',
        `${register}, ${((delta - low) >>> 12) & 0xfffff}`,
        from,
        scope,
      );
      const add = instructionBytes('addi', `${register}, ${register}, ${low}`, from + 4, scope);
      return Uint8Array.from([...upper, ...add]);
    });
  }

  private plain(name: string, text: string, line: number): void {
    const { address } = this;
    this.add(line, rowOf(name).row.length, (scope) => instructionBytes(name, text, address, scope));
  }

  finish(): Assembled {
    const { base, labels } = this;
    const bytes = new Uint8Array(this.address - base);
    for (const item of this.items) {
      try {
        bytes.set(
          item.emit((name) => this.lookUp(name, item.address)),
          item.address - base,
        );
      } catch (error) {
        throw inLine(error, item.line, '');
      }
    }
    const at = (label: string): number => {
      const address = labels.get(label);
      if (address === undefined) throw new Error(`there is no label ${label}`);
      return address;
    };
    return { base, bytes, labels, at };
  }

  private lookUp(name: string, from: number): bigint | undefined {
    if (name === '.') return BigInt(from);
    const [, number, direction] = /^(\d+)([bf])$/.exec(name) ?? [];
    if (number === undefined) return this.names.get(name);
    const places = this.numeric.filter((label) => label.name === number).map((label) => label.address);
    const found =
      direction === 'b' ? places.findLast((place) => place <= from) : places.find((place) => place > from);
    return found === undefined ? undefined : BigInt(found);
  }
}

function withoutComment(text: string): string {
  const [code = ''] = /^(?:[^#"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)')*/.exec(text) ?? [];
  return code;
}

function littleEndian(value: bigint, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

/** A sum of terms. */
function evaluate(text: string, scope: Scope): bigint {
  let sum = 0n;
  const terms = text.trim().match(/[+-]?\s*(?:'(?:[^'\\]|\\.)'|[\w.$]+)/g) ?? [];
  if (terms.join('').replaceAll(' ', '') !== text.replaceAll(' ', '') || terms.length === 0) {
    throw new AssemblyError(`${text} is no value`);
  }
  for (const term of terms) {
    const negative = term.startsWith('-');
    const value = evaluateTerm(term.replace(/^[+-]/, '').trim(), scope);
    sum += negative ? -value : value;
  }
  return sum;
}

function evaluateTerm(term: string, scope: Scope): bigint {
  const named = scope(term);
  if (named !== undefined) return named;
  if (term.startsWith("'")) {
    const text = JSON.parse(`"${term.slice(1, -1).replace('"', '\\"')}"`) as string;
    return BigInt(text.charCodeAt(0));
  }
  if (/^(0x[0-9a-fA-F_]+|0b[01_]+|\d[\d_]*)$/.test(term)) return BigInt(term.replaceAll('_', ''));
  throw new AssemblyError(`${term} is not defined`);
}

// --- one instruction, by its row

/** A row, and for atomics what .aq and .rl add. */
function rowOf(name: string): { readonly row: Row; readonly ordering: number } {
  const plain = rows.get(name);
  if (plain) return { row: plain, ordering: 0 };
  const [, stem = '', suffix = ''] = /^(.*)\.(aq|rl|aqrl)$/.exec(name) ?? [];
  const row = rows.get(stem);
  if (!row) throw new AssemblyError(`there is no instruction ${name}`);
  return { row, ordering: { rl: 1, aq: 2, aqrl: 3 }[suffix] ?? 0 };
}

const parsers = new Map<Row, { readonly pattern: RegExp; readonly names: readonly string[] }>();

/** The row's assembly text as a pattern with one group for each placeholder. */
function parserOf(row: Row): { readonly pattern: RegExp; readonly names: readonly string[] } {
  const known = parsers.get(row);
  if (known) return known;
  const names: string[] = [];
  const pattern = row.assembly
    .replace('{aqrl} ', '')
    .replace(/[()]/g, '\\$&')
    .replaceAll(', ', '\\s*,\\s*')
    .replace(/\{(\w+)\}/g, (_, name: string) => {
      names.push(name);
      if (name === 'rm' || name === 'exactrm') return '(?:\\s*,\\s*(\\w+))?';
      return name === 'imm' ? '([^,()]*)' : '([^,()]+)';
    });
  const parser = { pattern: new RegExp(`^${pattern}$`), names };
  parsers.set(row, parser);
  return parser;
}

function register(text: string, file: 'x' | 'f'): number {
  const found = registerByName(text.trim());
  if (found?.file !== file) throw new AssemblyError(`${text} is no ${file} register`);
  return found.number;
}

const fenceSet = (text: string): number =>
  Array.from('wroi').reduce((bits, letter, index) => bits | (text.includes(letter) ? 1 << index : 0), 0);

/** What the text of one placeholder means for the operands. */
function operandOf(name: string, text: string | undefined, pc: number, scope: Scope): Partial<Operands> {
  const value = (): number => Number(BigInt.asIntN(32, evaluate(text ?? '', scope)));
  switch (name) {
    case 'rd':
    case 'rs1':
    case 'rs2':
      return { [name]: register(text ?? '', 'x') };
    case 'fd':
      return { rd: register(text ?? '', 'f') };
    case 'fs1':
    case 'fs2':
    case 'fs3':
      return { [name.replace('fs', 'rs')]: register(text ?? '', 'f') };
    case 'imm':
      return { imm: text?.trim() === '' ? 0 : value() };
    case 'shamt':
      return { imm: value() };
    case 'uimm':
      return { rs1: value() };
    case 'upper':
      return { imm: (value() << 12) | 0 };
    case 'target':
      return { imm: Number(evaluate(text ?? '', scope)) - pc };
    case 'csr':
      return { imm: csrByName(text?.trim() ?? '')?.number ?? value() };
    case 'rm':
      return { rm: text === undefined ? DYNAMIC : roundingModes.indexOf(text) };
    case 'exactrm':
      return { rm: text === undefined ? 0 : roundingModes.indexOf(text) };
    case 'hint':
      return { imm: text === undefined ? 0 : value() };
    default:
      throw new AssemblyError(`operand ${name} is not known`);
  }
}

function instructionBytes(name: string, text: string, pc: number, scope: Scope): Uint8Array {
  const { row, ordering } = rowOf(name);
  const { pattern, names } = parserOf(row);
  const match = pattern.exec(text.trim());
  if (!match) throw new AssemblyError(`the operands of ${name} are ${row.assembly}, not ${text}`);
  const wanted: Partial<Operands> = {};
  names.forEach((placeholder, index) => {
    const part = match[index + 1];
    if (placeholder === 'pred') wanted.imm = (wanted.imm ?? 0) | (fenceSet(part ?? '') << 4);
    else if (placeholder === 'succ') wanted.imm = (wanted.imm ?? 0) | fenceSet(part ?? '');
    else Object.assign(wanted, operandOf(placeholder, part, pc, scope));
  });
  if (row.assembly.startsWith('{aqrl}')) wanted.imm = ordering;
  // What the text does not show is zero; in a compressed row it follows from what is shown.
  const plain = row.length === 4 ? row.decode(row.match) : undefined;
  for (const key of ['rd', 'rs1', 'rs2', 'imm', 'rm'] as const) if (plain?.[key] === 0) wanted[key] ??= 0;
  const word = encode(row, wanted, anything);
  if (word === undefined) throw new AssemblyError(`${name} ${text} cannot be encoded`);
  return littleEndian(BigInt(word), row.length);
}
