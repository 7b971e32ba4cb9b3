/**
 * One pass over the names of a unit: those at its top, in its namespaces and classes, and of its enumerations; functions are
 * passed by. It can stop after any entry and go on later. Bytes are looked at where they are and nothing is made for an
 * entry, as a file has millions of them; the readers of single entries (die.ts) are for what has been found.
 */
import { bytesSource, type ByteSource } from '../bytes';
import { canonicalBaseName } from './base-names';
import { AT, TAG } from './constants';
import { EntryCursor, MARGIN, TEXT } from './entry-cursor';
import { Die } from './die';
import { SeenTexts, NameHash, NameTable, UseTable, type Rank } from './name-table';
import { hasNamespaces } from './qualified-names';
import { FLAG, type ScanPlan } from './scan-plan';
import type { Unit } from './unit';

/** 'struct' is also class and interface: a declaration may say one and the definition the other. */
export type NameKind = 'variable' | 'typedef' | 'base' | 'struct' | 'union' | 'enum' | 'enumerator';

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

/** Eight at most: SeenTexts has room for that many. */
const KIND_ORDER: readonly NameKind[] = [
  ...(['variable', 'typedef', 'base', 'struct', 'union', 'enum', 'enumerator'] as const),
];

export const kindOfTag = (tag: number): NameKind | undefined => KINDS[tag];

/** Entries with names of their own inside. */
const SCOPES: ReadonlySet<number> = new Set([
  ...[TAG.namespace, TAG.module, TAG.structureType, TAG.classType, TAG.unionType],
]);

/** What scans of one file fill. */
export interface ScanTables {
  readonly units: Unit[];
  readonly names: NameTable;
  /** Functions by their last name, without arguments of templates. */
  readonly functions: UseTable;
  readonly seen: SeenTexts;
  /** All of .debug_str while a whole file is scanned: a million names are looked up in it. */
  strings?: Uint8Array | undefined;
}

export const newTables = (): ScanTables => ({
  ...{ units: [], names: new NameTable(), functions: new UseTable(), seen: new SeenTexts() },
});

/** Bytes. Of the Linux kernel it has some 10 MB. */
const MAX_STRINGS = 2 ** 26;

/** For a scan of a whole file. */
export const loadStrings = (tables: ScanTables, strings: ByteSource): void => {
  if (strings.size <= MAX_STRINGS) tables.strings = strings.read(0, strings.size);
};

/** What a name is found by; `prefix` of what stands around it, with `::` at its end. */
export const hashOfName = (kind: NameKind, name: string): NameHash => {
  const hash = new NameHash().reset();
  return ofKind(hash.text(kind === 'base' ? baseName(name) : spelled(name)), KIND_ORDER.indexOf(kind));
};

export const hashOfFunction = (name: string): NameHash => new NameHash().reset().text(withoutArguments(name));

const ofKind = (hash: NameHash, kind: number): NameHash => hash.reset(hash.a, hash.b ^ (kind + 1));

const baseName = (name: string): string => canonicalBaseName(name) ?? name;

/** Compilers differ in the spaces of template arguments, and people do. */
const spelled = (name: string): string =>
  name.includes('<') ? name.replace(/\s*([<>,*&()[\]])\s*/g, '$1') : name;

/** `max` of `max<int>`; operators have such signs themselves. */
export const withoutArguments = (name: string): string => {
  const at = name.indexOf('<');
  return at > 0 && !name.startsWith('operator') ? name.slice(0, at) : name;
};

const MAX_NESTING = 64;

/** An open entry whose children have names. */
interface Scope {
  readonly a: number;
  readonly b: number;
  /** Names here are as they are, with nothing around them. */
  readonly isTop: boolean;
  /** Of an enumeration: where it begins. */
  readonly enumeration: number | undefined;
}

