/** Types that expressions know without debug information: LP64, and plain char is unsigned (RISC-V psABI). */
import type { BaseEncoding, BaseType, Type } from '../symbols/types';
import { pointerTo } from './type-layout';

const base = (name: string, byteSize: number, encoding: BaseEncoding): BaseType => ({
  kind: 'base',
  name,
  byteSize,
  encoding,
});

export const CHAR = base('char', 1, 'unsignedChar');
export const INT = base('int', 4, 'signed');
export const UINT = base('unsigned int', 4, 'unsigned');
export const LONG = base('long', 8, 'signed');
export const ULONG = base('unsigned long', 8, 'unsigned');
export const LONG_LONG = base('long long', 8, 'signed');
export const ULONG_LONG = base('unsigned long long', 8, 'unsigned');
export const INT128 = base('__int128', 16, 'signed');
export const UINT128 = base('unsigned __int128', 16, 'unsigned');
export const FLOAT = base('float', 4, 'float');
export const DOUBLE = base('double', 8, 'float');
export const LONG_DOUBLE = base('long double', 16, 'float');
export const BOOL = base('bool', 1, 'boolean');
export const VOID: Type = { kind: 'void', name: 'void' };
export const VOID_POINTER = pointerTo(VOID);

const NAMED: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['void', VOID],
  ['bool', BOOL],
  ['_Bool', base('_Bool', 1, 'boolean')],
  ['float', FLOAT],
  ['double', DOUBLE],
  ['long double', LONG_DOUBLE],
  ['size_t', base('size_t', 8, 'unsigned')],
  ['ssize_t', base('ssize_t', 8, 'signed')],
  ['uintptr_t', base('uintptr_t', 8, 'unsigned')],
  ['intptr_t', base('intptr_t', 8, 'signed')],
  ['usize', base('usize', 8, 'unsigned')],
  ['isize', base('isize', 8, 'signed')],
  ['f32', base('f32', 4, 'float')],
  ['f64', base('f64', 8, 'float')],
  ['__int128', INT128],
  ['unsigned __int128', UINT128],
  ...[8, 16, 32, 64].flatMap((bits): [string, Type][] => [
    ...[`u${bits}`, `uint${bits}_t`].map((name): [string, Type] => [name, base(name, bits / 8, 'unsigned')]),
    ...[`i${bits}`, `s${bits}`, `int${bits}_t`].map((name): [string, Type] => [
      name,
      base(name, bits / 8, 'signed'),
    ]),
  ]),
]);

/** Words of which C makes names of types. */
const WORDS: ReadonlySet<string> = new Set([
  ...['unsigned', 'signed', 'char', 'short', 'int', 'long', 'const', 'volatile'],
]);

/** True for names of types that are known everywhere; a program may have variables of some of these names (`u8`). */
export const isTypeWord = (word: string): boolean => WORDS.has(word) || NAMED.has(word);

/** By its name without qualifiers; the words of C in any order. */
export function builtinType(name: string): Type | undefined {
  const known = NAMED.get(name);
  if (known !== undefined) return known;
  const words = name.split(' ');
  if (words.length > 4 || !words.every((word) => WORDS.has(word))) return undefined;
  const has = (word: string): boolean => words.includes(word);
  if (has('unsigned') && has('signed')) return undefined;
  if (has('char')) {
    if (has('signed')) return base('signed char', 1, 'signedChar');
    return has('unsigned') ? base('unsigned char', 1, 'unsignedChar') : CHAR;
  }
  const isUnsigned = has('unsigned');
  const longs = words.filter((word) => word === 'long').length;
  const size = has('short') ? 2 : longs > 0 ? 8 : 4;
  const plain = has('short') ? 'short' : longs > 1 ? 'long long' : longs > 0 ? 'long' : 'int';
  return base(`${isUnsigned ? 'unsigned ' : ''}${plain}`, size, isUnsigned ? 'unsigned' : 'signed');
}

const KEYWORDS: ReadonlySet<string> = new Set([...WORDS, 'void', '_Bool', 'float', 'double', '__int128']);

/** True for the words that nothing but a type can be named with. */
export const isTypeKeyword = (word: string): boolean => KEYWORDS.has(word);
