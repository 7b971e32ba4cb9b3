/** Functions by address and by name, from DWARF and, where that is silent, from ELF symbols. No load bias here. */
import { ASSEMBLER_LANGUAGES } from './dwarf/constants';
import type { DebugInfo, NamedFunction, UnitInfo } from './dwarf/debug-info';
import type { DwarfFunction } from './dwarf/functions';
import { spanIn, type LineSpan, type Sequence } from './dwarf/line-table';
import { canonicalBaseName } from './dwarf/base-names';
import { withoutArguments } from './dwarf/unit-scan';
import type { NameIndex } from './dwarf/names';
import type { AddressRange } from './range-index';
import { rustName } from './rust-names';
import { SearchNeeded, type Search, type SearchGate } from './search';
import type { SymbolIndex } from './symbol-index';

export interface FunctionRange extends AddressRange {
  readonly name: string;
}

/** A function inlined at an address, and where its code was called. */
export interface InlinedFunction {
  readonly name: string;
  readonly callFile: string;
  /** 1-based; 0 when unknown. */
  readonly callLine: number;
  /** 1-based; 0 when unknown. */
  readonly callColumn: number;
}

/** An address where a line begins. */
export interface Place {
  readonly address: bigint;
  /** What tells instances of one source line apart: the innermost function, inlined or not. Equal for the same one. */
  readonly instance: string | bigint;
  /** The address is that of a function (not of one inlined). */
  readonly isEntry: boolean;
}

/** Bytes of no-operations at most at the beginning of a function: Linux has 8 or 16. */
const PATCH_ROOM_MAX = 32n;

export class FunctionLookup {
  private readonly searches = new Map<string, FunctionSearch>();

  constructor(
    private readonly info: DebugInfo,
    private readonly symbolsOf: () => SymbolIndex,
    private readonly names: () => NameIndex,
    private readonly gate?: SearchGate,
  ) {}

  private get symbols(): SymbolIndex {
    return this.symbolsOf();
  }

  /** The function that was compiled to the code at the address (not one inlined there). */
  at(address: bigint): FunctionRange | undefined {
    for (const { found } of this.dwarfAt(address)) {
      if (found.depth > 0) continue;
      const range = rangeHolding(found.ranges, address);
      if (range !== undefined) return { name: found.fullName, start: range.start, end: range.end };
    }
    const code = this.symbols.codeAt(address);
    return code && { ...code, name: rustName(code.name) ?? code.name };
  }

  /** Functions inlined at the address, innermost first. */
  inlinedAt(address: bigint): InlinedFunction[] {
    const inlined: InlinedFunction[] = [];
    for (const { found, info } of this.dwarfAt(address)) {
      if (found.call === undefined) continue;
      const { file, line, column } = found.call;
      inlined.push({
        name: found.fullName,
        callFile: info.path(file),
        callLine: line,
        callColumn: column,
      });
    }
    return inlined;
  }

  placeOf(address: bigint): Place {
    let instance: Place['instance'] | undefined;
    for (const { found, info } of this.dwarfAt(address)) {
      instance ??= `${info.root?.key ?? ''}:${found.offset}`;
      const range = found.depth > 0 ? undefined : rangeHolding(found.ranges, address);
      if (range !== undefined) return { address, instance, isEntry: range.start === address };
    }
    const code = this.symbols.codeAt(address);
    return { address, instance: instance ?? code?.start ?? address, isEntry: code?.start === address };
  }

  /**
   * Where breakpoints on a function go: behind the prologues of all functions of the name (several when static ones share it,
   * of templates and constructors one for each that was made), and to each place that it was inlined to. Throws SearchNeeded.
   */
  breakpointsOf(name: string): bigint[] {
    const found = new Set<bigint>();
    for (const entry of this.symbols.codeNamed(name)) found.add(this.afterPrologue(entry));
    for (const { one, outer } of this.describedAs(name, found.size > 0)) {
      const [first] = one.ranges;
      if (first === undefined || !this.info.keep(first)) continue;
      found.add(
        one.call === undefined ? this.afterPrologue(first.start) : this.inInlined(first.start, outer),
      );
    }
    if (found.size === 0 && name.includes('::')) {
      for (const { name: symbol, address, kind } of this.symbols.all())
        if (kind === 'function' && rustName(symbol) === name) found.add(this.afterPrologue(address));
    }
    const label = this.symbols.named(name);
    if (found.size === 0 && label !== undefined && label.kind !== 'object')
      found.add(this.afterPrologue(label.address));
    return [...found].sort((a, b) => (a < b ? -1 : 1));
  }

