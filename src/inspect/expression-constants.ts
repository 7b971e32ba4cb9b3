/** The types of literals, and names that stand for numbers in every program. */
import type { Type } from '../symbols/types';
import {
  CHAR,
  DOUBLE,
  FLOAT,
  INT,
  LONG,
  LONG_DOUBLE,
  LONG_LONG,
  UINT,
  ULONG,
  ULONG_LONG,
  VOID_POINTER,
} from './builtin-types';
import type { LiteralType } from './expression-tokens';
import type { Scalar } from './value';

export const LITERAL_TYPES: Readonly<Record<LiteralType, Type>> = {
  int: INT,
  uint: UINT,
  long: LONG,
  ulong: ULONG,
  longLong: LONG_LONG,
  ulongLong: ULONG_LONG,
  float: FLOAT,
  double: DOUBLE,
  longDouble: LONG_DOUBLE,
  char: CHAR,
};

/** Names that stand for numbers where the program has not given them to something. */
export const CONSTANTS: ReadonlyMap<string, readonly [Type, Scalar]> = new Map<
  string,
  readonly [Type, Scalar]
>([
  ['true', [INT, 1n]],
  ['false', [INT, 0n]],
  ['NULL', [VOID_POINTER, 0n]],
  ['nullptr', [VOID_POINTER, 0n]],
  ['NAN', [DOUBLE, NaN]],
  ['nan', [DOUBLE, NaN]],
  ['INFINITY', [DOUBLE, Infinity]],
  ['inf', [DOUBLE, Infinity]],
]);
