/**
 * The base integer instructions: RV64I (unprivileged specification, chapters "RV32I" and "RV64I"), and Zihintpause,
 * Zifencei and Zicbop, whose encodings lie inside it. Assembly placeholders: see disassembler.ts.
 */
import type { I32, I64 } from '../../wasm';
import { extension } from '../encoding';
import type { Row, Semantics, SemanticsContext, SystemOperation } from '../types';

/** rd = op(rs1, rs2). An operand that `op` uses twice is one it has bound itself. */
export const registerOp = (name: string, op: (a: I64, b: I64, c: SemanticsContext) => I64): Semantics => ({
  name,
  uses: ['rd', 'rs1', 'rs2'],
  pure: true,
  emit: (c) => c.setRd(op(c.rs1(), c.rs2(), c)),
});

/** rd = op(rs1, imm). */
export const immediateOp = (name: string, op: (a: I64, b: I64, c: SemanticsContext) => I64): Semantics => ({
  name,
  uses: ['rd', 'rs1', 'imm'],
  pure: true,
  emit: (c) => c.setRd(op(c.rs1(), c.imm(), c)),
});

/** rd = op(rs1). */
export const unaryOp = (name: string, op: (a: I64, c: SemanticsContext) => I64): Semantics => ({
  name,
  uses: ['rd', 'rs1'],
  pure: true,
  emit: (c) => c.setRd(op(c.rs1(), c)),
});

/** rd = the sign-extended 32-bit result of op on the low halves of rs1 and rs2. */
export const registerOpW = (name: string, op: (a: I32, b: I32, c: SemanticsContext) => I32): Semantics =>
  registerOp(name, (a, b, c) => op(a.toI32(), b.toI32(), c).toI64S());

/** The same on rs1 and the immediate. */
export const immediateOpW = (name: string, op: (a: I32, b: I32) => I32): Semantics => ({
  name,
  uses: ['rd', 'rs1', 'imm'],
  pure: true,
  emit: (c) => c.setRd(op(c.rs1().toI32(), c.imm32()).toI64S()),
});

const load = (name: string, bytes: 1 | 2 | 4 | 8, signed: boolean): Semantics => ({
  name,
  uses: ['rd', 'rs1', 'imm'],
  pure: false,
  emit: (c) => c.setRd(c.load(bytes, signed, c.rs1().add(c.imm()))),
});

const store = (name: string, bytes: 1 | 2 | 4 | 8): Semantics => ({
  name,
  uses: ['rs1', 'rs2', 'imm'],
  pure: false,
  emit: (c) => c.store(bytes, c.rs1().add(c.imm()), c.rs2()),
});

const branch = (name: string, condition: (a: I64, b: I64) => I32): Semantics => ({
  name,
  uses: ['rs1', 'rs2', 'imm'],
  pure: false,
  emit: (c) => c.branch(condition(c.rs1(), c.rs2())),
});

export const system = (operation: SystemOperation, uses: Semantics['uses'] = []): Semantics => ({
  name: operation,
  uses,
  pure: false,
  emit: (c) => c.system(operation),
});

