/** Arrays (DWARF 5, 5.5 and 5.13): their dimensions, which may be known to the running program alone. */
import { lazily } from '../lazily';
import { byteSizeOf } from '../type-size';
import type { ArrayDimension, ArrayType, DynamicNumber, Language, Type } from '../types';
import { AT, TAG } from './constants';
import type { Die } from './die';
import { numberOfAttribute, placeIn } from './location';
import type { Meaning } from './meaning';
import { languageOfUnit } from './languages';
import { sizeOf } from './type-parts';

/** More are damage. */
const MAX_DIMENSIONS = 32;

export const readArray = (die: Die, meaning: Meaning): ArrayType => {
  const element = lazily(() => meaning.typeOf(die));
  const language = languageOfUnit(die.unit);
  const dimensions = lazily(() => meaning.attempt(() => readDimensions(die, language, meaning)) ?? []);
  const stride = die.constant(AT.byteStride);
  const byteSize = lazily(() => sizeOf(die) ?? sizeOfAll(element(), dimensions(), stride));
  return {
    kind: 'array',
    isVector: die.flag(AT.gnuVector),
    language,
    ...(stride === undefined ? {} : { strideBytes: Number(BigInt.asIntN(64, stride)) }),
    get element() {
      return element();
    },
    get dimensions() {
      return dimensions();
    },
    get byteSize() {
      return byteSize();
    },
  };
};

const sizeOfAll = (
  element: Type,
  dimensions: readonly ArrayDimension[],
  stride: bigint | undefined,
): number | undefined => {
  let size = stride === undefined ? byteSizeOf(element) : Number(stride);
  for (const { count } of dimensions) {
    if (size === undefined || count?.kind !== 'constant') return undefined;
    size *= Number(count.value);
  }
  return size !== undefined && Number.isSafeInteger(size) ? size : undefined;
};

const readDimensions = (die: Die, language: Language, meaning: Meaning): ArrayDimension[] => {
  const dimensions: ArrayDimension[] = [];
  for (const child of die.children()) {
    if (dimensions.length >= MAX_DIMENSIONS) break;
    if (child.tag === TAG.subrangeType || child.tag === TAG.genericSubrange)
      dimensions.push(readDimension(child, language, meaning));
    // Pascal's and Ada's arrays may be indexed by an enumeration.
    if (child.tag === TAG.enumerationType) {
      const count = [...child.children()].filter((one) => one.tag === TAG.enumerator).length;
      dimensions.push({ lower: 0n, count: { kind: 'constant', value: BigInt(count) } });
    }
  }
  return dimensions.length > 0 ? dimensions : [{ lower: 0n, count: undefined }];
};

const readDimension = (die: Die, language: Language, meaning: Meaning): ArrayDimension => {
  // Fortran's and Pascal's arrays begin at 1 unless they say otherwise; they are among the 'other' languages, and
  // their compilers state the bound.
  const lower = BigInt.asIntN(64, die.constant(AT.lowerBound) ?? 0n);
  if (die.has(AT.count)) return { lower, count: numberOf(die, AT.count, meaning, (count) => count) };
  // GCC says -1 (in as many bits as the index type has) where the upper bound of an array of none is meant.
  const toCount = (upper: bigint): bigint => {
    const wrapped = upper === 0xffff_ffffn && language !== 'rust' ? -1n : BigInt.asIntN(64, upper);
    const count = wrapped - lower + 1n;
    return count < 0n ? 0n : count;
  };
  return { lower, count: numberOf(die, AT.upperBound, meaning, toCount) };
};

/** A constant, a reference to a variable, or an expression (DWARF 5, 2.19). */
const numberOf = (
  die: Die,
  name: number,
  meaning: Meaning,
  adapt: (value: bigint) => bigint,
): DynamicNumber | undefined => {
  const value = die.attribute(name);
  switch (value?.kind) {
    case 'constant':
      return { kind: 'constant', value: adapt(value.value) };
    case undefined:
      return undefined;
    default:
      return {
        kind: 'expression',
        evaluate: (frame) => {
          const number = meaning.attempt(() => numberOfAttribute(die, name, placeIn(frame, meaning)));
          return number === undefined
            ? { kind: 'optimizedOut' }
            : { kind: 'value', bytes: toBytes(adapt(number)) };
        },
      };
  }
};

const toBytes = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return bytes;
};
