/**
 * Where a register of an outer frame is: still in the hart's register, or where a function within saved it. That is not asked
 * of one unwinding rule or another, but tried: memory that was read while unwinding and holds the value, and the register
 * itself, are changed in a view; the place is where the frame then has the new value, and everything else is as before.
 */
import { userError } from '../base/errors';
import { unwind, type Frame as UnwoundFrame } from '../inspect/unwind';
import type { Write } from '../inspect/value';
import { registerText, toBytes } from '../inspect/value-bits';
import type { MachineView } from '../inspect/view';
import type { SessionContext } from './context';
import { machineView, type Scope } from './expressions';

const BYTES = 8;

/** What has to be written so that a register has a value in a frame. Throws FRAME_REGISTER; nothing is changed. */
export function outerRegister(
  context: SessionContext,
  { view, frame }: Scope,
  register: number,
  value: bigint,
): Write[] {
  const hart = context.view(view.id);
  const machine = machineView(hart);
  const symbols = context.symbolsOf(hart);
  const activation = frame?.activation ?? 0;
  const walk = (over: Partial<MachineView>): UnwoundFrame[] =>
    unwind({ ...machine, ...over }, symbols, { maxFrames: activation + 1 });
  const read = new Map<bigint, Uint8Array>();
  const readMemory = (address: bigint, length: number): Uint8Array | undefined => {
    const bytes = machine.readMemory(address, length);
    if (bytes !== undefined && length === BYTES) read.set(address, bytes);
    return bytes;
  };
  const before = walk({ readMemory });
  const own = before[activation];
  const old = own?.registers[register];
  if (own?.pc !== frame?.pc || own?.cfa !== frame?.cfa || old === undefined) throw lost(register);
  if (old === value) return [];
  const isPlace = (over: Partial<MachineView>): boolean => isOnly(before, walk(over), register, value);
  const [wanted, bytes] = [toBytes(old, BYTES), toBytes(value, BYTES)];
  for (const [address, found] of read) {
    if (!found.every((byte, at) => byte === wanted[at])) continue;
    const patched = (at: bigint, length: number): Uint8Array | undefined =>
      at === address && length === BYTES ? bytes : machine.readMemory(at, length);
    if (isPlace({ readMemory: patched })) return [{ kind: 'memory', address, bytes }];
  }
  const x = (index: number): bigint => (index === register ? value : machine.x(index));
  const f = (index: number): bigint => (index + 32 === register ? value : hart.f(index));
  if (isPlace({ x, f })) return [{ kind: 'register', number: register, value }];
  throw lost(register);
}

/** The same frames, but for this register in the last one. */
function isOnly(
  before: readonly UnwoundFrame[],
  after: readonly UnwoundFrame[],
  register: number,
  value: bigint,
): boolean {
  const last = after.at(-1);
  return (
    before.length === after.length &&
    before.every(({ pc, cfa }, index) => pc === after[index]?.pc && cfa === after[index].cfa) &&
    before
      .at(-1)
      ?.registers.every((old, index) => (index === register ? value : old) === last?.registers[index]) ===
      true
  );
}

const lost = (register: number): Error =>
  userError(
    'FRAME_REGISTER',
    `where ${registerText(register)} of this frame is kept is not known for sure; change it in the innermost frame`,
  );
