/** Structures, unions and classes (DWARF 5, 5.7): members, bases, bit fields, and the variants of Rust's enums. */
import { ByteReader } from '../bytes';
import { lazily } from '../lazily';
import { byteSizeOf } from '../type-size';
import type { Member, StructType, Type, Variant, VariantPart } from '../types';
import type { FrameContext, Variable } from '../variables';
import { AT, TAG } from './constants';
import { MAX_DEPTH, type Die } from './die';
import { evaluateDwarfExpression } from './expression';
import { constantOf } from './forms';
import { contextOf, placeIn } from './location';
import type { Meaning } from './meaning';
import { languageOfUnit } from './languages';
import { numberType, sizeOf } from './type-parts';

interface Parts {
  readonly members: readonly Member[];
  readonly staticMembers: readonly Variable[];
  readonly variantPart: VariantPart | undefined;
  readonly templateParameters: readonly { readonly name: string; readonly type: Type }[];
}

const NO_PARTS: Parts = { members: [], staticMembers: [], variantPart: undefined, templateParameters: [] };

const KEYWORDS: Readonly<Record<number, StructType['keyword']>> = {
  [TAG.structureType]: 'struct',
  [TAG.unionType]: 'union',
  [TAG.classType]: 'class',
  [TAG.interfaceType]: 'interface',
};

export const readStruct = (die: Die, meaning: Meaning): StructType => {
  // What is only declared here may be defined in another unit.
  const full = lazily(() => meaning.attempt(() => meaning.definitionOf(die)) ?? die);
  const parts = lazily(() => meaning.attempt(() => readParts(full(), meaning)) ?? NO_PARTS);
  const name = lazily(() => meaning.attempt(() => meaning.qualifiedName(die)));
  return {
    kind: 'struct',
    keyword: KEYWORDS[die.tag] ?? 'struct',
    language: languageOfUnit(die.unit),
    get name() {
      return name();
    },
    get byteSize() {
      return full().flag(AT.declaration) ? undefined : sizeOf(full());
    },
    get members() {
      return parts().members;
    },
    get staticMembers() {
      return parts().staticMembers;
    },
    get variantPart() {
      return parts().variantPart;
    },
    get templateParameters() {
      return parts().templateParameters;
    },
  };
};

const readParts = (die: Die, meaning: Meaning): Parts => {
  const members: Member[] = [];
  const bases: Member[] = [];
  const staticMembers: Variable[] = [];
  const templateParameters: { name: string; type: Type }[] = [];
  let variantPart: VariantPart | undefined;
  for (const child of die.children()) {
    switch (child.tag) {
      case TAG.member:
        // Before DWARF 5, static members were members that are only declared here.
        if (child.flag(AT.declaration) || child.flag(AT.external))
          staticMembers.push(meaning.variableAt(child));
        else if (!nestsEndlessly(die, child)) members.push(readMember(child, meaning));
        break;
      case TAG.variable:
        staticMembers.push(meaning.variableAt(child));
        break;
      case TAG.inheritance:
        if (!nestsEndlessly(die, child)) bases.push(readMember(child, meaning));
        break;
      case TAG.variantPart:
        variantPart ??= readVariantPart(child, meaning);
        break;
      case TAG.templateTypeParameter:
        templateParameters.push({ name: child.name ?? '', type: meaning.typeOf(child) });
        break;
    }
  }
  return { members: [...bases, ...members], staticMembers, variantPart, templateParameters };
};

/**
 * Nameless members and bases lend their members to the structure around them, so that a search for a name goes into
 * them: in a damaged file they may hold themselves.
 */
const nestsEndlessly = (outer: Die, member: Die): boolean => {
  if (member.tag === TAG.member && member.name !== undefined) return false;
  const seen = new Set([outer.key]);
  const open = [member];
  for (let die = open.pop(); die !== undefined; die = open.pop()) {
    const type = structOf(die);
    if (type === undefined) continue;
    if (type.key === outer.key || seen.size > MAX_DEPTH) return true;
    if (seen.has(type.key)) continue;
    seen.add(type.key);
    for (const child of type.children()) {
      if (child.tag === TAG.inheritance || (child.tag === TAG.member && child.name === undefined))
        open.push(child);
    }
  }
  return false;
};

const STRUCTS: ReadonlySet<number> = new Set([
  TAG.structureType,
  TAG.unionType,
  TAG.classType,
  TAG.interfaceType,
]);

/** The structure that a member consists of, under names and qualifiers. */
const structOf = (member: Die): Die | undefined => {
  let at = member.reference(AT.type);
  for (let depth = 0; at !== undefined && depth < MAX_DEPTH; depth++) {
    if (STRUCTS.has(at.tag)) return at;
    at = at.reference(AT.type);
  }
  return undefined;
};