export class UnitScan extends EntryCursor {
  /** Units that this one imports (DW_TAG_imported_unit). */
  readonly imports: Unit[] = [];
  private readonly number: number;
  private readonly strings: ByteSource;
  private readonly hasNamespaces: boolean;
  private readonly isShared: boolean;
  private readonly hash = new NameHash();
  /** What stands around declarations met so far, by their offsets. */
  private readonly declared = new Map<number, Scope>();
  private readonly scopes: Scope[] = [];
  /** Entries open within one whose children do not matter. */
  private passed = 0;
  private started = false;
  private taken: string | undefined;

  constructor(
    unit: Unit,
    private readonly tables: ScanTables,
  ) {
    super(unit);
    this.number = tables.units.push(unit) - 1;
    this.strings = unit.sections.source('str');
    this.hasNamespaces = hasNamespaces(unit);
    this.isShared = unit.set.name === '';
    if (this.isShared && tables.strings) this.strings = bytesSource(tables.strings);
  }

  /** Reads so many entries more; false when that was all. Throws DWARF_BAD_SECTION. */
  run(entries: number): boolean {
    const { header } = this.unit;
    for (let count = 0; count < entries; count++) {
      if (this.base + this.at >= header.end) return false;
      if (this.at > this.bytes.length - MARGIN) this.refill();
      const offset = this.base + this.at;
      const code = this.leb();
      if (code === 0) {
        if (this.passed > 0) this.passed--;
        else this.scopes.pop();
        if (this.scopes.length === 0) return false;
        continue;
      }
      const plan = this.plans[code] ?? this.plan(code);
      if (this.passed > 0) this.pass(plan);
      else this.enter(plan, offset);
      if (this.scopes.length === 0) return false;
    }
    return true;
  }

  private pass(plan: ScanPlan): void {
    if (plan.size < 0) this.read(plan, plan.passing);
    else {
      this.at += plan.size;
      this.sibling = 0;
    }
    if (plan.hasChildren) this.passChildren();
  }

  /** Goes behind the children, at once where the entry says where that is. */
  private passChildren(): void {
    const { sibling } = this;
    // A sibling before here would be a loop.
    if (sibling > this.base + this.at && sibling <= this.unit.header.end) this.at = sibling - this.base;
    else this.passed++;
  }

  private enter(plan: ScanPlan, offset: number): void {
    this.read(plan, plan.steps);
    const scope = this.scopes.at(-1);
    if (scope === undefined) {
      if (this.started) return;
      this.started = true;
      const { a, b } = this.hash.reset();
      if (plan.hasChildren) this.scopes.push({ a, b, isTop: true, enumeration: undefined });
      return;
    }
    if (scope.enumeration !== undefined) {
      if (plan.tag === TAG.enumerator) this.name('enumerator', scope, scope.enumeration, 3);
    } else this.add(plan, scope, offset);
    if (!plan.hasChildren) return;
    const inner = scope.enumeration === undefined ? this.inner(plan, scope, offset) : undefined;
    if (inner !== undefined && this.scopes.length < MAX_NESTING) this.scopes.push(inner);
    else this.passChildren();
  }

  private add({ tag }: ScanPlan, scope: Scope, offset: number): void {
    const isDeclaration = (this.flags & FLAG.declaration) !== 0;
    const kind = KINDS[tag] ?? (tag === TAG.member && isDeclaration ? 'variable' : undefined);
    if (kind === undefined) {
      if (tag === TAG.subprogram && !isDeclaration) this.addFunction(offset);
      else if (tag === TAG.importedUnit && (this.flags & FLAG.import) !== 0) this.import(offset);
      return;
    }
    if (isDeclaration && this.hasNamespaces) this.declared.set(offset, scope);
    const completes = (this.flags & FLAG.specification) !== 0;
    const isShared = kind !== 'variable' || completes || (this.flags & FLAG.external) !== 0;
    const rank = isDeclaration ? 1 : isShared ? 3 : 2;
    this.name(kind, completes ? this.around(scope) : scope, offset, rank);
  }

