/** Bit manipulation: Zba, Zbb, Zbc, Zbs (unprivileged specification, "B"). */
import { i64, type FunctionBuilder, type I64, type Local } from '../../wasm';
import { extension } from '../encoding';
import type { Row } from '../types';
import { immediateOp, immediateOpW, registerOp, registerOpW, unaryOp } from './i';

const low32 = (a: I64): I64 => a.and(0xffff_ffffn);
const pick = (f: FunctionBuilder, rs1: I64, rs2: I64, choose: (a: I64, b: I64) => I64): I64 =>
  choose(f.let(rs1), f.let(rs2));

/** Runs `step` for each set bit of b, lowest first, with the number of the bit. */
function forEachBit(f: FunctionBuilder, b: Local<I64>, step: (bit: I64) => void): void {
  f.while(
    () => b.eqz().eqz(),
    () => {
      step(b.ctz());
      f.set(b, b.and(b.sub(1n)));
    },
  );
}

/** Carry-less product of rs1 and rs2, the bits that `shifted` selects (clmul, clmulh, clmulr). */
const carryless = (name: string, shifted: (a: I64, bit: I64) => I64): ReturnType<typeof registerOp> =>
  registerOp(name, (rs1, rs2, { f }) => {
    const [a, b, product] = [f.let(rs1), f.let(rs2), f.i64()];
    f.set(product, 0n);
    forEachBit(f, b, (bit) => f.set(product, product.xor(shifted(a, bit))));
    return product;
  });

/** Each byte all ones if any of its bits is set. The addition carries into bit 7 from bits 6..0 and no further. */
function orCombine(f: FunctionBuilder, rs1: I64): I64 {
  const a = f.let(rs1);
  const low7 = 0x7f7f_7f7f_7f7f_7f7fn;
  const tops = a.and(low7).add(low7).or(a).and(~low7);
  return tops.shrU(7n).mul(255n);
}

function reverseBytes(f: FunctionBuilder, rs1: I64): I64 {
  const bytes = f.let(rs1);
  const mask8 = 0x00ff_00ff_00ff_00ffn;
  const halves = f.let(bytes.shrU(8n).and(mask8).or(bytes.and(mask8).shl(8n)));
  const mask16 = 0x0000_ffff_0000_ffffn;
  return halves.shrU(16n).and(mask16).or(halves.and(mask16).shl(16n)).rotl(32n);
}

const [zba, zbb, zbc, zbs] = [extension('zba'), extension('zbb'), extension('zbc'), extension('zbs')];
const text = '{rd}, {rs1}, {rs2}';
const unaryText = '{rd}, {rs1}';
const shiftText = '{rd}, {rs1}, {shamt}';

const shiftAdd = (amount: 1 | 2 | 3, funct3: string): Row[] => {
  const name = `sh${amount}add`;
  return [
    zba(
      name,
      `0010000 rs2 rs1 ${funct3} rd 0110011`,
      text,
      registerOp(name, (a, b) => a.shl(BigInt(amount)).add(b)),
    ),
    zba(
      `${name}.uw`,
      `0010000 rs2 rs1 ${funct3} rd 0111011`,
      text,
      registerOp(`${name}.uw`, (a, b) => low32(a).shl(BigInt(amount)).add(b)),
    ),
  ];
};

const zbaRows: readonly Row[] = [
  zba(
    'add.uw',
    '0000100 rs2 rs1 000 rd 0111011',
    text,
    registerOp('add.uw', (a, b) => low32(a).add(b)),
  ),
  ...shiftAdd(1, '010'),
  ...shiftAdd(2, '100'),
  ...shiftAdd(3, '110'),
  zba(
    'slli.uw',
    '000010 uimm[5:0] rs1 001 rd 0011011',
    shiftText,
    immediateOp('slli.uw', (a, b) => low32(a).shl(b)),
  ),
];

const min = registerOp('min', (x, y, { f }) => pick(f, x, y, (a, b) => a.ltS(b).select64(a, b)));
const minu = registerOp('minu', (x, y, { f }) => pick(f, x, y, (a, b) => a.ltU(b).select64(a, b)));
const max = registerOp('max', (x, y, { f }) => pick(f, x, y, (a, b) => a.gtS(b).select64(a, b)));
const maxu = registerOp('maxu', (x, y, { f }) => pick(f, x, y, (a, b) => a.gtU(b).select64(a, b)));

