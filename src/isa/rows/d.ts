/** Double precision floating point (unprivileged specification, "D"); what it shares with "F" is in float.ts. */
import { extension } from '../encoding';
import type { Row } from '../types';
import { asI32, asI64, floatMemory, floatRows, semantics } from './float';

const d = extension('d');

const toDouble = semantics('fcvt.d.s', ['fd', 'fs1', 'rm'], (c) => {
  // Widening is exact, but a reserved rounding mode still traps.
  c.rm();
  c.setFdD(asI64(c.float('f32_to_f64', c.fsS(1))));
});

const toSingle = semantics('fcvt.s.d', ['fd', 'fs1', 'rm'], (c) => {
  const rm = c.rm();
  c.setFdS(asI32(c.float('f64_to_f32', c.fsD(1), rm)));
});

export const dRows: readonly Row[] = [
  d('fld', 'imm[11:0] rs1 011 rd 0000111', '{fd}, {imm}({rs1})', floatMemory.fld),
  d('fsd', 'imm[11:5] rs2 rs1 011 imm[4:0] 0100111', '{fs2}, {imm}({rs1})', floatMemory.fsd),
  ...floatRows('d'),
  d('fcvt.s.d', '0100000 00001 rs1 rm rd 1010011', '{fd}, {fs1}{rm}', toSingle),
  d('fcvt.d.s', '0100001 00000 rs1 rm rd 1010011', '{fd}, {fs1}{exactrm}', toDouble),
  d(
    'fmv.x.d',
    '1110001 00000 rs1 000 rd 1010011',
    '{rd}, {fs1}',
    semantics('fmv.x.d', ['rd', 'fs1'], (c) => c.setRd(c.fsRaw(1))),
  ),
  d(
    'fmv.d.x',
    '1111001 00000 rs1 000 rd 1010011',
    '{fd}, {rs1}',
    semantics('fmv.d.x', ['fd', 'rs1'], (c) => c.setFdD(c.rs1())),
  ),
];
