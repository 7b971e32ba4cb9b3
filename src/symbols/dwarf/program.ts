/**
 * Types and variables of one file at one place in the guest: the readers of this folder put together. What is read is
 * kept within bounds (types by unit, names once for a file); asking for what holds at a pc reads no unit but its own.
 */
import type { NamedSymbol } from '../symbol-index';
import { byteSizeOf } from '../type-size';
import type { ThreadLocals } from '../thread-locals';
import type { EnumType, Type } from '../types';
import type { FunctionScope, FunctionTypeOf, NamedConstant, TypedSymbols, Variable } from '../variables';
import { passedValue } from './call-sites';
import { AT, TAG } from './constants';
import type { DebugInfo } from './debug-info';
import { Die, MAX_DEPTH } from './die';
import type { DwarfFunction } from './functions';
import { constantOf } from './forms';
import type { Meaning, Passed, Place } from './meaning';
import { kindOfTag, type NameIndex, type NameKind, type Rank } from './names';
import { qualifiedName } from './qualified-names';
import { blocksOf, enumerationsIn } from './scopes';
import { languageOfUnit } from './languages';
import { TypeReader } from './type-reader';
import type { Unit } from './unit';
import { isLeftOut, makeVariable } from './variable';

export interface ProgramOptions {
  readonly info: DebugInfo;
  readonly names: NameIndex;
  readonly inGuest: (address: bigint) => bigint;
  readonly inFile: (address: bigint) => bigint;
  /** Of the ELF symbol table, as it is in the file. */
  readonly symbolNamed: (name: string) => NamedSymbol | undefined;
  readonly threadLocals: () => ThreadLocals;
}

/** More in one unit are damage. */
const MAX_GLOBALS = 100_000;

export class DwarfProgram implements TypedSymbols, Meaning {
  readonly info: DebugInfo;
  readonly attempt: <T>(read: () => T) => T | undefined;
  readonly inGuest: (address: bigint) => bigint;
  readonly inFile: (address: bigint) => bigint;
  private readonly symbolNamed: (name: string) => NamedSymbol | undefined;
  readonly threadLocals: () => ThreadLocals;
  private readonly names: NameIndex;
  private readonly types = new TypeReader(this);
  private lastBody: { readonly address: bigint; readonly die: Die | undefined } | undefined;

  constructor(options: ProgramOptions) {
    this.info = options.info;
    this.attempt = options.info.attempt;
    this.names = options.names;
    this.inGuest = options.inGuest;
    this.inFile = options.inFile;
    this.symbolNamed = options.symbolNamed;
    this.threadLocals = options.threadLocals;
  }

  scopesAt(pc: bigint): FunctionScope[] {
    const address = this.inFile(pc);
    const scopes: FunctionScope[] = [];
    for (const { found, unit } of this.functionsAt(address)) {
      const isInlined = found.call !== undefined;
      const blocks = this.attempt(() => {
        const die = Die.at({ unit, offset: found.offset });
        return die && blocksOf(die, address, this);
      });
      scopes.push({ name: found.fullName, isInlined, blocks: blocks ?? [{ variables: [] }] });
    }
    return scopes;
  }

  variableNamed(name: string, near?: bigint): Variable | undefined {
    const symbol = this.symbolNamed(name);
    // C has one name for one thing; the search of a whole file that this saves is long.
    if (symbol?.kind === 'function') return undefined;
    if (symbol?.binding === 'global') {
      // A declaration tells all but the place, which the symbol tells; definitions by linker scripts have no other.
      const declared = this.attempt(() => this.dieNamed('variable', name, near, 1));
      const variable = declared && this.attempt(() => this.globalVariable(declared));
      if (variable !== undefined && byteSizeOf(variable.type) !== undefined) return variable;
    }
    const enough = symbol?.binding === 'global' || name.includes('::') ? 3 : 2;
    const die = this.attempt(() => this.dieNamed('variable', name, near, enough));
    return die && this.attempt(() => this.globalVariable(die));
  }

