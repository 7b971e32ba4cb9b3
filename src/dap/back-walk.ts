/**
 * Finds the beginning of the statement that a frame executed before a given instant, from the steps that led there, fed
 * latest first. Frames are told apart by pairing calls with returns and traps with their returns, so nothing depends on
 * unwinding. It is the mirror of ForwardStep.statement, and stops where that would have stopped on its way:
 * - A statement begins at a row of the line table that is marked as one, reached from another line.
 * - In the middle of a statement: its beginning. At a beginning: the beginning of the statement before.
 * - What was called is stepped over. At the first statement of a function: the statement of the caller that called it.
 * - A prologue belongs to the call, as stepping in stops behind it.
 * - Code without lines is passed over inside a function that has lines; elsewhere each instruction is a statement.
 */
import type { Symbols } from '../symbols/symbols';
import { transferOf, type Site } from './control-flow';
import { bodyOf, contains } from './symbol-lookup';

/** Where something that is stepped over came back to the frame. */
export interface ComeBack {
  /** The instant right after the return. */
  readonly now: number;
  readonly pc: bigint;
  readonly transfer: 'return' | 'trapReturn';
}

/** What the line table says about an address. */
interface CodePlace {
  /** Equal for all code of one line within one function; undefined where there is no line. */
  readonly line: string | undefined;
  readonly isStatementStart: boolean;
  readonly isPrologue: boolean;
}

export class BackWalk {
  /** Depth of the last site fed, counted from the frame where the walk began; callers are below 0. */
  private depth = 0;
  /** Depth of the frame that is searched: 0, or that of a caller. */
  private frame = 0;
  /** The site of this frame that came next in time; not that where the walk began. */
  private later: Site | undefined;
  private lastComeBack: ComeBack | undefined;
  private readonly places = new Map<bigint, CodePlace>();

  constructor(
    private readonly symbols: Symbols,
    /** Where the walk begins. */
    private readonly start: { readonly pc: bigint },
  ) {}

  /** The goal once `feed` has returned true; before, the earliest site that was looked at. */
  get goal(): Site | undefined {
    return this.later;
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
    return this.depth <= this.frame && this.visit(site);
  }

  /** In place of all sites between the one that began it and `comeBack`. True: the goal is found. */
  skipTo(site: Site): boolean {
    this.depth = this.frame;
    return this.visit(site);
  }

  private visit(site: Site): boolean {
    const { later } = this;
    const isLaterStart = later !== undefined && this.placeOf(later.pc).isStatementStart;
    const isEntry = this.depth < this.frame;
    if (isEntry) {
      // The function had no prologue: its first statement began at its entry.
      if (isLaterStart) return true;
      this.frame = this.depth;
      this.later = undefined;
    }
    const place = this.placeOf(site.pc);
    if (place.isPrologue) return this.later !== undefined;
    if (place.line === undefined) {
      if (!isEntry && this.isInFunctionOfStart(site.pc)) return false;
      if (!isLaterStart) this.later = site;
      return true;
    }
    if (!isEntry && isLaterStart && this.placeOf(later.pc).line !== place.line) return true;
    this.later = site;
    return false;
  }

  private isInFunctionOfStart(pc: bigint): boolean {
    const range = this.symbols.functionAt(this.start.pc);
    return range !== undefined && contains(range, pc) && this.symbols.lineAt(this.start.pc) !== undefined;
  }

  private placeOf(pc: bigint): CodePlace {
    let place = this.places.get(pc);
    if (place === undefined) this.places.set(pc, (place = this.lookUp(pc)));
    return place;
  }

  private lookUp(pc: bigint): CodePlace {
    const { symbols } = this;
    const row = symbols.lineAt(pc);
    const start = symbols.functionAt(pc)?.start;
    return {
      line: row && `${start ?? 0n} ${row.line} ${row.file}`,
      isStatementStart: row !== undefined && row.isStmt && row.start === pc,
      isPrologue: start !== undefined && pc < bodyOf(symbols, pc),
    };
  }
}
