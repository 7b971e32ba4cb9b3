/** The coded errors of expressions, each with what to do. */
import { userError, type UserError } from '../base/errors';
import { registerText, type Missing } from './value-bits';
import type { Value } from './value';

/** For a value that is needed and is not there. */
export function missing(value: Value, why: Missing): UserError {
  if (why.kind === 'optimizedOut') {
    const what = 'that value is optimized out here; look at it where it is used, or compile with -O0 or -Og';
    return userError('EXPR_OPTIMIZED_OUT', what);
  }
  const { location } = value;
  if (location.kind === 'register') {
    const name = registerText(location.number);
    return userError('REGISTER_LOST', `the value that ${name} had in this frame is not known any more`);
  }
  return userError(location.kind === 'memory' ? 'EXPR_NO_MEMORY' : 'EXPR_UNAVAILABLE', why.reason);
}

export const notPointer = (type: string): UserError =>
  userError(
    'EXPR_NOT_POINTER',
    `only a pointer can be dereferenced, and this is of type ${type}; cast the address first, as *(u64*)$a0`,
  );

export const voidPointer = (): UserError =>
  userError(
    'EXPR_VOID_POINTER',
    'the type at that address is not known; cast the address first, as *(u32*)$sp',
  );

export const notLvalue = (): UserError =>
  userError(
    'EXPR_NOT_LVALUE',
    'only what lies in memory has an address; give a variable or a dereference after &',
  );

export const incomplete = (type: string): UserError =>
  userError(
    'EXPR_INCOMPLETE_TYPE',
    `${type} is declared only, so its size and members are not known; compile what defines it with -g`,
  );

export const noNumber = (type: string): UserError =>
  userError('EXPR_NOT_NUMBER', `a number is needed, not a value of type ${type}; give one of its members`);

export const divideByZero = (): UserError =>
  userError('EXPR_DIVIDE_BY_ZERO', 'the expression divides by zero; guard it with ?: or &&');

export const indexError = (index: bigint, count?: number): UserError =>
  userError(
    'EXPR_INDEX',
    `${index} is no index here${count === undefined ? '' : `; there are ${count} elements`}`,
  );

export const overloaded = (type: string): UserError =>
  userError(
    'EXPR_CALL',
    `operators of ${type} are code of the guest, which would run; compute with the members that it has`,
  );
