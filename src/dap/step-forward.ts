/**
 * Steps forwards, by statement or by instruction. A statement step goes on, instruction by instruction, until the hart
 * is at the beginning of another statement; calls that are stepped over, and traps and interrupts that happen on the way,
 * run to their return at full speed. After a return the rest of the caller's statement belongs to the step too, as in
 * GDB; only a step out stops in its middle, where the value that was returned can be looked at.
 */
import type { Hit, Stop } from '../timetravel/api';
import type { Breakpoints } from './breakpoints';
import type { Move, SessionContext, StopReport } from './context';
import { isSameFrame, SATP, SiteReader, transferOf, type Site, type Transfer } from './control-flow';
import type { Frame } from './frames';
import { bodyOf, contains } from './symbol-lookup';
import type { AddressRange } from '../symbols/range-index';
import type { Symbols } from '../symbols/symbols';

export type StepMode = 'into' | 'over';

/** Steps between looks at the clock: a look costs about as much as a step. */
const STEPS_PER_LOOK = 64;
/** A stepping loop lets messages be handled this often, milliseconds; a pause must be answered within 100 ms. */
const YIELD_EVERY_MS = 8;

/** Instructions without lines at the beginning of a handler: what saves registers. */
const HANDLER_STEPS_MAX = 1000;

/** One step under way; not to be used again. */
export class ForwardStep {
  /** Of the stretch that is being walked; running ends it. */
  private reader: SiteReader | undefined;
  private stepsDone = 0;
  private yieldedAt: number;

  constructor(
    private readonly context: SessionContext,
    private readonly breakpoints: Breakpoints,
    private readonly move: Move,
    /** Changes when the stepped task moves to another hart. */
    private hart: number,
  ) {
    this.yieldedAt = context.host.clock.now();
  }

  async instruction(mode: StepMode): Promise<StopReport> {
    const before = this.site();
    for (;;) {
      const { stop, transfer } = await this.stepOne(before);
      if (stop.kind !== 'done') return this.report(stop);
      const isOne = mode === 'into' || (transfer !== 'call' && transfer !== 'trap');
      if (isOne) return this.report(this.breakpointHere(this.site().pc) ?? stop);
      const back = await this.runBack(before, transfer);
      // An interrupt comes back to the instruction that it kept from being executed.
      if (back.kind !== 'done' || this.site().pc !== before.pc) return this.report(back);
    }
  }

  /** `target`: the one call of the statement that is stepped into. */
  async statement(mode: StepMode, target?: bigint): Promise<StopReport> {
    const start = this.site();
    if (start.symbols.lineAt(start.pc) === undefined) return this.instruction(mode);
    let line = lineOf(start);
    for (;;) {
      const before = this.site();
      const { stop, transfer } = await this.stepOne(before);
      if (stop.kind !== 'done') return this.report(stop);
      const isIn = mode === 'into' && (target === undefined || target === before.pc);
      const end = await this.followTransfer(before, transfer, isIn ? 'into' : 'over', target !== undefined);
      if (end !== undefined) return this.report(end);
      const site = this.site();
      const { pc, symbols } = site;
      const hit = this.breakpointHere(pc);
      if (hit !== undefined) return this.report(hit);
      if (isInLine(line, site)) continue;
      const row = symbols.lineAt(pc);
      if (row !== undefined && row.isStmt && row.start === pc) return this.report({ kind: 'done' });
      if (row !== undefined) {
        // In the middle of a statement, most often of a call that has returned: its rest belongs to this step.
        line = lineOf(site);
        continue;
      }
      if (!isInFunctionOf(before, site)) return this.report({ kind: 'done' });
    }
  }