const readMember = (die: Die, meaning: Meaning): Member => {
  const type = lazily(() => meaning.typeOf(die));
  const isVirtual = die.flag(AT.virtuality) && die.tag === TAG.inheritance;
  const bitSize = die.constant(AT.bitSize);
  const location = die.attribute(AT.dataMemberLocation);
  const bytes = location?.kind === 'block' ? constantPlace(location.bytes) : constantOf(location);
  const isDynamic = location?.kind === 'block' && bytes === undefined;
  return {
    name: die.name,
    offset:
      bitSize === undefined ? { bytes: Number(bytes ?? 0n) } : { bits: firstBit(die, bytes ?? 0n, type) },
    bitSize: bitSize === undefined ? undefined : Number(bitSize),
    isBase: die.tag === TAG.inheritance,
    isVirtual: isVirtual || isDynamic,
    isArtificial: die.flag(AT.artificial),
    ...(isDynamic ? { addressIn: dynamicPlace(die, location.bytes, meaning) } : {}),
    get type() {
      return type();
    },
  };
};

/** DWARF 2 and 3 gave the offsets of members as expressions: DW_OP_plus_uconst N, or DW_OP_constu N, DW_OP_plus. */
const constantPlace = (bytes: Uint8Array): bigint | undefined => {
  const context = { register: () => undefined, read: () => undefined };
  return evaluateDwarfExpression(bytes, context, [0n]);
};

/** Expressions that depend on the object: virtual bases. */
const dynamicPlace =
  (die: Die, bytes: Uint8Array, meaning: Meaning) =>
  (object: bigint, frame: FrameContext): bigint | undefined =>
    meaning.attempt(() =>
      evaluateDwarfExpression(bytes, contextOf(die, { ...placeIn(frame, meaning), object }), [object]),
    );

/**
 * DWARF 4 counts bits from the lowest (data_bit_offset). Before, a field lay in a unit of storage, as large as
 * byte_size says or else as its type is, and bits were counted from the highest of it (DWARF 2, 5.5.6).
 */
const firstBit = (die: Die, bytes: bigint, type: () => Type): number => {
  const direct = die.constant(AT.dataBitOffset);
  if (direct !== undefined) return Number(direct + bytes * 8n);
  const fromHigh = die.constant(AT.bitOffset);
  if (fromHigh === undefined) return Number(bytes * 8n);
  const storage = BigInt(storageSize(die) ?? byteSizeOf(type()) ?? 0);
  return Number(bytes * 8n + storage * 8n - BigInt.asIntN(64, fromHigh) - (die.constant(AT.bitSize) ?? 0n));
};

/** Only the bytes of storage: DW_AT_bit_size of a field is no size of it. */
const storageSize = (die: Die): number | undefined => {
  const size = die.constant(AT.byteSize);
  return size === undefined ? undefined : Number(size);
};

const readVariantPart = (die: Die, meaning: Meaning): VariantPart => {
  const discriminant = die.reference(AT.discr);
  const number = discriminant && numberType(meaning.typeOf(discriminant));
  const bits = Math.max(1, Math.min(16, number?.byteSize ?? 8)) * 8;
  const wrap = (value: bigint): bigint =>
    number?.encoding === 'signed' ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  const variants: Variant[] = [];
  for (const child of die.children()) {
    if (child.tag !== TAG.variant) continue;
    const members = [...child.children()].filter((one) => one.tag === TAG.member);
    const name = members.map((one) => one.name).find((one) => one !== undefined);
    variants.push({
      name: child.name ?? name,
      values: valuesOf(child, wrap),
      members: members.map((one) => readMember(one, meaning)),
    });
  }
  return { discriminant: discriminant && readMember(discriminant, meaning), variants };
};

const valuesOf = (variant: Die, wrap: (value: bigint) => bigint): Variant['values'] => {
  const value = variant.constant(AT.discrValue);
  if (value !== undefined) return [{ low: wrap(value), high: wrap(value) }];
  const list = variant.attribute(AT.discrList);
  return list?.kind === 'block' ? readDiscriminants(list.bytes, wrap) : undefined;
};

/** DWARF 5, 5.7.10 and 7.5.5: DW_DSC_label and one number, or DW_DSC_range and two. */
const readDiscriminants = (
  bytes: Uint8Array,
  wrap: (value: bigint) => bigint,
): { low: bigint; high: bigint }[] => {
  const reader = new ByteReader(bytes, { code: 'DWARF_BAD_SECTION', name: 'a list of discriminants' });
  const ranges: { low: bigint; high: bigint }[] = [];
  while (!reader.done) {
    const isRange = reader.u8() === 1;
    const low = wrap(reader.sleb64());
    ranges.push({ low, high: isRange ? wrap(reader.sleb64()) : low });
  }
  return ranges;
};