  /** What was inlined to the beginning of a function begins behind its prologue, as GDB has it. */
  private inInlined(address: bigint, outer: DwarfFunction | undefined): bigint {
    const around = outer && rangeHolding(outer.ranges, address);
    // Reading a line table for each of thousands of places would take minutes.
    if (around === undefined || address - around.start > MAX_PROLOGUE) return address;
    const body = this.afterPrologue(around.start);
    return address < body ? body : address;
  }

  /** Functions by the names that debug information has for them, also inlined ones. */
  private describedAs(name: string, hasSymbol: boolean): readonly NamedFunction[] {
    const home = hasSymbol ? this.homeOf(name) : undefined;
    if (home !== undefined) return home.flatMap((info) => functionsMeant(info, name));
    const last = lastPart(name);
    const named = this.info.unitsNaming(last);
    if (named !== undefined) {
      const found = this.searched(`indexed ${name}`, () => new FunctionSearch(named, name));
      // Indexes may have templates by their full names only.
      if (found.length > 0) return found;
    }
    const units = this.names().unitsWithFunction(last);
    return this.searched(
      name,
      () =>
        new FunctionSearch(
          units.map((unit) => this.info.infoOf(unit)),
          name,
        ),
    );
  }

  private searched(key: string, make: () => FunctionSearch): readonly NamedFunction[] {
    let search = this.searches.get(key);
    if (search === undefined) {
      search = make();
      const oldest = this.searches.keys().next().value;
      if (this.searches.size >= MAX_SEARCHES && oldest !== undefined) this.searches.delete(oldest);
      this.searches.set(key, search);
    }
    for (let count = 1; search.advance() < 1; count++) {
      if (this.gate?.defers === true && count >= UNITS_AT_ONCE) throw new SearchNeeded(search);
    }
    return search.found;
  }

  /**
   * The units that a global function can have been inlined in, where this is known: what a source file defines for itself is
   * nowhere else, unless the linker moved it. Of static functions there may be others of the name, and those of headers may be
   * anywhere.
   */
  private homeOf(name: string): readonly UnitInfo[] | undefined {
    if (this.symbols.named(name)?.binding !== 'global') return undefined;
    const infos = new Set<UnitInfo>();
    for (const entry of this.symbols.codeNamed(name)) {
      let isKnown = false;
      for (const { found, info } of this.dwarfAt(entry)) {
        if (found.call !== undefined) continue;
        isKnown = true;
        if (!this.isOfFile(found, info)) return undefined;
        infos.add(info);
      }
      // Assembly.
      if (
        !isKnown &&
        [...this.info.unitsAt(entry)].some(
          ({ unit }) => unit !== undefined && !ASSEMBLER_LANGUAGES.has(unit.language),
        )
      )
        return undefined;
    }
    return [...infos];
  }

  private isOfFile(found: DwarfFunction, info: UnitInfo): boolean {
    const { unit } = info;
    const file = unit && this.info.attempt(() => found.declaredIn());
    if (unit === undefined || file === undefined) return false;
    return info.path(file).endsWith(lastPathPart(unit.name));
  }

  /**
   * Where a breakpoint on a function goes: behind the prologue, where arguments are in their places. The compiler's
   * mark (prologue_end) decides; else the second line of the function, as GDB does; assembly has no prologue, and in
   * optimised code of GCC, which makes no marks, variables are described from the first instruction on.
   */
  afterPrologue(symbol: bigint): bigint {
    const entry = this.behindPatchRoom(symbol);
    const range = this.at(entry);
    for (const info of this.info.unitsAt(entry)) {
      if (skipsNoPrologue(info)) return entry;
      const sequence = info.lineTable()?.sequenceAt(entry);
      const first = sequence && spanIn(sequence, entry);
      if (sequence === undefined || first === undefined || range === undefined) continue;
      const marked = spansFrom(sequence, first, range.end).find((span) => span.prologueEnd);
      if (marked !== undefined) return marked.start;
      return secondLine(sequence, first, entry, range.end);
    }
    return entry;
  }

