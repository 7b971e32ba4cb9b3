/**
 * The table also serves a translator: for every row, code that is emitted with constant operands leaves a machine in the
 * same state as the interpreter does, over random operands and states. The whole hart block and all of RAM are compared.
 */
import assert from 'node:assert/strict';
import { physAddr } from '../../src/base/brand';
import { decode } from '../../src/isa/decoder';
import { ROWS } from '../../src/isa/table';
import type { Row } from '../../src/isa/types';
import { emitConstant, type PlacedInstruction } from '../../src/machine/engine/constant';
import { Outcome } from '../../src/machine/engine/context';
import { buildEngine } from '../../src/machine/engine/module';
import { CURRENT, Exit, G, H } from '../../src/machine/layout';
import type { Machine } from '../../src/machine/machine';
import { writePmp } from '../../src/machine/pmp';
import { Random } from '../isa/random';
import { anyWord } from '../lockstep/assemble';
import { newMachine } from '../lockstep/generator';
import { PLACE } from '../lockstep/layout';
import { csrNumber } from '../lockstep/state';
import { interestingFloat, interestingInteger } from '../lockstep/values';

const WORDS_PER_ROW = 4;
const STATES_PER_WORD = 3;
const PC = 0x8000_2100;
const MSTATUS_FS = 3n << 13n;

interface Case extends PlacedInstruction {
  readonly run: () => number;
}

function placed(row: Row, random: Random): PlacedInstruction {
  const bits = anyWord(row, random);
  const decoded = decode(bits);
  assert.ok(decoded);
  return { row, operands: decoded.operands, bits, pc: BigInt(PC) };
}

/** All instructions in one module, instantiated over the machine's memory. */
function compile(machine: Machine, instructions: readonly PlacedInstruction[]): Case[] {
  const { builder, functions } = buildEngine();
  instructions.forEach((instruction, index) => {
    builder.export(`case${index}`, emitConstant(builder, functions, instruction));
  });
  const unused = (): never => assert.fail('constant code does not decode');
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(builder.encode()), {
    env: {
      memory: machine.linear.memory,
      moreFrames: () => {
        machine.memory.moreFrames();
      },
      pageIn: unused,
      // No device is touched: see `prepare`.
      mmioRead: () => 0,
      mmioWrite: () => 0,
      slotEvicted: unused,
      markBreakpoints: unused,
      pmpWrite: (number: number) => {
        writePmp(machine.linear, number);
      },
      instructionBits: unused,
      decode: unused,
      decodeAside: unused,
      decodeCrossing: unused,
    },
  });
  return instructions.map((instruction, index) => ({
    ...instruction,
    run: exports[`case${index}`] as () => number,
  }));
}

/** A state that follows from the seed alone. Interrupts are off: the interpreter would look at them first. */
function prepare(machine: Machine, at: PlacedInstruction, seed: number): void {
  const random = new Random(seed);
  const { linear } = machine;
  for (let index = 1; index < 32; index++) linear.set64(H.x + 8 * index, interestingInteger(random));
  for (let index = 0; index < 32; index++) {
    linear.set64(H.f + 8 * index, interestingFloat(random, random.below(2) === 0));
  }
  const { rs1, imm } = at.operands;
  // A base that leads to RAM, to its end or to nothing, mostly aligned.
  if (rs1 !== 0) {
    const address =
      random.pick([PLACE.data, PLACE.data, PLACE.data, 0x81ff_fff0, 0x9000_0000]) + random.below(0x1000);
    const aligned = random.below(3) > 0 ? address - (address % 8) : address;
    if (random.below(2) === 0) linear.set64(H.x + 8 * rs1, BigInt(aligned) - BigInt(random.below(2) * imm));
  }
  linear.set64(H.pc, at.pc);
  const status = BigInt(random.word() & 0x7e_1aa) | (random.below(8) > 0 ? MSTATUS_FS : 0n);
  machine.setCsr(0, csrNumber('mstatus'), status);
  machine.setCsr(0, csrNumber('fcsr'), BigInt(random.below(256)));
  for (const name of [
    'menvcfg',
    'senvcfg',
    'mcounteren',
    'scounteren',
    'medeleg',
    'mepc',
    'sepc',
    'mscratch',
  ]) {
    machine.setCsr(0, csrNumber(name), random.long() & ~(1n << 63n));
  }
  machine.setCsr(0, csrNumber('mstatus'), status);
  machine.setCsr(0, csrNumber('mtvec'), BigInt(PLACE.code));
  linear.set32(H.priv, random.pick([0, 1, 3, 3]));
  linear.set32(H.reservationValid, random.below(2));
  linear.set32(H.reservationBytes, 4);
  linear.set64(H.reservationAddress, linear.get64(H.x + 8 * rs1));
  machine.engine.flushTlb();
  machine.engine.updateContext();
  const code = new Uint8Array(4);
  new DataView(code.buffer).setUint32(0, at.bits, true);
  machine.pokePhysical(physAddr(at.pc), code.subarray(0, at.row.length));
}