/** The unary ones: funct12, opcode tail, what they do. */
const zbbUnary: readonly [string, string, string, Parameters<typeof unaryOp>[1]][] = [
  ['clz', '011000000000', '001 rd 0010011', (a) => a.clz()],
  ['ctz', '011000000001', '001 rd 0010011', (a) => a.ctz()],
  ['cpop', '011000000010', '001 rd 0010011', (a) => a.popcnt()],
  ['clzw', '011000000000', '001 rd 0011011', (a) => a.toI32().clz().toI64U()],
  ['ctzw', '011000000001', '001 rd 0011011', (a) => a.toI32().ctz().toI64U()],
  ['cpopw', '011000000010', '001 rd 0011011', (a) => a.toI32().popcnt().toI64U()],
  ['sext.b', '011000000100', '001 rd 0010011', (a) => a.extend8S()],
  ['sext.h', '011000000101', '001 rd 0010011', (a) => a.extend16S()],
  ['zext.h', '000010000000', '100 rd 0111011', (a) => a.and(0xffffn)],
  ['orc.b', '001010000111', '101 rd 0010011', (a, { f }) => orCombine(f, a)],
  ['rev8', '011010111000', '101 rd 0010011', (a, { f }) => reverseBytes(f, a)],
];

const zbbRows: readonly Row[] = [
  zbb(
    'andn',
    '0100000 rs2 rs1 111 rd 0110011',
    text,
    registerOp('andn', (a, b) => a.and(b.not())),
  ),
  zbb(
    'orn',
    '0100000 rs2 rs1 110 rd 0110011',
    text,
    registerOp('orn', (a, b) => a.or(b.not())),
  ),
  zbb(
    'xnor',
    '0100000 rs2 rs1 100 rd 0110011',
    text,
    registerOp('xnor', (a, b) => a.xor(b).not()),
  ),
  zbb('max', '0000101 rs2 rs1 110 rd 0110011', text, max),
  zbb('maxu', '0000101 rs2 rs1 111 rd 0110011', text, maxu),
  zbb('min', '0000101 rs2 rs1 100 rd 0110011', text, min),
  zbb('minu', '0000101 rs2 rs1 101 rd 0110011', text, minu),
  ...zbbUnary.map(([name, funct12, tail, op]) =>
    zbb(name, `${funct12} rs1 ${tail}`, unaryText, unaryOp(name, op)),
  ),
  zbb(
    'rol',
    '0110000 rs2 rs1 001 rd 0110011',
    text,
    registerOp('rol', (a, b) => a.rotl(b)),
  ),
  zbb(
    'ror',
    '0110000 rs2 rs1 101 rd 0110011',
    text,
    registerOp('ror', (a, b) => a.rotr(b)),
  ),
  zbb(
    'rori',
    '011000 uimm[5:0] rs1 101 rd 0010011',
    shiftText,
    immediateOp('rori', (a, b) => a.rotr(b)),
  ),
  zbb(
    'rolw',
    '0110000 rs2 rs1 001 rd 0111011',
    text,
    registerOpW('rolw', (a, b) => a.rotl(b)),
  ),
  zbb(
    'rorw',
    '0110000 rs2 rs1 101 rd 0111011',
    text,
    registerOpW('rorw', (a, b) => a.rotr(b)),
  ),
  zbb(
    'roriw',
    '0110000 uimm[4:0] rs1 101 rd 0011011',
    shiftText,
    immediateOpW('roriw', (a, b) => a.rotr(b)),
  ),
];

const zbcRows: readonly Row[] = [
  zbc(
    'clmul',
    '0000101 rs2 rs1 001 rd 0110011',
    text,
    carryless('clmul', (a, bit) => a.shl(bit)),
  ),
  // Two shifts, since a shift by 64 would be one by 0.
  zbc(
    'clmulh',
    '0000101 rs2 rs1 011 rd 0110011',
    text,
    carryless('clmulh', (a, bit) => a.shrU(1n).shrU(bit.xor(63n))),
  ),
  zbc(
    'clmulr',
    '0000101 rs2 rs1 010 rd 0110011',
    text,
    carryless('clmulr', (a, bit) => a.shrU(bit.xor(63n))),
  ),
];

const bit = (position: I64): I64 => i64(1n).shl(position);

const singleBit: readonly [string, string, string, (a: I64, position: I64) => I64][] = [
  ['bclr', '010010', '001', (a, n) => a.and(bit(n).not())],
  ['bext', '010010', '101', (a, n) => a.shrU(n).and(1n)],
  ['binv', '011010', '001', (a, n) => a.xor(bit(n))],
  ['bset', '001010', '001', (a, n) => a.or(bit(n))],
];

const zbsRows: readonly Row[] = singleBit.flatMap(([name, funct6, funct3, op]) => [
  zbs(name, `${funct6}0 rs2 rs1 ${funct3} rd 0110011`, text, registerOp(name, op)),
  zbs(`${name}i`, `${funct6} uimm[5:0] rs1 ${funct3} rd 0010011`, shiftText, immediateOp(`${name}i`, op)),
]);

export const zbRows: readonly Row[] = [...zbaRows, ...zbbRows, ...zbcRows, ...zbsRows];
