/**
 * What each integer instruction computes, written apart from the table: unbounded integers, the words of the manual.
 * Operands and results are unsigned 64-bit; `imm` is sign-extended.
 */
export type Model = (a: bigint, b: bigint) => bigint;

const s64 = (v: bigint): bigint => BigInt.asIntN(64, v);
const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const s32 = (v: bigint): bigint => BigInt.asIntN(32, v);
const u32 = (v: bigint): bigint => BigInt.asUintN(32, v);
const bits = (v: bigint, width: number): string => BigInt.asUintN(width, v).toString(2).padStart(width, '0');
const truth = (condition: boolean): bigint => (condition ? 1n : 0n);
const repeat = (text: string, count: bigint): string =>
  text.slice(Number(count)) + text.slice(0, Number(count));

/** Quotient rounded towards zero; all ones for a zero divisor. */
const quotient = (a: bigint, b: bigint): bigint => (b === 0n ? -1n : a / b);
const remainder = (a: bigint, b: bigint): bigint => (b === 0n ? a : a - b * (a / b));

/** Polynomial product over GF(2): 128 bits. */
function polynomialProduct(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let bit = 0n; bit < 64n; bit++) if ((b >> bit) & 1n) product ^= a << bit;
  return product;
}

/** Rotates the binary digits, to the left. */
const rotate = (v: bigint, count: bigint, width: 32 | 64): bigint =>
  BigInt(`0b${repeat(bits(v, width), count % BigInt(width))}`);

const mapBytes = (v: bigint, change: (bytes: string[]) => string[]): bigint =>
  BigInt(`0x${change(u64(v).toString(16).padStart(16, '0').match(/../g) ?? []).join('')}`);

const leading = (text: string): bigint => BigInt(text.indexOf('1') < 0 ? text.length : text.indexOf('1'));
const trailing = (text: string): bigint => leading(Array.from(text).reverse().join(''));
const ones = (text: string): bigint => BigInt(text.replaceAll('0', '').length);
const oneBit = (b: bigint): bigint => 1n << (b % 64n);

/** rd by rs1 and rs2. */
export const registerModels: Readonly<Record<string, Model>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  sll: (a, b) => a << (b % 64n),
  slt: (a, b) => truth(s64(a) < s64(b)),
  sltu: (a, b) => truth(a < b),
  xor: (a, b) => a ^ b,
  srl: (a, b) => a >> (b % 64n),
  sra: (a, b) => s64(a) >> (b % 64n),
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  addw: (a, b) => s32(a + b),
  subw: (a, b) => s32(a - b),
  sllw: (a, b) => s32(a << (b % 32n)),
  srlw: (a, b) => s32(u32(a) >> (b % 32n)),
  sraw: (a, b) => s32(a) >> (b % 32n),
  mul: (a, b) => a * b,
  mulh: (a, b) => (s64(a) * s64(b)) >> 64n,
  mulhsu: (a, b) => (s64(a) * b) >> 64n,
  mulhu: (a, b) => (a * b) >> 64n,
  mulw: (a, b) => s32(a * b),
  div: (a, b) => quotient(s64(a), s64(b)),
  divu: quotient,
  rem: (a, b) => remainder(s64(a), s64(b)),
  remu: remainder,
  divw: (a, b) => s32(quotient(s32(a), s32(b))),
  divuw: (a, b) => s32(quotient(u32(a), u32(b))),
  remw: (a, b) => s32(remainder(s32(a), s32(b))),
  remuw: (a, b) => s32(remainder(u32(a), u32(b))),
  'add.uw': (a, b) => u32(a) + b,
  sh1add: (a, b) => 2n * a + b,
  sh2add: (a, b) => 4n * a + b,
  sh3add: (a, b) => 8n * a + b,
  'sh1add.uw': (a, b) => 2n * u32(a) + b,
  'sh2add.uw': (a, b) => 4n * u32(a) + b,
  'sh3add.uw': (a, b) => 8n * u32(a) + b,
  andn: (a, b) => a & ~b,
  orn: (a, b) => a | ~b,
  xnor: (a, b) => ~(a ^ b),
  max: (a, b) => (s64(a) > s64(b) ? a : b),
  maxu: (a, b) => (a > b ? a : b),
  min: (a, b) => (s64(a) < s64(b) ? a : b),
  minu: (a, b) => (a < b ? a : b),
  rol: (a, b) => rotate(a, b % 64n, 64),
  ror: (a, b) => rotate(a, 64n - (b % 64n), 64),
  rolw: (a, b) => s32(rotate(a, b % 32n, 32)),
  rorw: (a, b) => s32(rotate(a, 32n - (b % 32n), 32)),
  clmul: polynomialProduct,
  clmulh: (a, b) => polynomialProduct(a, b) >> 64n,
  clmulr: (a, b) => polynomialProduct(a, b) >> 63n,
  bclr: (a, b) => a & ~oneBit(b),
  bext: (a, b) => (a / oneBit(b)) % 2n,
  binv: (a, b) => a ^ oneBit(b),
  bset: (a, b) => a | oneBit(b),
};

/** rd by rs1 alone. */
export const unaryModels: Readonly<Record<string, (a: bigint) => bigint>> = {
  clz: (a) => leading(bits(a, 64)),
  ctz: (a) => trailing(bits(a, 64)),
  cpop: (a) => ones(bits(a, 64)),
  clzw: (a) => leading(bits(a, 32)),
  ctzw: (a) => trailing(bits(a, 32)),
  cpopw: (a) => ones(bits(a, 32)),
  'sext.b': (a) => BigInt.asIntN(8, a),
  'sext.h': (a) => BigInt.asIntN(16, a),
  'zext.h': (a) => a % 65_536n,
  'orc.b': (a) => mapBytes(a, (bytes) => bytes.map((byte) => (byte === '00' ? '00' : 'ff'))),
  rev8: (a) => mapBytes(a, (bytes) => bytes.reverse()),
};

/** Immediate forms whose register form has another name: `slliw` is `sllw`. Others drop the last i. */
export const registerFormOf = (name: string): string =>
  name === 'sltiu' ? 'sltu' : name.replace(/i(w?)$/, '$1');

/** Those that have no register form. */
export const immediateModels: Readonly<Record<string, Model>> = {
  lui: (_a, imm) => imm,
  'slli.uw': (a, imm) => u32(a) << imm,
};

/** New memory value by old value and rs2, both sign-extended from the width. */
export const amoModels: Readonly<Record<string, Model>> = {
  amoadd: (old, b) => old + b,
  amoswap: (_old, b) => b,
  amoxor: (old, b) => old ^ b,
  amoor: (old, b) => old | b,
  amoand: (old, b) => old & b,
  amomin: (old, b) => (old < b ? old : b),
  amomax: (old, b) => (old > b ? old : b),
  amominu: (old, b) => (u64(old) < u64(b) ? old : b),
  amomaxu: (old, b) => (u64(old) > u64(b) ? old : b),
};

export const branchModels: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  beq: (a, b) => a === b,
  bne: (a, b) => a !== b,
  blt: (a, b) => s64(a) < s64(b),
  bge: (a, b) => s64(a) >= s64(b),
  bltu: (a, b) => a < b,
  bgeu: (a, b) => a >= b,
};
