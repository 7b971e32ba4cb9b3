/**
 * A hart's registers out of its saved block (machine/layout.ts), by name: for looking at a checkpoint without building a
 * machine. A CSR that is a view of another one (sstatus, cycle, hpmcounter3) does not appear, nor do the counters mcycle
 * and minstret and the time: they follow from the checkpoint's instant.
 */
import { userError } from '../base/errors';
import { CSRS } from '../isa/csr';
import { floatRegisterNames, integerRegisterNames } from '../isa/registers';
import { csrCells } from '../machine/engine/csr';
import { MSTATUS } from '../machine/engine/cells';
import { CURRENT, H } from '../machine/layout';
import { Waiting, WAITING_MASK } from '../machine/harts';

export type PrivilegeName = 'U' | 'S' | 'M';

export interface SavedHart {
  readonly pc: bigint;
  readonly privilege: PrivilegeName;
  readonly waiting: boolean;
  /** pc, privilege (0, 1, 3), x, f and CSRs, in this order. */
  readonly registers: ReadonlyMap<string, bigint>;
}

const SPECIAL: Readonly<Record<string, (at: (field: number) => bigint) => bigint>> = {
  fflags: (at) => at(H.fflags) & 0xffff_ffffn,
  frm: (at) => at(H.frm) & 0xffff_ffffn,
  mstatus: (at) => {
    const status = at(H.mstatus);
    const dirty = (status & MSTATUS.FS) === MSTATUS.FS ? MSTATUS.SD : 0n;
    return status | MSTATUS.UXL | MSTATUS.SXL | dirty;
  },
  mip: (at) => at(H.mip) | at(H.lines),
  mie: (at) => at(H.mie),
  mideleg: (at) => at(H.mideleg),
  satp: (at) => at(H.satp),
  mtvec: (at) => at(H.mtvec),
  stvec: (at) => at(H.stvec),
  menvcfg: (at) => at(H.menvcfg),
  senvcfg: (at) => at(H.senvcfg),
  stimecmp: (at) => at(H.stimecmp),
  mcountinhibit: (at) => at(H.mcountinhibit),
  mhartid: (at) => at(H.hartid),
};

/** Throws UserError 'STORE_DAMAGED' when the block is too short. */
export function readHart(block: Uint8Array): SavedHart {
  if (block.length < H.end - CURRENT) {
    throw userError('STORE_DAMAGED', 'A hart of the checkpoint is damaged: delete this checkpoint.');
  }
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const at = (field: number): bigint => view.getBigUint64(field - CURRENT, true);
  const privilege = view.getUint32(H.priv - CURRENT, true);
  const registers = new Map<string, bigint>([
    ['pc', at(H.pc)],
    ['privilege', BigInt(privilege)],
  ]);
  integerRegisterNames.forEach((name, index) => index > 0 && registers.set(name, at(H.x + 8 * index)));
  floatRegisterNames.forEach((name, index) => registers.set(name, at(H.f + 8 * index)));
  for (const { name } of CSRS) {
    const value = csrOf(name, at);
    if (value !== undefined) registers.set(name, value);
  }
  return {
    pc: at(H.pc),
    privilege: privilege === 3 ? 'M' : privilege === 1 ? 'S' : 'U',
    waiting: (view.getUint32(H.waiting - CURRENT, true) & WAITING_MASK) !== Waiting.no,
    registers,
  };
}

function csrOf(name: string, at: (field: number) => bigint): bigint | undefined {
  const special = Object.hasOwn(SPECIAL, name) ? SPECIAL[name] : undefined;
  if (special) return special(at);
  const cell = csrCells.get(name);
  if (cell !== undefined) return at(cell);
  const index = Number(/\d+$/u.exec(name)?.[0] ?? -1);
  if (name.startsWith('pmpcfg')) return at(H.pmpcfg + 4 * index);
  if (name.startsWith('pmpaddr')) return at(H.pmpaddr + 8 * index);
  return undefined;
}
