/**
 * What an instruction row is. One row an instruction (style habit 5): the decoder, the disassembler, the interpreter
 * and the translator all derive from it. Semantics are written once, against SemanticsContext; an engine supplies the
 * context. The interpreter's context reads operands from a predecoded record, the translator's has constants.
 */
import type { FunctionBuilder, I32, I64, I64Like } from '../wasm';

/** Operand values of one decoded instruction. Register numbers 0..31; fields that an instruction lacks are 0. */
export interface Operands {
  rd: number;
  /** Also the 5-bit immediate of csrrwi, csrrsi and csrrci, which have no rs1. */
  rs1: number;
  rs2: number;
  rs3: number;
  /** Sign-extended immediate, int32: also the CSR number, the shift amount, the fence sets, aq and rl (2, 1). */
  imm: number;
  /** Static rounding mode 0..7 (7 = dynamic). */
  rm: number;
}

/** Which operands a semantics touches. `rd`/`fd`, `rs1`/`fs1`, ... share the register number of that position. */
export type OperandUse = 'rd' | 'rs1' | 'rs2' | 'fd' | 'fs1' | 'fs2' | 'fs3' | 'imm' | 'rm';

/** The arithmetic functions of the floating point unit: see machine/engine/softfloat. */
export type FloatFunction =
  | `f${32 | 64}_${'add' | 'sub' | 'mul' | 'div' | 'sqrt' | 'mulAdd' | 'min' | 'max' | 'eq' | 'lt' | 'le' | 'classify'}`
  | `f${32 | 64}_to_${'i32' | 'u32' | 'i64' | 'u64'}`
  | `${'i32' | 'u32' | 'i64' | 'u64'}_to_f${32 | 64}`
  | 'f32_to_f64'
  | 'f64_to_f32';

/** Instructions whose work is the engine's: privileged state, memory ordering, caches. */
export type SystemOperation =
  | 'ecall'
  | 'ebreak'
  | 'mret'
  | 'sret'
  | 'wfi'
  | 'fence'
  | 'fence.i'
  | 'sfence.vma'
  | 'sinval.vma'
  | 'sfence.w.inval'
  | 'sfence.inval.ir'
  | 'pause'
  | 'cbo.clean'
  | 'cbo.flush'
  | 'cbo.inval'
  | 'cbo.zero'
  | 'illegal';

/**
 * What a semantics may do. Rules: read all source operands before setRd/setFd (rd may equal a source); bind a value
 * that is used twice with `c.f.let`. load/store/amo/trap may end the instruction with a trap: nothing architectural
 * may be changed before them. After jump/branch/trap/system nothing more may be emitted on that path.
 */
export interface SemanticsContext {
  readonly f: FunctionBuilder;
  /** Length of the instruction in bytes. */
  readonly length: 2 | 4;

  rs1(): I64;
  rs2(): I64;
  /** Writes the integer destination; a write to x0 is dropped. */
  setRd(value: I64): void;
  /** The immediate, sign-extended to 64 bits. */
  imm(): I64;
  imm32(): I32;

  /** Raw bits of a double operand (1, 2 or 3). */
  fsD(operand: 1 | 2 | 3): I64;
  /** Raw bits of a single operand: the canonical NaN where the register is not NaN-boxed (unpriv spec, D extension). */
  fsS(operand: 1 | 2 | 3): I32;
  /** The raw 64 bits of a register regardless of boxing (for fsw, fsd, fmv.x.w, fmv.x.d). */
  fsRaw(operand: 1 | 2 | 3): I64;
  setFdD(bits: I64): void;
  /** NaN-boxes. */
  setFdS(bits: I32): void;
  /** The effective rounding mode 0..4; traps as illegal instruction when reserved. Emit before anything else. */
  rm(): I32;
  /** Traps as illegal instruction when mstatus.FS is off. Rows with f-operands get it automatically, first. */
  float(name: FloatFunction, ...args: (I32 | I64)[]): I32 | I64;

  /** Address of this instruction. */
  pc(): I64;
  /** Address of the next one in sequence. */
  nextPc(): I64;
  /** Continues at `target`, whose bit 0 is clear. */
  jump(target: I64): void;
  /** Continues at pc + imm (imm constant of the instruction). */
  jumpRelative(): void;
  /** If `condition` continues at pc + imm, else at nextPc. */
  branch(condition: I32): void;

  /** Loads `bytes` at a virtual address, extended to 64 bits. Evaluated at once (the result is a local). */
  load(bytes: 1 | 2 | 4 | 8, signed: boolean, address: I64): I64;
  /** Stores the low `bytes` of value. */
  store(bytes: 1 | 2 | 4 | 8, address: I64, value: I64): void;
  /** Atomic read-modify-write; returns the old value (4 bytes: sign-extended). `combine` gets the old value as local. */
  amo(bytes: 4 | 8, address: I64, combine: (old: I64) => I64): I64;
  loadReserved(bytes: 4 | 8, address: I64): I64;
  /** Returns 0 when the store was done, 1 when not. */
  storeConditional(bytes: 4 | 8, address: I64, value: I64): I64;

  /** CSR access (Zicsr): `write` undefined = no write; `read` false = no read (csrrw with rd = x0). Handles all traps. */
  csr(operation: 'rw' | 'rs' | 'rc', source: 'rs1' | 'uimm'): void;
  system(operation: SystemOperation): void;
  trap(cause: number, tval: I64Like): void;
}

export interface Semantics {
  readonly name: string;
  readonly uses: readonly OperandUse[];
  /** No effect but the write of rd: with rd = x0 it is a no-operation. */
  readonly pure: boolean;
  emit(c: SemanticsContext): void;
}

/** One instruction. */
export interface Row {
  /** Mnemonic as in the RISC-V unprivileged specification, lower case ("c.addi16sp"). */
  readonly name: string;
  /** The extension that brings it, as in the ISA string ("i", "m", "zba", ...). */
  readonly extension: string;
  readonly length: 2 | 4;
  /** insn & mask === match (as unsigned numbers). */
  readonly match: number;
  readonly mask: number;
  /** Extracts operands; `undefined` for encodings that the row's mask admits but that are reserved. */
  readonly decode: (insn: number) => Operands | undefined;
  /** Operands in assembly text: '{rd}, {imm}({rs1})'; see disassembler.ts for the placeholders. */
  readonly assembly: string;
  readonly semantics: Semantics;
}

/** A bit field of a CSR, for display and for masks. */
export interface CsrField {
  readonly name: string;
  readonly low: number;
  readonly width: number;
  /** Names of values, where the specification names them. */
  readonly values?: Readonly<Record<number, string>>;
}

/** How an access to a CSR behaves; `special` ones are implemented by the engine, under the CSR's name. */
export type CsrBehaviour =
  | { readonly kind: 'constant'; readonly value: bigint }
  /** Own 64-bit storage; a write changes the bits of `writable` only. `reset` defaults to 0. */
  | { readonly kind: 'stored'; readonly writable: bigint; readonly reset?: bigint }
  | { readonly kind: 'special' };

/** One control and status register. Number bits 9:8 give the lowest privilege, bits 11:10 = 3 read-only. */
export interface CsrRow {
  readonly number: number;
  readonly name: string;
  readonly description: string;
  readonly fields: readonly CsrField[];
  readonly behaviour: CsrBehaviour;
}