  globalsAt(pc: bigint): Variable[] {
    for (const { unit } of this.info.unitsAt(this.inFile(pc))) {
      if (unit !== undefined) return this.attempt(() => this.globalsOf(unit)) ?? [];
    }
    return [];
  }

  typeNamed(name: string, near?: bigint): Type | undefined {
    const text = name.trim();
    const tagged = /^(struct|class|union|enum)\s+(\S.*)$/.exec(text);
    const kinds: NameKind[] = tagged?.[1] ? [KIND_OF[tagged[1]] ?? 'struct'] : ['typedef', 'base'];
    const plain = tagged?.[2] ?? text;
    for (const kind of kinds) {
      const die = this.attempt(() => this.dieNamed(kind, plain, near));
      if (die !== undefined) return this.typeAt(die);
    }
    if (tagged !== null) return undefined;
    for (const kind of ['struct', 'union', 'enum'] as const) {
      const die = this.attempt(() => this.dieNamed(kind, plain, near));
      // C has names of structures for themselves.
      if (die !== undefined && this.attempt(() => languageOfUnit(die.unit)) !== 'c') return this.typeAt(die);
    }
    return undefined;
  }

  constantNamed(name: string, near?: bigint): NamedConstant | undefined {
    const split = name.lastIndexOf('::');
    const last = split < 0 ? name : name.slice(split + 2);
    const enumeration = split < 0 ? undefined : enumOf(this.typeNamed(name.slice(0, split), near));
    return (
      (split < 0 && near !== undefined ? this.localConstant(name, near) : undefined) ??
      constantOfType(enumeration, last) ??
      constantOfType(this.enumerationWith(name, near), last)
    );
  }

  functionTypeAt(entry: bigint): FunctionTypeOf | undefined {
    const address = this.inFile(entry);
    for (const { found, unit } of this.functionsAt(address)) {
      if (found.call !== undefined || !found.ranges.some(({ start }) => start === address)) continue;
      const die = this.attempt(() => Die.at({ unit, offset: found.offset }));
      if (die !== undefined) return { name: found.name, type: this.typeAt(die) };
    }
    return undefined;
  }

  typeAt(die: Die): Type {
    return this.types.at(die);
  }

  typeOf(die: Die): Type {
    return this.types.of(die);
  }

  variableAt(die: Die): Variable {
    return makeVariable(die, die.anyName ?? '', this);
  }

  qualifiedName(die: Die): string | undefined {
    return qualifiedName(die);
  }

  definitionOf(die: Die): Die | undefined {
    if (die.has(AT.signature)) return die.reference(AT.signature);
    const kind = kindOfTag(die.tag);
    const name = die.flag(AT.declaration) && kind !== undefined ? this.qualifiedName(die) : undefined;
    if (kind === undefined || name === undefined) return undefined;
    const found = this.names.find(kind, name, 3);
    return found?.rank === 3 ? found.die : undefined;
  }

  valueAtEntry(what: Passed, place: Place): bigint | undefined {
    return passedValue(what, place);
  }

  sharedSymbolAddress(name: string): bigint | undefined {
    const symbol = this.symbolNamed(name);
    return symbol?.binding === 'local' ? undefined : symbol && this.inGuest(symbol.address);
  }

  symbolAddress(name: string): bigint | undefined {
    const symbol = this.symbolNamed(name);
    return symbol && this.inGuest(symbol.address);
  }

  bodyAt(address: bigint): Die | undefined {
    // Each variable of a frame asks for the same one, and a condition each time that its breakpoint is hit.
    if (this.lastBody?.address !== address) this.lastBody = { address, die: this.findBody(address) };
    return this.lastBody.die;
  }

  private findBody(address: bigint): Die | undefined {
    for (const { found, unit } of this.functionsAt(address)) {
      if (found.call === undefined) return this.attempt(() => Die.at({ unit, offset: found.offset }));
    }
    return undefined;
  }

