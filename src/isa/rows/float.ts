/**
 * What single and double precision have in common (unprivileged specification, "F" and "D"): one maker of rows for
 * both. Arithmetic is the engine's, by name; here are operand access, NaN boxing by way of fsS/setFdS, sign injection.
 * c.rm() comes first wherever there is a rounding mode field, also for exact conversions: a reserved mode traps.
 */
import { invariant } from '../../base/errors';
import { I32, I64 } from '../../wasm';
import { extension } from '../encoding';
import type { FloatFunction, OperandUse, Row, Semantics, SemanticsContext } from '../types';

type Precision = 32 | 64;
type Value = I32 | I64;
type Operation =
  'add' | 'sub' | 'mul' | 'div' | 'sqrt' | 'mulAdd' | 'min' | 'max' | 'eq' | 'lt' | 'le' | 'classify';

export function asI32(value: Value): I32 {
  invariant(value instanceof I32, 'float function returns i32');
  return value;
}
export function asI64(value: Value): I64 {
  invariant(value instanceof I64, 'float function returns i64');
  return value;
}

export const source = (c: SemanticsContext, p: Precision, operand: 1 | 2 | 3): Value =>
  p === 32 ? c.fsS(operand) : c.fsD(operand);

export function setFd(c: SemanticsContext, p: Precision, value: Value): void {
  if (p === 32) c.setFdS(asI32(value));
  else c.setFdD(asI64(value));
}

/** Makes the semantics of a floating point instruction: never pure, since mstatus.FS may forbid it. */
export const semantics = (
  name: string,
  uses: readonly OperandUse[],
  emit: (c: SemanticsContext) => void,
): Semantics => ({ name, uses, pure: false, emit });

const functionName = (p: Precision, operation: Operation): FloatFunction => `f${p}_${operation}`;

/** fd = operation(fs1, fs2, rm) */
const arithmetic = (name: string, p: Precision, operation: Operation): Semantics =>
  semantics(name, ['fd', 'fs1', 'fs2', 'rm'], (c) => {
    const rm = c.rm();
    setFd(c, p, c.float(functionName(p, operation), source(c, p, 1), source(c, p, 2), rm));
  });

const squareRoot = (name: string, p: Precision): Semantics =>
  semantics(name, ['fd', 'fs1', 'rm'], (c) => {
    const rm = c.rm();
    setFd(c, p, c.float(functionName(p, 'sqrt'), source(c, p, 1), rm));
  });

function flipSign(value: Value): Value {
  return value instanceof I32 ? value.xor(0x8000_0000 | 0) : value.xor(-(1n << 63n));
}

/**
 * fd = ±(fs1 × fs2) ± fs3, by flipping the signs of operands: exact, and a NaN whose sign is flipped still gives the
 * canonical NaN and the same flags.
 */
const fused = (name: string, p: Precision, negateProduct: boolean, negateAddend: boolean): Semantics =>
  semantics(name, ['fd', 'fs1', 'fs2', 'fs3', 'rm'], (c) => {
    const rm = c.rm();
    const a = source(c, p, 1);
    const addend = source(c, p, 3);
    const result = c.float(
      functionName(p, 'mulAdd'),
      negateProduct ? flipSign(a) : a,
      source(c, p, 2),
      negateAddend ? flipSign(addend) : addend,
      rm,
    );
    setFd(c, p, result);
  });

const minMax = (name: string, p: Precision, operation: 'min' | 'max'): Semantics =>
  semantics(name, ['fd', 'fs1', 'fs2'], (c) => {
    setFd(c, p, c.float(functionName(p, operation), source(c, p, 1), source(c, p, 2)));
  });

const compare = (name: string, p: Precision, operation: 'eq' | 'lt' | 'le'): Semantics =>
  semantics(name, ['rd', 'fs1', 'fs2'], (c) => {
    c.setRd(asI32(c.float(functionName(p, operation), source(c, p, 1), source(c, p, 2))).toI64U());
  });

/** fd = magnitude of fs1, sign by `sign` from the words that hold the signs of fs1 and fs2. */
const signInject = (name: string, p: Precision, kind: 'copy' | 'negate' | 'xor'): Semantics =>
  semantics(name, ['fd', 'fs1', 'fs2'], (c) => {
    if (p === 32) {
      const sign = 0x8000_0000 | 0;
      const [a, b] = [c.fsS(1), c.fsS(2)];
      if (kind === 'xor') c.setFdS(a.xor(b.and(sign)));
      else c.setFdS(a.and(0x7fff_ffff).or((kind === 'negate' ? b.not() : b).and(sign)));
    } else {
      const sign = -(1n << 63n);
      const [a, b] = [c.fsD(1), c.fsD(2)];
      if (kind === 'xor') c.setFdD(a.xor(b.and(sign)));
      else c.setFdD(a.and(~sign).or((kind === 'negate' ? b.not() : b).and(sign)));
    }
  });

const classify = (name: string, p: Precision): Semantics =>
  semantics(name, ['rd', 'fs1'], (c) => {
    c.setRd(asI32(c.float(functionName(p, 'classify'), source(c, p, 1))).toI64U());
  });

