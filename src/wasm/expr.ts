/**
 * Typed WebAssembly expressions. An expression is a tree that is written where a statement uses it, each time it is
 * used: an expression used twice is computed twice. To compute once, bind it: `const t = f.let(expr)`.
 * Arithmetic is that of the WebAssembly core specification, chapter 4.3 (wrapping, shift counts modulo the width).
 */
import { binary, load, selection, unary, type Write } from './writers';

export type ValueType = 0x7f | 0x7e | 0x7d | 0x7c;
export const I32T = 0x7f;
export const I64T = 0x7e;
export const F32T = 0x7d;
export const F64T = 0x7c;

/** A 32-bit operand: an expression, or a number that becomes i32.const. */
export type I32Like = I32 | number;
/** A 64-bit operand: an expression, or a bigint (or safe integer) that becomes i64.const. */
export type I64Like = I64 | bigint | number;

export class I32 {
  readonly type = I32T;
  constructor(readonly write: Write) {}

  private bin(other: I32Like, opcode: number): I32 {
    return new I32(binary(this, i32(other), opcode));
  }
  add(b: I32Like): I32 {
    return b === 0 ? this : this.bin(b, 0x6a);
  }
  sub(b: I32Like): I32 {
    return this.bin(b, 0x6b);
  }
  mul(b: I32Like): I32 {
    return this.bin(b, 0x6c);
  }
  divS(b: I32Like): I32 {
    return this.bin(b, 0x6d);
  }
  divU(b: I32Like): I32 {
    return this.bin(b, 0x6e);
  }
  remS(b: I32Like): I32 {
    return this.bin(b, 0x6f);
  }
  remU(b: I32Like): I32 {
    return this.bin(b, 0x70);
  }
  and(b: I32Like): I32 {
    return this.bin(b, 0x71);
  }
  or(b: I32Like): I32 {
    return this.bin(b, 0x72);
  }
  xor(b: I32Like): I32 {
    return this.bin(b, 0x73);
  }
  not(): I32 {
    return this.xor(-1);
  }
  shl(b: I32Like): I32 {
    return b === 0 ? this : this.bin(b, 0x74);
  }
  shrS(b: I32Like): I32 {
    return b === 0 ? this : this.bin(b, 0x75);
  }
  shrU(b: I32Like): I32 {
    return b === 0 ? this : this.bin(b, 0x76);
  }
  rotl(b: I32Like): I32 {
    return this.bin(b, 0x77);
  }
  rotr(b: I32Like): I32 {
    return this.bin(b, 0x78);
  }
  eqz(): I32 {
    return new I32(unary(this, 0x45));
  }
  eq(b: I32Like): I32 {
    return this.bin(b, 0x46);
  }
  ne(b: I32Like): I32 {
    return this.bin(b, 0x47);
  }
  ltS(b: I32Like): I32 {
    return this.bin(b, 0x48);
  }
  ltU(b: I32Like): I32 {
    return this.bin(b, 0x49);
  }
  gtS(b: I32Like): I32 {
    return this.bin(b, 0x4a);
  }
  gtU(b: I32Like): I32 {
    return this.bin(b, 0x4b);
  }
  leS(b: I32Like): I32 {
    return this.bin(b, 0x4c);
  }
  leU(b: I32Like): I32 {
    return this.bin(b, 0x4d);
  }
  geS(b: I32Like): I32 {
    return this.bin(b, 0x4e);
  }
  geU(b: I32Like): I32 {
    return this.bin(b, 0x4f);
  }
  clz(): I32 {
    return new I32(unary(this, 0x67));
  }
  ctz(): I32 {
    return new I32(unary(this, 0x68));
  }
  popcnt(): I32 {
    return new I32(unary(this, 0x69));
  }
  extend8S(): I32 {
    return new I32(unary(this, 0xc0));
  }
  extend16S(): I32 {
    return new I32(unary(this, 0xc1));
  }
  /** Sign-extends to 64 bits. */
  toI64S(): I64 {
    return new I64(unary(this, 0xac));
  }
  /** Zero-extends to 64 bits. */
  toI64U(): I64 {
    return new I64(unary(this, 0xad));
  }
  asF32(): F32 {
    return new F32(unary(this, 0xbe));
  }
  /** This ? a : b, both operands evaluated. */
  select(a: I32Like, b: I32Like): I32 {
    return new I32(selection(i32(a), i32(b), this));
  }
  select64(a: I64Like, b: I64Like): I64 {
    return new I64(selection(i64(a), i64(b), this));
  }

