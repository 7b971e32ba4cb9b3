/**
 * All breakpoints of the session, of every kind, and the one decision whether a hit is one to stop at. The debuggee knows
 * addresses, ranges and causes only; conditions, hit counts and log messages are looked at here, when it asks. They hold
 * in the past as in the present; log messages and hit counts go on only while time goes forwards.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf } from '../base/errors';
import type { Hit, MoveOptions, Stop, WatchRange } from '../timetravel/api';
import type { Move, SessionContext, StopReport } from './context';
import { causeText } from './exception-filters';
import { scopeOf } from './expressions';
import type { Guards } from './guards';
import { HitRecord } from './hit-condition';
import { Placer } from './placing';
import { moduleOf } from './sources';
import { isTrapMeant, type TrapHit } from './trap-match';
import { WatchValues } from './watch-values';
import type { GuestProgram } from './spaces';
import { hexAddress } from './symbol-lookup';

export type Direction = 'forwards' | 'backwards';

/** What it is set on. One breakpoint on a line may have several addresses: inlined copies. */
/** An instruction, of one program: others may have the same addresses. */
export interface CodeAddress {
  readonly address: bigint;
  /** Absent: whatever runs there. */
  readonly program?: GuestProgram;
}

export type Place =
  | { readonly kind: 'code'; readonly addresses: readonly CodeAddress[] }
  | { readonly kind: 'data'; readonly range: WatchRange; readonly program?: GuestProgram }
  | TrapPlace
  /** Not set: wrong, or not known yet. */
  | { readonly kind: 'nowhere' };

export interface TrapPlace {
  readonly kind: 'trap';
  readonly exceptions: readonly number[];
  readonly interrupts: readonly number[];
  /** Only where the mode changes by it. */
  readonly isPrivilegeChange?: boolean;
}

/** DAP's sets, each replaced as a whole; source breakpoints by file. */
export type BreakpointSet = `source ${string}` | 'function' | 'instruction' | 'data' | 'exception';

export interface Breakpoint {
  readonly id: number;
  /** Tells it from the others of its set: the same text again is the same breakpoint, with its hits. */
  readonly identity: string;
  /** By which others refer to it. */
  readonly label: string;
  readonly place: Place;
  readonly guards: Guards;
  readonly hits: HitRecord;
}

export interface BreakpointRequest {
  readonly identity: string;
  readonly label: string;
  readonly place: Place;
  readonly guards: Guards;
}

const REASONS: Readonly<Record<string, string>> = {
  function: 'function breakpoint',
  instruction: 'instruction breakpoint',
  data: 'data breakpoint',
  exception: 'exception',
};

export class Breakpoints {
  private readonly sets = new Map<BreakpointSet, readonly Breakpoint[]>();
  private byAddress = new Map<bigint, Breakpoint[]>();
  private nextId = 1;
  private context: SessionContext | undefined;
  /** Those for which the last accepted hit was accepted. */
  private accepted: readonly Breakpoint[] = [];
  private branch = 0;
  private readonly values = new WatchValues();
  private direction: Direction = 'forwards';
  /** One-shot breakpoints that were hit: they wait for the client to take them away. */
  private readonly spent = new Set<number>();
  /** Set by the requests: looks at all places again when symbols have become known. */
  private readonly resolvers: (() => void)[] = [];
  private readonly renewers: (() => void)[] = [];
  private placer: Placer | undefined;

  constructor(private readonly print: (text: string) => void) {}

  attach(context: SessionContext): void {
    this.context = context;
    context.owned.add(context.stopped.event(() => this.removeSpent()));
    context.owned.add(context.stopped.event(() => this.placer?.look()));
  }

  onResolve(resolver: () => void): void {
    this.resolvers.push(resolver);
  }

  /** A file was found in the guest: its lines and functions have places now. Called during moves. */
  onPlaced(renew: () => void): void {
    this.renewers.push(renew);
  }

  /** The guest is there: breakpoints that were set before it get their places. */
  resolveAll(): void {
    const { context } = this;
    if (context === undefined) return;
    this.placer = new Placer(context, (program) => {
      context.event('module', { reason: 'changed', module: moduleOf(program) });
      for (const renew of this.renewers) renew();
      this.apply();
    });
    for (const resolver of this.resolvers) resolver();
    context.owned.add(context.debuggee.onTime(() => this.noteBranch()));
    this.apply();
  }

  /** Replaces a set; the breakpoints are in the order of the requests. */
  replace(set: BreakpointSet, requests: readonly BreakpointRequest[]): readonly Breakpoint[] {
    const before = [...(this.sets.get(set) ?? [])];
    const made = requests.map((request): Breakpoint => {
      const known = before.findIndex(({ identity }) => identity === request.identity);
      const [old] = known < 0 ? [] : before.splice(known, 1);
      return { ...request, id: old?.id ?? this.nextId++, hits: old?.hits ?? new HitRecord() };
    });
    const previous = this.sets.get(set) ?? [];
    this.sets.set(set, made);
    try {
      this.apply();
    } catch (error) {
      // The debuggee cannot watch as much as that; what was set before stays.
      this.sets.set(set, previous);
      this.apply();
      throw error;
    }
    return made;
  }

