/** Sizes of types. */
import type { Type } from './types';

/** Bytes of a value of the type; undefined for what has none or where only the program knows. */
export const byteSizeOf = (type: Type): number | undefined => {
  let at = type;
  // Chains end: whoever makes types sees to it.
  while (at.kind === 'typedef' || at.kind === 'qualified') at = at.target;
  return at.kind === 'void' || at.kind === 'function' ? undefined : at.byteSize;
};
