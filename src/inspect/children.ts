/**
 * What is within a value: members (those of anonymous structs as if they were the outer one's), bases, elements, what a
 * pointer points to, the variant that a Rust enum is. Elements come in pages; nothing is read before it is asked for.
 */
import type { Language, Member, PointerType, StructType, Variant } from '../symbols/types';
import { elementType, plain, sizeOf, countOf, type PlainType } from './type-layout';
import { isMissing, Value, type Missing } from './value';
import { unavailable } from './value-bits';

export interface Child {
  readonly name: string;
  readonly value: Value;
  readonly kind: 'member' | 'base' | 'element' | 'target' | 'static';
  /** What makes the parent's expression this one's: `.x`, `->x`, `[3]`, `*` before it; undefined: nothing does. */
  readonly access: string | undefined;
  readonly isArtificial: boolean;
}

/** Members and bases that a damaged file may claim, and how deep anonymous ones nest. */
const MEMBERS_MAX = 5000;
const DEPTH_MAX = 16;

export interface Shape {
  readonly named: number;
  readonly indexed: number;
}

const NOTHING: Shape = { named: 0, indexed: 0 };

/** How many children there are, without reading them. */
export function shapeOf(value: Value): Shape {
  const type = value.plain;
  switch (type.kind) {
    case 'array':
      return { named: 0, indexed: lengthOf(value) ?? 0 };
    case 'struct': {
      const slice = sliceOf(value);
      if (slice !== undefined) return { named: 0, indexed: slice.count };
      return { named: namedChildren(value).length, indexed: 0 };
    }
    case 'pointer': {
      const target = followed(value);
      if (target === undefined) return NOTHING;
      if (isReference(type)) return shapeOf(target);
      if (target.plain.kind === 'struct') return shapeOf(target);
      return { named: 1, indexed: 0 };
    }
    default:
      return NOTHING;
  }
}

/** Elements of an array's outermost dimension; undefined: not known. */
export function lengthOf(value: Value): number | undefined {
  const type = value.plain;
  if (type.kind !== 'array') return undefined;
  const [outer] = type.dimensions;
  return outer && countOf(outer, value.dynamics);
}

/** What a pointer points to, when that can be looked into. */
function followed(value: Value): Value | undefined {
  const type = value.plain;
  if (type.kind !== 'pointer') return undefined;
  const target = plain(type.target);
  if (target.kind === 'void' || target.kind === 'function') return undefined;
  if (target.kind === 'struct' && target.byteSize === undefined) return undefined;
  const found = targetOf(value);
  if (isMissing(found)) return undefined;
  return found.address === 0n && type.flavour === 'pointer' ? undefined : found;
}

/** What a pointer or a reference points to; it may not be readable. */
export function targetOf(value: Value): Value | Missing {
  const type = value.plain;
  if (type.kind !== 'pointer') return unavailable('it is no pointer');
  const { location, frame } = value;
  if (location.kind === 'implicitPointer') {
    if (location.target === undefined) return { kind: 'optimizedOut' };
    const whole = new Value(type.target, location.target.locate(frame), frame);
    return whole.part(type.target, 8 * Number(location.offset));
  }
  const address = value.number();
  if (typeof address === 'object') return address;
  return new Value(type.target, { kind: 'memory', address: BigInt(address) }, frame);
}

/** C++: what a reference refers to; every other value is itself. */
export function dereferenced(value: Value): Value {
  const type = value.plain;
  if (type.kind !== 'pointer' || type.flavour === 'pointer') return value;
  const target = targetOf(value);
  if (!isMissing(target)) return target;
  const location = target.kind === 'optimizedOut' ? target : { ...target };
  return new Value(type.target, location, value.frame);
}

/** C++'s references, and what Rust's programmers use as if it were the value itself: `&T`, `&mut T`, `Box<T>`. */
export const isReference = (type: PointerType): boolean =>
  type.flavour !== 'pointer' ||
  (type.language === 'rust' && /^(?:&|alloc::boxed::Box<)/u.test(type.name ?? ''));

export function namedChildren(value: Value): Child[] {
  const type = value.plain;
  if (type.kind === 'struct') return structChildren(value, type, '.');
  if (type.kind !== 'pointer') return [];
  const target = followed(value);
  if (target === undefined) return [];
  const inner = target.plain;
  if (isReference(type)) return namedChildren(target);
  if (inner.kind === 'struct' && sliceOf(target) === undefined) return structChildren(target, inner, '->');
  if (inner.kind === 'struct') return [];
  return [{ name: '*', value: target, kind: 'target', access: '*', isArtificial: false }];
}