  /** True where a hit can be at this address. */
  isAt(pc: bigint): boolean {
    return this.byAddress.has(pc);
  }

  /** True when there is more to watch than addresses of instructions. */
  get watchesMore(): boolean {
    return this.all().some(({ place }) => place.kind === 'data' || place.kind === 'trap');
  }

  /** Whether to stop. Looks at conditions, counts, prints; called by the debuggee during a move. */
  accept(hit: Hit, direction: Direction): boolean {
    this.direction = direction;
    if (direction === 'forwards') this.placer?.note(hit);
    if (hit.kind === 'watchpoint') this.values.note(this.debuggee, hit);
    const stopping = this.candidates(hit).filter((one) => this.passes(one, hit, direction));
    if (stopping.length > 0) this.accepted = stopping;
    return stopping.length > 0;
  }

  /** A move begins that may stop at them. */
  begin(): void {
    const ranges = this.all().flatMap(({ place }) => (place.kind === 'data' ? [place.range] : []));
    if (ranges.length > 0) this.values.begin(this.debuggee, ranges);
  }

  /** The stop was told: one-shot breakpoints that made it go. */
  private removeSpent(): void {
    for (const { id, guards } of this.accepted) {
      if (guards.once !== true || this.spent.has(id)) continue;
      this.spent.add(id);
      const breakpoint = { id, verified: false, message: 'one-shot: it was hit' };
      this.context?.event('breakpoint', { reason: 'removed', breakpoint });
    }
    this.accepted = [];
  }

  resume(move: Move): Promise<StopReport> {
    return this.run((options) => this.debuggee.resume(options), move, 'forwards');
  }

  reverseResume(move: Move): Promise<StopReport> {
    return this.run((options) => this.debuggee.reverseResume(options), move, 'backwards');
  }

  /** The words of a `stopped` event for a hit. */
  describeStop(stop: Stop): Partial<DebugProtocol.StoppedEvent['body']> {
    switch (stop.kind) {
      case 'breakpoint':
        return { reason: this.reason('breakpoint'), ...this.hitIds() };
      case 'watchpoint': {
        return { reason: 'data breakpoint', text: this.watchText(stop), ...this.hitIds() };
      }
      case 'trap': {
        const text = causeText(stop.interrupt, stop.cause);
        return { reason: 'exception', description: `Paused on trap: ${text}`, text, ...this.hitIds() };
      }
      default:
        return {};
    }
  }

  /** `counter written: 5 → 6 (4 bytes at 0x80001000 by 0x80000010)`. */
  private watchText(stop: Extract<Hit, { kind: 'watchpoint' }>): string {
    const verb = stop.write ? 'written' : 'read';
    const label = this.accepted[0]?.label ?? hexAddress(stop.address);
    const values = this.values.text(this.debuggee, stop, this.direction === 'backwards');
    const access = `${stop.sizeBytes} bytes at ${hexAddress(stop.address)} ${verb} by ${hexAddress(stop.pc)}`;
    return values === '' ? `${label}: ${access}` : `${label} ${verb}: ${values}; ${access}`;
  }

  private get debuggee(): SessionContext['debuggee'] {
    if (this.context === undefined) throw new TypeError('breakpoints are not attached');
    return this.context.debuggee;
  }

  private async run(
    go: (options: MoveOptions) => Promise<Stop>,
    move: Move,
    direction: Direction,
  ): Promise<StopReport> {
    this.begin();
    const stop = await go({ ...move.options, accept: (hit) => this.accept(hit, direction) });
    return { stop, reason: direction === 'forwards' ? 'pause' : 'step' };
  }

  private hitIds(): Pick<DebugProtocol.StoppedEvent['body'], 'hitBreakpointIds'> {
    return { hitBreakpointIds: this.accepted.map(({ id }) => id) };
  }

  private reason(fallback: string): string {
    const [first] = this.accepted;
    for (const [set, breakpoints] of this.sets) {
      if (first !== undefined && breakpoints.includes(first)) return REASONS[set] ?? fallback;
    }
    return fallback;
  }

  private all(): Breakpoint[] {
    return [...this.sets.values()].flat();
  }

  private candidates(hit: Hit): readonly Breakpoint[] {
    if (hit.kind === 'breakpoint') return this.atAddress(hit.pc, hit.hart);
    return this.all().filter(({ place }) => {
      if (hit.kind === 'trap') return place.kind === 'trap' && this.isTrap(place, hit);
      if (place.kind !== 'data' || place.range.access !== hit.range.access) return false;
      return touches(place, hit) && this.isProgram(place.program, hit.hart);
    });
  }

