/** What types are once their names are taken away, and how many bytes their values have. Bounded for types that are damaged. */
import type { FrameContext, Location } from '../symbols/variables';
import type { ArrayDimension, ArrayType, DynamicNumber, Type } from '../symbols/types';

/** Names for names: nobody nests more, and a damaged file may name itself. */
const ALIASES_MAX = 64;

/** A type without typedefs and qualifiers. */
export type PlainType = Exclude<Type, { kind: 'typedef' } | { kind: 'qualified' }>;

/** Takes typedefs, const and volatile away. */
export function plain(type: Type): PlainType {
  let at = type;
  for (let hops = 0; hops < ALIASES_MAX; hops++) {
    if (at.kind !== 'typedef' && at.kind !== 'qualified') return at;
    at = at.target;
  }
  return { kind: 'void', name: 'void' };
}

/** What the numbers of a dynamic type are computed with: the variable that has it, read by whoever asks. */
export interface Dynamics {
  readonly frame: FrameContext;
  /** The number that is at a location, of the type given; undefined: it cannot be had. */
  readNumber(location: Location, type: Type | undefined): bigint | undefined;
}

/** Beyond all memory: a size that only damage gives. */
const SIZE_MAX = 2 ** 48;

/** sizeof, in bytes; as in GNU C it is 1 for void and functions. Undefined: not known, or only while the program runs. */
export function sizeOf(type: Type, dynamics?: Dynamics): number | undefined {
  const size = sizeAsSaid(type, dynamics);
  return size !== undefined && Number.isInteger(size) && size >= 0 && size <= SIZE_MAX ? size : undefined;
}

function sizeAsSaid(type: Type, dynamics: Dynamics | undefined): number | undefined {
  const bare = plain(type);
  switch (bare.kind) {
    case 'void':
    case 'function':
      return 1;
    case 'array':
      return arraySize(bare, dynamics);
    default:
      return bare.byteSize;
  }
}

function arraySize(array: ArrayType, dynamics: Dynamics | undefined): number | undefined {
  if (array.byteSize !== undefined) return array.byteSize;
  let size = array.strideBytes ?? sizeOf(array.element, dynamics);
  for (const dimension of array.dimensions) {
    const count = countOf(dimension, dynamics);
    if (size === undefined || count === undefined) return undefined;
    size *= count;
  }
  return size;
}

/** Elements of a dimension; undefined: not known. Never negative. */
export function countOf(dimension: ArrayDimension, dynamics?: Dynamics): number | undefined {
  const count = dimension.count && numberOf(dimension.count, dynamics);
  if (count === undefined) return undefined;
  return count < 0n ? 0 : Math.min(Number(count), Number.MAX_SAFE_INTEGER);
}

function numberOf(number: DynamicNumber, dynamics: Dynamics | undefined): bigint | undefined {
  if (number.kind === 'constant') return number.value;
  if (dynamics === undefined) return undefined;
  const { frame } = dynamics;
  if (number.kind === 'variable') {
    return dynamics.readNumber(number.variable.locate(frame), number.variable.type);
  }
  const location = number.evaluate(frame);
  // A number that an expression leaves looks like an address.
  if (location.kind === 'memory') return BigInt.asIntN(64, location.address);
  return dynamics.readNumber(location, undefined);
}

/** The type of `array[i]`: an array of one dimension less, or the element. */
export function elementType(array: ArrayType): Type {
  const [, ...inner] = array.dimensions;
  if (inner.length === 0) return array.element;
  return arrayOf(array.element, inner, array);
}

function arrayOf(element: Type, dimensions: readonly ArrayDimension[], like: ArrayType): ArrayType {
  let byteSize = like.strideBytes ?? sizeOf(element);
  for (const { count } of dimensions) {
    byteSize =
      byteSize === undefined || count?.kind !== 'constant' ? undefined : byteSize * Number(count.value);
  }
  const stride = like.strideBytes === undefined ? {} : { strideBytes: like.strideBytes };
  return { ...array(element, 0n), dimensions, byteSize, language: like.language, ...stride };
}

/** `element[count]`. */
export function array(element: Type, count: bigint): ArrayType {
  const size = sizeOf(element);
  return {
    kind: 'array',
    element,
    dimensions: [{ lower: 0n, count: { kind: 'constant', value: count } }],
    byteSize: size === undefined ? undefined : size * Number(count),
    isVector: false,
    language: 'c',
  };
}

export const pointerTo = (target: Type): Extract<Type, { kind: 'pointer' }> => ({
  kind: 'pointer',
  flavour: 'pointer',
  byteSize: 8,
  target,
  language: 'c',
});
