/**
 * A workbench for semantics: one WebAssembly function a row, over registers, a small memory and a record of operands in
 * linear memory. It has no MMU, no privilege and no float unit; what goes there is told to the test as events.
 */
import { defined } from '../../src/base/errors';
import { ROWS } from '../../src/isa/table';
import type { FloatFunction, Operands, Row, Semantics, SemanticsContext } from '../../src/isa/types';
import {
  type FunctionBuilder,
  i32,
  type I32,
  I32T,
  i64,
  type I64,
  I64T,
  ModuleBuilder,
  type FunctionRef,
  type ValueType,
} from '../../src/wasm';

const xBase = 0;
const fBase = 256;
const recordBase = 512;
const pcCell = 576;
const nextPcCell = 584;
/** Guest address 0; addresses wrap at 4 KiB. */
const guestBase = 4096;
const guestMask = 0xff8;
const canonicalNan = 0x7fc0_0000;

const recordOffset: Readonly<Record<keyof Operands, number>> = {
  rd: 0,
  rs1: 4,
  rs2: 8,
  rs3: 12,
  imm: 16,
  rm: 20,
};

/** Something that the semantics asked of the engine. */
export interface Event {
  readonly name: string;
  readonly args: readonly (number | bigint)[];
}

/** The signature that an engine's float function has, from its name. */
export function floatSignature(name: FloatFunction): { params: ValueType[]; result: ValueType } {
  const bits = (text: string): ValueType => (text === '32' ? I32T : I64T);
  const [, p = '', op = ''] = /^f(32|64)_(.*)$/.exec(name) ?? [];
  const fromInteger = /^[iu](?:32|64)_to_f(32|64)$/.exec(name)?.[1];
  if (fromInteger) return { params: [I64T, I32T], result: bits(fromInteger) };
  if (name === 'f32_to_f64') return { params: [I32T], result: I64T };
  if (name === 'f64_to_f32') return { params: [I64T, I32T], result: I32T };
  const x = bits(p);
  if (op.startsWith('to_')) return { params: [x, I32T], result: I64T };
  if (op === 'mulAdd') return { params: [x, x, x, I32T], result: x };
  if (op === 'sqrt') return { params: [x, I32T], result: x };
  if (op === 'classify') return { params: [x], result: I32T };
  if (op === 'min' || op === 'max') return { params: [x, x], result: x };
  if (['eq', 'lt', 'le'].includes(op)) return { params: [x, x], result: I32T };
  return { params: [x, x, I32T], result: x };
}

/** Functions outside the module, made as the semantics ask for them. */
class Outside {
  readonly names: string[] = [];
  readonly wanted = new Map<string, { params: ValueType[]; result: ValueType | undefined }>();
  refs: ReadonlyMap<string, FunctionRef> | undefined;

  get(name: string, params: ValueType[], result: ValueType | undefined): FunctionRef {
    this.wanted.set(name, { params, result });
    return this.refs?.get(name) ?? { index: 0, params, result };
  }
}

class BenchContext implements SemanticsContext {
  constructor(
    readonly f: FunctionBuilder,
    readonly length: 2 | 4,
    private readonly outside: Outside,
  ) {}

  private operand(name: keyof Operands): I32 {
    return i32(recordBase).load32(recordOffset[name]);
  }
  private x(name: 'rs1' | 'rs2'): I64 {
    return this.operand(name).shl(3).load64(xBase);
  }
  private fAddress(name: keyof Operands): I32 {
    return this.operand(name).shl(3);
  }
  private address(guest: I64): I32 {
    return guest.toI32().and(guestMask).add(guestBase);
  }

  rs1(): I64 {
    return this.x('rs1');
  }
  rs2(): I64 {
    return this.x('rs2');
  }
  setRd(value: I64): void {
    const result = this.f.let(value);
    this.f.if(this.operand('rd'), () => this.f.store64(this.operand('rd').shl(3), result, xBase));
  }
  imm(): I64 {
    return this.operand('imm').toI64S();
  }
  imm32(): I32 {
    return this.operand('imm');
  }

  fsD(operand: 1 | 2 | 3): I64 {
    return this.fsRaw(operand);
  }
  fsS(operand: 1 | 2 | 3): I32 {
    const raw = this.f.let(this.fsRaw(operand));
    return raw.shrU(32n).eq(0xffff_ffffn).select(raw.toI32(), canonicalNan);
  }
  fsRaw(operand: 1 | 2 | 3): I64 {
    return this.fAddress(`rs${operand}`).load64(fBase);
  }
  setFdD(bits: I64): void {
    const result = this.f.let(bits);
    this.f.store64(this.fAddress('rd'), result, fBase);
  }
  setFdS(bits: I32): void {
    this.setFdD(bits.toI64U().or(0xffff_ffff_0000_0000n));
  }
  rm(): I32 {
    this.event('rm');
    return this.operand('rm');
  }
  float(name: FloatFunction, ...args: (I32 | I64)[]): I32 | I64 {
    const { params, result } = floatSignature(name);
    const ref = this.outside.get(name, params, result);
    return result === I32T ? this.f.callI32(ref, ...args) : this.f.callI64(ref, ...args);
  }

