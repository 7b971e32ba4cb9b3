/**
 * Where names of types and of variables with static storage are described. Units are scanned once, one after another and
 * only until what is asked for is found; of a name the best entry is kept, and nothing of what is not a name. A unit
 * that is preferred is scanned for itself.
 */
import type { ByteReader } from '../bytes';
import type { DebugInfo, UnitInfo } from './debug-info';
import { AT, TAG } from './constants';
import { canonicalBaseName } from './base-names';
import { Die } from './die';
import type { AttributeValue } from './forms';
import { hasNamespaces, qualifiedName } from './qualified-names';
import { Skimmer } from './skim';
import type { Entry, Unit } from './unit';

/** 'struct' is also class and interface: a declaration may say one and the definition the other. */
export type NameKind = 'variable' | 'typedef' | 'base' | 'struct' | 'union' | 'enum' | 'enumerator';

/** How good an entry is: a declaration; a definition of its unit alone; one for all. Types have no linkage: 3. */
export type Rank = 1 | 2 | 3;

interface Named {
  readonly unit: Unit;
  readonly offset: number;
  readonly rank: Rank;
}

interface Names {
  readonly best: Map<string, Named>;
  /** Ranks known, by kind and by the place of the name in the one .debug_str of a file. */
  readonly seen: Map<number, Rank>;
}

const noNames = (): Names => ({ best: new Map(), seen: new Map() });

export interface FoundName {
  readonly die: Die;
  readonly rank: Rank;
}

/** Names kept of a whole file: the Linux kernel has some 300,000. */
const MAX_NAMES = 2_000_000;
/** Units whose names are kept for themselves. */
const MAX_UNITS = 8;
const MAX_NESTING = 64;

const WANTED: ReadonlySet<number> = new Set([
  AT.sibling,
  AT.name,
  AT.declaration,
  AT.external,
  AT.specification,
  AT.import,
  AT.exportSymbols,
  AT.enumClass,
]);

const KINDS: Readonly<Record<number, NameKind | undefined>> = {
  [TAG.variable]: 'variable',
  [TAG.constant]: 'variable',
  [TAG.typedef]: 'typedef',
  [TAG.templateAlias]: 'typedef',
  [TAG.subrangeType]: 'typedef',
  [TAG.unspecifiedType]: 'base',
  [TAG.baseType]: 'base',
  [TAG.structureType]: 'struct',
  [TAG.classType]: 'struct',
  [TAG.interfaceType]: 'struct',
  [TAG.unionType]: 'union',
  [TAG.enumerationType]: 'enum',
};

/** Eight at most, to be told apart by three bits. */
const KIND_ORDER: readonly NameKind[] = [
  ...(['variable', 'typedef', 'base', 'struct', 'union', 'enum', 'enumerator'] as const),
];

export const kindOfTag = (tag: number): NameKind | undefined => KINDS[tag];

/** Entries with names of their own inside. */
const SCOPES: ReadonlySet<number> = new Set([
  TAG.namespace,
  TAG.module,
  TAG.structureType,
  TAG.classType,
  TAG.unionType,
]);

export class NameIndex {
  private readonly found = noNames();
  private readonly visited = new Set<Unit>();
  private readonly byUnit = new Map<Unit, ReadonlyMap<string, Named>>();
  private rest: Generator<Unit> | undefined;

  constructor(private readonly info: DebugInfo) {}

  /** The best entry of the whole file; `enough` is the rank that ends the search. */
  find(kind: NameKind, name: string, enough: Rank): FoundName | undefined {
    const key = keyOf(kind, name);
    const rest = this.indexedUnits(kind, name) ?? (this.rest ??= this.allUnits());
    for (;;) {
      const known = this.found.best.get(key);
      if (known !== undefined && known.rank >= enough) return this.open(known);
      const next = rest.next();
      if (next.done === true || this.found.best.size >= MAX_NAMES) return known && this.open(known);
      this.info.attempt(() => this.scan(next.value, this.visited, this.found));
    }
  }

  /** Those that an index of the file leads to; undefined: none can tell. */
  private indexedUnits(kind: NameKind, name: string): Generator<Unit> | undefined {
    // Every unit has its base types; of template arguments there are several spellings.
    if (kind === 'base' || name.includes('<')) return undefined;
    const { sections } = this.info;
    const byPart = sections.source('names').size > 0;
    // DWARF 5, 6.1.1.1, names no enumerators.
    if (byPart && kind === 'enumerator') return undefined;
    if (!byPart && sections.source('gdb_index').size === 0) return undefined;
    const infos = this.info.unitsNaming(byPart ? (name.split('::').at(-1) ?? name) : name);
    return infos && this.unitsOf(infos);
  }

