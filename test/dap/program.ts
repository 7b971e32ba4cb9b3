/**
 * Small guest programs for the adapter's tests: an assembler for a handful of instructions, and the symbols and lines that
 * a compiler would have written about them. The words are real, so that disassembling and unwinding see real code.
 */
import type { AddressRange } from '../../src/symbols/range-index';
import type { Symbols } from '../../src/symbols/symbols';
import { matchPaths } from '../../src/symbols/paths';

export const reg = {
  zero: 0,
  ra: 1,
  sp: 2,
  t0: 5,
  t1: 6,
  s0: 8,
  s1: 9,
  a0: 10,
  a1: 11,
  a2: 12,
  a7: 17,
  s2: 18,
  s3: 19,
} as const;

const i = (op: number, f3: number, rd: number, rs1: number, imm: number): number =>
  op | (rd << 7) | (f3 << 12) | (rs1 << 15) | (imm << 20);
const s = (op: number, f3: number, rs1: number, rs2: number, imm: number): number =>
  op | ((imm & 31) << 7) | (f3 << 12) | (rs1 << 15) | (rs2 << 20) | ((imm >> 5) << 25);

/** Encodings: RISC-V unprivileged specification, "RV32/64G Instruction Set Listings". */
export const op = {
  addi: (rd: number, rs1: number, imm: number) => i(0x13, 0, rd, rs1, imm),
  add: (rd: number, rs1: number, rs2: number) => 0x33 | (rd << 7) | (rs1 << 15) | (rs2 << 20),
  ld: (rd: number, rs1: number, imm: number) => i(0x03, 3, rd, rs1, imm),
  lw: (rd: number, rs1: number, imm: number) => i(0x03, 2, rd, rs1, imm),
  sd: (rs2: number, rs1: number, imm: number) => s(0x23, 3, rs1, rs2, imm),
  sw: (rs2: number, rs1: number, imm: number) => s(0x23, 2, rs1, rs2, imm),
  lui: (rd: number, upper: number) => 0x37 | (rd << 7) | (upper << 12),
  auipc: (rd: number, upper: number) => 0x17 | (rd << 7) | (upper << 12),
  jalr: (rd: number, rs1: number, imm: number) => i(0x67, 0, rd, rs1, imm),
  csrrw: (rd: number, csr: number, rs1: number) => i(0x73, 1, rd, rs1, csr),
  csrrs: (rd: number, csr: number, rs1: number) => i(0x73, 2, rd, rs1, csr),
  ecall: () => 0x73,
  mret: () => 0x30200073,
  illegal: () => 0xffffffff,
  ret: () => i(0x67, 0, 0, 1, 0),
} as const;

const jal = (rd: number, offset: number): number =>
  0x6f |
  (rd << 7) |
  (((offset >> 12) & 0xff) << 12) |
  (((offset >> 11) & 1) << 20) |
  (((offset >> 1) & 0x3ff) << 21) |
  (((offset >> 20) & 1) << 31);
const branch = (f3: number, rs1: number, rs2: number, offset: number): number =>
  0x63 |
  (((offset >> 11) & 1) << 7) |
  (((offset >> 1) & 15) << 8) |
  (f3 << 12) |
  (rs1 << 15) |
  (rs2 << 20) |
  (((offset >> 5) & 63) << 25) |
  (((offset >> 12) & 1) << 31);

interface Row extends AddressRange {
  file: string;
  line: number;
}
interface FunctionEntry {
  name: string;
  start: bigint;
  end: bigint;
  body: bigint;
}

export interface Program {
  readonly base: bigint;
  readonly bytes: Uint8Array;
  readonly symbols: Symbols;
  /** Of a label or a function. */
  at(label: string): bigint;
}

export class ProgramBuilder {
  private readonly words: ((at: number) => number)[] = [];
  private readonly labels = new Map<string, number>();
  private readonly functions: FunctionEntry[] = [];
  private readonly rows: Row[] = [];
  private readonly objects = new Map<string, { address: bigint; size: bigint }>();
  private file: string | undefined;
  private row: { start: bigint; line: number } | undefined;

  constructor(private readonly base = 0x4000_0000n) {}

  /** Without a file it has no lines. */
  func(name: string, file?: string): this {
    this.closeFunction();
    this.file = file;
    this.label(name);
    this.functions.push({ name, start: this.here, end: this.here, body: this.here });
    return this;
  }

  /** Ends the prologue: breakpoints on the function go here. */
  body(): this {
    const last = this.functions.at(-1);
    if (last !== undefined) last.body = this.here;
    return this;
  }

  line(line: number): this {
    this.closeRow();
    this.row = { start: this.here, line };
    return this;
  }

