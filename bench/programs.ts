/**
 * The bare-metal programs that are measured, in M-mode at the start of RAM. Each does a given number of rounds and ends
 * through the test finisher with a number that depends on all it computed, so that it can be checked against QEMU's.
 */
import { Assembler, r } from './assembler';

export interface LoopProgram {
  readonly name: string;
  /** What a round does, and about how many instructions it is. */
  readonly about: string;
  readonly instructionsPerRound: number;
  readonly code: (rounds: number) => Uint8Array;
}

const FINISHER = 0x10_0000;

/** rd = an address 64 KiB above the code: 0x8001_0000, which `lui` alone would sign-extend. */
function dataAddress(code: Assembler, rd: number): void {
  code.li(rd, 0x4000_8000).op('slli', rd, rd, 1);
}

/** Ends with exit code (a0 folded to 7 bits). */
function finish(code: Assembler): Uint8Array {
  for (const shift of [32, 16, 8]) code.op('srli', r.t0, r.a0, shift).op('xor', r.a0, r.a0, r.t0);
  code.op('andi', r.a0, r.a0, 0x7f).op('slli', r.a0, r.a0, 16);
  code.li(r.t0, 0x3333).op('or', r.a0, r.a0, r.t0);
  code.li(r.t0, FINISHER).op('sw', r.a0, r.t0, 0);
  return code.label('halt').jal(r.zero, 'halt').assemble();
}

/** for s0 = rounds down to 1: body */
function loop(
  rounds: number,
  prepare: (code: Assembler) => void,
  body: (code: Assembler) => void,
): Uint8Array {
  const code = new Assembler();
  code.li(r.a0, 0x1234_567).li(r.s0, rounds);
  prepare(code);
  code.label('round');
  body(code);
  code.op('addi', r.s0, r.s0, -1).branch('bne', r.s0, r.zero, 'round');
  return finish(code);
}

const integer: LoopProgram = {
  name: 'integer',
  about: 'add, shift, xor, multiply on registers',
  instructionsPerRound: 12,
  code: (rounds) =>
    loop(rounds, (code) => code.li(r.a1, 0x5851_f42).li(r.a2, 0x1405_7b7), (code) => {
      code.op('mul', r.a0, r.a0, r.a1).op('add', r.a0, r.a0, r.a2);
      code.op('srli', r.a3, r.a0, 29).op('xor', r.a0, r.a0, r.a3);
      code.op('slli', r.a4, r.a0, 7).op('add', r.a5, r.a4, r.a3);
      code.op('sltu', r.a6, r.a5, r.a4).op('sub', r.a5, r.a5, r.a6);
      code.op('and', r.a6, r.a5, r.a4).op('xor', r.a0, r.a0, r.a6);
    }),
}; // prettier-ignore

const memory: LoopProgram = {
  name: 'memory',
  about: 'loads and stores over 256 KiB, 8 bytes and 1 byte wide',
  instructionsPerRound: 13,
  code: (rounds) =>
    loop(
      rounds,
      (code) => {
        dataAddress(code, r.s1);
        code.li(r.a1, 0).li(r.a2, 0x3_fff8).li(r.a3, 328);
      },
      (code) => {
        code.op('add', r.t0, r.s1, r.a1).op('ld', r.t1, r.t0, 0);
        code.op('add', r.a0, r.a0, r.t1).op('sd', r.a0, r.t0, 0);
        code.op('lbu', r.t2, r.t0, 3).op('add', r.a0, r.a0, r.t2);
        code.op('sb', r.a0, r.t0, 5).op('ld', r.t3, r.t0, 8);
        code.op('xor', r.a0, r.a0, r.t3);
        code.op('add', r.a1, r.a1, r.a3).op('and', r.a1, r.a1, r.a2);
      },
    ),
};

const branching: LoopProgram = {
  name: 'branches',
  about: 'branches that depend on pseudo-random bits',
  instructionsPerRound: 14,
  code: (rounds) =>
    loop(rounds, (code) => code.li(r.a1, 0x5851_f42).li(r.a2, 0x1405_7b7), (code) => {
      code.op('mul', r.a0, r.a0, r.a1).op('add', r.a0, r.a0, r.a2).op('srli', r.t0, r.a0, 40);
      for (const bit of [0, 1, 2]) {
        code.op('andi', r.t1, r.t0, 1 << bit).branch('beq', r.t1, r.zero, `skip${bit}`);
        code.op('xori', r.a0, r.a0, 0x55 + bit).label(`skip${bit}`);
      }
      code.op('andi', r.t1, r.t0, 8).branch('bne', r.t1, r.zero, 'other');
      code.op('addi', r.a0, r.a0, 3).label('other');
    }),
}; // prettier-ignore

