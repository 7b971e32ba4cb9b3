/**
 * Writes the body of one WebAssembly function. Statements are written as they are called; control flow takes
 * callbacks: `f.if(x.eqz(), () => {...}, () => {...})`. Locals are reused when the scope that made them ends, so a
 * function with hundreds of cases needs no more locals than its largest case.
 */
import { invariant } from '../base/errors';
import { ByteWriter } from './bytes';
import {
  exprOf,
  I32,
  i32,
  i64,
  I64,
  type F32,
  type F64,
  type Expr,
  type I32Like,
  type I64Like,
  type ValueType,
  I32T,
  I64T,
} from './expr';

/** The expression class that belongs to a value type. */
export interface TypeMap {
  127: I32;
  126: I64;
  125: F32;
  124: F64;
}
export type ExprOf<T extends ValueType> = TypeMap[T];

/** A local variable: an expression that reads it, with its index for assignment. */
export type Local<E extends Expr = Expr> = E & { readonly local: number };

/** A branch target: made by block (its end) and loop (its head). */
export interface Label {
  readonly depth: number;
}

/** A function that can be called: its index in the module and its signature. */
export interface FunctionRef {
  readonly index: number;
  readonly params: readonly ValueType[];
  readonly result: ValueType | undefined;
}

export class FunctionBuilder {
  readonly body = new ByteWriter();
  private readonly localTypes: ValueType[] = [];
  private readonly free: Record<ValueType, number[]> = { 127: [], 126: [], 125: [], 124: [] };
  private scopes: { type: ValueType; index: number }[][] = [];
  private depth = 0;

  constructor(
    private readonly params: readonly ValueType[],
    private readonly result: ValueType | undefined,
  ) {}

  // --- locals

  param<T extends ValueType>(index: number, type: T): Local<ExprOf<T>> {
    invariant(this.params[index] === type, 'parameter has the declared type');
    return this.localExpr(index, type);
  }

  /** A local variable; its first value is undefined (it may have been used before in an ended scope). */
  local<T extends ValueType>(type: T): Local<ExprOf<T>> {
    let index = this.free[type].pop();
    if (index === undefined) {
      index = this.params.length + this.localTypes.length;
      this.localTypes.push(type);
    }
    this.scopes.at(-1)?.push({ type, index });
    return this.localExpr(index, type);
  }

  i32(): Local<I32> {
    return this.local(I32T);
  }
  i64(): Local<I64> {
    return this.local(I64T);
  }

  /** Computes an expression once, into a new local. */
  let(value: I32): Local<I32>;
  let(value: I64): Local<I64>;
  let(value: F32): Local<F32>;
  let(value: F64): Local<F64>;
  let(value: Expr): Local {
    const variable = this.local(value.type);
    this.set(variable, value);
    return variable;
  }

  set(variable: Local<I32>, value: I32Like): void;
  set(variable: Local<I64>, value: I64Like): void;
  set(variable: Local, value: Expr): void;
  set(variable: Local, value: Expr | number | bigint): void {
    const lifted =
      typeof value === 'object' ? value : variable.type === I32T ? i32(Number(value)) : i64(value);
    invariant(lifted.type === variable.type, 'assignment has the type of the local');
    lifted.write(this.body);
    this.body.byte(0x21);
    this.body.uleb(variable.local);
  }

  /** Runs `inner`; the locals that it makes are free for reuse afterwards. */
  scope(inner: () => void): void {
    const made: { type: ValueType; index: number }[] = [];
    this.scopes.push(made);
    inner();
    this.scopes.pop();
    for (const { type, index } of made) this.free[type].push(index);
  }

  private localExpr<T extends ValueType>(index: number, type: T): Local<ExprOf<T>> {
    const expr = exprOf(type, (out) => {
      out.byte(0x20);
      out.uleb(index);
    });
    return Object.assign(expr, { local: index }) as unknown as Local<ExprOf<T>>;
  }

