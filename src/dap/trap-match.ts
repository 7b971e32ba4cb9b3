/** Traps that are about to be taken: from which mode, to which, and why (privileged specification, 3.1.8 and 3.3.2). */
import { causes } from '../isa/causes';
import { csrByName } from '../isa/csr';
import { TRAP_RETURN } from '../machine/layout';
import type { Hit, HartView, Privilege } from '../timetravel/api';
import type { TrapWords } from './guards';

export type TrapHit = Extract<Hit, { kind: 'trap' }>;

/** Whether a trap, taken now, changes the mode and is one of those that the words say. */
export function isTrapMeant(view: HartView, hit: TrapHit, words?: TrapWords): boolean {
  const target = targetOf(view, hit);
  if (words === undefined) return target !== view.privilege;
  if (words.from !== undefined && words.from !== view.privilege) return false;
  if (words.to !== undefined && words.to !== target) return false;
  return words.causes === undefined || words.causes.some((cause) => isCause(cause, hit));
}

function targetOf(view: HartView, { interrupt, cause }: TrapHit): Privilege {
  const csr = (name: string): bigint => view.csr(csrByName(name)?.number ?? -1) ?? 0n;
  if (!interrupt && cause === TRAP_RETURN) {
    const isMachine = view.readMemory(view.pc, 4)?.[3] === 0x30;
    const previous = Number(isMachine ? (csr('mstatus') >> 11n) & 3n : (csr('sstatus') >> 8n) & 1n);
    return previous === 0 ? 0 : previous === 1 ? 1 : 3;
  }
  const delegated = (csr(interrupt ? 'mideleg' : 'medeleg') >> BigInt(cause)) & 1n;
  return view.privilege !== 3 && delegated === 1n ? 1 : 3;
}

/** By number, which means an exception, or by name; `interrupt5` means interrupt 5. */
function isCause(text: string, { interrupt, cause }: TrapHit): boolean {
  if (text === String(cause)) return !interrupt;
  if (text === `interrupt${cause}`) return interrupt;
  return causes.some((one) => one.id === text && one.code === cause && one.interrupt === interrupt);
}
