/**
 * Makes a random program by running it: our machine executes the image, and wherever it comes to code that is not there
 * yet, instructions are put that suit its present state (addresses that are in registers, modes, page tables). The
 * image that results is a plain program, which both machines then run from power-on. What our machine does wrong while
 * the program is made only makes the program odd; it is judged when the image runs.
 */
import { Machine } from '../../src/machine/machine';
import { H } from '../../src/machine/layout';
import { physAddr } from '../../src/base/brand';
import { Random } from '../isa/random';
import { Choices } from './choices';
import { IMAGE_BYTES, PLACE, RAM_BYTES } from './layout';
import { Program } from './program';

/** Steps without new code and without a trap to the handler after which a program is taken to be caught in a loop. */
const STUCK = 400;

export function newMachine(image: Uint8Array): Machine {
  return new Machine(
    {
      ramBytes: RAM_BYTES,
      harts: 1,
      boot: {
        segments: [{ address: PLACE.prologue, bytes: image, sizeBytes: image.length }],
        mode: 'reset',
        entry: PLACE.prologue,
        nextEntry: 0,
        fdtAddress: PLACE.prologue + 0x10_0000,
        deviceTree: new Uint8Array(8),
      },
    },
    () => undefined,
  );
}

/** One attempted instruction; false when the machine has ended or waits. */
export function stepOurs(machine: Machine): boolean {
  return machine.run(machine.instret + 1).kind === 'reached';
}

/** To the first instruction of the random code. */
export function runPrologue(machine: Machine): void {
  for (let count = 0; count < 1000; count++) {
    if (machine.linear.get64(H.pc) === BigInt(PLACE.code)) return;
    stepOurs(machine);
  }
  throw new Error('the prologue does not end');
}

export interface Generated {
  readonly image: Uint8Array;
  /** Instructions attempted after the prologue while the program was made. */
  readonly steps: number;
}

/** A program whose first `maxSteps` instructions after the prologue are worth comparing. */
export function generate(seed: number, maxSteps: number, mprv = true): Generated {
  const random = new Random(seed);
  const program = new Program(random, mprv);
  const machine = newMachine(program.bytes);
  runPrologue(machine);
  const written = new Uint8Array(IMAGE_BYTES / 2);
  const choices = new Choices(machine, program);
  let steps = 0;
  for (let idle = 0; steps < maxSteps && idle < STUCK; steps++, idle++) {
    if (fill(machine, program, choices, written)) idle = 0;
    if (!stepOurs(machine)) break;
    if (machine.linear.get64(H.pc) === BigInt(PLACE.handler)) idle = Math.max(0, idle - 60);
  }
  return { image: program.bytes, steps };
}

/** Puts code where the program counter is, if there is room for some and none yet. */
function fill(machine: Machine, program: Program, choices: Choices, written: Uint8Array): boolean {
  const pc = BigInt.asUintN(64, machine.linear.get64(H.pc));
  const pa = machine.looks.translate(0, pc);
  if (pa === undefined) return false;
  let address = Number(pa);
  const free = (at: number): boolean =>
    at >= PLACE.code && at < PLACE.codeEnd && written[(at - PLACE.prologue) >> 1] === 0;
  if (!free(address)) return false;
  for (const word of choices.next(address)) {
    const short = (word & 3) !== 3;
    if (!free(address) || (!short && !free(address + 2))) break;
    for (const half of short ? [word & 0xffff] : [word & 0xffff, word >>> 16]) {
      written[(address - PLACE.prologue) >> 1] = 1;
      program.set16(address, half);
      machine.pokePhysical(physAddr(BigInt(address)), new Uint8Array([half & 0xff, half >> 8]));
      address += 2;
    }
  }
  // A 4-byte instruction did not fit: what is there stays as it is.
  if (address === Number(pa)) written[(address - PLACE.prologue) >> 1] = 1;
  return true;
}
