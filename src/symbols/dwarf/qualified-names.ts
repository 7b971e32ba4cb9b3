/** What stands around entries of a unit: namespaces and classes, for their full names (DWARF 5, 3.2.2). */
import { AT, TAG } from './constants';
import type { Die } from './die';
import { languageOfUnit } from './languages';
import { follow } from './references';
import type { Entry, Unit } from './unit';

interface Container {
  readonly start: number;
  end: number;
  readonly outer: Container | undefined;
  /** Undefined: adds nothing to names (functions, blocks). */
  readonly name: string | undefined;
}

const WANTED: ReadonlySet<number> = new Set([AT.name, AT.signature, AT.sibling]);
const NAMING: ReadonlySet<number> = new Set([
  TAG.namespace,
  TAG.module,
  TAG.structureType,
  TAG.classType,
  TAG.unionType,
  TAG.interfaceType,
  TAG.enumerationType,
]);

/** Deeper nesting is damage; names in it go without what is beyond. */
const MAX_NESTING = 64;

class Containers {
  /** By start; each but those in others. */
  private readonly sorted: readonly Container[];

  /** Reads the whole unit. Throws DWARF_BAD_SECTION. */
  constructor(unit: Unit) {
    const found: Container[] = [];
    const open: (Container | undefined)[] = [];
    const reader = unit.entryReader();
    do {
      const entry = unit.readEntry(reader, WANTED);
      if (entry === undefined) {
        const closed = open.pop();
        if (closed?.start !== open.at(-1)?.start && closed !== undefined) closed.end = reader.offset;
        continue;
      }
      if (!entry.abbreviation.hasChildren) continue;
      const outer = open.at(-1);
      if (!NAMING.has(entry.abbreviation.tag)) {
        open.push(outer);
        continue;
      }
      const isNamespace = entry.abbreviation.tag === TAG.namespace;
      const name = nameOf(unit, entry) ?? (isNamespace ? '(anonymous namespace)' : undefined);
      const container = { start: entry.offset, end: reader.end, outer, name };
      found.push(container);
      open.push(container);
    } while (open.length > 0 && !reader.done);
    this.sorted = found;
  }

  /** `ns::Class`, or '' at the top. */
  around(offset: number): string {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sorted[middle]?.start ?? offset) < offset) low = middle + 1;
      else high = middle;
    }
    let at = this.sorted[low - 1];
    while (at !== undefined && at.end <= offset) at = at.outer;
    const names: string[] = [];
    for (let depth = 0; at !== undefined && depth < MAX_NESTING; depth++, at = at.outer) {
      if (at.name !== undefined) names.unshift(at.name);
    }
    return names.join('::');
  }
}

/** A class whose type is in a unit of its own has its members' functions here, and its name there (DWARF 5, 5.7.1 and 7.5.5). */
const nameOf = (unit: Unit, entry: Entry): string | undefined => {
  const own = unit.text(entry.attributes.get(AT.name));
  if (own !== undefined && own !== '') return own;
  const place = follow(unit, entry.attributes.get(AT.signature));
  const type = place?.unit.readEntry(place.unit.entryReader(place.offset), WANTED);
  return (type && place?.unit.text(type.attributes.get(AT.name))) || undefined;
};

/** Units whose containers are kept. */
const MAX_UNITS = 16;

/** The containers of the units of one set that were asked for last. */
export class ContainerCache {
  private readonly byUnit = new Map<Unit, Containers>();

  /** Throws DWARF_BAD_SECTION. */
  of(unit: Unit): Containers {
    let containers = this.byUnit.get(unit);
    if (containers === undefined) {
      containers = new Containers(unit);
      const oldest = this.byUnit.keys().next().value;
      if (this.byUnit.size >= MAX_UNITS && oldest !== undefined) this.byUnit.delete(oldest);
      this.byUnit.set(unit, containers);
    }
    return containers;
  }
}

/** The name with what stands around it, in languages that have namespaces. Throws DWARF_BAD_SECTION. */
export const qualifiedName = (die: Die): string | undefined => {
  const name = die.anyName;
  if (name === undefined || !hasNamespaces(die.unit)) return name;
  let home = die;
  for (home of die.origins());
  const around = home.unit.set.containers.of(home.unit).around(home.offset);
  return around === '' ? name : `${around}::${name}`;
};

export const hasNamespaces = (unit: Unit): boolean => {
  const language = languageOfUnit(unit);
  return language === 'c++' || language === 'rust';
};