  // This expression as an address in linear memory.
  load32(offset = 0): I32 {
    return new I32(load(this, 0x28, offset));
  }
  load64(offset = 0): I64 {
    return new I64(load(this, 0x29, offset));
  }
  loadF32(offset = 0): F32 {
    return new F32(load(this, 0x2a, offset));
  }
  loadF64(offset = 0): F64 {
    return new F64(load(this, 0x2b, offset));
  }
  load8S(offset = 0): I32 {
    return new I32(load(this, 0x2c, offset));
  }
  load8U(offset = 0): I32 {
    return new I32(load(this, 0x2d, offset));
  }
  load16S(offset = 0): I32 {
    return new I32(load(this, 0x2e, offset));
  }
  load16U(offset = 0): I32 {
    return new I32(load(this, 0x2f, offset));
  }
  load8S64(offset = 0): I64 {
    return new I64(load(this, 0x30, offset));
  }
  load8U64(offset = 0): I64 {
    return new I64(load(this, 0x31, offset));
  }
  load16S64(offset = 0): I64 {
    return new I64(load(this, 0x32, offset));
  }
  load16U64(offset = 0): I64 {
    return new I64(load(this, 0x33, offset));
  }
  load32S64(offset = 0): I64 {
    return new I64(load(this, 0x34, offset));
  }
  load32U64(offset = 0): I64 {
    return new I64(load(this, 0x35, offset));
  }
  /** i32.atomic.load: for cells that another thread writes. The address must be a multiple of 4. */
  atomicLoad32(offset = 0): I32 {
    return new I32((out) => {
      this.write(out);
      out.bytes([0xfe, 0x10, 2]);
      out.uleb(offset);
    });
  }
}

export class I64 {
  readonly type = I64T;
  constructor(readonly write: Write) {}

  private bin(other: I64Like, opcode: number): I64 {
    return new I64(binary(this, i64(other), opcode));
  }
  private cmp(other: I64Like, opcode: number): I32 {
    return new I32(binary(this, i64(other), opcode));
  }
  add(b: I64Like): I64 {
    return this.bin(b, 0x7c);
  }
  sub(b: I64Like): I64 {
    return this.bin(b, 0x7d);
  }
  mul(b: I64Like): I64 {
    return this.bin(b, 0x7e);
  }
  divS(b: I64Like): I64 {
    return this.bin(b, 0x7f);
  }
  divU(b: I64Like): I64 {
    return this.bin(b, 0x80);
  }
  remS(b: I64Like): I64 {
    return this.bin(b, 0x81);
  }
  remU(b: I64Like): I64 {
    return this.bin(b, 0x82);
  }
  and(b: I64Like): I64 {
    return this.bin(b, 0x83);
  }
  or(b: I64Like): I64 {
    return this.bin(b, 0x84);
  }
  xor(b: I64Like): I64 {
    return this.bin(b, 0x85);
  }
  not(): I64 {
    return this.xor(-1n);
  }
  neg(): I64 {
    return i64(0n).sub(this);
  }
  shl(b: I64Like): I64 {
    return this.bin(b, 0x86);
  }
  shrS(b: I64Like): I64 {
    return this.bin(b, 0x87);
  }
  shrU(b: I64Like): I64 {
    return this.bin(b, 0x88);
  }
  rotl(b: I64Like): I64 {
    return this.bin(b, 0x89);
  }
  rotr(b: I64Like): I64 {
    return this.bin(b, 0x8a);
  }
  eqz(): I32 {
    return new I32(unary(this, 0x50));
  }
  eq(b: I64Like): I32 {
    return this.cmp(b, 0x51);
  }
  ne(b: I64Like): I32 {
    return this.cmp(b, 0x52);
  }
  ltS(b: I64Like): I32 {
    return this.cmp(b, 0x53);
  }
  ltU(b: I64Like): I32 {
    return this.cmp(b, 0x54);
  }
  gtS(b: I64Like): I32 {
    return this.cmp(b, 0x55);
  }
  gtU(b: I64Like): I32 {
    return this.cmp(b, 0x56);
  }
  leS(b: I64Like): I32 {
    return this.cmp(b, 0x57);
  }
  leU(b: I64Like): I32 {
    return this.cmp(b, 0x58);
  }
  geS(b: I64Like): I32 {
    return this.cmp(b, 0x59);
  }
  geU(b: I64Like): I32 {
    return this.cmp(b, 0x5a);
  }
  clz(): I64 {
    return new I64(unary(this, 0x79));
  }
  ctz(): I64 {
    return new I64(unary(this, 0x7a));
  }
  popcnt(): I64 {
    return new I64(unary(this, 0x7b));
  }
  extend8S(): I64 {
    return new I64(unary(this, 0xc2));
  }
  extend16S(): I64 {
    return new I64(unary(this, 0xc3));
  }
  extend32S(): I64 {
    return new I64(unary(this, 0xc4));
  }
  /** The low 32 bits. */
  toI32(): I32 {
    return new I32(unary(this, 0xa7));
  }
  asF64(): F64 {
    return new F64(unary(this, 0xbf));
  }
}

