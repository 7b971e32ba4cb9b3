/** Functions of one unit: DW_TAG_subprogram with code, and what was inlined into them (DWARF 5, 3.3). */
import type { AddressRange } from '../range-index';
import { AT, TAG } from './constants';
import { constantOf, type AttributeValue } from './forms';
import type { Entry, Unit } from './unit';

export interface DwarfFunction {
  readonly name: string;
  readonly ranges: readonly AddressRange[];
  /** How deep among inlined functions: 0 for the function itself. */
  readonly depth: number;
  /** For an inlined one: where it was called. `callFile` indexes the unit's line table. */
  readonly call?: { readonly file: number; readonly line: number };
}

const WANTED: ReadonlySet<number> = new Set([
  AT.name,
  AT.linkageName,
  AT.mipsLinkageName,
  AT.lowPc,
  AT.highPc,
  AT.ranges,
  AT.abstractOrigin,
  AT.specification,
  AT.callFile,
  AT.callLine,
  AT.sibling,
]);

/** Finds the unit that holds an offset of .debug_info, for references between units. */
export type UnitFinder = (offset: number) => Unit | undefined;

/** All functions with code, inlined ones after those they are in. Throws DWARF_BAD_SECTION. */
export const readFunctions = (unit: Unit, unitAt: UnitFinder): DwarfFunction[] => {
  const functions: DwarfFunction[] = [];
  const reader = unit.entryReader();
  /** Inline depth of each open entry: -1 outside of any function. */
  const open: number[] = [];
  do {
    const entry = unit.readEntry(reader, WANTED);
    if (entry === undefined) {
      open.pop();
      continue;
    }
    const outer = open.at(-1) ?? -1;
    const depth = depthOf(entry, outer);
    if (depth !== outer) {
      const made = makeFunction(unit, entry, depth, unitAt);
      if (made !== undefined) functions.push(made);
    }
    if (entry.abbreviation.hasChildren) open.push(depth);
  } while (open.length > 0 && !reader.done);
  return functions;
};

const depthOf = (entry: Entry, outer: number): number => {
  const { tag } = entry.abbreviation;
  if (tag === TAG.subprogram) return 0;
  return tag === TAG.inlinedSubroutine ? outer + 1 : outer;
};

const makeFunction = (
  unit: Unit,
  entry: Entry,
  depth: number,
  unitAt: UnitFinder,
): DwarfFunction | undefined => {
  const ranges = unit.rangesOf(entry);
  if (ranges.length === 0) return undefined;
  const name = nameOf(unit, entry, unitAt);
  if (name === undefined) return undefined;
  if (entry.abbreviation.tag !== TAG.inlinedSubroutine) return { name, ranges, depth };
  const file = Number(constantOf(entry.attributes.get(AT.callFile)) ?? 0n);
  const line = Number(constantOf(entry.attributes.get(AT.callLine)) ?? 0n);
  return { name, ranges, depth, call: { file, line } };
};

/** Longest chain of origins followed: a concrete instance, its abstract one and its declaration make three. */
const MAX_ORIGINS = 8;

const nameOf = (unit: Unit, entry: Entry, unitAt: UnitFinder): string | undefined => {
  let at: { unit: Unit; entry: Entry } | undefined = { unit, entry };
  for (let hops = 0; at !== undefined && hops < MAX_ORIGINS; hops++) {
    const { attributes } = at.entry;
    const own = at.unit.text(attributes.get(AT.name));
    if (own !== undefined && own !== '') return own;
    at = follow(at.unit, attributes.get(AT.abstractOrigin) ?? attributes.get(AT.specification), unitAt);
  }
  return undefined;
};

const follow = (
  unit: Unit,
  reference: AttributeValue | undefined,
  unitAt: UnitFinder,
): { unit: Unit; entry: Entry } | undefined => {
  if (reference?.kind !== 'reference') return undefined;
  const offset = reference.global ? reference.offset : unit.header.offset + reference.offset;
  const home = offset >= unit.header.offset && offset < unit.header.end ? unit : unitAt(offset);
  const entry = home?.readEntry(home.entryReader(offset), WANTED);
  return home && entry && { unit: home, entry };
};