  /** Units with code first: most names are found there. */
  private allUnits(): Generator<Unit> {
    return this.unitsOf(this.info.units());
  }

  private *unitsOf(infos: readonly UnitInfo[]): Generator<Unit> {
    const sets = new Set<Unit['set']>();
    for (const { unit } of infos) {
      if (unit === undefined) continue;
      sets.add(unit.set);
      yield unit;
    }
    for (const set of sets) yield* set.allTypeUnits();
  }

  /** The best entry of one unit. */
  findIn(unit: Unit, kind: NameKind, name: string): FoundName | undefined {
    const named = this.namesOf(unit).get(keyOf(kind, name));
    return named && this.open(named);
  }

  private namesOf(unit: Unit): ReadonlyMap<string, Named> {
    const known = this.byUnit.get(unit);
    if (known !== undefined) return known;
    const names = noNames();
    this.info.attempt(() => this.scan(unit, new Set(), names));
    const oldest = this.byUnit.keys().next().value;
    if (this.byUnit.size >= MAX_UNITS && oldest !== undefined) this.byUnit.delete(oldest);
    this.byUnit.set(unit, names.best);
    return names.best;
  }

  private open(named: Named): FoundName | undefined {
    const die = this.info.attempt(() => Die.at(named));
    return die && { die, rank: named.rank };
  }

  private scan(unit: Unit, visited: Set<Unit>, names: Names): void {
    const units = [unit];
    for (let one = units.pop(); one !== undefined; one = units.pop()) {
      if (visited.has(one)) continue;
      visited.add(one);
      for (const imported of new UnitScan(one, names).run()) units.push(imported);
    }
  }
}

const keyOf = (kind: NameKind, name: string): string => {
  if (kind === 'base') return `base ${canonicalBaseName(name) ?? name}`;
  // Compilers differ in the spaces of template arguments, and people do.
  return `${kind} ${name.includes('<') ? name.replace(/\s*([<>,*&()[\]])\s*/g, '$1') : name}`;
};

/** One pass over a unit's entries that is over those in namespaces and classes, but passes functions by. */
class UnitScan {
  private readonly imports: Unit[] = [];
  private readonly hasNamespaces: boolean;
  /** What stands around the declarations met so far, by their offsets. */
  private readonly declared = new Map<number, string>();

  constructor(
    private readonly unit: Unit,
    private readonly names: Names,
  ) {
    this.hasNamespaces = hasNamespaces(unit);
  }

  /** Units that this one imports (DW_TAG_imported_unit). */
  run(): readonly Unit[] {
    const { unit } = this;
    const reader = unit.entryReader();
    const skimmer = new Skimmer(unit, WANTED);
    /** Prefix of each open entry; undefined where names do not count. */
    const open: (string | undefined)[] = [];
    do {
      const entry = skimmer.next(reader);
      if (entry === undefined) {
        open.pop();
        continue;
      }
      const isRoot = open.length === 0;
      const prefix = isRoot ? '' : open.at(-1);
      if (!isRoot && prefix !== undefined) this.add(entry, prefix);
      if (!entry.abbreviation.hasChildren) continue;
      if (!isRoot && prefix !== undefined && hasEnumerators(entry)) {
        this.addEnumerators(reader, skimmer, entry, this.prefixAround(entry, prefix));
        continue;
      }
      const inner = isRoot ? '' : this.innerPrefix(entry, prefix);
      const sibling = inner === undefined ? siblingOf(unit, entry) : undefined;
      if (sibling !== undefined && sibling > reader.offset) reader.offset = sibling;
      else open.push(open.length < MAX_NESTING ? inner : undefined);
    } while (open.length > 0 && !reader.done);
    return this.imports;
  }

  private innerPrefix(entry: Entry, prefix: string | undefined): string | undefined {
    const { tag } = entry.abbreviation;
    // In C, what stands in a structure has no name of its own.
    if (prefix === undefined || !this.hasNamespaces || !SCOPES.has(tag)) return undefined;
    const name = this.unit.text(entry.attributes.get(AT.name));
    // Names in nameless and inline namespaces are known without them, as in the source.
    if (tag === TAG.namespace && (!name || entry.attributes.has(AT.exportSymbols))) return prefix;
    return name ? `${this.prefixAround(entry, prefix)}${name}::` : undefined;
  }