  /**
   * With -fpatchable-function-entry (Linux: for ftrace), a symbol stands before instructions that are there to be written over,
   * and GCC describes the function from behind them only: a breakpoint before would know neither line nor variables.
   */
  private behindPatchRoom(entry: bigint): bigint {
    const code = this.symbols.codeAt(entry);
    if (code?.start !== entry || !this.dwarfAt(entry).next().done) return entry;
    for (let at = entry + 2n; at <= entry + PATCH_ROOM_MAX && at < code.end; at += 2n) {
      for (const { found } of this.dwarfAt(at)) {
        if (found.depth === 0 && rangeHolding(found.ranges, at)?.start === at) return at;
      }
    }
    return entry;
  }

  private *dwarfAt(address: bigint): Generator<{ found: DwarfFunction; info: UnitInfo }> {
    for (const info of this.info.unitsAt(address)) {
      for (const found of info.functionsAt(address)) yield { found, info };
    }
  }
}

/** Bytes: no prologue is longer. */
const MAX_PROLOGUE = 256n;

/** The functions of a name in some units: each is read as a whole. */
class FunctionSearch implements Search {
  readonly found: NamedFunction[] = [];
  private next = 0;

  constructor(
    private readonly infos: readonly UnitInfo[],
    private readonly name: string,
  ) {}

  advance(): number {
    const info = this.infos[this.next];
    if (info === undefined) return 1;
    this.next++;
    for (const one of functionsMeant(info, this.name))
      if (this.found.length < MAX_FOUND) this.found.push(one);
    return this.next / this.infos.length;
  }
}

const functionsMeant = (info: UnitInfo, name: string): NamedFunction[] => {
  const last = lastPart(name);
  const isPlain = last === name;
  return info
    .functionsWith((found) => found === last || withoutArguments(found) === last)
    .filter(({ one }) => isPlain || isMeant(one.fullName, name, !name.includes('<')));
};

/** `ns::max` means `outer::ns::max<int>`, too. */
const isMeant = (full: string, name: string, isPlain: boolean): boolean => {
  const words = (text: string): string => canonicalBaseName(text) ?? text;
  const spelled = (text: string): string =>
    `::${text.replace(/[a-z]+(?:\s+[a-z]+)*/g, words).replace(/\s+/g, '')}`;
  const bare = isPlain ? full.replace(/<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>/g, '') : full;
  return spelled(full).endsWith(spelled(name)) || spelled(bare).endsWith(spelled(name));
};

/** What stands behind the namespaces of a name: `max<a::b>` of `std::max<a::b>`. */
const lastPart = (name: string): string => {
  const arguments_ = name.startsWith('operator') ? -1 : name.indexOf('<');
  const bare = arguments_ > 0 && name.endsWith('>') ? name.slice(0, arguments_) : name;
  const at = bare.lastIndexOf('::');
  return at < 0 ? bare : bare.slice(at + 2);
};

const lastPathPart = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

/** Names whose functions are kept, and places of one function. */
const MAX_SEARCHES = 64;
const MAX_FOUND = 20_000;
/** Units that are read at once even for those who can wait: some milliseconds each. */
const UNITS_AT_ONCE = 3;

const rangeHolding = (ranges: readonly AddressRange[], address: bigint): AddressRange | undefined =>
  ranges.find((range) => address >= range.start && address < range.end);

const spansFrom = (sequence: Sequence, first: LineSpan, end: bigint): LineSpan[] => {
  const spans: LineSpan[] = [];
  for (let i = first.index; i < sequence.spans.length; i++) {
    const span = sequence.spans[i];
    if (span === undefined || span.start >= end) break;
    spans.push(span);
  }
  return spans;
};

const skipsNoPrologue = (info: UnitInfo): boolean => {
  const { unit } = info;
  if (unit === undefined) return false;
  return ASSEMBLER_LANGUAGES.has(unit.language) || /\bGNU\b.* -O(?:[1-9gsz]|fast)?\b/.test(unit.producer);
};

/** The walk of GDB's skip_prologue_using_sal, told in our terms. */
const secondLine = (sequence: Sequence, first: LineSpan, entry: bigint, end: bigint): bigint => {
  // Two statement rows at the entry: a prologue of no instructions.
  const atEntry = sequence.rows.filter((row) => row.address === entry && row.isStmt && row.line > 0);
  if (atEntry.length > 1) return entry;
  const spans = spansFrom(sequence, first, end).filter((span) => span.isStmt && span.line > 0);
  let best = spans[1];
  for (let i = 1; i < spans.length; i++) {
    const span = spans[i];
    if (span === undefined) break;
    best = span;
    // A smaller line means that the scheduler moved code of the prologue; go on to the body.
    if (span.line >= first.line || span.file !== first.file) break;
  }
  return best === undefined || best.start >= end ? entry : best.start;
};