  /** Out of the innermost frame to its caller. */
  async out(caller: Frame): Promise<StopReport> {
    if (caller.isTrapped) return this.outOfTrap(caller);
    const returnAddress = caller.pc;
    const callerSp = caller.register(2);
    const here = this.site();
    const isOut = (hit: Hit): boolean => {
      if (hit.kind !== 'breakpoint' || hit.pc !== returnAddress) return false;
      const view = this.context.view(hit.hart);
      const sp = view.x(2);
      const isOuter = callerSp === undefined ? sp > here.sp : sp === callerSp;
      return isOuter && isSameFrame(view, this.hart, { ...here, sp });
    };
    return this.report(await this.runTo([returnAddress], isOut));
  }

  /** To the code that a trap interrupted: of another privilege, perhaps, on another stack, or another process by then. */
  private async outOfTrap(caller: Frame): Promise<StopReport> {
    const { pc, privilege, view: seen } = caller;
    const sp = caller.register(2);
    const satp = seen.readMemory(pc, 2) === undefined ? undefined : this.context.view(this.hart).csr(SATP);
    const isOut = (hit: Hit): boolean => {
      if (hit.kind !== 'breakpoint') return false;
      const view = this.context.view(hit.hart);
      if (view.privilege !== privilege || (sp !== undefined && view.x(2) !== sp)) return false;
      return privilege !== 0 || satp === undefined || view.csr(SATP) === satp;
    };
    // Where the trap was an environment call, its handler moves behind the instruction.
    return this.report(await this.runTo([pc, BigInt.asUintN(64, pc + 4n)], isOut));
  }

  /** Undefined: the step goes on from where the hart is now. */
  private async followTransfer(
    before: Site,
    transfer: Transfer,
    mode: StepMode,
    isWanted: boolean,
  ): Promise<Stop | undefined> {
    const { pc, symbols } = this.site();
    const hasLine = symbols.lineAt(pc) !== undefined;
    switch (transfer) {
      case 'call':
        if (mode === 'into' && (hasLine || isWanted)) return this.enter(pc);
        return this.comeBack(before, transfer);
      case 'trap':
        // `stepIn` on an ecall means the handler; every other trap came unasked.
        if (mode === 'into' && before.flow.kind === 'environmentCall') return this.enterHandler(before);
        return this.comeBack(before, transfer);
      case 'jump':
        return this.followTailCall(before, this.site(), mode);
      case 'return':
      case 'trapReturn':
      case 'plain':
        return undefined;
    }
  }

  /** Into the handler of an environment call: to its first line. One without lines is stepped over. */
  private async enterHandler(before: Site): Promise<Stop | undefined> {
    for (let steps = 0; steps < HANDLER_STEPS_MAX; steps++) {
      const site = this.site();
      const row = site.symbols.lineAt(site.pc);
      if (row !== undefined && row.isStmt && row.start === site.pc) return { kind: 'done' };
      if (site.flow.kind === 'trapReturn') break;
      const { stop } = await this.stepOne(site);
      if (stop.kind !== 'done') return stop;
    }
    return this.comeBack(before, 'trap');
  }

  private async comeBack(before: Site, transfer: 'call' | 'trap'): Promise<Stop | undefined> {
    const stop = await this.runBack(before, transfer);
    return stop.kind === 'done' ? undefined : stop;
  }

  /** A jump to the beginning of another function: its return is that of the function at hand. */
  private async followTailCall(before: Site, here: Site, mode: StepMode): Promise<Stop | undefined> {
    const { pc, symbols } = here;
    const target = symbols.functionAt(pc);
    if (target === undefined || target.start !== pc || isInFunctionOf(before, here)) return undefined;
    if (mode === 'into' && symbols.lineAt(pc) !== undefined) return this.enter(pc);
    const returnAddress = this.context.view(this.hart).x(1);
    // At start-up ra holds nothing: then the jump is followed.
    if (symbols.functionAt(returnAddress) === undefined) return undefined;
    const isBack = (hit: Hit): boolean =>
      hit.kind === 'breakpoint' &&
      hit.pc === returnAddress &&
      isSameFrame(this.context.view(hit.hart), this.hart, here);
    return this.runTo([returnAddress], isBack);
  }

