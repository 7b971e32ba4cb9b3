/**
 * Two machines, one program, one instruction at a time: all registers are compared after each, and memory at the end.
 * An interrupt counts as a step of its own for QEMU, for us it belongs to the instruction that follows.
 */
import { decode } from '../../src/isa/decoder';
import { disassemble } from '../../src/isa/disassembler';
import { H } from '../../src/machine/layout';
import { type Machine } from '../../src/machine/machine';
import { physAddr } from '../../src/base/brand';
import { ACCEPTED, COMPARED_MASKS, type Divergence } from './accepted';
import { newMachine, runPrologue, stepOurs } from './generator';
import { IMAGE_BYTES, PLACE } from './layout';
import {
  adopt,
  differences,
  hex,
  interruptDue,
  newState,
  PC,
  PRIV,
  readOurs,
  registerIndex,
  REGISTERS,
  type State,
} from './state';

/** The other machine. */
export interface Judge {
  /** The state before the next instruction. */
  read(into: State): Promise<void>;
  /** One step; false if there is nothing more to see. */
  step(into: State): Promise<boolean>;
  /** Shows an interrupt together with the instruction before it, not as a step of its own. */
  readonly interruptsAtOnce?: boolean;
  /** Registers that it does not show; they are taken to be as ours. */
  readonly hidden?: readonly number[];
  /** Forgets cached translations, if it can be told to. */
  dropTranslations?(mstatus: bigint): Promise<void>;
  /** Physical memory, if it can be read. */
  memory?(address: number, sizeBytes: number): Promise<Uint8Array>;
}

export interface LockstepResult {
  /** Instructions compared, the one of a failure not included. */
  readonly steps: number;
  /** How often each accepted difference occurred. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Why it ended before all steps were made, if nothing failed. */
  readonly ended?: string;
  /** Text of a difference that is not accepted. */
  readonly failure?: string;
}

const MSTATUS = registerIndex('mstatus');

/** Whether a state looks like that after a failed attempt to fetch from `pc`. */
function fetchFault(state: State, pc: bigint): boolean {
  const faulted = (cause: string, epc: string): boolean =>
    [1n, 12n].includes(state[registerIndex(cause)] ?? 0n) && state[registerIndex(epc)] === pc;
  return state[PC] !== pc && (faulted('mcause', 'mepc') || faulted('scause', 'sepc'));
}