const toInteger = (name: string, p: Precision, to: 'i32' | 'u32' | 'i64' | 'u64'): Semantics =>
  semantics(name, ['rd', 'fs1', 'rm'], (c) => {
    const rm = c.rm();
    c.setRd(asI64(c.float(`f${p}_to_${to}`, source(c, p, 1), rm)));
  });

const fromInteger = (name: string, p: Precision, from: 'i32' | 'u32' | 'i64' | 'u64'): Semantics =>
  semantics(name, ['fd', 'rs1', 'rm'], (c) => {
    const rm = c.rm();
    setFd(c, p, c.float(`${from}_to_f${p}`, c.rs1(), rm));
  });

const loadFloat = (name: string, p: Precision): Semantics =>
  semantics(name, ['fd', 'rs1', 'imm'], (c) => {
    const address = c.rs1().add(c.imm());
    if (p === 32) c.setFdS(c.load(4, false, address).toI32());
    else c.setFdD(c.load(8, false, address));
  });

const storeFloat = (name: string, p: Precision): Semantics =>
  semantics(name, ['fs2', 'rs1', 'imm'], (c) => {
    c.store(p === 32 ? 4 : 8, c.rs1().add(c.imm()), c.fsRaw(2));
  });

const integerFormats = [
  ['w', 'i32', '00000'],
  ['wu', 'u32', '00001'],
  ['l', 'i64', '00010'],
  ['lu', 'u64', '00011'],
] as const;

/** Semantics that compressed loads and stores share. */
export const floatMemory = {
  flw: loadFloat('flw', 32),
  fsw: storeFloat('fsw', 32),
  fld: loadFloat('fld', 64),
  fsd: storeFloat('fsd', 64),
};

/** All rows that the two precisions have alike, and the two register moves of raw bits. */
export function floatRows(extensionName: 'f' | 'd'): Row[] {
  const row = extension(extensionName);
  const p: Precision = extensionName === 'f' ? 32 : 64;
  const x = extensionName === 'f' ? 's' : 'd';
  const fmt = extensionName === 'f' ? '00' : '01';
  const op = '1010011';
  const three = '{fd}, {fs1}, {fs2}';
  const binary = (name: string, operation: Operation, funct5: string): Row =>
    row(
      `${name}.${x}`,
      `${funct5}${fmt} rs2 rs1 rm rd ${op}`,
      `${three}{rm}`,
      arithmetic(`${name}.${x}`, p, operation),
    );
  const fusedRow = (name: string, opcode: string, product: boolean, addend: boolean): Row =>
    row(
      `${name}.${x}`,
      `rs3 ${fmt} rs2 rs1 rm rd ${opcode}`,
      '{fd}, {fs1}, {fs2}, {fs3}{rm}',
      fused(`${name}.${x}`, p, product, addend),
    );
  const plain = (name: string, head: string, funct3: string, text: string, s: Semantics): Row =>
    row(`${name}.${x}`, `${head}${fmt} rs2 rs1 ${funct3} rd ${op}`, text, s);
  const comparison = (name: string, operation: 'eq' | 'lt' | 'le', funct3: string): Row =>
    plain(name, '10100', funct3, '{rd}, {fs1}, {fs2}', compare(`${name}.${x}`, p, operation));

  return [
    fusedRow('fmadd', '1000011', false, false),
    fusedRow('fmsub', '1000111', false, true),
    fusedRow('fnmsub', '1001011', true, false),
    fusedRow('fnmadd', '1001111', true, true),
    binary('fadd', 'add', '00000'),
    binary('fsub', 'sub', '00001'),
    binary('fmul', 'mul', '00010'),
    binary('fdiv', 'div', '00011'),
    row(`fsqrt.${x}`, `01011${fmt} 00000 rs1 rm rd ${op}`, '{fd}, {fs1}{rm}', squareRoot(`fsqrt.${x}`, p)),
    plain('fsgnj', '00100', '000', three, signInject(`fsgnj.${x}`, p, 'copy')),
    plain('fsgnjn', '00100', '001', three, signInject(`fsgnjn.${x}`, p, 'negate')),
    plain('fsgnjx', '00100', '010', three, signInject(`fsgnjx.${x}`, p, 'xor')),
    plain('fmin', '00101', '000', three, minMax(`fmin.${x}`, p, 'min')),
    plain('fmax', '00101', '001', three, minMax(`fmax.${x}`, p, 'max')),
    comparison('feq', 'eq', '010'),
    comparison('flt', 'lt', '001'),
    comparison('fle', 'le', '000'),
    row(`fclass.${x}`, `11100${fmt} 00000 rs1 001 rd ${op}`, '{rd}, {fs1}', classify(`fclass.${x}`, p)),
    ...integerFormats.map(([suffix, format, code]) => {
      const name = `fcvt.${suffix}.${x}`;
      return row(name, `11000${fmt} ${code} rs1 rm rd ${op}`, '{rd}, {fs1}{rm}', toInteger(name, p, format));
    }),
    ...integerFormats.map(([suffix, format, code]) => {
      const name = `fcvt.${x}.${suffix}`;
      // A double holds every 32-bit integer.
      const rm = p === 64 && format.endsWith('32') ? '{exactrm}' : '{rm}';
      return row(
        name,
        `11010${fmt} ${code} rs1 rm rd ${op}`,
        `{fd}, {rs1}${rm}`,
        fromInteger(name, p, format),
      );
    }),
  ];
}
