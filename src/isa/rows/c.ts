/**
 * Compressed instructions of RV64 (unprivileged specification, "C"). Each has the semantics object of the instruction
 * it stands for; only operands and length differ. Hints (such as c.addi with rd = x0) decode like their neighbours:
 * without a destination the shared semantics does nothing. Reserved encodings do not decode.
 */
import { extension } from '../encoding';
import type { Operands, Row } from '../types';
import { floatMemory } from './float';
import { integer as base } from './i';

const c = extension('c');
const sp = 2;
const noImmediate = (o: Operands): boolean => o.imm === 0;
const noDestination = (o: Operands): boolean => o.rd === 0;
const noSource = (o: Operands): boolean => o.rs1 === 0;

const quadrant0: readonly Row[] = [
  // The all-zero halfword is reserved here by its zero immediate: it is the defined illegal instruction.
  c('c.addi4spn', "000 uimm[5:4|9:6|2|3] rd' 00", '{rd}, {rs1}, {imm}', base.addi, {
    fixed: { rs1: sp },
    reserved: noImmediate,
  }),
  c('c.fld', "001 uimm[5:3] rs1' uimm[7:6] rd' 00", '{fd}, {imm}({rs1})', floatMemory.fld),
  c('c.lw', "010 uimm[5:3] rs1' uimm[2|6] rd' 00", '{rd}, {imm}({rs1})', base.lw),
  c('c.ld', "011 uimm[5:3] rs1' uimm[7:6] rd' 00", '{rd}, {imm}({rs1})', base.ld),
  c('c.fsd', "101 uimm[5:3] rs1' uimm[7:6] rs2' 00", '{fs2}, {imm}({rs1})', floatMemory.fsd),
  c('c.sw', "110 uimm[5:3] rs1' uimm[2|6] rs2' 00", '{rs2}, {imm}({rs1})', base.sw),
  c('c.sd', "111 uimm[5:3] rs1' uimm[7:6] rs2' 00", '{rs2}, {imm}({rs1})', base.sd),
];

const arithmetic = '{rd}, {rs2}';
const quadrant1: readonly Row[] = [
  c('c.nop', '000 imm[5] 00000 imm[4:0] 01', '{hint}', base.addi),
  c('c.addi', '000 imm[5] rd/rs1 imm[4:0] 01', '{rd}, {imm}', base.addi),
  c('c.addiw', '001 imm[5] rd/rs1 imm[4:0] 01', '{rd}, {imm}', base.addiw, { reserved: noDestination }),
  c('c.li', '010 imm[5] rd imm[4:0] 01', '{rd}, {imm}', base.addi),
  c('c.addi16sp', '011 imm[9] 00010 imm[4|6|8:7|5] 01', '{rd}, {imm}', base.addi, {
    fixed: { rd: sp, rs1: sp },
    reserved: noImmediate,
  }),
  c('c.lui', '011 imm[17] rd imm[16:12] 01', '{rd}, {upper}', base.lui, { reserved: noImmediate }),
  c('c.srli', "100 uimm[5] 00 rd/rs1' uimm[4:0] 01", '{rd}, {shamt}', base.srli),
  c('c.srai', "100 uimm[5] 01 rd/rs1' uimm[4:0] 01", '{rd}, {shamt}', base.srai),
  c('c.srli64', "100 0 00 rd/rs1' 00000 01", '{rd}', base.srli),
  c('c.srai64', "100 0 01 rd/rs1' 00000 01", '{rd}', base.srai),
  c('c.andi', "100 imm[5] 10 rd/rs1' imm[4:0] 01", '{rd}, {imm}', base.andi),
  c('c.sub', "100 0 11 rd/rs1' 00 rs2' 01", arithmetic, base.sub),
  c('c.xor', "100 0 11 rd/rs1' 01 rs2' 01", arithmetic, base.xor),
  c('c.or', "100 0 11 rd/rs1' 10 rs2' 01", arithmetic, base.or),
  c('c.and', "100 0 11 rd/rs1' 11 rs2' 01", arithmetic, base.and),
  c('c.subw', "100 1 11 rd/rs1' 00 rs2' 01", arithmetic, base.subw),
  c('c.addw', "100 1 11 rd/rs1' 01 rs2' 01", arithmetic, base.addw),
  c('c.j', '101 imm[11|4|9:8|10|6|7|3:1|5] 01', '{target}', base.jal),
  c('c.beqz', "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", '{rs1}, {target}', base.beq),
  c('c.bnez', "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", '{rs1}, {target}', base.bne),
];

const stackLoad = { fixed: { rs1: sp }, reserved: noDestination };
const stack = { fixed: { rs1: sp } };

const quadrant2: readonly Row[] = [
  c('c.slli', '000 uimm[5] rd/rs1 uimm[4:0] 10', '{rd}, {shamt}', base.slli),
  // Shifts by 0 are hints with names of their own (those of the RV128 shifts by 64).
  c('c.slli64', '000 0 rd/rs1 00000 10', '{rd}', base.slli),
  c('c.fldsp', '001 uimm[5] rd uimm[4:3|8:6] 10', '{fd}, {imm}({rs1})', floatMemory.fld, stack),
  c('c.lwsp', '010 uimm[5] rd uimm[4:2|7:6] 10', '{rd}, {imm}({rs1})', base.lw, stackLoad),
  c('c.ldsp', '011 uimm[5] rd uimm[4:3|8:6] 10', '{rd}, {imm}({rs1})', base.ld, stackLoad),
  c('c.jr', '100 0 rs1 00000 10', '{rs1}', base.jalr, { reserved: noSource }),
  // add rd, x0, rs2 in the manual: copying by add keeps c.mv the same as c.add to the engines.
  c('c.mv', '100 0 rd rs2 10', '{rd}, {rs2}', base.add),
  c('c.ebreak', '100 1 00000 00000 10', '', base.ebreak),
  c('c.jalr', '100 1 rs1 00000 10', '{rs1}', base.jalr, { fixed: { rd: 1 } }),
  c('c.add', '100 1 rd/rs1 rs2 10', '{rd}, {rs2}', base.add),
  c('c.fsdsp', '101 uimm[5:3|8:6] rs2 10', '{fs2}, {imm}({rs1})', floatMemory.fsd, stack),
  c('c.swsp', '110 uimm[5:2|7:6] rs2 10', '{rs2}, {imm}({rs1})', base.sw, stack),
  c('c.sdsp', '111 uimm[5:3|8:6] rs2 10', '{rs2}, {imm}({rs1})', base.sd, stack),
];

export const cRows: readonly Row[] = [...quadrant0, ...quadrant1, ...quadrant2];
