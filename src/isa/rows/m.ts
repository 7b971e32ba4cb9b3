/** Integer multiplication and division (unprivileged specification, "M"). */
import type { FunctionBuilder, I32, I64, Local } from '../../wasm';
import { extension } from '../encoding';
import type { Row } from '../types';
import { registerOp, registerOpW } from './i';

/** The high 64 bits of the unsigned product, from four products of 32-bit halves. */
function mulHighUnsigned(f: FunctionBuilder, a: Local<I64>, b: Local<I64>): I64 {
  const low32 = 0xffff_ffffn;
  const [aLow, aHigh] = [f.let(a.and(low32)), f.let(a.shrU(32n))];
  const [bLow, bHigh] = [f.let(b.and(low32)), f.let(b.shrU(32n))];
  // Neither sum overflows: (2^32-1)^2 + 2 (2^32-1) = 2^64-1.
  const middle = f.let(aHigh.mul(bLow).add(aLow.mul(bLow).shrU(32n)));
  const other = aLow.mul(bHigh).add(middle.and(low32));
  return aHigh.mul(bHigh).add(middle.shrU(32n)).add(other.shrU(32n));
}

/** b where a is negative, else 0: what a signed operand's top bit takes from the high half of the product. */
const ifNegative = (a: I64, b: I64): I64 => a.shrS(63n).and(b);

const multiply = {
  mul: registerOp('mul', (a, b) => a.mul(b)),
  mulh: registerOp('mulh', (rs1, rs2, { f }) => {
    const [a, b] = [f.let(rs1), f.let(rs2)];
    return mulHighUnsigned(f, a, b).sub(ifNegative(a, b)).sub(ifNegative(b, a));
  }),
  mulhsu: registerOp('mulhsu', (rs1, rs2, { f }) => {
    const [a, b] = [f.let(rs1), f.let(rs2)];
    return mulHighUnsigned(f, a, b).sub(ifNegative(a, b));
  }),
  mulhu: registerOp('mulhu', (rs1, rs2, { f }) => mulHighUnsigned(f, f.let(rs1), f.let(rs2))),
  mulw: registerOpW('mulw', (a, b) => a.mul(b)),
};

// Division by zero gives all ones, remainder the dividend; the overflow of MIN / -1 wraps. WebAssembly traps on both.
const divide = {
  div: registerOp('div', (rs1, rs2, { f }) => {
    const [a, b, quotient] = [f.let(rs1), f.let(rs2), f.i64()];
    f.if(
      b.eqz(),
      () => f.set(quotient, -1n),
      () =>
        f.if(
          b.eq(-1n),
          () => f.set(quotient, a.neg()),
          () => f.set(quotient, a.divS(b)),
        ),
    );
    return quotient;
  }),
  divu: registerOp('divu', (rs1, rs2, { f }) => {
    const [a, b, quotient] = [f.let(rs1), f.let(rs2), f.i64()];
    f.if(
      b.eqz(),
      () => f.set(quotient, -1n),
      () => f.set(quotient, a.divU(b)),
    );
    return quotient;
  }),
  rem: registerOp('rem', (rs1, rs2, { f }) => {
    const [remainder, b] = [f.let(rs1), f.let(rs2)];
    // i64.rem_s of MIN and -1 is defined: 0.
    f.if(b.eqz().eqz(), () => f.set(remainder, remainder.remS(b)));
    return remainder;
  }),
  remu: registerOp('remu', (rs1, rs2, { f }) => {
    const [remainder, b] = [f.let(rs1), f.let(rs2)];
    f.if(b.eqz().eqz(), () => f.set(remainder, remainder.remU(b)));
    return remainder;
  }),
};

const divideW = {
  divw: registerOpW('divw', (rs1, rs2, { f }) => {
    const [a, b, quotient] = [f.let(rs1), f.let(rs2), f.i32()];
    f.if(
      b.eqz(),
      () => f.set(quotient, -1),
      () =>
        f.if(
          b.eq(-1),
          () => f.set(quotient, negate(a)),
          () => f.set(quotient, a.divS(b)),
        ),
    );
    return quotient;
  }),
  divuw: registerOpW('divuw', (rs1, rs2, { f }) => {
    const [a, b, quotient] = [f.let(rs1), f.let(rs2), f.i32()];
    f.if(
      b.eqz(),
      () => f.set(quotient, -1),
      () => f.set(quotient, a.divU(b)),
    );
    return quotient;
  }),
  remw: registerOpW('remw', (rs1, rs2, { f }) => {
    const [remainder, b] = [f.let(rs1), f.let(rs2)];
    f.if(b, () => f.set(remainder, remainder.remS(b)));
    return remainder;
  }),
  remuw: registerOpW('remuw', (rs1, rs2, { f }) => {
    const [remainder, b] = [f.let(rs1), f.let(rs2)];
    f.if(b, () => f.set(remainder, remainder.remU(b)));
    return remainder;
  }),
};

const negate = (a: I32): I32 => a.not().add(1);

const m = extension('m');
const text = '{rd}, {rs1}, {rs2}';

export const mRows: readonly Row[] = [
  m('mul', '0000001 rs2 rs1 000 rd 0110011', text, multiply.mul),
  m('mulh', '0000001 rs2 rs1 001 rd 0110011', text, multiply.mulh),
  m('mulhsu', '0000001 rs2 rs1 010 rd 0110011', text, multiply.mulhsu),
  m('mulhu', '0000001 rs2 rs1 011 rd 0110011', text, multiply.mulhu),
  m('div', '0000001 rs2 rs1 100 rd 0110011', text, divide.div),
  m('divu', '0000001 rs2 rs1 101 rd 0110011', text, divide.divu),
  m('rem', '0000001 rs2 rs1 110 rd 0110011', text, divide.rem),
  m('remu', '0000001 rs2 rs1 111 rd 0110011', text, divide.remu),
  m('mulw', '0000001 rs2 rs1 000 rd 0111011', text, multiply.mulw),
  m('divw', '0000001 rs2 rs1 100 rd 0111011', text, divideW.divw),
  m('divuw', '0000001 rs2 rs1 101 rd 0111011', text, divideW.divuw),
  m('remw', '0000001 rs2 rs1 110 rd 0111011', text, divideW.remw),
  m('remuw', '0000001 rs2 rs1 111 rd 0111011', text, divideW.remuw),
];