const calls: LoopProgram = {
  name: 'calls',
  about: 'a function that calls another, with stack frames',
  instructionsPerRound: 16,
  code: (rounds) => {
    const code = new Assembler();
    dataAddress(code, r.sp);
    code.li(r.a0, 1).li(r.s0, rounds).label('round').jal(r.ra, 'outer');
    code.op('addi', r.s0, r.s0, -1).branch('bne', r.s0, r.zero, 'round').jal(r.zero, 'done');
    code.label('outer').op('addi', r.sp, r.sp, -16).op('sd', r.ra, r.sp, 8).op('sd', r.a0, r.sp, 0);
    code.jal(r.ra, 'inner').op('ld', r.t0, r.sp, 0).op('add', r.a0, r.a0, r.t0);
    code.op('ld', r.ra, r.sp, 8).op('addi', r.sp, r.sp, 16).op('jalr', r.zero, r.ra, 0);
    code.label('inner').op('slli', r.t1, r.a0, 3).op('xor', r.a0, r.a0, r.t1);
    code.op('addi', r.a0, r.a0, 5).op('jalr', r.zero, r.ra, 0).label('done');
    return finish(code);
  },
};

const float: LoopProgram = {
  name: 'float',
  about: 'double add, multiply, fused multiply-add',
  instructionsPerRound: 9,
  code: (rounds) =>
    loop(
      rounds,
      (code) => {
        const MSTATUS = 0x300;
        code.li(r.t0, 0x6000).op('csrs', MSTATUS, r.t0);
        [3, 7, 1000].forEach((value, index) => code.li(r.t0, value).op('fcvtDL', 1 + index, r.t0));
        code.op('fdivD', 1, 1, 2).op('fdivD', 4, 1, 3).op('fcvtDL', 5, r.zero);
        dataAddress(code, r.s1);
      },
      (code) => {
        // A contraction, so that the numbers stay finite for any count of rounds.
        code.op('fmulD', 6, 5, 1).op('faddD', 5, 6, 4).op('fmaddD', 7, 5, 1, 4);
        code.op('faddD', 5, 5, 7).op('fmulD', 5, 5, 1);
        code.op('fsd', 5, r.s1, 0).op('ld', r.a0, r.s1, 0);
      },
    ),
};

export const loopPrograms: readonly LoopProgram[] = [integer, memory, branching, calls, float];

/** Writes one doubleword into each page of `bytes`, over and over, for ever: the worst case for copy-on-write. */
export function pageWriter(bytes: number): Uint8Array {
  const code = new Assembler();
  dataAddress(code, r.s1);
  code.li(r.s2, bytes).op('add', r.s2, r.s2, r.s1).li(r.a1, 4096);
  code.label('again').op('add', r.t0, r.s1, r.zero);
  code.label('page').op('sd', r.a0, r.t0, 0).op('addi', r.a0, r.a0, 1).op('add', r.t0, r.t0, r.a1);
  code.branch('bltu', r.t0, r.s2, 'page').jal(r.zero, 'again');
  return code.assemble();
}

/**
 * Fills `bytes` of RAM, each doubleword otherwise, with what compresses to about a half; then computes for ever, on registers
 * and 256 KiB.
 */
export function fillThenCompute(bytes: number): Uint8Array {
  const code = new Assembler();
  dataAddress(code, r.s1);
  code.li(r.s2, bytes).op('add', r.s2, r.s2, r.s1).li(r.a1, 0x5851_f42).li(r.a0, 0x1234_567);
  code.op('add', r.t0, r.s1, r.zero).label('fill');
  code.op('mul', r.a0, r.a0, r.a1).op('addi', r.a0, r.a0, 11).op('srli', r.t1, r.a0, 32);
  code.op('sd', r.t1, r.t0, 0).op('addi', r.t0, r.t0, 8).branch('bltu', r.t0, r.s2, 'fill');
  code.li(r.a2, 0x3_fff8).li(r.a3, 328).li(r.a4, 0).label('compute');
  code.op('add', r.t0, r.s1, r.a4).op('ld', r.t1, r.t0, 0).op('mul', r.a0, r.a0, r.a1);
  code.op('add', r.a0, r.a0, r.t1).op('sd', r.a0, r.t0, 0);
  code.op('add', r.a4, r.a4, r.a3).op('and', r.a4, r.a4, r.a2).jal(r.zero, 'compute');
  return code.assemble();
}

/** All harts add to one counter, and to one of their own, for ever. */
export function sharedCounter(): Uint8Array {
  const MHARTID = 0xf14;
  const code = new Assembler();
  dataAddress(code, r.s1);
  code.op('csrr', r.t0, MHARTID).op('slli', r.t0, r.t0, 6).op('add', r.s2, r.s1, r.t0).li(r.a1, 1);
  code.label('again').op('amoaddD', r.a0, r.a1, r.s1).op('ld', r.t1, r.s2, 64);
  code.op('xor', r.t1, r.t1, r.a0).op('sd', r.t1, r.s2, 64).op('addi', r.a2, r.a2, 1);
  return code.jal(r.zero, 'again').assemble();
}