/** The hart's block without the lines, which timers drive between runs, and a hash of RAM. */
function outcome(machine: Machine): { block: Uint8Array; ram: bigint } {
  const block = machine.harts.saveBlock(0);
  block.fill(0, H.lines - CURRENT, H.lines - CURRENT + 8);
  return { block, ram: machine.engine.hashRam() };
}

function interpret(machine: Machine): void {
  machine.run(machine.instret + 1);
}

/** What the engine's loop does around an instruction. */
function translate(machine: Machine, at: Case): void {
  const { linear, engine } = machine;
  linear.set32(G.exit, Exit.none);
  linear.set32(G.budget, 0);
  linear.setCount(G.icountEnd, machine.instret + 1);
  const result = at.run();
  if (result === Outcome.next || result === Outcome.leave) {
    linear.set64(H.pc, at.pc + BigInt(at.row.length));
  } else if (result === Outcome.trap) {
    linear.set64(H.pc, at.pc);
    engine.takeTrap();
  }
}

const fieldAt = (offset: number): string =>
  Object.entries(H)
    .filter(([name, address]) => name !== 'end' && address - CURRENT <= offset)
    .reduce<[string, number]>((best, entry) => (entry[1] >= best[1] ? entry : best), ['', 0])[0];

const wordAt = (block: Uint8Array, offset: number): string =>
  new DataView(block.buffer).getBigUint64(offset & ~7, true).toString(16);

describe('translated instructions', () => {
  it('leave the same state as the interpreter, for every row', function () {
    this.timeout(60_000);
    const seed = Number(process.env['TRANSLATOR_SEED'] ?? Date.now() % 1_000_000);
    console.log(`      TRANSLATOR_SEED=${seed}`);
    const random = new Random(seed + 1);
    const image = new Uint8Array(0x4_0000).map(() => random.below(256));
    const machine = newMachine(image);
    // One PMP entry that allows everything, without which only M-mode could fetch.
    machine.setCsr(0, csrNumber('pmpaddr0'), (1n << 54n) - 1n);
    machine.setCsr(0, csrNumber('pmpcfg0'), 0x1fn);
    const start = machine.freeze();
    const cases = compile(
      machine,
      ROWS.flatMap((row) => Array.from({ length: WORDS_PER_ROW }, () => placed(row, random))),
    );
    let count = 0;
    for (const at of cases) {
      for (let state = 0; state < STATES_PER_WORD; state++, count++) {
        const stateSeed = random.word();
        machine.restore(start);
        prepare(machine, at, stateSeed);
        interpret(machine);
        const interpreted = outcome(machine);
        machine.restore(start);
        prepare(machine, at, stateSeed);
        translate(machine, at);
        const translated = outcome(machine);
        const name = `${at.row.name} (${at.bits.toString(16)}, state ${stateSeed})`;
        const different = interpreted.block.findIndex((byte, index) => byte !== translated.block[index]);
        if (different >= 0) {
          const [a, b] = [interpreted, translated].map(({ block }) => wordAt(block, different));
          assert.fail(`${name}: ${fieldAt(different)} is ${a ?? ''} interpreted, ${b ?? ''} translated`);
        }
        assert.equal(translated.ram, interpreted.ram, `${name}: memory differs`);
      }
    }
    console.log(`      ${count} cases of ${ROWS.length} rows`);
  });
});
