/** What expressions and texts know of Rust beyond its structures: references are followed, variants are compared by name. */
import { isReference, memberNamed, pointerWithin, targetOf, variantOf } from './children';
import { plain } from './type-layout';
import { isMissing, type Value } from './value';

/** References to references: more are damage. */
const FOLLOWED_MAX = 8;

/** What an `Rc<T>` or an `Arc<T>` shares; the counts stand before it. */
export function sharedOf(value: Value): Value | undefined {
  const type = value.plain;
  if (type.kind !== 'struct' || !/^alloc::(?:rc::Rc|sync::Arc)</u.test(type.name ?? '')) return undefined;
  const pointer = pointerWithin(value);
  const inner = pointer && targetOf(pointer);
  if (inner === undefined || isMissing(inner)) return undefined;
  return memberNamed(inner, 'value') ?? memberNamed(inner, 'data');
}

/** `pair.0`, and what is behind the counts of an `Rc<T>`. */
export function rustMember(value: Value, name: string): Value | undefined {
  const field = /^\d+$/u.test(name) ? memberNamed(value, `__${name}`) : undefined;
  const shared = field === undefined ? sharedOf(value) : undefined;
  return field ?? (shared && memberNamed(shared, name));
}

/** What references of Rust refer to, where that has elements or members; others stay what they are. */
export function throughReferences(value: Value): Value {
  let at = value;
  for (let hops = 0; hops < FOLLOWED_MAX; hops++) {
    const type = at.plain;
    if (type.kind !== 'pointer' || !isReference(type)) break;
    const { kind } = plain(type.target);
    const target = kind === 'array' || kind === 'struct' || kind === 'pointer' ? targetOf(at) : undefined;
    if (target === undefined || isMissing(target)) break;
    at = target;
  }
  return at;
}

/** Whether an enumeration is the variant of a name, `Shape::Empty`, whatever is in it; undefined: it has none of that name. */
export function isVariant(value: Value, name: string): boolean | undefined {
  const enumeration = throughReferences(value);
  const type = enumeration.plain;
  const last = name.slice(name.lastIndexOf(':') + 1);
  const variants = type.kind === 'struct' ? (type.variantPart?.variants ?? []) : [];
  if (!variants.some((one) => one.name === last)) return undefined;
  return variantOf(enumeration)?.name === last;
}