/** Elements from `start` (an index from 0), as far as there are any. */
export function elements(value: Value, start: number, count: number): Child[] {
  const type = value.plain;
  if (type.kind === 'pointer') {
    const target = followed(value);
    const isSeen = isReference(type) || target?.plain.kind === 'struct';
    return target === undefined || !isSeen ? [] : elements(target, start, count);
  }
  const slice = sliceOf(value);
  const length = slice?.count ?? lengthOf(value) ?? 0;
  const lower = type.kind === 'array' ? Number(type.dimensions[0]?.lower ?? 0n) : 0;
  const found: Child[] = [];
  for (let index = start; index < Math.min(start + count, length); index++) {
    const name = `[${index + lower}]`;
    const element = slice === undefined ? elementAt(value, index) : elementAt(slice.first, index);
    found.push({ name, value: element, kind: 'element', access: name, isArtificial: false });
  }
  return found;
}

/** The element at an index from 0 of an array, or of what begins with the value; no bounds are checked. */
export function elementAt(value: Value, index: number): Value {
  const type = value.plain;
  const element = type.kind === 'array' ? elementType(type) : value.type;
  const stride = type.kind === 'array' && type.dimensions.length === 1 ? type.strideBytes : undefined;
  const size = stride ?? sizeOf(element, value.dynamics) ?? 0;
  return value.part(element, 8 * size * index);
}

function structChildren(value: Value, type: StructType, dot: string): Child[] {
  const found: Child[] = [];
  for (const member of allMembers(value, type)) {
    if (found.length >= MEMBERS_MAX) break;
    if (member.name !== undefined || member.isBase) {
      found.push(childOf(value, member, dot, type.language));
      continue;
    }
    const inner = memberValue(value, member);
    const anonymous = inner.plain;
    if (anonymous.kind === 'struct') found.push(...flat(inner, anonymous, dot, 1));
  }
  for (const member of type.staticMembers.slice(0, MEMBERS_MAX)) {
    const name = member.name.slice(member.name.lastIndexOf(':') + 1);
    const shared = Value.of(member, value.frame);
    found.push({ name, value: shared, kind: 'static', access: `${dot}${name}`, isArtificial: false });
  }
  return found;
}

function flat(value: Value, type: StructType, dot: string, depth: number): Child[] {
  if (depth > DEPTH_MAX) return [];
  return type.members.flatMap((member) => {
    if (member.name !== undefined) return [childOf(value, member, dot)];
    const inner = memberValue(value, member);
    return inner.plain.kind === 'struct' ? flat(inner, inner.plain, dot, depth + 1) : [];
  });
}

function childOf(value: Value, member: Member, dot: string, language?: Language): Child {
  const own = member.name ?? baseName(member);
  // The fields of tuples, as Rust has them.
  const name = language === 'rust' ? own.replace(/^__(?=\d+$)/u, '') : own;
  return {
    name,
    value: memberValue(value, member),
    kind: member.isBase ? 'base' : 'member',
    access: `${dot}${name}`,
    isArtificial: member.isArtificial,
  };
}

function baseName(member: Member): string {
  const type = plain(member.type);
  return 'name' in type ? (type.name ?? 'base') : 'base';
}

/** The members that are there now: those of a Rust enum's other variants are not. */
function allMembers(value: Value, type: StructType): readonly Member[] {
  const variant = variantOf(value);
  if (variant === undefined) return type.members;
  const payload = payloadOf(value, variant);
  if (payload === undefined) return [...type.members, ...variant.members];
  const offset = bitOffsetOf(payload.member);
  return payload.type.members.map((member) => ({
    ...member,
    offset: { bits: offset + bitOffsetOf(member) },
  }));
}

const bitOffsetOf = ({ offset }: Member): number => ('bits' in offset ? offset.bits : 8 * offset.bytes);

/** The variant that a Rust enum is; undefined for all other values, and where its discriminant cannot be read. */
export function variantOf(value: Value): Variant | undefined {
  const type = value.plain;
  const part = type.kind === 'struct' ? type.variantPart : undefined;
  if (part === undefined) return undefined;
  const { discriminant, variants } = part;
  if (discriminant === undefined)
    return variants.find(({ members }) => !members.some((one) => isNever(one))) ?? variants[0];
  const number = memberValue(value, discriminant).number();
  if (typeof number !== 'bigint') return undefined;
  const size = 8 * (sizeOf(discriminant.type) ?? 8);
  const same = (a: bigint): bigint => BigInt.asUintN(size, a);
  const is = (low: bigint, high: bigint): boolean => same(low) <= same(number) && same(number) <= same(high);
  return (
    variants.find((one) => one.values?.some(({ low, high }) => is(low, high))) ??
    variants.find((one) => one.values === undefined)
  );
}

