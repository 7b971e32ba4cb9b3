/** Functions of one unit: DW_TAG_subprogram with code, and what was inlined into them (DWARF 5, 3.3). */
import { UserError } from '../../base/errors';
import type { AddressRange } from '../range-index';
import { AT, TAG } from './constants';
import { Die } from './die';
import { constantOf } from './forms';
import { hasNamespaces, qualifiedName } from './qualified-names';
import { follow } from './references';
import { Skimmer } from './skim';
import type { Entry, Unit } from './unit';

/** Where an inlined function was called; `file` indexes the unit's line table, column 0 is none. */
interface Call {
  readonly file: number;
  readonly line: number;
  readonly column: number;
}

export class DwarfFunction {
  private full: string | undefined;

  constructor(
    private readonly unit: Unit,
    readonly name: string,
    readonly ranges: readonly AddressRange[],
    /** Of its entry, in the section of its unit. */
    readonly offset: number,
    /** How deep among inlined functions: 0 for the function itself. */
    readonly depth: number,
    /** For an inlined one: where it was called. `file` indexes the unit's line table. */
    readonly call: Call | undefined,
  ) {}

  /** With namespaces and classes around it: made when asked for, as few functions are ever shown. */
  get fullName(): string {
    return (this.full ??= this.readFullName());
  }

  /** The file that declares it, as an index into its unit's line table; undefined if another unit does. */
  declaredIn(): number | undefined {
    const die = Die.at({ unit: this.unit, offset: this.offset });
    const file = die?.find(AT.declFile);
    return file?.die.unit === this.unit ? Number(constantOf(file.value) ?? 0n) : undefined;
  }

  private readFullName(): string {
    const { unit, offset, name } = this;
    try {
      if (!hasNamespaces(unit)) return name;
      const die = Die.at({ unit, offset });
      return (die && qualifiedName(die)) ?? name;
    } catch (error) {
      // Of a damaged unit its own name is enough.
      if (error instanceof UserError) return name;
      throw error;
    }
  }
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
  AT.callColumn,
  AT.callFile,
  AT.callLine,
  AT.sibling,
]);

/** Nothing of variables and types matters, and most entries are such. */
const wantedOf = (tag: number): ReadonlySet<number> =>
  tag === TAG.subprogram || tag === TAG.inlinedSubroutine ? WANTED : NOTHING;

const NOTHING: ReadonlySet<number> = new Set();

/** All functions with code, inlined ones after those they are in. Throws DWARF_BAD_SECTION. */
export const readFunctions = (unit: Unit): DwarfFunction[] => {
  const functions: DwarfFunction[] = [];
  const reader = unit.entryReader();
  const skimmer = new Skimmer(unit, wantedOf);
  /** Inline depth of each open entry: -1 outside of any function. */
  const open: number[] = [];
  do {
    const entry = skimmer.next(reader);
    if (entry === undefined) {
      open.pop();
      continue;
    }
    const outer = open.at(-1) ?? -1;
    const depth = depthOf(entry, outer);
    // A function may stand in another: those of local classes, and nested ones of GNU C.
    if (depth !== outer || entry.abbreviation.tag === TAG.subprogram) {
      const made = makeFunction(unit, entry, depth);
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

const makeFunction = (unit: Unit, entry: Entry, depth: number): DwarfFunction | undefined => {
  const ranges = unit.rangesOf(entry);
  if (ranges.length === 0) return undefined;
  const name = nameOf(unit, entry);
  if (name === undefined) return undefined;
  const call = entry.abbreviation.tag === TAG.inlinedSubroutine ? callOf(entry) : undefined;
  return new DwarfFunction(unit, name, ranges, entry.offset, depth, call);
};

const callOf = ({ attributes }: Entry): Call => {
  const number = (name: number): number => Number(constantOf(attributes.get(name)) ?? 0n);
  return { file: number(AT.callFile), line: number(AT.callLine), column: number(AT.callColumn) };
};

/** Longest chain of origins followed: a concrete instance, its abstract one and its declaration make three. */
const MAX_ORIGINS = 8;

const nameOf = (unit: Unit, entry: Entry): string | undefined => {
  let at: { unit: Unit; entry: Entry } | undefined = { unit, entry };
  let linkage: string | undefined;
  for (let hops = 0; at !== undefined && hops < MAX_ORIGINS; hops++) {
    const { attributes } = at.entry;
    const own = at.unit.text(attributes.get(AT.name));
    if (own !== undefined && own !== '') return own;
    linkage ??= at.unit.text(attributes.get(AT.linkageName) ?? attributes.get(AT.mipsLinkageName));
    const origin = attributes.get(AT.abstractOrigin) ?? attributes.get(AT.specification);
    const place = follow(at.unit, origin);
    const entry = place?.unit.readEntry(place.unit.entryReader(place.offset), WANTED);
    at = place && entry && { unit: place.unit, entry };
  }
  // What compilers make for themselves (clang's initialisers of globals) may have no other name.
  return linkage;
};