  pc(): I64 {
    return i32(pcCell).load64();
  }
  nextPc(): I64 {
    return this.pc().add(this.length);
  }
  jump(target: I64): void {
    this.f.store64(nextPcCell, target);
  }
  jumpRelative(): void {
    this.jump(this.pc().add(this.imm()));
  }
  branch(condition: I32): void {
    this.jump(condition.select64(this.pc().add(this.imm()), this.nextPc()));
  }

  load(bytes: 1 | 2 | 4 | 8, signed: boolean, address: I64): I64 {
    const at = this.address(address);
    if (bytes === 8) return this.f.let(at.load64());
    if (bytes === 4) return this.f.let(signed ? at.load32S64() : at.load32U64());
    if (bytes === 2) return this.f.let(signed ? at.load16S64() : at.load16U64());
    return this.f.let(signed ? at.load8S64() : at.load8U64());
  }
  store(bytes: 1 | 2 | 4 | 8, address: I64, value: I64): void {
    this.f.storeLow64(bytes, this.address(address), value);
  }
  amo(bytes: 4 | 8, address: I64, combine: (old: I64) => I64): I64 {
    const at = this.f.let(address);
    const old = this.load(bytes, true, at);
    this.store(bytes, at, combine(old));
    return old;
  }
  loadReserved(bytes: 4 | 8, address: I64): I64 {
    this.event(`reserve${bytes}`);
    return this.load(bytes, true, address);
  }
  storeConditional(bytes: 4 | 8, address: I64, value: I64): I64 {
    this.event(`conditional${bytes}`);
    this.store(bytes, address, value);
    return i64(0n);
  }

  csr(operation: 'rw' | 'rs' | 'rc', source: 'rs1' | 'uimm'): void {
    this.event(`csr ${operation} ${source}`);
  }
  system(operation: string): void {
    this.event(operation);
  }
  trap(cause: number): void {
    this.event(`trap ${cause}`);
  }

  private event(name: string): void {
    this.f.call(this.outside.get(name, [], undefined));
  }
}

/** Each semantics and length once, as an engine would have them. */
const handlerName = (semantics: Semantics, length: number): string => `${semantics.name}/${length}`;

export class BenchMachine {
  /** What the semantics asked for since the last run began. */
  events: Event[] = [];
  /** What a float function of a name returns; 0 by default. */
  readonly results = new Map<string, number | bigint>();
  private readonly view: DataView;
  private readonly handlers: WebAssembly.Exports;

  constructor() {
    const outside = new Outside();
    // Imports come first in a module: a first pass finds out which there are.
    this.build(outside);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const module = new WebAssembly.Module(this.build(outside));
    const imports: Record<string, WebAssembly.ImportValue> = { memory };
    for (const [name, { result }] of outside.wanted) {
      imports[name] = (...args: (number | bigint)[]): number | bigint | undefined => {
        this.events.push({ name, args });
        if (result === undefined) return undefined;
        return this.results.get(name) ?? (result === I32T ? 0 : 0n);
      };
    }
    this.handlers = new WebAssembly.Instance(module, { bench: imports }).exports;
    this.view = new DataView(memory.buffer);
  }

  private build(outside: Outside): Uint8Array<ArrayBuffer> {
    const module = new ModuleBuilder();
    module.importMemory({ module: 'bench', name: 'memory', initialPages: 1, maximumPages: 1, shared: false });
    outside.refs = new Map(
      [...outside.wanted].map(([name, { params, result }]) => [
        name,
        module.importFunction('bench', name, params, result),
      ]),
    );
    const done = new Set<string>();
    for (const row of ROWS) {
      const name = handlerName(row.semantics, row.length);
      if (done.has(name)) continue;
      done.add(name);
      const ref = module.function(name, [], undefined, (f) => {
        row.semantics.emit(new BenchContext(f, row.length, outside));
      });
      module.export(name, ref);
    }
    return module.encode();
  }

  /** Runs one instruction from `pc`; returns the address of the next (which jumps and branches set). */
  run(row: Row, operands: Operands, pc = 0x8000_0000n): bigint {
    this.events = [];
    for (const [name, offset] of Object.entries(recordOffset)) {
      this.view.setInt32(recordBase + offset, operands[name as keyof Operands], true);
    }
    this.view.setBigUint64(pcCell, pc, true);
    this.view.setBigUint64(nextPcCell, pc + BigInt(row.length), true);
    const handler = defined(this.handlers[handlerName(row.semantics, row.length)]);
    (handler as () => void)();
    return this.view.getBigUint64(nextPcCell, true);
  }

  x(number: number): bigint {
    return this.view.getBigUint64(xBase + number * 8, true);
  }
  setX(number: number, value: bigint): void {
    if (number !== 0) this.view.setBigUint64(xBase + number * 8, value, true);
  }
  f(number: number): bigint {
    return this.view.getBigUint64(fBase + number * 8, true);
  }
  setF(number: number, bits: bigint): void {
    this.view.setBigUint64(fBase + number * 8, bits, true);
  }
  /** Eight bytes of guest memory; the address is a multiple of 8. */
  peek(address: number): bigint {
    return this.view.getBigUint64(guestBase + address, true);
  }
  poke(address: number, value: bigint): void {
    this.view.setBigUint64(guestBase + address, value, true);
  }
}
