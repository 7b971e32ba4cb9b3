/**
 * Types from entries (DWARF 5, chapter 5). One entry gives one object while it is kept; parts are read on first use.
 * What cannot be read is `void` with a name that says so, and chains that never reach a type of their own (a typedef of
 * itself) end as that: users may follow targets and elements without counting.
 */
import { lazily } from '../lazily';
import type { EnumType, FunctionType, PointerType, Type, VoidType } from '../types';
import { readArray } from './array-type';
import { AT, TAG } from './constants';
import { MAX_DEPTH, type Die } from './die';
import { languageOfUnit } from './languages';
import type { Meaning } from './meaning';
import { readStruct } from './struct-type';
import { encodingOf, numberType, sizeOf, type NumberType } from './type-parts';
import type { Unit } from './unit';

/** Types kept; beyond it those of the units read first are dropped. A unit of the Linux kernel has some 20,000. */
const MAX_TYPES = 200_000;

const VOID: VoidType = { kind: 'void', name: 'void' };
const DAMAGED: VoidType = { kind: 'void', name: '<unreadable type>' };

export class TypeReader {
  private readonly byUnit = new Map<Unit, Map<number, Type>>();
  private count = 0;

  constructor(private readonly meaning: Meaning) {}

  /** The type that the entry describes. */
  at(die: Die): Type {
    let types = this.byUnit.get(die.unit);
    const known = types?.get(die.offset);
    if (known !== undefined) return known;
    const type = this.meaning.attempt(() => this.read(die)) ?? DAMAGED;
    if (types === undefined) this.byUnit.set(die.unit, (types = new Map<number, Type>()));
    types.set(die.offset, type);
    if (++this.count > MAX_TYPES) this.dropOldest(die.unit);
    return type;
  }

  /** The type that the entry has. */
  of(die: Die): Type {
    return this.meaning.attempt(() => this.referenced(die, AT.type)) ?? DAMAGED;
  }

  private referenced(die: Die, attribute: number): Type {
    const found = die.find(attribute);
    if (found === undefined) return VOID;
    const target = found.die.reference(attribute);
    return target === undefined ? DAMAGED : this.at(target);
  }

  private dropOldest(keep: Unit): void {
    for (const [unit, types] of this.byUnit) {
      if (unit === keep || this.count <= MAX_TYPES / 2) continue;
      this.byUnit.delete(unit);
      this.count -= types.size;
    }
  }

  private read(die: Die): Type {
    // A stand-in for what a type unit defines.
    const definition = die.has(AT.signature) ? die.reference(AT.signature) : undefined;
    if (definition !== undefined && definition.key !== die.key && !definition.has(AT.signature))
      return this.at(definition);
    switch (die.tag) {
      case TAG.baseType:
        return {
          kind: 'base',
          name: die.name ?? '<unnamed>',
          byteSize: sizeOf(die) ?? 0,
          encoding: encodingOf(die),
        };
      case TAG.unspecifiedType:
        return { kind: 'void', name: die.name ?? 'void' };
      case TAG.pointerType:
      case TAG.referenceType:
      case TAG.rvalueReferenceType:
        return this.pointer(die);
      case TAG.ptrToMemberType:
        return this.memberPointer(die);
      case TAG.arrayType:
        return endless(die) ? DAMAGED : readArray(die, this.meaning);
      case TAG.structureType:
      case TAG.classType:
      case TAG.unionType:
      case TAG.interfaceType:
        return readStruct(die, this.meaning);
      case TAG.enumerationType:
        return this.enumeration(die);
      case TAG.subroutineType:
      case TAG.subprogram:
        return this.function(die);
      default:
        return this.renamed(die);
    }
  }

  /** Types that are another one under a name or with a qualifier. */
  private renamed(die: Die): Type {
    if (endless(die)) return DAMAGED;
    const target = lazily(() => this.of(die));
    switch (die.tag) {
      case TAG.constType:
        return qualified('const', target);
      case TAG.volatileType:
        return qualified('volatile', target);
      case TAG.restrictType:
        return qualified('restrict', target);
      case TAG.atomicType:
        return qualified('atomic', target);
      case TAG.typedef:
      case TAG.templateAlias:
      case TAG.subrangeType:
      case TAG.genericSubrange: {
        const name = this.meaning.qualifiedName(die);
        if (name === undefined) return target();
        return {
          kind: 'typedef',
          name,
          get target() {
            return target();
          },
        };
      }
      // Says how a type is laid out or shared, which its other attributes say as well.
      case TAG.packedType:
      case TAG.sharedType:
      case TAG.immutableType:
      case TAG.dynamicType:
        return target();
      default:
        return DAMAGED;
    }
  }

