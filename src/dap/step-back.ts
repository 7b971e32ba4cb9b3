/**
 * Steps backwards. By instruction the debuggee does it. By statement: the guest goes back a little and forward again, one
 * instruction at a time, and what it did on the way is searched for the beginning of the statement before (BackWalk);
 * farther and farther until it is found. A call that is too long for that is jumped over by running backwards to where it
 * was made. Breakpoints do not end a step back; running backwards (reverseContinue) stops at them.
 *
 * A step back that is cancelled, or that fails, leaves the guest where it was.
 */
import { instret } from '../base/brand';
import type { Hit, Stop } from '../timetravel/api';
import { BackWalk, type ComeBack } from './back-walk';
import type { Move, SessionContext, StopReport } from './context';
import { isSameFrame, SiteReader, siteOf, type Site } from './control-flow';

/**
 * Instructions of each go, rising: most statements take a handful; the largest costs about 0.1 s, about what running
 * backwards over a long call costs.
 */
const GOES = [48, 400, 4000, 40_000];
/**
 * From this go on a call whose beginning is not within it is jumped over: running backwards to where it was made costs about
 * as much as walking a thousand instructions.
 */
const JUMP_FROM_GO = 1;
const STEPS_PER_YIELD = 2000;

const CANCELLED: Stop = { kind: 'paused' };

export async function stepBackInstruction(
  context: SessionContext,
  hart: number,
  move: Move,
): Promise<StopReport> {
  const stop = await context.debuggee.reverseStepInstructions(hart, 1, move.options);
  return { stop, reason: 'step', hart };
}

export async function stepBackStatement(
  context: SessionContext,
  hart: number,
  move: Move,
): Promise<StopReport> {
  const { debuggee } = context;
  const view = context.view(hart);
  if (context.symbolsOf(view).lineAt(view.pc) === undefined) {
    return stepBackInstruction(context, hart, move);
  }
  const origin = debuggee.now;
  let stop: Stop = CANCELLED;
  try {
    stop = await new BackStep(context, hart, move).run();
  } finally {
    if (stop.kind === 'paused' && debuggee.now !== origin) await debuggee.seek(origin);
  }
  return { stop, reason: 'step', hart };
}

class BackStep {
  private walk: BackWalk;
  /** The latest instant that has not been walked over yet, with what the hart was at then. */
  private edge: Site;

  constructor(
    private readonly context: SessionContext,
    private readonly hart: number,
    private readonly move: Move,
  ) {
    this.edge = siteOf(context, hart);
    this.walk = new BackWalk(this.edge);
  }

  async run(): Promise<Stop> {
    for (let go = 0; ; go++) {
      const size = GOES[Math.min(go, GOES.length - 1)] ?? 1;
      const steps = await this.stepsBefore(size);
      if (steps === undefined) return CANCELLED;
      if (this.search(steps.sites)) return this.arrive();
      const { comeBack } = this.walk;
      if (steps.isBeginning && comeBack === undefined) {
        return this.walk.goal === undefined ? this.toBeginning() : this.arrive();
      }
      if (comeBack === undefined || (go < JUMP_FROM_GO && !steps.isBeginning)) continue;
      const jumped = steps.isBeginning ? await this.intoReturn(comeBack) : await this.jumpOver(comeBack);
      if (jumped === 'found') return this.arrive();
      if (jumped !== 'on') return jumped;
    }
  }

  private search(sites: readonly Site[]): boolean {
    for (let at = sites.length - 1; at >= 0; at--) {
      const site = sites[at];
      if (site === undefined) continue;
      if (this.walk.feed(site, this.edge)) return true;
      this.edge = site;
    }
    return false;
  }