/** The instruction at the program counter, as far as it can be fetched. */
export function fetch(machine: Machine, pc: bigint): number {
  const half = (address: bigint): number => {
    const pa = machine.looks.translate(0, address);
    const bytes = pa === undefined ? undefined : machine.looks.physical(physAddr(pa), 2);
    return bytes === undefined ? 0 : (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  };
  const low = half(pc);
  return (low & 3) === 3 ? (low | (half(pc + 2n) << 16)) >>> 0 : low;
}

function describe(divergence: Divergence, step: number): string {
  const { before, insn, differences: found } = divergence;
  const pc = before[PC] ?? 0n;
  const text = disassemble(insn, pc).text;
  const lines = found.map(({ register, ours, theirs }) => {
    const old = before[REGISTERS.indexOf(register)] ?? 0n;
    return `  ${register}: ours ${hex(ours)}, QEMU ${hex(theirs)}, before ${hex(old)}`;
  });
  const where = `step ${step}, mode ${before[PRIV] ?? 0n}, pc ${hex(pc)}: ${insn.toString(16)} ${text}`;
  const context = ['mstatus', 'satp']
    .map((name) => `${name} ${hex(before[registerIndex(name)] ?? 0n)}`)
    .join(', ');
  const base = divergence.address === undefined ? '' : `, rs1 + imm ${hex(divergence.address)}`;
  return [where, ...lines, `  ${context}${base}`].join('\n');
}

/** As the privileged specification's 4.3.2 says, but for what it checks. */
function leafOf(machine: Machine, satp: bigint, address: bigint): bigint | undefined {
  let table = BigInt.asUintN(44, satp) << 12n;
  for (let level = Number(satp >> 60n) - 6; level >= 0; level--) {
    const index = BigInt.asUintN(9, address >> BigInt(12 + 9 * level));
    const bytes = machine.looks.physical(physAddr(table + 8n * index), 8);
    if (bytes === undefined) return undefined;
    const entry = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    if ((entry & 1n) === 0n) return undefined;
    if ((entry & 0xen) !== 0n) return entry;
    table = BigInt.asUintN(44, entry >> 10n) << 12n;
  }
  return undefined;
}

function divergenceOf(
  machine: Machine,
  before: State,
  after: State,
  insn: number,
  found: Divergence['differences'],
): Divergence {
  const decoded = decode(insn);
  const operands = decoded?.operands;
  const address =
    operands &&
    BigInt.asUintN(
      64,
      (before[operands.rs1] ?? 0n) + (/^(amo|lr|sc)/.test(decoded.row.name) ? 0n : BigInt(operands.imm)),
    );
  const satp = before[registerIndex('satp')] ?? 0n;
  const leaf = (va: bigint): bigint | undefined => leafOf(machine, satp, va);
  return { before, after, insn, name: decoded?.row.name, address, differences: found, leaf };
}

export async function lockstep(image: Uint8Array, judge: Judge, maxSteps: number): Promise<LockstepResult> {
  const machine = newMachine(image);
  runPrologue(machine);
  const counts = new Map<string, number>();
  const [before, ours, theirs] = [newState(), newState(), newState()];
  await judge.read(theirs);
  readOurs(machine, ours);
  for (const index of judge.hidden ?? []) theirs[index] = ours[index] ?? 0n;
  const first = differences(ours, theirs, COMPARED_MASKS);
  if (first.length > 0)
    return { steps: 0, accepted: counts, failure: describe(divergenceOf(machine, ours, ours, 0, first), 0) };
  for (let step = 1; step <= maxSteps; step++) {
    before.set(ours);
    const insn = fetch(machine, before[PC] ?? 0n);
    const oddConditional = isOddConditional(machine, insn, before);
    if (!stepOurs(machine)) return { steps: step - 1, accepted: counts, ended: 'our machine waits' };
    readOurs(machine, ours);
    if (oddConditional) return { steps: step - 1, accepted: counts, ended: 'LR and SC of different sizes' };
    if (judge.hidden && before[PRIV] === 3n && unclearPmp(insn, before)) {
      return { steps: step - 1, accepted: counts, ended: 'unclear PMP' };
    }
    if (interruptDue(before) && !judge.interruptsAtOnce) await judge.step(theirs);
    if (!(await judge.step(theirs))) return { steps: step - 1, accepted: counts, ended: 'nothing to see' };
    for (const index of judge.hidden ?? []) theirs[index] = ours[index] ?? 0n;
    // Nothing shows the state between the two; the next step compares what came of it.
    if (judge.interruptsAtOnce && interruptDue(ours)) continue;
    let found = differences(ours, theirs, COMPARED_MASKS);
    for (; judge.interruptsAtOnce && found.length > 0 && fetchFault(theirs, ours[PC] ?? 0n); step++) {
      // What cannot be fetched is not shown either: the trap belongs to the instruction before.
      stepOurs(machine);
      readOurs(machine, ours);
      for (const index of judge.hidden ?? []) theirs[index] = ours[index] ?? 0n;
      found = differences(ours, theirs, COMPARED_MASKS);
      if (ours[PC] === theirs[PC]) break;
    }
    if (amo(insn) && ours[PC] !== (before[PC] ?? 0n) + 4n) await adoptAccessed(machine, judge);
    if (staleMprv(before, ours)) {
      if (!judge.dropTranslations) return { steps: step, accepted: counts, ended: 'stale MPRV' };
      await judge.dropTranslations(theirs[MSTATUS] ?? 0n);
    }
    if (found.length === 0) continue;
    const divergence = divergenceOf(machine, before, ours, insn, found);
    const accepted = ACCEPTED.find((entry) => entry.applies(divergence));
    if (!accepted) return { steps: step - 1, accepted: counts, failure: describe(divergence, step) };
    counts.set(accepted.name, (counts.get(accepted.name) ?? 0) + 1);
    adopt(machine, found);
    readOurs(machine, ours);
    // Where control went another way there is nothing more to compare.
    if (differences(ours, theirs, COMPARED_MASKS).length > 0) {
      return { steps: step, accepted: counts, ended: accepted.name };
    }
  }
  return { steps: maxSteps, accepted: counts, ...(await compareMemory(machine, judge)) };
}

const amo = (insn: number): boolean => (insn & 0x7f) === 0x2f;

/**
 * QEMU 7.2 executes an AMO as a load and a store: one that faults in its store has set A, one that faults in its load has
 * not set D. Our page tables get the bits that QEMU's have.
 */
async function adoptAccessed(machine: Machine, judge: Judge): Promise<void> {
  if (!judge.memory) return;
  const sizeBytes = PLACE.data - PLACE.pageTables;
  const theirs = await judge.memory(PLACE.pageTables, sizeBytes);
  const ours = machine.memory.read(PLACE.pageTables, sizeBytes);
  ours.forEach((byte, index) => {
    const other = theirs[index] ?? 0;
    if (byte === other || index % 8 !== 0 || ((byte ^ other) & ~(ACCESSED | DIRTY)) !== 0) return;
    machine.pokePhysical(physAddr(BigInt(PLACE.pageTables + index)), new Uint8Array([other]));
    machine.engine.flushTlb();
  });
}
const ACCESSED = 0x40;
const DIRTY = 0x80;

/**
 * An SC of another size than the LR before it fails here, as the specification allows ("A", 14.2). QEMU 7.2 then stores
 * all the same, and says that it has not.
 */
function isOddConditional(machine: Machine, insn: number, before: State): boolean {
  if (!amo(insn) || insn >>> 27 !== 3) return false;
  const bytes = ((insn >>> 12) & 7) === 2 ? 4 : 8;
  const { linear } = machine;
  return (
    linear.get32(H.reservationValid) !== 0 &&
    linear.get32(H.reservationBytes) !== bytes &&
    linear.get64(H.reservationAddress) === before[(insn >>> 15) & 31]
  );
}

/**
 * Whether a PMP register gets a value that QEMU 7.2 keeps or takes otherwise (accepted.ts, and address 0, which as the top
 * of a range matches everything there). A judge that does not show these registers is no judge after that.
 */
function unclearPmp(insn: number, before: State): boolean {
  const number = insn >>> 20;
  if ((insn & 0x7f) !== 0x73 || number < 0x3a0 || number > 0x3bf) return false;
  const value = before[(insn >>> 15) & 31] ?? 0n;
  if (number >= 0x3b0) return value >> 54n !== 0n || value === 0n;
  for (let rest = value; rest !== 0n; rest >>= 8n) {
    const byte = Number(rest & 0xffn);
    if ((byte & 0x60) !== 0 || (byte & 3) === 2 || (byte & 0x18) === 0x10) return true;
  }
  return false;
}

/**
 * A trap in M-mode with MPRV on changes MPP, and QEMU 7.2 keeps what it translated with the old one: the handler, which
 * drops it, puts that right; before other code QEMU is made to drop it, or the program ends.
 */
function staleMprv(before: State, after: State): boolean {
  const trapped =
    after[PRIV] === 3n && after[registerIndex('mepc')] === before[PC] && after[PC] !== before[PC];
  const on = ((after[MSTATUS] ?? 0n) & (1n << 17n)) !== 0n;
  return trapped && on && before[PRIV] === 3n && after[PC] !== BigInt(PLACE.handler);
}

async function compareMemory(machine: Machine, judge: Judge): Promise<{ failure?: string }> {
  if (!judge.memory) return {};
  const theirs = await judge.memory(PLACE.prologue, IMAGE_BYTES);
  const ours = machine.memory.read(PLACE.prologue, IMAGE_BYTES);
  const at = ours.findIndex((byte, index) => byte !== theirs[index]);
  if (at < 0) return {};
  return {
    failure: `memory at ${(PLACE.prologue + at).toString(16)}: ours ${String(ours[at])}, QEMU ${String(theirs[at])}`,
  };
}
