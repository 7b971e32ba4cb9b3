/** The store's coded errors, each with its remedy, in one place. */
import { UserError, messageOf, userError } from '../../base/errors';

export const storeDamaged = (what: string, cause?: unknown): UserError =>
  userError(
    'STORE_DAMAGED',
    `${what} is damaged: delete the checkpoints that 'verify' names, or restore the store from a copy.`,
    cause,
  );

export const storeNewer = (what: string, version: number): UserError =>
  userError('STORE_NEWER', `${what} has format ${version}, which a newer version wrote: update Chronovisor.`);

export const storeForeign = (): UserError =>
  userError(
    'STORE_FOREIGN',
    'This is no checkpoint store, and it is not empty: give another place, or erase it first.',
  );

export const storeFull = (): UserError =>
  userError(
    'STORE_FULL',
    'The checkpoint store is full: delete checkpoints, or give it more space. All that was saved is unharmed.',
  );

export const storeIo = (cause: unknown): UserError =>
  cause instanceof UserError
    ? cause
    : userError(
        'STORE_IO',
        `The checkpoint store cannot be read or written (${messageOf(cause)}): check its medium and try again.`,
        cause,
      );

export const storeClosed = (): UserError =>
  userError('STORE_CLOSED', 'The checkpoint store has been closed.');

export const storeReadOnly = (): UserError =>
  userError('STORE_READ_ONLY', 'The checkpoint store was opened for reading only.');

export const checkpointUnknown = (id: string): UserError =>
  userError('CHECKPOINT_UNKNOWN', `There is no checkpoint ${id} in the store: it may have been deleted.`);