  /** What completes a declaration stands elsewhere than its name says: in type units at the top. */
  private around(scope: Scope): Scope {
    return this.declared.get(this.specification) ?? scope;
  }

  /** `offset` is where the name leads to: of an enumerator to its enumeration. */
  private name(kind: NameKind, scope: Scope, offset: number, rank: Rank): void {
    const number = KIND_ORDER.indexOf(kind);
    const completes = (this.flags & FLAG.specification) !== 0;
    if (this.text === TEXT.none && completes && !this.takeName(offset)) return;
    // Units of one program have most names in common, and the linker has them share the text.
    if (scope.isTop && this.isShared && !completes && this.text === TEXT.str)
      if (this.tables.seen.test(this.textAt, number, rank)) return;
    if (!this.absorb(scope, kind === 'base' ? baseName : spelled, kind === 'base')) return;
    const start = this.unit.header.offset;
    this.tables.names.enter(ofKind(this.hash, number), this.number, offset - start, rank);
  }

  private addFunction(offset: number): void {
    if (this.text === TEXT.none && !this.takeName(offset)) return;
    if (this.absorb(TOP, withoutArguments, false)) this.tables.functions.enter(this.hash, this.number);
  }

  /** What completes something may have its name there only: it is kept for `absorb`. */
  private takeName(offset: number): boolean {
    const die = (this.flags & FLAG.specification) === 0 ? undefined : Die.at({ unit: this.unit, offset });
    this.taken = die?.anyName;
    return this.taken !== undefined;
  }

  /** Puts prefix and name into the hash; false for the empty name. Texts are made only where they are respelled. */
  private absorb(
    scope: { a: number; b: number },
    respell: (name: string) => string,
    always: boolean,
  ): boolean {
    const { hash, taken } = this;
    this.taken = undefined;
    hash.reset(scope.a, scope.b);
    if (taken !== undefined) {
      hash.text(respell(taken));
      return true;
    }
    if (this.text === TEXT.none) return false;
    if (!always) {
      const bytes = this.text === TEXT.inline ? this.bytes : this.strings.window(this.textAt, 1);
      const from = this.text === TEXT.inline ? this.textAt - this.base : 0;
      const end = this.text > TEXT.str ? -1 : hashInto(hash, bytes, from);
      if (end >= 0) return end > from;
      hash.reset(scope.a, scope.b);
    }
    const text = this.textOf();
    if (text === '') return false;
    hash.text(respell(text));
    return true;
  }

  /** Undefined: what is within has no names for people. */
  private inner({ tag }: ScanPlan, scope: Scope, offset: number): Scope | undefined {
    const completes = (this.flags & FLAG.specification) !== 0;
    const home = completes ? this.around(scope) : scope;
    // Enumerators of `enum class` are known by its name alone.
    if (tag === TAG.enumerationType)
      return (this.flags & FLAG.enumClass) !== 0 ? undefined : { ...home, enumeration: offset };
    // In C, what stands in a structure has no name of its own.
    if (!this.hasNamespaces || !SCOPES.has(tag)) return undefined;
    const isNamespace = tag === TAG.namespace;
    // Names in nameless and inline namespaces are known without them, as in the source.
    if (isNamespace && (this.flags & FLAG.exportSymbols) !== 0) return home;
    if (!this.absorb(home, spelled, false)) return isNamespace ? home : undefined;
    this.hash.text('::');
    return { a: this.hash.a, b: this.hash.b, isTop: false, enumeration: undefined };
  }

  private import(offset: number): void {
    const target = Die.at({ unit: this.unit, offset })?.reference(AT.import);
    if (target !== undefined) this.imports.push(target.unit);
  }
}

const TOP = new NameHash().reset();

/** Hashes up to the NUL. Answers where that is; -1 where the bytes end before, and where the text has to be respelled. */
const hashInto = (hash: NameHash, bytes: Uint8Array, from: number): number => {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) return at;
    if (byte === 0x3c) return -1;
    hash.byte(byte);
  }
  return -1;
};
