/** Types and frames made by hand, for tests of values and expressions. */
import type { ArrayType, BaseType, EnumType, Member, StructType, Type } from '../../src/symbols/types';
import type { FrameContext, Location, Variable } from '../../src/symbols/variables';

const base = (name: string, byteSize: number, encoding: BaseType['encoding']): BaseType => ({
  kind: 'base',
  name,
  byteSize,
  encoding,
});

export const int = base('int', 4, 'signed');
export const uint = base('unsigned int', 4, 'unsigned');
export const long = base('long', 8, 'signed');
export const ulong = base('unsigned long', 8, 'unsigned');
export const char = base('char', 1, 'unsignedChar');
export const uchar = base('unsigned char', 1, 'unsignedChar');
export const short = base('short', 2, 'signed');
export const bool = base('_Bool', 1, 'boolean');
export const float = base('float', 4, 'float');
export const double = base('double', 8, 'float');
export const rustU8 = base('u8', 1, 'unsigned');
export const rustU32 = base('u32', 4, 'unsigned');
export const voidType: Type = { kind: 'void', name: 'void' };

export const pointer = (target: Type, flavour: 'pointer' | 'reference' = 'pointer'): Type => ({
  kind: 'pointer',
  flavour,
  byteSize: 8,
  target,
  language: 'c',
});

export const typedef = (name: string, target: Type): Type => ({ kind: 'typedef', name, target });
export const constant = (target: Type): Type => ({ kind: 'qualified', qualifier: 'const', target });

export const arrayOf = (element: Type, size: number, ...counts: number[]): ArrayType => ({
  kind: 'array',
  element,
  dimensions: counts.map((count) => ({ lower: 0n, count: { kind: 'constant', value: BigInt(count) } })),
  byteSize: counts.reduce((bytes, count) => bytes * count, size),
  isVector: false,
  language: 'c',
});

export const member = (
  name: string | undefined,
  type: Type,
  bytes: number,
  more: Partial<Member> = {},
): Member => ({
  name,
  type,
  offset: { bytes },
  bitSize: undefined,
  isBase: false,
  isVirtual: false,
  isArtificial: false,
  ...more,
});

export const struct = (
  name: string | undefined,
  byteSize: number,
  members: readonly Member[],
  more: Partial<StructType> = {},
): StructType => ({
  kind: 'struct',
  keyword: 'struct',
  name,
  byteSize,
  members,
  staticMembers: [],
  variantPart: undefined,
  templateParameters: [],
  language: 'c',
  ...more,
});

export const enumeration = (name: string, values: Readonly<Record<string, bigint>>): EnumType => ({
  kind: 'enum',
  name,
  byteSize: 4,
  isSigned: false,
  enumerators: Object.entries(values).map(([one, value]) => ({ name: one, value })),
  language: 'c',
});

export interface FakeFrame {
  readonly registers?: Readonly<Record<number, bigint>>;
  readonly memory?: readonly (readonly [bigint, ArrayLike<number>])[];
}

/** Memory is that of `memory` alone; a read that leaves it fails. */
export function frameOf({ registers = {}, memory = [] }: FakeFrame = {}): FrameContext {
  const bytes = new Map<bigint, number>();
  for (const [address, piece] of memory)
    Array.from(piece).forEach((byte, at) => bytes.set(address + BigInt(at), byte));
  return {
    pc: 0x8000_0000n,
    register: (number) => registers[number],
    read: (address, size) => {
      const found = Array.from({ length: size }, (_, at) => bytes.get(address + BigInt(at)));
      return found.every((byte) => byte !== undefined) ? Uint8Array.from(found) : undefined;
    },
    cfa: undefined,
    caller: () => undefined,
  };
}

export const variable = (name: string, type: Type, location: Location): Variable => ({
  name,
  type,
  isParameter: false,
  isArtificial: false,
  declaration: undefined,
  locate: () => location,
});

export const memory = (address: bigint): Location => ({ kind: 'memory', address });

/** Little-endian bytes of numbers of one size. */
export const words = (size: number, ...numbers: (number | bigint)[]): number[] =>
  numbers.flatMap((number) =>
    Array.from({ length: size }, (_, at) =>
      Number((BigInt.asUintN(64, BigInt(number)) >> BigInt(8 * at)) & 255n),
    ),
  );

export const text = (value: string): number[] => [...Array.from(Buffer.from(value)), 0];