/** The semantics that compressed instructions and hints share. */
export const integer = {
  lui: { name: 'lui', uses: ['rd', 'imm'], pure: true, emit: (c) => c.setRd(c.imm()) },
  auipc: { name: 'auipc', uses: ['rd', 'imm'], pure: true, emit: (c) => c.setRd(c.pc().add(c.imm())) },
  jal: {
    name: 'jal',
    uses: ['rd', 'imm'],
    pure: false,
    emit: (c) => {
      c.setRd(c.nextPc());
      c.jumpRelative();
    },
  },
  jalr: {
    name: 'jalr',
    uses: ['rd', 'rs1', 'imm'],
    pure: false,
    emit: (c) => {
      // rd may be rs1: the target is computed before the link is written.
      const target = c.f.let(c.rs1().add(c.imm()).and(-2n));
      c.setRd(c.nextPc());
      c.jump(target);
    },
  },
  beq: branch('beq', (a, b) => a.eq(b)),
  bne: branch('bne', (a, b) => a.ne(b)),
  blt: branch('blt', (a, b) => a.ltS(b)),
  bge: branch('bge', (a, b) => a.geS(b)),
  bltu: branch('bltu', (a, b) => a.ltU(b)),
  bgeu: branch('bgeu', (a, b) => a.geU(b)),
  lb: load('lb', 1, true),
  lh: load('lh', 2, true),
  lw: load('lw', 4, true),
  ld: load('ld', 8, true),
  lbu: load('lbu', 1, false),
  lhu: load('lhu', 2, false),
  lwu: load('lwu', 4, false),
  sb: store('sb', 1),
  sh: store('sh', 2),
  sw: store('sw', 4),
  sd: store('sd', 8),
  addi: immediateOp('addi', (a, b) => a.add(b)),
  slti: immediateOp('slti', (a, b) => a.ltS(b).toI64U()),
  sltiu: immediateOp('sltiu', (a, b) => a.ltU(b).toI64U()),
  xori: immediateOp('xori', (a, b) => a.xor(b)),
  ori: immediateOp('ori', (a, b) => a.or(b)),
  andi: immediateOp('andi', (a, b) => a.and(b)),
  // WebAssembly takes shift counts modulo the width, as RISC-V does.
  slli: immediateOp('slli', (a, b) => a.shl(b)),
  srli: immediateOp('srli', (a, b) => a.shrU(b)),
  srai: immediateOp('srai', (a, b) => a.shrS(b)),
  add: registerOp('add', (a, b) => a.add(b)),
  sub: registerOp('sub', (a, b) => a.sub(b)),
  sll: registerOp('sll', (a, b) => a.shl(b)),
  slt: registerOp('slt', (a, b) => a.ltS(b).toI64U()),
  sltu: registerOp('sltu', (a, b) => a.ltU(b).toI64U()),
  xor: registerOp('xor', (a, b) => a.xor(b)),
  srl: registerOp('srl', (a, b) => a.shrU(b)),
  sra: registerOp('sra', (a, b) => a.shrS(b)),
  or: registerOp('or', (a, b) => a.or(b)),
  and: registerOp('and', (a, b) => a.and(b)),
  addiw: immediateOpW('addiw', (a, b) => a.add(b)),
  slliw: immediateOpW('slliw', (a, b) => a.shl(b)),
  srliw: immediateOpW('srliw', (a, b) => a.shrU(b)),
  sraiw: immediateOpW('sraiw', (a, b) => a.shrS(b)),
  addw: registerOpW('addw', (a, b) => a.add(b)),
  subw: registerOpW('subw', (a, b) => a.sub(b)),
  sllw: registerOpW('sllw', (a, b) => a.shl(b)),
  srlw: registerOpW('srlw', (a, b) => a.shrU(b)),
  sraw: registerOpW('sraw', (a, b) => a.shrS(b)),
  fence: system('fence', ['imm']),
  ecall: system('ecall'),
  ebreak: system('ebreak'),
} satisfies Record<string, Semantics>;

const i = extension('i');
const s = integer;
const branchImm = 'imm[12|10:5] rs2 rs1';
const branchText = '{rs1}, {rs2}, {target}';
const loadText = '{rd}, {imm}({rs1})';
const storeText = '{rs2}, {imm}({rs1})';
const immediateText = '{rd}, {rs1}, {imm}';
const shiftText = '{rd}, {rs1}, {shamt}';
const registerText = '{rd}, {rs1}, {rs2}';