  /** Functions whose code holds an address of the file, the innermost inlined one first, then the one with the code. */
  private functionsAt(address: bigint): { found: DwarfFunction; unit: Unit }[] {
    const all: { found: DwarfFunction; unit: Unit }[] = [];
    for (const info of this.info.unitsAt(address)) {
      const { unit } = info;
      if (unit === undefined) continue;
      for (const found of info.functionsAt(address)) {
        all.push({ found, unit });
        if (found.call === undefined) return all;
      }
    }
    return all;
  }

  /** Of an enumeration that is declared in a function. */
  private localConstant(name: string, near: bigint): NamedConstant | undefined {
    const address = this.inFile(near);
    for (const { found, unit } of this.functionsAt(address)) {
      const body = this.attempt(() => Die.at({ unit, offset: found.offset }));
      for (const die of (body && this.attempt(() => enumerationsIn(body, address))) ?? []) {
        const constant = constantOfType(enumOf(this.typeAt(die)), name);
        if (constant !== undefined) return constant;
      }
    }
    return undefined;
  }

  private enumerationWith(name: string, near: bigint | undefined): EnumType | undefined {
    const die = this.attempt(() => this.dieNamed('enumerator', name, near));
    return die && enumOf(this.typeAt(die));
  }

  private globalVariable(die: Die): Variable {
    return makeVariable(die, this.qualifiedName(die) ?? '', this, true);
  }

  /** Variables of namespaces stand among the others, where the source has them. */
  private globalsOf(unit: Unit): Variable[] {
    const found: Die[] = [];
    const visit = (die: Die, depth: number): void => {
      for (const child of die.children()) {
        if (found.length >= MAX_GLOBALS) return;
        if (child.tag === TAG.variable && isDefinition(child)) found.push(child);
        if ((child.tag === TAG.namespace || child.tag === TAG.module) && depth < MAX_DEPTH)
          visit(child, depth + 1);
      }
    };
    const root = Die.at({ unit, offset: unit.header.dieOffset });
    if (root !== undefined) visit(root, 0);
    // Compilers describe a variable where they meet its first use, or last of all.
    const placed = found.map((die) => ({
      die,
      file: numberOf(die, AT.declFile),
      line: numberOf(die, AT.declLine),
    }));
    placed.sort((a, b) => a.file - b.file || a.line - b.line);
    return placed.filter(({ die }) => !isLeftOut(die, this)).map(({ die }) => this.globalVariable(die));
  }

  /** The entry of the unit at `near`, else that which all units share, else the first. */
  private dieNamed(
    kind: NameKind,
    name: string,
    near: bigint | undefined,
    enough: Rank = 3,
  ): Die | undefined {
    let declared: Die | undefined;
    for (const { unit } of near === undefined ? [] : this.info.unitsAt(this.inFile(near))) {
      const found = unit && this.names.findIn(unit, kind, name);
      if (found !== undefined && found.rank > 1) return found.die;
      declared ??= found?.die;
    }
    if (declared !== undefined && enough === 1) return declared;
    const found = this.names.find(kind, name, enough);
    return found !== undefined && (found.rank > 1 || declared === undefined) ? found.die : declared;
  }
}

const constantOfType = (type: EnumType | undefined, name: string): NamedConstant | undefined => {
  const found = type?.enumerators.find((one) => one.name === name);
  return type && found && { type, value: found.value };
};

/** Through the names that the type may have besides. Chains of types end (see TypeReader). */
const enumOf = (type: Type | undefined): EnumType | undefined => {
  let at = type;
  while (at?.kind === 'typedef' || at?.kind === 'qualified') at = at.target;
  return at?.kind === 'enum' ? at : undefined;
};

const numberOf = (die: Die, name: number): number => Number(constantOf(die.find(name)?.value) ?? 0n);

const isDefinition = (die: Die): boolean => !die.flag(AT.declaration) && die.anyName !== undefined;

const KIND_OF: Readonly<Record<string, NameKind>> = {
  struct: 'struct',
  class: 'struct',
  union: 'union',
  enum: 'enum',
};