  /** Into a function that was just called: behind its prologue, where its arguments are in place. */
  private async enter(entry: bigint): Promise<Stop> {
    const body = bodyOf(this.site().symbols, entry);
    const hit = this.breakpointHere(entry);
    if (hit !== undefined) return hit;
    if (body === entry) return { kind: 'done' };
    const isBody = (one: Hit): boolean =>
      one.kind === 'breakpoint' && one.pc === body && one.hart === this.hart;
    return this.runTo([body], isBody);
  }

  /** Runs what a call or trap began to its end. */
  private runBack(before: Site, transfer: 'call' | 'trap'): Promise<Stop> {
    const targets = transfer === 'call' ? [before.nextPc] : [before.pc, before.nextPc];
    const isBack = (hit: Hit): boolean =>
      hit.kind === 'breakpoint' &&
      targets.includes(hit.pc) &&
      isSameFrame(this.context.view(hit.hart), this.hart, before);
    return this.runTo(targets, isBack);
  }

  /** To a hit for which `isGoal`, then 'done'; or to a hit of the user's, or wherever else the run stops. */
  private async runTo(addresses: readonly bigint[], isGoal: (hit: Hit) => boolean): Promise<Stop> {
    let reached: Hit | undefined;
    const stop = await this.context.debuggee.resume({
      ...this.move.options,
      temporary: addresses,
      accept: (hit) => {
        reached = isGoal(hit) ? hit : undefined;
        return reached !== undefined || this.breakpoints.accept(hit, 'forwards');
      },
    });
    this.reader = undefined;
    if (reached === undefined || stop.kind !== 'breakpoint') return stop;
    this.hart = reached.hart;
    return { kind: 'done' };
  }

  private async stepOne(before: Site): Promise<{ readonly stop: Stop; readonly transfer: Transfer }> {
    const stop = await this.attempt();
    return { stop, transfer: transferOf(before, this.site().pc) };
  }

  private async attempt(): Promise<Stop> {
    const { debuggee } = this.context;
    if (++this.stepsDone % STEPS_PER_LOOK === 0) await this.letOthersIn();
    if (this.move.cancelled()) return { kind: 'paused' };
    // Only the slow way sees watched memory and trap causes.
    const fast = this.breakpoints.watchesMore ? undefined : debuggee.stepSync(this.hart);
    if (fast !== undefined) return fast;
    const accept = (hit: Hit): boolean =>
      hit.kind !== 'breakpoint' && this.breakpoints.accept(hit, 'forwards');
    return debuggee.stepInstructions(this.hart, 1, { ...this.move.options, accept });
  }

  private async letOthersIn(): Promise<void> {
    const { clock } = this.context.host;
    if (clock.now() - this.yieldedAt < YIELD_EVERY_MS) return;
    await clock.yield();
    this.yieldedAt = clock.now();
  }

  private breakpointHere(pc: bigint): Stop | undefined {
    if (!this.breakpoints.isAt(pc)) return undefined;
    const hit: Hit = { kind: 'breakpoint', hart: this.hart, pc };
    return this.breakpoints.accept(hit, 'forwards') ? hit : undefined;
  }

  private site(): Site {
    this.reader ??= new SiteReader(this.context, this.context.view(this.hart));
    return this.reader.read(this.context.debuggee.now);
  }

  private report(stop: Stop): StopReport {
    return { stop, reason: 'step', hart: this.hart };
  }
}

/** The code of one line, in one program. */
interface LineCode {
  readonly symbols: Symbols;
  readonly ranges: readonly AddressRange[];
}

const lineOf = ({ symbols, pc }: Site): LineCode => ({ symbols, ranges: symbols.rangesOfLineAt(pc) });

const isInLine = ({ symbols, ranges }: LineCode, site: Site): boolean =>
  symbols === site.symbols && ranges.some((range) => contains(range, site.pc));

function isInFunctionOf(first: Site, second: Site): boolean {
  const range = first.symbols.functionAt(first.pc);
  return first.symbols === second.symbols && range !== undefined && contains(range, second.pc);
}