  private pointer(die: Die): PointerType {
    const target = lazily(() => this.of(die));
    const flavours = {
      [TAG.referenceType]: 'reference',
      [TAG.rvalueReferenceType]: 'rvalueReference',
    } as const;
    const { name } = die;
    return {
      kind: 'pointer',
      flavour:
        die.tag === TAG.referenceType || die.tag === TAG.rvalueReferenceType ? flavours[die.tag] : 'pointer',
      byteSize: sizeOf(die) ?? die.unit.header.addressSize,
      language: languageOfUnit(die.unit),
      ...(name === undefined ? {} : { name }),
      get target() {
        return target();
      },
    };
  }

  private memberPointer(die: Die): Type {
    const target = lazily(() => this.of(die));
    const container = lazily(
      () => this.meaning.attempt(() => this.referenced(die, AT.containingType)) ?? DAMAGED,
    );
    // Itanium C++ ABI, 2.3: a pointer to a data member is an offset, one to a function a pair.
    const size = sizeOf(die) ?? (target().kind === 'function' ? 2 : 1) * die.unit.header.addressSize;
    return {
      kind: 'memberPointer',
      byteSize: size,
      get target() {
        return target();
      },
      get container() {
        return container();
      },
    };
  }

  private enumeration(die: Die): Type {
    const full = this.meaning.definitionOf(die) ?? die;
    const underlying = full.has(AT.type) ? numberType(this.of(full)) : undefined;
    const byteSize = sizeOf(full) ?? underlying?.byteSize ?? 4;
    const read = lazily(
      () =>
        this.meaning.attempt(() => readEnumerators(full, byteSize, underlying && isSigned(underlying))) ?? {
          isSigned: false,
          enumerators: [],
        },
    );
    return {
      kind: 'enum',
      name: this.meaning.qualifiedName(die),
      byteSize,
      language: languageOfUnit(die.unit),
      get isSigned() {
        return read().isSigned;
      },
      get enumerators() {
        return read().enumerators;
      },
    } satisfies EnumType;
  }

  private function(die: Die): FunctionType {
    const returns = lazily(() => this.of(die));
    const rest = lazily(() => this.meaning.attempt(() => this.parameters(die)) ?? NO_PARAMETERS);
    return {
      kind: 'function',
      get returns() {
        return returns();
      },
      get parameters() {
        return rest().parameters;
      },
      get isVariadic() {
        return rest().isVariadic;
      },
    };
  }

  private parameters(die: Die): Pick<FunctionType, 'parameters' | 'isVariadic'> {
    const parameters: { name: string | undefined; type: Type }[] = [];
    let isVariadic = false;
    for (const child of parametersHome(die).children()) {
      if (child.tag === TAG.unspecifiedParameters) isVariadic = true;
      if (child.tag === TAG.formalParameter) parameters.push({ name: child.anyName, type: this.of(child) });
    }
    return { parameters, isVariadic };
  }
}

const NO_PARAMETERS = { parameters: [], isVariadic: false } as const;

/** An out-of-line instance may have lost parameters that the optimiser had no use for: its abstract one has all. */
const parametersHome = (die: Die): Die => {
  let home = die;
  for (const origin of die.origins()) {
    home = origin;
    if (!origin.has(AT.abstractOrigin)) break;
  }
  return home;
};

const qualified = (qualifier: 'const' | 'volatile' | 'restrict' | 'atomic', target: () => Type): Type => ({
  kind: 'qualified',
  qualifier,
  get target() {
    return target();
  },
});

/** Whether the chain of targets and elements never arrives at a type that stands for itself. */
const endless = (die: Die): boolean => {
  let at: Die | undefined = die;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (at === undefined || !CHAINED.has(at.tag)) return false;
    at = at.reference(AT.type);
  }
  return true;
};

const CHAINED: ReadonlySet<number> = new Set([
  TAG.arrayType,
  TAG.constType,
  TAG.volatileType,
  TAG.restrictType,
  TAG.atomicType,
  TAG.typedef,
  TAG.templateAlias,
  TAG.subrangeType,
  TAG.genericSubrange,
  TAG.packedType,
  TAG.sharedType,
  TAG.immutableType,
  TAG.dynamicType,
]);

const isSigned = ({ encoding }: NumberType): boolean => encoding === 'signed' || encoding === 'signedChar';

/** Without an underlying type (DWARF 2) an enumeration is signed if it has a negative enumerator, as GDB holds. */
const readEnumerators = (
  die: Die,
  byteSize: number,
  underlyingSigned: boolean | undefined,
): Pick<EnumType, 'isSigned' | 'enumerators'> => {
  const raw: { name: string; value: bigint }[] = [];
  for (const child of die.children()) {
    const value = child.constant(AT.constValue);
    if (child.tag === TAG.enumerator && value !== undefined) raw.push({ name: child.name ?? '', value });
  }
  const signed = underlyingSigned ?? raw.some((one) => one.value < 0n);
  const bits = Math.max(1, Math.min(16, byteSize)) * 8;
  const wrap = (value: bigint): bigint => (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
  return { isSigned: signed, enumerators: raw.map(({ name, value }) => ({ name, value: wrap(value) })) };
};