  /**
   * The hart's steps before the edge, earliest first: about `count` of them, fewer where other harts had their turns.
   * Undefined: cancelled.
   */
  private async stepsBefore(
    count: number,
  ): Promise<{ readonly sites: Site[]; readonly isBeginning: boolean } | undefined> {
    const { debuggee } = this.context;
    const { options } = this.move;
    const start = Math.max(debuggee.begin, this.edge.now - count * debuggee.hartCount);
    await debuggee.seek(instret(start), options);
    const sites: Site[] = [];
    const reader = new SiteReader(this.context, this.context.view(this.hart));
    for (let steps = 0; debuggee.now < this.edge.now && !this.move.cancelled(); steps++) {
      if (steps % STEPS_PER_YIELD === 0) await this.context.host.clock.yield();
      const site = reader.read(debuggee.now);
      if (debuggee.stepSync(this.hart) === undefined) {
        await debuggee.stepInstructions(this.hart, 1, { ...options, accept: () => false });
      }
      // With several harts the last step may be one that this hart has not made by the time of the edge.
      if (debuggee.now <= this.edge.now) sites.push(site);
    }
    if (this.move.cancelled()) return undefined;
    const isBeginning = start === debuggee.begin;
    if (sites.length > 0 || isBeginning) return { sites, isBeginning };
    return this.lastStep();
  }

  /** The hart has slept for long, or others have run: its last step, wherever it is. */
  private async lastStep(): Promise<{ readonly sites: Site[]; readonly isBeginning: boolean } | undefined> {
    const { debuggee } = this.context;
    const { options } = this.move;
    await debuggee.seek(instret(this.edge.now), options);
    const stop = await debuggee.reverseStepInstructions(this.hart, 1, options);
    if (this.move.cancelled()) return undefined;
    const isBeginning = stop.kind === 'beginning';
    return { sites: isBeginning ? [] : [siteOf(this.context, this.hart)], isBeginning };
  }

  /** Backwards over a call or a trap, to the instruction that made it. */
  private async jumpOver(comeBack: ComeBack): Promise<Stop | 'found' | 'on'> {
    const { debuggee } = this.context;
    const { options } = this.move;
    const { site: back } = comeBack;
    await debuggee.seek(instret(back.now), options);
    let made: Site | undefined;
    const accept = (hit: Hit): boolean => {
      if (hit.kind !== 'breakpoint' || !isSameFrame(this.context.view(hit.hart), this.hart, back))
        return false;
      const site = siteOf(this.context, hit.hart);
      // Where this step led is not known, but what can have led to the return.
      const isCall = site.flow.kind === 'call';
      const isIt =
        comeBack.transfer === 'return'
          ? isCall && site.nextPc === back.pc
          : site.pc === back.pc || site.flow.kind === 'environmentCall';
      if (isIt) made = site;
      return isIt;
    };
    const before = [back.pc - 4n, back.pc - 2n].map((address) => BigInt.asUintN(64, address));
    const temporary = comeBack.transfer === 'return' ? before : [back.pc, ...before];
    const stop = await debuggee.reverseResume({ ...options, temporary, accept });
    if (stop.kind === 'beginning') return this.intoReturn(comeBack);
    if (stop.kind !== 'breakpoint') return stop;
    // The last call of `accept` need not have been the one that counts.
    if (made?.now !== debuggee.now) made = siteOf(this.context, this.hart);
    this.edge = made;
    return this.walk.skipTo(made) ? 'found' : 'on';
  }

  /** Nothing had begun what came back: it was how a thread or a process began. Then the step before it is the return. */
  private async intoReturn({ site }: ComeBack): Promise<Stop | 'found' | 'on'> {
    this.edge = site;
    const steps = await this.lastStep();
    if (steps === undefined) return CANCELLED;
    const [last] = steps.sites;
    if (last === undefined) return this.toBeginning();
    this.edge = last;
    this.walk = new BackWalk(last);
    return this.walk.skipTo(last) ? 'found' : 'on';
  }

  private async arrive(): Promise<Stop> {
    const { goal } = this.walk;
    if (goal === undefined) return this.toBeginning();
    return this.context.debuggee.seek(instret(goal.now), this.move.options);
  }

  private async toBeginning(): Promise<Stop> {
    const { debuggee } = this.context;
    const stop = await debuggee.seek(debuggee.begin, this.move.options);
    return stop.kind === 'done' ? { kind: 'beginning' } : stop;
  }
}