export class F32 {
  readonly type = F32T;
  constructor(readonly write: Write) {}
  private bin(b: F32, opcode: number): F32 {
    return new F32(binary(this, b, opcode));
  }
  private cmp(b: F32, opcode: number): I32 {
    return new I32(binary(this, b, opcode));
  }
  add(b: F32): F32 {
    return this.bin(b, 0x92);
  }
  sub(b: F32): F32 {
    return this.bin(b, 0x93);
  }
  mul(b: F32): F32 {
    return this.bin(b, 0x94);
  }
  div(b: F32): F32 {
    return this.bin(b, 0x95);
  }
  sqrt(): F32 {
    return new F32(unary(this, 0x91));
  }
  eq(b: F32): I32 {
    return this.cmp(b, 0x5b);
  }
  lt(b: F32): I32 {
    return this.cmp(b, 0x5d);
  }
  le(b: F32): I32 {
    return this.cmp(b, 0x5f);
  }
  toF64(): F64 {
    return new F64(unary(this, 0xbb));
  }
  asI32(): I32 {
    return new I32(unary(this, 0xbc));
  }
}

export class F64 {
  readonly type = F64T;
  constructor(readonly write: Write) {}
  private bin(b: F64, opcode: number): F64 {
    return new F64(binary(this, b, opcode));
  }
  private cmp(b: F64, opcode: number): I32 {
    return new I32(binary(this, b, opcode));
  }
  add(b: F64): F64 {
    return this.bin(b, 0xa0);
  }
  sub(b: F64): F64 {
    return this.bin(b, 0xa1);
  }
  mul(b: F64): F64 {
    return this.bin(b, 0xa2);
  }
  div(b: F64): F64 {
    return this.bin(b, 0xa3);
  }
  sqrt(): F64 {
    return new F64(unary(this, 0x9f));
  }
  eq(b: F64): I32 {
    return this.cmp(b, 0x61);
  }
  lt(b: F64): I32 {
    return this.cmp(b, 0x63);
  }
  le(b: F64): I32 {
    return this.cmp(b, 0x65);
  }
  toF32(): F32 {
    return new F32(unary(this, 0xb6));
  }
  asI64(): I64 {
    return new I64(unary(this, 0xbd));
  }
}

export type Expr = I32 | I64 | F32 | F64;

/** Lifts a number to i32.const; an expression is returned as it is. */
export function i32(value: I32Like): I32 {
  if (typeof value !== 'number') return value;
  return new I32((out) => {
    out.byte(0x41);
    out.sleb32(value);
  });
}

/** Lifts a bigint or a safe integer to i64.const; an expression is returned as it is. */
export function i64(value: I64Like): I64 {
  if (value instanceof I64) return value;
  const constant = BigInt(value);
  return new I64((out) => {
    out.byte(0x42);
    out.sleb64(constant);
  });
}

export const f64 = (value: number): F64 =>
  new F64((out) => {
    out.byte(0x44);
    out.f64(value);
  });

/** An expression of the given value type, from a writer. */
export function exprOf(type: ValueType, write: Write): Expr {
  switch (type) {
    case I32T:
      return new I32(write);
    case I64T:
      return new I64(write);
    case F32T:
      return new F32(write);
    case F64T:
      return new F64(write);
  }
}