  /** Those whose program the hart runs, each once. */
  private atAddress(pc: bigint, hart: number): readonly Breakpoint[] {
    const all = this.byAddress.get(pc) ?? [];
    const { context } = this;
    if (context === undefined || all.length === 0) return all;
    const isMeant = ({ place, guards }: Breakpoint): boolean =>
      place.kind === 'code' &&
      place.addresses.some(
        ({ address, program }) =>
          address === pc && (guards.mode === 'anywhere' || this.isProgram(program, hart)),
      );
    return all.filter(isMeant);
  }

  private isProgram(program: GuestProgram | undefined, hart: number): boolean {
    const { context } = this;
    return program === undefined || context?.spaces.isRunning(program, context.view(hart)) === true;
  }

  private isTrap(place: TrapPlace, hit: TrapHit): boolean {
    const codes = hit.interrupt ? place.interrupts : place.exceptions;
    if (!codes.includes(hit.cause)) return false;
    const { context } = this;
    return (
      place.isPrivilegeChange !== true || (context !== undefined && isTrapMeant(context.view(hit.hart), hit))
    );
  }

  /** Modes, harts, one-shots and dependences: what needs no look at the guest's variables. */
  private isOpen({ id, guards }: Breakpoint, hit: Hit): boolean {
    const { mode, hart, after, traps } = guards;
    const { privilege } = this.debuggee.hart(hit.hart);
    if (this.spent.has(id) || (hart !== undefined && hart !== hit.hart)) return false;
    if (mode === 'user' && privilege !== 0) return false;
    if (mode === 'kernel' && privilege === 0) return false;
    if (traps !== undefined && hit.kind === 'trap' && !isTrapMeant(this.debuggee.hart(hit.hart), hit, traps))
      return false;
    return after === undefined || this.wasHit(after);
  }

  /** Whether a breakpoint of that name was hit by now, as far as anybody ran over it. */
  private wasHit(name: string): boolean {
    const { now } = this.debuggee;
    const isNamed = ({ label }: Breakpoint): boolean => label === name || label.endsWith(`/${name}`);
    return this.all().some((one) => isNamed(one) && one.hits.isAfterFirst(now));
  }

  private passes(breakpoint: Breakpoint, hit: Hit, direction: Direction): boolean {
    const { context } = this;
    if (context === undefined) return false;
    const { condition, hit: test, log } = breakpoint.guards;
    if (!this.isOpen(breakpoint, hit)) return false;
    const scope = scopeOf(context, hit.hart);
    if (condition !== undefined) {
      try {
        if (condition(scope) === 0n) return false;
      } catch (error) {
        // A condition that cannot be answered is for a person to look at, here and now.
        this.print(`condition of a breakpoint at ${hexAddress(hit.pc)}: ${messageOf(error)}`);
        return true;
      }
    }
    if (test !== undefined) {
      const ordinal = breakpoint.hits.ordinalOf(context.debuggee.now, direction === 'forwards');
      if (!test(ordinal)) return false;
    }
    if (direction === 'forwards') breakpoint.hits.note(context.debuggee.now);
    if (log === undefined) return true;
    if (direction === 'forwards') this.print(log(scope));
    return false;
  }

  private noteBranch(): void {
    const { branch, now } = this.debuggee;
    if (branch === this.branch) return;
    this.branch = branch;
    for (const { hits } of this.all()) hits.forgetAfter(now);
  }

  /** Tells the debuggee; it may be running, then this comes between two slices. */
  private apply(): void {
    this.byAddress = new Map();
    const { context } = this;
    if (context?.hasGuest !== true || context.guest.configuration.noDebug || context.phase === 'ended')
      return;
    const points = {
      watchpoints: [] as WatchRange[],
      exceptions: [...(this.placer?.exceptions ?? [])],
      interrupts: [] as number[],
    };
    for (const breakpoint of this.all()) {
      const { place } = breakpoint;
      if (place.kind === 'data') points.watchpoints.push(place.range);
      if (place.kind === 'trap') {
        points.exceptions.push(...place.exceptions);
        points.interrupts.push(...place.interrupts);
      }
      if (place.kind !== 'code') continue;
      for (const { address } of place.addresses) {
        const known = this.byAddress.get(address) ?? [];
        if (!known.includes(breakpoint)) this.byAddress.set(address, [...known, breakpoint]);
      }
    }
    context.debuggee.setStopPoints({
      breakpoints: [...new Set([...this.byAddress.keys(), ...(this.placer?.breakpoints ?? [])])],
      watchpoints: points.watchpoints,
      exceptions: [...new Set(points.exceptions)],
      interrupts: [...new Set(points.interrupts)],
    });
  }
}

/** `hit.range` is the very one that was armed, but several breakpoints may lie in it. */
const touches = (
  { range }: { readonly range: WatchRange },
  hit: Extract<Hit, { kind: 'watchpoint' }>,
): boolean =>
  range.physical === true || hit.range.physical === true
    ? range.physical === hit.range.physical &&
      range.address === hit.range.address &&
      range.length === hit.range.length
    : hit.address < range.address + BigInt(range.length) &&
      range.address < hit.address + BigInt(hit.sizeBytes);
