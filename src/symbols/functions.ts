/** Functions by address and by name, from DWARF and, where that is silent, from ELF symbols. No load bias here. */
import { ASSEMBLER_LANGUAGES } from './dwarf/constants';
import type { DebugInfo, UnitInfo } from './dwarf/debug-info';
import type { DwarfFunction } from './dwarf/functions';
import { spanIn, type LineSpan, type Sequence } from './dwarf/line-table';
import type { AddressRange } from './range-index';
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
}

/** An address where a line begins. */
export interface Place {
  readonly address: bigint;
  /** What tells instances of one source line apart: the innermost function, inlined or not. Equal for the same one. */
  readonly instance: string | bigint;
  /** The address is that of a function (not of one inlined). */
  readonly isEntry: boolean;
}

export class FunctionLookup {
  constructor(
    private readonly info: DebugInfo,
    private readonly symbolsOf: () => SymbolIndex,
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
    return this.symbols.codeAt(address);
  }

  /** Functions inlined at the address, innermost first. */
  inlinedAt(address: bigint): InlinedFunction[] {
    const inlined: InlinedFunction[] = [];
    for (const { found, info } of this.dwarfAt(address)) {
      if (found.call === undefined) continue;
      inlined.push({ name: found.fullName, callFile: info.path(found.call.file), callLine: found.call.line });
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

  /** Entry addresses of all functions of a name; several when static functions share it. */
  entriesOf(name: string): bigint[] {
    const entries = new Set(this.symbols.codeNamed(name));
    if (entries.size === 0) {
      for (const { found } of this.describedAs(name)) {
        const [first] = found.ranges;
        if (first !== undefined && this.info.keep(first)) entries.add(first.start);
      }
    }
    const label = this.symbols.named(name);
    if (entries.size === 0 && label !== undefined && label.kind !== 'object') entries.add(label.address);
    return [...entries].sort((a, b) => (a < b ? -1 : 1));
  }

  /**
   * Functions that debug information knows by a name that no symbol has. Symbols of what was made from them (`name.isra.0`,
   * mangled names) say where to look; only a program whose symbols were stripped needs a look at every unit.
   */
  private *describedAs(name: string): Generator<{ found: DwarfFunction; info: UnitInfo }> {
    const isMeant = (found: DwarfFunction): boolean =>
      found.depth === 0 &&
      (found.name === name || (name.includes('::') && `::${found.fullName}`.endsWith(`::${name}`)));
    if (this.symbols.hasLocalFunctions) {
      const seen = new Set<UnitInfo>();
      for (const { start } of this.symbols.codeContaining(lastPart(name))) {
        for (const info of this.info.unitsAt(start)) {
          if (seen.has(info)) continue;
          seen.add(info);
          for (const found of info.functions()) if (isMeant(found)) yield { found, info };
        }
      }
      return;
    }
    for (const info of this.info.unitsNaming(name) ?? this.info.units()) {
      for (const found of info.functions()) if (isMeant(found)) yield { found, info };
    }
  }

  /**
   * Where a breakpoint on a function goes: behind the prologue, where arguments are in their places. The compiler's
   * mark (prologue_end) decides; else the second line of the function, as GDB does; assembly has no prologue, and in
   * optimised code variables are described from the first instruction on.
   */
  afterPrologue(entry: bigint): bigint {
    const range = this.at(entry);
    for (const info of this.info.unitsAt(entry)) {
      const sequence = info.lineTable()?.sequenceAt(entry);
      const first = sequence && spanIn(sequence, entry);
      if (sequence === undefined || first === undefined || range === undefined) continue;
      const marked = spansFrom(sequence, first, range.end).find((span) => span.prologueEnd);
      if (marked !== undefined) return marked.start;
      if (skipsNoPrologue(info)) return entry;
      return secondLine(sequence, first, entry, range.end);
    }
    return entry;
  }

  private *dwarfAt(address: bigint): Generator<{ found: DwarfFunction; info: UnitInfo }> {
    for (const info of this.info.unitsAt(address)) {
      for (const found of info.functionsAt(address)) yield { found, info };
    }
  }
}

/** Of a name with namespaces: what mangled names hold of it in one piece. */
const lastPart = (name: string): string => /[^:.<> ]+$/.exec(name)?.[0] ?? name;

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
