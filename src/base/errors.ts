/**
 * The three kinds of failure have three forms (style habit 9). A guest trap is a value and never an exception. Bad
 * user input is a UserError: a stable code and a message that says what to do. A broken invariant throws
 * InvariantError, in release builds too.
 */

/** Something that the user (or a file from outside) got wrong. `code` is stable; `message` names the remedy. */
export class UserError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'UserError';
  }
}

/** Makes a coded error: `throw userError('ELF_NOT_RISCV64', 'kernel is for x86-64; build it for riscv64')`. */
export const userError = (code: string, message: string, cause?: unknown): UserError =>
  new UserError(code, message, cause === undefined ? undefined : { cause });

/** A defect of ours. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvariantError';
  }
}

/** Throws InvariantError unless `condition` holds. `what` cites the invariant: `invariant(free, 'I3: ...')`. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}

/** For the `default` of an exhaustive switch over a closed union. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}

/** The value, which must be there: for look-ups that cannot fail by construction. */
export function defined<T>(value: T | undefined | null, what = 'value is defined'): T {
  if (value === undefined || value === null) throw new InvariantError(what);
  return value;
}

/** One line that says what went wrong, for any thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
