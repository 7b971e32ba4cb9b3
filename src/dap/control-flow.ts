/**
 * Where an instruction goes on, as far as stepping needs it: which steps were calls, returns, traps. Told from the
 * instruction and from where the hart was before and after; conventions are those of the RISC-V unprivileged
 * specification for return-address prediction (JAL and JALR with ra or t0 as link register).
 */
import { decode } from '../isa/decoder';
import type { Symbols } from '../symbols/symbols';
import type { HartView, Privilege } from '../timetravel/api';
import type { SessionContext } from './context';

type Flow =
  | { readonly kind: 'next' }
  | { readonly kind: 'environmentCall' }
  | { readonly kind: 'trapReturn' }
  | { readonly kind: 'branch'; readonly target: bigint }
  | { readonly kind: 'jump' | 'call' | 'return'; readonly target: bigint };

/** A hart before an instruction. */
export interface Site {
  /** The instant, as the debuggee counts it. */
  readonly now: number;
  readonly pc: bigint;
  readonly sp: bigint;
  readonly privilege: Privilege;
  /** In U-mode satp, which tells processes apart; 0 elsewhere. */
  readonly space: bigint;
  /** Those that hold for the code. */
  readonly symbols: Symbols;
  /** Address of the next instruction in sequence. */
  readonly nextPc: bigint;
  readonly flow: Flow;
}

/** What a step from a site did. A tail call is a jump. */
export type Transfer = 'plain' | 'jump' | 'call' | 'return' | 'trap' | 'trapReturn';

const NEXT: Flow = { kind: 'next' };
const BRANCHES: ReadonlySet<string> = new Set(['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu']);
const TRAP_RETURNS: ReadonlySet<string> = new Set(['mret', 'sret']);

/** Its CSR number. */
export const SATP = 0x180;

/** What tells a process from others at the same addresses. */
export const spaceOf = (view: HartView): bigint => (view.privilege === 0 ? (view.csr(SATP) ?? 0n) : 0n);

const isLink = (register: number): boolean => register === 1 || register === 5;
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The instruction word at an address: 32 bits, of which a compressed one has its own 16; undefined when unmapped. */
export function readInstruction(view: HartView, address: bigint): number | undefined {
  const bytes = view.readMemory(address, 4);
  const [b0, b1, b2 = 0, b3 = 0] = bytes ?? [];
  if (b0 === undefined || b1 === undefined) return undefined;
  // A 4-byte instruction may continue on the next page.
  if ((b0 & 3) === 3 && (bytes?.length ?? 0) < 4) return undefined;
  return b0 | (b1 << 8) | (b2 << 16) | (b3 << 24);
}

/** What the instruction at an address does, as far as it says itself. */
export const flowAt = (view: HartView, address: bigint): Plan =>
  planOf(readInstruction(view, address), address);

/** An instruction as far as it is the same each time: a jump through a register still needs the register. */
interface Plan {
  readonly length: bigint;
  readonly flow:
    | Flow
    | {
        readonly kind: 'indirect';
        readonly as: 'jump' | 'call' | 'return';
        readonly rs1: number;
        readonly imm: bigint;
      };
}

/**
 * Reads the sites of one hart, one after the other. Instructions are decoded once, as reading and decoding cost far more
 * than a step; make a new reader for each walk, so that code which was overwritten does not live on.
 */
export class SiteReader {
  private readonly plans = new Map<bigint, Plan>();
  private privilege: Privilege | undefined;
  private space = 0n;
  private symbols: Symbols | undefined;

  constructor(
    private readonly context: SessionContext,
    private readonly view: HartView,
  ) {}

  read(now: number): Site {
    const { view } = this;
    const { pc, privilege } = view;
    // Another process can have come to run only through another privilege; its code is at the same addresses.
    if (privilege !== this.privilege || this.symbols === undefined) {
      this.plans.clear();
      this.space = spaceOf(view);
      this.symbols = this.context.symbolsOf(view);
    }
    this.privilege = privilege;
    const { space, symbols } = this;
    let plan = this.plans.get(pc);
    if (plan === undefined) this.plans.set(pc, (plan = planOf(readInstruction(view, pc), pc)));
    const nextPc = wrap(pc + plan.length);
    return { now, pc, sp: view.x(2), privilege, space, symbols, nextPc, flow: resolve(plan.flow, view) };
  }
}

export const siteOf = (context: SessionContext, hart: number): Site =>
  new SiteReader(context, context.view(hart)).read(context.debuggee.now);

function resolve(flow: Plan['flow'], view: HartView): Flow {
  if (flow.kind !== 'indirect') return flow;
  return { kind: flow.as, target: wrap(view.x(flow.rs1) + flow.imm) & ~1n };
}

function planOf(word: number | undefined, pc: bigint): Plan {
  const length = word === undefined || (word & 3) === 3 ? 4n : 2n;
  const decoded = word === undefined ? undefined : decode(word);
  if (decoded === undefined) return { length, flow: NEXT };
  const { rd, rs1, imm } = decoded.operands;
  const { name } = decoded.row.semantics;
  const target = wrap(pc + BigInt(imm));
  if (name === 'jal') return { length, flow: { kind: isLink(rd) ? 'call' : 'jump', target } };
  if (name === 'jalr') {
    const as = isLink(rd) ? 'call' : isLink(rs1) ? 'return' : 'jump';
    return { length, flow: { kind: 'indirect', as, rs1, imm: BigInt(imm) } };
  }
  if (BRANCHES.has(name)) return { length, flow: { kind: 'branch', target } };
  if (TRAP_RETURNS.has(name)) return { length, flow: { kind: 'trapReturn' } };
  if (name === 'ecall') return { length, flow: { kind: 'environmentCall' } };
  return { length, flow: NEXT };
}

/** `pcAfter` is where the hart stood after one step from `site`. */
export function transferOf(site: Site, pcAfter: bigint): Transfer {
  const { flow } = site;
  switch (flow.kind) {
    case 'trapReturn':
      return 'trapReturn';
    case 'next':
    case 'environmentCall':
      return pcAfter === site.nextPc ? 'plain' : 'trap';
    case 'branch':
      return pcAfter === site.nextPc || pcAfter === flow.target ? 'plain' : 'trap';
    default:
      return pcAfter === flow.target ? flow.kind : 'trap';
  }
}

/**
 * Whether a hart stands in the same activation as `site`: calls and traps give the stack pointer back as it was. User
 * threads and kernel tasks may have moved to another hart meanwhile; in M-mode harts share code but no stack.
 */
export function isSameFrame(view: HartView, hart: number, site: Site): boolean {
  if (view.x(2) !== site.sp || view.privilege !== site.privilege) return false;
  if (spaceOf(view) !== site.space) return false;
  return view.id === hart || site.privilege !== 3;
}