/** What no value can be of, as it has an enumeration without variants in it: `Err` of a `Result<T, Infallible>`. */
function isNever({ type }: Member, depth = 0): boolean {
  const bare = plain(type);
  if (bare.kind !== 'struct' || depth > DEPTH_MAX) return false;
  if (bare.variantPart?.variants.length === 0) return true;
  return bare.members.slice(0, MEMBERS_MAX).some((one) => isNever(one, depth + 1));
}

/** The struct of what a variant carries. */
function payloadOf(
  value: Value,
  variant: Variant,
): { readonly member: Member; readonly type: StructType } | undefined {
  const [member, second] = variant.members;
  if (member === undefined || second !== undefined) return undefined;
  const type = memberValue(value, member).plain;
  return type.kind === 'struct' ? { member, type } : undefined;
}

export function memberValue(value: Value, member: Member): Value {
  if (member.isVirtual) {
    const address = value.address === undefined ? undefined : member.addressIn?.(value.address, value.frame);
    if (address !== undefined) return new Value(member.type, { kind: 'memory', address }, value.frame);
    const reason = 'only the running program knows where a virtual base class is';
    return new Value(member.type, unavailable(reason), value.frame);
  }
  return value.part(member.type, bitOffsetOf(member), member.bitSize);
}

/** A member by its name, also of an anonymous member, a base class, or the variant that is there. */
export function memberNamed(value: Value, name: string): Value | undefined {
  return find(value, name, 0);
}

function find(value: Value, name: string, depth: number): Value | undefined {
  const type = value.plain;
  if (type.kind !== 'struct' || depth > DEPTH_MAX) return undefined;
  const members = allMembers(value, type);
  const own = members.find((one) => one.name === name || (one.isBase && baseName(one) === name));
  if (own !== undefined) return memberValue(value, own);
  const shared = type.staticMembers.find((one) => one.name === name || one.name.endsWith(`::${name}`));
  if (shared !== undefined) return Value.of(shared, value.frame);
  for (const member of members) {
    if (member.name !== undefined && !member.isBase) continue;
    const inner = find(memberValue(value, member), name, depth + 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** The names that can stand behind `.` or `->`. */
export function memberNames(type: PlainType, depth = 0): string[] {
  if (type.kind !== 'struct' || depth > DEPTH_MAX) return [];
  const names = type.members.flatMap((one) => {
    if (one.name !== undefined && !one.isBase) return [one.name];
    return memberNames(plain(one.type), depth + 1);
  });
  return [...names, ...type.staticMembers.map((one) => one.name)].slice(0, MEMBERS_MAX);
}

export interface Slice {
  readonly first: Value;
  readonly count: number;
  readonly isText: boolean;
}

/** Rust's fat pointers (`&[T]`, `&str`, `Box<[T]>`), `Vec<T>` and `String`: the first element, and how many there are. */
export function sliceOf(value: Value): Slice | undefined {
  const type = value.plain;
  if (type.kind !== 'struct' || type.language !== 'rust') return undefined;
  const name = type.name ?? '';
  if (name.startsWith('alloc::vec::Vec<')) return vectorOf(value, type);
  const [only] = type.members;
  if (name === 'alloc::string::String' && only?.name === 'vec') {
    const bytes = sliceOf(memberValue(value, only));
    return bytes && { ...bytes, isText: true };
  }
  if (type.members.length !== 2) return undefined;
  const pointer = type.members.find((one) => one.name === 'data_ptr');
  const length = type.members.find((one) => one.name === 'length');
  if (pointer === undefined || length === undefined) return undefined;
  const isText = /(?:^|[ &<])str(?:,.*)?>?$/u.test(name);
  return slice(memberValue(value, pointer), memberValue(value, length), isText);
}

/** The pointer is within several structures, which change from one version of the library to the next. */
function vectorOf(value: Value, type: StructType): Slice | undefined {
  const [buffer, length] = ['buf', 'len'].map((name) => memberNamed(value, name));
  const pointer = buffer && pointerWithin(buffer);
  const element = type.templateParameters.find(({ name }) => name === 'T')?.type;
  const found = pointer && length && slice(pointer, length, false);
  return found && element && { ...found, first: found.first.as(element) };
}

/** The first pointer that is in a structure, or in one within it. */
export function pointerWithin(value: Value, depth = 0): Value | undefined {
  const type = value.plain;
  if (type.kind === 'pointer') return value;
  if (type.kind !== 'struct' || depth > DEPTH_MAX) return undefined;
  for (const member of type.members.slice(0, MEMBERS_MAX)) {
    const found = pointerWithin(memberValue(value, member), depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function slice(pointer: Value, length: Value, isText: boolean): Slice | undefined {
  const first = targetOf(pointer);
  const count = length.number();
  if (isMissing(first) || typeof count !== 'bigint' || first.address === undefined) return undefined;
  // Of what is not yet there: no program has so much memory.
  if (count < 0n || count >= 1n << 47n) return undefined;
  return { first, count: Number(count), isText };
}