  label(name: string): this {
    this.labels.set(name, this.words.length * 4);
    return this;
  }

  emit(...words: number[]): this {
    for (const word of words) this.words.push(() => word);
    return this;
  }

  call(target: string): this {
    return this.jump(target, reg.ra);
  }

  jump(target: string, link: number = reg.zero): this {
    this.words.push((at) => jal(link, this.offset(target, at)));
    return this;
  }

  /** The address of a label within 2 KiB of the base. */
  la(rd: number, target: string): this {
    this.emit(op.lui(rd, Number(this.base >> 12n)));
    this.words.push(() => op.addi(rd, rd, this.offset(target, 0)));
    return this;
  }

  /** rs1 < rs2, signed. */
  blt(rs1: number, rs2: number, target: string): this {
    this.words.push((at) => branch(4, rs1, rs2, this.offset(target, at)));
    return this;
  }

  object(name: string, address: bigint, size: bigint): this {
    this.objects.set(name, { address, size });
    return this;
  }

  build(): Program {
    this.closeFunction();
    const bytes = new Uint8Array(this.words.length * 4);
    const view = new DataView(bytes.buffer);
    this.words.forEach((word, index) => view.setUint32(index * 4, word(index * 4), true));
    const at = (label: string): bigint => this.base + BigInt(this.offset(label, 0));
    return { base: this.base, bytes, symbols: symbolsOf(this.functions, this.rows, this.objects), at };
  }

  private get here(): bigint {
    return this.base + BigInt(this.words.length * 4);
  }

  private offset(label: string, from: number): number {
    const to = this.labels.get(label);
    if (to === undefined) throw new Error(`no label ${label}`);
    return to - from;
  }

  private closeRow(): void {
    const { row, file } = this;
    this.row = undefined;
    if (row === undefined || file === undefined || row.start === this.here) return;
    this.rows.push({ start: row.start, end: this.here, file, line: row.line });
  }

  private closeFunction(): void {
    this.closeRow();
    const last = this.functions.at(-1);
    if (last !== undefined) last.end = this.here;
  }
}

const holds = (range: AddressRange, address: bigint): boolean =>
  address >= range.start && address < range.end;

function symbolsOf(
  functions: readonly FunctionEntry[],
  rows: readonly Row[],
  objects: ReadonlyMap<string, { address: bigint; size: bigint }>,
): Symbols {
  const functionAt = (pc: bigint): FunctionEntry | undefined => functions.find((one) => holds(one, pc));
  const rowAt = (pc: bigint): Row | undefined => rows.find((one) => holds(one, pc));
  const files = [...new Set(rows.map(({ file }) => file))];
  const rowsOf = (path: string): Row[] => rows.filter(({ file }) => matchPaths(path, files).includes(file));
  const named = (name: string) => {
    const code = functions.find((one) => one.name === name);
    if (code !== undefined) {
      return {
        name,
        address: code.start,
        size: code.end - code.start,
        kind: 'function',
        binding: 'global',
      } as const;
    }
    const data = objects.get(name);
    return data && ({ name, ...data, kind: 'object', binding: 'global' } as const);
  };
  const names = [...functions.map(({ name }) => name), ...objects.keys()];
  return {
    functionAt,
    inlinedAt: () => [],
    symbolNamed: named,
    symbolsMatching: (pattern, limit) =>
      names
        .filter((name) => (typeof pattern === 'string' ? name.startsWith(pattern) : pattern.test(name)))
        .flatMap((name) => named(name) ?? [])
        .slice(0, limit),
    lineAt: (pc) => {
      const row = rowAt(pc);
      return row && { ...row, column: 1, isStmt: true };
    },
    rangesOfLineAt: (pc) => {
      const row = rowAt(pc);
      const code = functionAt(pc);
      return rows.filter(
        (one) =>
          one.line === row?.line && one.file === row.file && code !== undefined && holds(code, one.start),
      );
    },
    addressesOfLine: (path, line) => {
      const found = rowsOf(path).filter((row) => row.line >= line);
      const moved = Math.min(...found.map((row) => row.line));
      const first = found.find((row) => row.line === moved);
      if (first === undefined) return { line, addresses: [] };
      const code = functionAt(first.start);
      return { line: moved, addresses: [code?.start === first.start ? code.body : first.start] };
    },
    linesOfFile: (path) => [...new Set(rowsOf(path).map(({ line }) => line))].sort((a, b) => a - b),
    sourceFiles: () => files,
    breakpointAddressOf: (name) => functions.find((one) => one.name === name)?.body,
    breakpointAddressesOf: (name) => functions.filter((one) => one.name === name).map(({ body }) => body),
    frameInfoAt: () => undefined,
    warnings: [],
  };
}