const rv32i: readonly Row[] = [
  i('lui', 'imm[31:12] rd 0110111', '{rd}, {upper}', s.lui),
  i('auipc', 'imm[31:12] rd 0010111', '{rd}, {upper}', s.auipc),
  i('jal', 'imm[20|10:1|11|19:12] rd 1101111', '{rd}, {target}', s.jal),
  i('jalr', 'imm[11:0] rs1 000 rd 1100111', '{rd}, {imm}({rs1})', s.jalr),
  i('beq', `${branchImm} 000 imm[4:1|11] 1100011`, branchText, s.beq),
  i('bne', `${branchImm} 001 imm[4:1|11] 1100011`, branchText, s.bne),
  i('blt', `${branchImm} 100 imm[4:1|11] 1100011`, branchText, s.blt),
  i('bge', `${branchImm} 101 imm[4:1|11] 1100011`, branchText, s.bge),
  i('bltu', `${branchImm} 110 imm[4:1|11] 1100011`, branchText, s.bltu),
  i('bgeu', `${branchImm} 111 imm[4:1|11] 1100011`, branchText, s.bgeu),
  i('lb', 'imm[11:0] rs1 000 rd 0000011', loadText, s.lb),
  i('lh', 'imm[11:0] rs1 001 rd 0000011', loadText, s.lh),
  i('lw', 'imm[11:0] rs1 010 rd 0000011', loadText, s.lw),
  i('lbu', 'imm[11:0] rs1 100 rd 0000011', loadText, s.lbu),
  i('lhu', 'imm[11:0] rs1 101 rd 0000011', loadText, s.lhu),
  i('sb', 'imm[11:5] rs2 rs1 000 imm[4:0] 0100011', storeText, s.sb),
  i('sh', 'imm[11:5] rs2 rs1 001 imm[4:0] 0100011', storeText, s.sh),
  i('sw', 'imm[11:5] rs2 rs1 010 imm[4:0] 0100011', storeText, s.sw),
  i('addi', 'imm[11:0] rs1 000 rd 0010011', immediateText, s.addi),
  i('slti', 'imm[11:0] rs1 010 rd 0010011', immediateText, s.slti),
  i('sltiu', 'imm[11:0] rs1 011 rd 0010011', immediateText, s.sltiu),
  i('xori', 'imm[11:0] rs1 100 rd 0010011', immediateText, s.xori),
  i('ori', 'imm[11:0] rs1 110 rd 0010011', immediateText, s.ori),
  i('andi', 'imm[11:0] rs1 111 rd 0010011', immediateText, s.andi),
  i('add', '0000000 rs2 rs1 000 rd 0110011', registerText, s.add),
  i('sub', '0100000 rs2 rs1 000 rd 0110011', registerText, s.sub),
  i('sll', '0000000 rs2 rs1 001 rd 0110011', registerText, s.sll),
  i('slt', '0000000 rs2 rs1 010 rd 0110011', registerText, s.slt),
  i('sltu', '0000000 rs2 rs1 011 rd 0110011', registerText, s.sltu),
  i('xor', '0000000 rs2 rs1 100 rd 0110011', registerText, s.xor),
  i('srl', '0000000 rs2 rs1 101 rd 0110011', registerText, s.srl),
  i('sra', '0100000 rs2 rs1 101 rd 0110011', registerText, s.sra),
  i('or', '0000000 rs2 rs1 110 rd 0110011', registerText, s.or),
  i('and', '0000000 rs2 rs1 111 rd 0110011', registerText, s.and),
  // rs1, rd and unknown fm are reserved for finer fences and treated as a normal fence (unpriv, "FENCE").
  i('fence', 'fence rs1 000 rd 0001111', '{pred}, {succ}', s.fence),
  i('fence.tso', '100000110011 rs1 000 rd 0001111', '', s.fence, {
    fixed: { imm: 0x833 },
  }),
  i('ecall', '00000000000000000000000001110011', '', s.ecall),
  i('ebreak', '00000000000100000000000001110011', '', s.ebreak),
];

const rv64i: readonly Row[] = [
  i('lwu', 'imm[11:0] rs1 110 rd 0000011', loadText, s.lwu),
  i('ld', 'imm[11:0] rs1 011 rd 0000011', loadText, s.ld),
  i('sd', 'imm[11:5] rs2 rs1 011 imm[4:0] 0100011', storeText, s.sd),
  i('slli', '000000 uimm[5:0] rs1 001 rd 0010011', shiftText, s.slli),
  i('srli', '000000 uimm[5:0] rs1 101 rd 0010011', shiftText, s.srli),
  i('srai', '010000 uimm[5:0] rs1 101 rd 0010011', shiftText, s.srai),
  i('addiw', 'imm[11:0] rs1 000 rd 0011011', immediateText, s.addiw),
  i('slliw', '0000000 uimm[4:0] rs1 001 rd 0011011', shiftText, s.slliw),
  i('srliw', '0000000 uimm[4:0] rs1 101 rd 0011011', shiftText, s.srliw),
  i('sraiw', '0100000 uimm[4:0] rs1 101 rd 0011011', shiftText, s.sraiw),
  i('addw', '0000000 rs2 rs1 000 rd 0111011', registerText, s.addw),
  i('subw', '0100000 rs2 rs1 000 rd 0111011', registerText, s.subw),
  i('sllw', '0000000 rs2 rs1 001 rd 0111011', registerText, s.sllw),
  i('srlw', '0000000 rs2 rs1 101 rd 0111011', registerText, s.srlw),
  i('sraw', '0100000 rs2 rs1 101 rd 0111011', registerText, s.sraw),
];

// Hints inside the base encodings. The prefetches are `ori x0`: with no destination they do nothing.
const prefetch = (name: string, code: string): Row =>
  extension('zicbop')(name, `imm[11:5] ${code} rs1 110 00000 0010011`, '{imm}({rs1})', s.ori);

const hints: readonly Row[] = [
  extension('zihintpause')('pause', '00000001000000000000000000001111', '', system('pause')),
  extension('zifencei')('fence.i', 'imm[11:0] rs1 001 rd 0001111', '', system('fence.i')),
  prefetch('prefetch.i', '00000'),
  prefetch('prefetch.r', '00001'),
  prefetch('prefetch.w', '00011'),
];

export const iRows: readonly Row[] = [...rv32i, ...rv64i, ...hints];