  // --- control

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    condition.write(this.body);
    this.open(0x04);
    this.scope(then);
    if (otherwise) {
      this.body.byte(0x05);
      this.scope(otherwise);
    }
    this.close();
  }

  /** A block; branching to its label leaves it. */
  block(inner: (end: Label) => void): void {
    this.open(0x02);
    const label = { depth: this.depth };
    this.scope(() => {
      inner(label);
    });
    this.close();
  }

  /** A loop; branching to its label starts it again, falling off its end leaves it. */
  loop(inner: (head: Label) => void): void {
    this.open(0x03);
    const label = { depth: this.depth };
    this.scope(() => {
      inner(label);
    });
    this.close();
  }

  /** while (condition) inner */
  while(condition: () => I32, inner: (end: Label) => void): void {
    this.block((end) => {
      this.loop((head) => {
        this.brIf(end, condition().eqz());
        inner(end);
        this.br(head);
      });
    });
  }

  br(label: Label): void {
    this.body.byte(0x0c);
    this.body.uleb(this.depth - label.depth);
  }

  brIf(label: Label, condition: I32): void {
    condition.write(this.body);
    this.body.byte(0x0d);
    this.body.uleb(this.depth - label.depth);
  }

  brTable(labels: readonly Label[], otherwise: Label, index: I32): void {
    index.write(this.body);
    this.body.byte(0x0e);
    this.body.uleb(labels.length);
    for (const label of labels) this.body.uleb(this.depth - label.depth);
    this.body.uleb(this.depth - otherwise.depth);
  }

  /**
   * switch (index) { case i: cases[i]() }: each case leaves the switch at its end. An index beyond the cases, or an
   * undefined case, runs `otherwise`. Cases of equal identity share code.
   */
  switch(index: I32, cases: readonly ((() => void) | undefined)[], otherwise: () => void): void {
    const distinct = [...new Set(cases.filter((c) => c !== undefined))];
    const labels = new Map<(() => void) | undefined, Label>();
    const nest = (position: number, end: Label): void => {
      if (position === distinct.length) {
        this.block((fallback) => {
          labels.set(undefined, fallback);
          this.brTable(
            cases.map((c) => labels.get(c) ?? fallback),
            fallback,
            index,
          );
        });
        this.scope(otherwise);
        this.br(end);
        return;
      }
      const current = distinct[position];
      this.block((label) => {
        labels.set(current, label);
        nest(position + 1, end);
      });
      if (current) this.scope(current);
      if (position > 0) this.br(end);
    };
    this.block((end) => {
      nest(0, end);
    });
  }

  return(value?: Expr | number | bigint): void {
    if (value !== undefined) {
      const lifted =
        typeof value === 'object' ? value : this.result === I32T ? i32(Number(value)) : i64(value);
      invariant(lifted.type === this.result, 'returned value has the declared type');
      lifted.write(this.body);
    }
    this.body.byte(0x0f);
  }

  unreachable(): void {
    this.body.byte(0x00);
  }

  // --- calls

  /** A call as an expression. The call happens where the expression is used. */
  callI32(callee: FunctionRef, ...args: (Expr | number | bigint)[]): I32 {
    invariant(callee.result === I32T, 'callee returns i32');
    return new I32(this.callWriter(callee, args));
  }
  callI64(callee: FunctionRef, ...args: (Expr | number | bigint)[]): I64 {
    invariant(callee.result === I64T, 'callee returns i64');
    return new I64(this.callWriter(callee, args));
  }

  /** A call as a statement; a result is dropped. */
  call(callee: FunctionRef, ...args: (Expr | number | bigint)[]): void {
    this.callWriter(callee, args)(this.body);
    if (callee.result !== undefined) this.body.byte(0x1a);
  }

  private callWriter(callee: FunctionRef, args: (Expr | number | bigint)[]): (out: ByteWriter) => void {
    invariant(args.length === callee.params.length, 'call passes every parameter');
    const lifted = args.map((arg, i) =>
      typeof arg === 'object' ? arg : callee.params[i] === I32T ? i32(Number(arg)) : i64(arg),
    );
    lifted.forEach((arg, i) => {
      invariant(arg.type === callee.params[i], `argument ${i} has the declared type`);
    });
    return (out) => {
      for (const arg of lifted) arg.write(out);
      out.byte(0x10);
      out.uleb(callee.index);
    };
  }

  // --- memory

  store32(address: I32Like, value: I32Like, offset = 0): void {
    this.store(0x36, address, i32(value), offset);
  }
  store64(address: I32Like, value: I64Like, offset = 0): void {
    this.store(0x37, address, i64(value), offset);
  }
  storeF32(address: I32Like, value: F32, offset = 0): void {
    this.store(0x38, address, value, offset);
  }
  storeF64(address: I32Like, value: F64, offset = 0): void {
    this.store(0x39, address, value, offset);
  }
  store8(address: I32Like, value: I32Like, offset = 0): void {
    this.store(0x3a, address, i32(value), offset);
  }
  store16(address: I32Like, value: I32Like, offset = 0): void {
    this.store(0x3b, address, i32(value), offset);
  }
  /** The low 8, 16 or 32 bits of an i64. */
  storeLow64(bytes: 1 | 2 | 4 | 8, address: I32Like, value: I64Like, offset = 0): void {
    const opcode = { 1: 0x3c, 2: 0x3d, 4: 0x3e, 8: 0x37 }[bytes];
    this.store(opcode, address, i64(value), offset);
  }

  memoryCopy(to: I32Like, from: I32Like, sizeBytes: I32Like): void {
    for (const operand of [to, from, sizeBytes]) i32(operand).write(this.body);
    this.body.bytes([0xfc, 0x0a, 0, 0]);
  }

  memoryFill(at: I32Like, value: I32Like, sizeBytes: I32Like): void {
    for (const operand of [at, value, sizeBytes]) i32(operand).write(this.body);
    this.body.bytes([0xfc, 0x0b, 0]);
  }

  private store(opcode: number, address: I32Like, value: Expr, offset: number): void {
    i32(address).write(this.body);
    value.write(this.body);
    this.body.byte(opcode);
    this.body.byte(0);
    this.body.uleb(offset);
  }

  // --- encoding

  private open(opcode: number): void {
    this.body.byte(opcode);
    this.body.byte(0x40);
    this.depth++;
  }

  private close(): void {
    this.body.byte(0x0b);
    this.depth--;
  }

  /** The code entry of the binary format (core spec 5.5.13). */
  encode(): Uint8Array {
    invariant(this.depth === 0, 'control flow is closed');
    const entry = new ByteWriter();
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.localTypes) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    entry.uleb(runs.length);
    for (const run of runs) {
      entry.uleb(run.count);
      entry.byte(run.type);
    }
    entry.bytes(this.body.view());
    // A function with a result must not fall off its end; all of ours return explicitly.
    if (this.result !== undefined) entry.byte(0x00);
    entry.byte(0x0b);
    return entry.view().slice();
  }
}
