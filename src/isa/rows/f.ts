/** Single precision floating point (unprivileged specification, "F"); what it shares with "D" is in float.ts. */
import { extension } from '../encoding';
import type { Row } from '../types';
import { floatMemory, floatRows, semantics } from './float';

const f = extension('f');

export const fRows: readonly Row[] = [
  f('flw', 'imm[11:0] rs1 010 rd 0000111', '{fd}, {imm}({rs1})', floatMemory.flw),
  f('fsw', 'imm[11:5] rs2 rs1 010 imm[4:0] 0100111', '{fs2}, {imm}({rs1})', floatMemory.fsw),
  ...floatRows('f'),
  // Moves raw bits: the register need not be NaN-boxed.
  f(
    'fmv.x.w',
    '1110000 00000 rs1 000 rd 1010011',
    '{rd}, {fs1}',
    semantics('fmv.x.w', ['rd', 'fs1'], (c) => c.setRd(c.fsRaw(1).extend32S())),
  ),
  f(
    'fmv.w.x',
    '1111000 00000 rs1 000 rd 1010011',
    '{fd}, {rs1}',
    semantics('fmv.w.x', ['fd', 'rs1'], (c) => c.setFdS(c.rs1().toI32())),
  ),
];
