/**
 * Finds the beginning of the statement that a frame executed before a given instant, from the steps that led there, fed
 * latest first. Frames are told apart by pairing calls with returns and traps with their returns, so nothing depends on
 * unwinding. Rules:
 * - In the middle of a statement: its beginning. At a beginning: the beginning of the statement before.
 * - What was called is stepped over. At the first statement of a function: the statement of the caller that called it.
 * - A prologue belongs to the call, as stepping in stops behind it.
 * - Code without lines is passed over inside a function that has lines; elsewhere each instruction is a statement.
 */
import type { AddressRange } from '../symbols/range-index';
import type { Symbols } from '../symbols/symbols';
import { transferOf, type Site, type Transfer } from './control-flow';
import { bodyOf, contains } from './symbol-lookup';

/** Where something that is stepped over came back to the frame. */
export interface ComeBack {
  /** The instant right after the return. */
  readonly now: number;
  readonly pc: bigint;
  readonly transfer: 'return' | 'trapReturn';
}

export class BackWalk {
  /** Depth of the last site fed, counted from the frame where the walk began; callers are below 0. */
  private depth = 0;
  /** Depth of the frame that is searched: 0, or that of a caller. */
  private frame = 0;
  private found: Site | undefined;
  private ranges: readonly AddressRange[] = [];
  private lastComeBack: ComeBack | undefined;
  private readonly bodies = new Map<bigint, bigint>();

  constructor(
    private readonly symbols: Symbols,
    /** Where the walk begins. */
    private readonly start: { readonly pc: bigint },
  ) {}

  /** The earliest site, of those fed, that may be the goal; the goal itself once `feed` has returned true. */
  get goal(): Site | undefined {
    return this.found;
  }

  /** Set while the walk is inside of what is stepped over. */
  get comeBack(): ComeBack | undefined {
    return this.depth > this.frame ? this.lastComeBack : undefined;
  }

  /** The next earlier step: from `site`, to where the hart stood at `after`. True: the goal is found. */
  feed(site: Site, after: { readonly now: number; readonly pc: bigint }): boolean {
    const transfer = transferOf(site, after.pc);
    if (transfer === 'return' || transfer === 'trapReturn') {
      if (this.depth === this.frame) this.lastComeBack = { now: after.now, pc: after.pc, transfer };
      this.depth++;
    } else if (transfer === 'call' || transfer === 'trap') this.depth--;
    return this.depth <= this.frame && this.visit(site, transfer);
  }

  /** In place of all sites between the one that began it and `comeBack`. True: the goal is found. */
  skipTo(site: Site): boolean {
    this.depth = this.frame;
    return this.visit(site, 'plain');
  }

  private visit(site: Site, transfer: Transfer): boolean {
    if (this.depth < this.frame) {
      // The statement began where the function did (one without prologue).
      if (this.found !== undefined) return true;
      this.frame = this.depth;
      if (transfer === 'call') return this.begin(site);
    }
    if (this.isInPrologue(site.pc)) return this.found !== undefined;
    if (this.found === undefined) return this.begin(site);
    if (!this.ranges.some((range) => contains(range, site.pc))) return true;
    this.found = site;
    return false;
  }

  private begin(site: Site): boolean {
    const hasLine = this.symbols.lineAt(site.pc) !== undefined;
    const startRange = this.symbols.functionAt(this.start.pc);
    const startHasLine = this.symbols.lineAt(this.start.pc) !== undefined;
    if (!hasLine && startHasLine && startRange !== undefined && contains(startRange, site.pc)) return false;
    this.found = site;
    this.ranges = hasLine ? this.symbols.rangesOfLineAt(site.pc) : [];
    return !hasLine;
  }

  private isInPrologue(pc: bigint): boolean {
    const range = this.symbols.functionAt(pc);
    if (range === undefined) return false;
    let body = this.bodies.get(range.start);
    if (body === undefined) this.bodies.set(range.start, (body = bodyOf(this.symbols, range.start)));
    return pc < body;
  }
}