  /** What completes a declaration stands elsewhere than its name says: in type units at the top. */
  private prefixAround(entry: Entry, prefix: string): string {
    const declaration = localOffset(this.unit, entry.attributes.get(AT.specification));
    return declaration === undefined ? prefix : (this.declared.get(declaration) ?? prefix);
  }

  private add(entry: Entry, prefix: string): void {
    const { tag } = entry.abbreviation;
    const { attributes } = entry;
    const kind =
      kindOfTag(tag) ?? (tag === TAG.member && attributes.has(AT.declaration) ? 'variable' : undefined);
    if (kind === undefined) {
      if (tag === TAG.importedUnit) this.import(entry);
      return;
    }
    const isDeclaration = attributes.has(AT.declaration);
    if (isDeclaration && this.hasNamespaces) this.declared.set(entry.offset, prefix);
    const isShared = kind !== 'variable' || attributes.has(AT.external) || attributes.has(AT.specification);
    this.enter(entry, kind, prefix, isDeclaration ? 1 : isShared ? 3 : 2, entry.offset);
  }

  /** Those of `enum E` belong to what is around it, too: found here are these names, and `E::` leads to the type. */
  private addEnumerators(reader: ByteReader, skimmer: Skimmer, enumeration: Entry, prefix: string): void {
    while (!reader.done) {
      const entry = skimmer.next(reader);
      if (entry === undefined) return;
      if (entry.abbreviation.tag === TAG.enumerator)
        this.enter(entry, 'enumerator', prefix, 3, enumeration.offset);
      // Methods of Rust's enumerations; only a damaged one has more within.
      if (entry.abbreviation.hasChildren) this.skipChildren(reader, skimmer);
    }
  }

  private skipChildren(reader: ByteReader, skimmer: Skimmer): void {
    for (let depth = 1; depth > 0 && !reader.done;) {
      const entry = skimmer.next(reader);
      if (entry === undefined) depth--;
      else if (entry.abbreviation.hasChildren) depth++;
    }
  }

  /** `offset` is where the name leads to: of an enumerator to its enumeration. */
  private enter(entry: Entry, kind: NameKind, prefix: string, rank: Rank, offset: number): void {
    const { attributes } = entry;
    // Units of one program have most names in common, and the linker has them share the text.
    const text = attributes.get(AT.name);
    const shared =
      prefix === '' && this.unit.set.name === '' && text?.kind === 'strp'
        ? text.offset * 8 + KIND_ORDER.indexOf(kind)
        : undefined;
    if (shared !== undefined && (this.names.seen.get(shared) ?? 0) >= rank) return;
    const name = this.nameOf(entry, prefix);
    if (name === undefined) return;
    if (shared !== undefined && !attributes.has(AT.specification)) this.names.seen.set(shared, rank);
    const key = keyOf(kind, name);
    const known = this.names.best.get(key);
    if (known === undefined || known.rank < rank) this.names.best.set(key, { unit: this.unit, offset, rank });
  }

  private nameOf(entry: Entry, prefix: string): string | undefined {
    const own = this.unit.text(entry.attributes.get(AT.name));
    if (own && !entry.attributes.has(AT.specification)) return prefix + own;
    if (!entry.attributes.has(AT.specification)) return undefined;
    // A definition outside of its class: the declaration says where it belongs.
    const die = Die.at({ unit: this.unit, offset: entry.offset });
    return die && qualifiedName(die);
  }

  private import(entry: Entry): void {
    const die = Die.at({ unit: this.unit, offset: entry.offset });
    const target = die?.reference(AT.import);
    if (target !== undefined) this.imports.push(target.unit);
  }
}

/** Enumerators of `enum class` are known by its name alone. */
const hasEnumerators = ({ abbreviation, attributes }: Entry): boolean =>
  abbreviation.tag === TAG.enumerationType && !attributes.has(AT.enumClass);

const siblingOf = (unit: Unit, entry: Entry): number | undefined =>
  localOffset(unit, entry.attributes.get(AT.sibling));

const localOffset = (unit: Unit, value: AttributeValue | undefined): number | undefined => {
  if (value?.kind !== 'reference') return undefined;
  return value.global ? value.offset : unit.header.offset + value.offset;
};
