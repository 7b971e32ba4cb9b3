/**
 * Finds the beginning of the statement that a frame executed before a given instant, from the steps that led there, fed
 * latest first. What was called or trapped is told by where it came back to, so nothing depends on unwinding. It is the mirror of ForwardStep.statement, and stops where that would have stopped on its way:
 * - A statement begins at a row of the line table that is marked as one, reached from another line.
 * - In the middle of a statement: its beginning. At a beginning: the beginning of the statement before.
 * - What was called is stepped over. At the first statement of a function: the statement of the caller that called it.
 * - A prologue belongs to the call, as stepping in stops behind it.
 * - Code without lines is passed over inside a function that has lines; elsewhere each instruction is a statement.
 */
import type { Symbols } from '../symbols/symbols';
import { transferOf, type Site, type Transfer } from './control-flow';
import { bodyOf, contains } from './symbol-lookup';

/** Where something that is stepped over came back to the frame. */
export interface ComeBack {
  /** The hart right after the return. */
  readonly site: Site;
  readonly transfer: 'return' | 'trapReturn';
}

/**
 * Whether a step from `site` began what came back. Not told by counting calls and returns: between the two a kernel may have
 * switched to other threads and processes, whose steps are among them. What a call or trap gives back is the stack pointer.
 */
export function began(site: Site, transfer: Transfer, { site: back, transfer: end }: ComeBack): boolean {
  if (site.sp !== back.sp || site.privilege !== back.privilege || site.space !== back.space) return false;
  if (end === 'return') return transfer === 'call' && site.nextPc === back.pc;
  return transfer === 'trap' && (site.pc === back.pc || site.nextPc === back.pc);
}

/** What the line table says about an address. */
interface CodePlace {
  /** Equal for all code of one line within one function; undefined where there is no line. */
  readonly line: string | undefined;
  readonly isStatementStart: boolean;
  readonly isPrologue: boolean;
}

export class BackWalk {
  /** The site of this frame that came next in time; not that where the walk began. */
  private later: Site | undefined;
  /** Set while the walk is inside of what is stepped over. */
  private inside: ComeBack | undefined;
  private readonly places = new Map<Symbols, Map<bigint, CodePlace>>();

  constructor(
    /** Where the walk begins. */
    private readonly start: Site,
  ) {}

  /** The goal once `feed` has returned true; before, the earliest site that was looked at. */
  get goal(): Site | undefined {
    return this.later;
  }

  get comeBack(): ComeBack | undefined {
    return this.inside;
  }

  /** The next earlier step: from `site`, to where the hart stood at `after`. True: the goal is found. */
  feed(site: Site, after: Site): boolean {
    const transfer = transferOf(site, after.pc);
    if (this.inside !== undefined) {
      if (!began(site, transfer, this.inside)) return false;
      this.inside = undefined;
      return this.visit(site, false);
    }
    if (transfer === 'return' || transfer === 'trapReturn') {
      this.inside = { site: after, transfer };
      return false;
    }
    return this.visit(site, transfer === 'call' || transfer === 'trap');
  }

  /** In place of all sites between the one that began it and `comeBack`. True: the goal is found. */
  skipTo(site: Site): boolean {
    this.inside = undefined;
    return this.visit(site, false);
  }

  /** `isEntry`: the step from here was the one into the frame; on goes the search in the frame of the caller. */
  private visit(site: Site, isEntry: boolean): boolean {
    const { later } = this;
    const isLaterStart = later !== undefined && this.placeOf(later).isStatementStart;
    if (isEntry) {
      // The function had no prologue: its first statement began at its entry.
      if (isLaterStart) return true;
      this.later = undefined;
    }
    const place = this.placeOf(site);
    if (place.isPrologue) return this.later !== undefined;
    if (place.line === undefined) {
      if (!isEntry && this.isInFunctionOfStart(site)) return false;
      if (!isLaterStart) this.later = site;
      return true;
    }
    if (!isEntry && isLaterStart && this.placeOf(later).line !== place.line) return true;
    this.later = site;
    return false;
  }

  private isInFunctionOfStart({ pc, symbols }: Site): boolean {
    const { start } = this;
    if (symbols !== start.symbols) return false;
    const range = symbols.functionAt(start.pc);
    return range !== undefined && contains(range, pc) && symbols.lineAt(start.pc) !== undefined;
  }

  private placeOf({ pc, symbols }: Site): CodePlace {
    let places = this.places.get(symbols);
    if (places === undefined) this.places.set(symbols, (places = new Map<bigint, CodePlace>()));
    let place = places.get(pc);
    if (place === undefined) places.set(pc, (place = lookUp(symbols, pc)));
    return place;
  }
}

function lookUp(symbols: Symbols, pc: bigint): CodePlace {
  const row = symbols.lineAt(pc);
  const start = symbols.functionAt(pc)?.start;
  return {
    line: row && `${start ?? 0n} ${row.line} ${row.file}`,
    isStatementStart: row !== undefined && row.isStmt && row.start === pc,
    isPrologue: start !== undefined && pc < bodyOf(symbols, pc),
  };
}
