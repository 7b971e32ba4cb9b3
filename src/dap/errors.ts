/** The coded errors that several groups of requests share. */
import { userError, type UserError } from '../base/errors';

export const guestRunning = (): UserError =>
  userError('GUEST_RUNNING', 'the guest is running; pause it first');

export const noGuest = (): UserError => userError('NO_GUEST', 'no guest has been launched yet');

export const sessionEnded = (): UserError =>
  userError('SESSION_ENDED', 'the session has ended; launch the guest again');

export const threadUnknown = (id: number): UserError =>
  userError('THREAD_UNKNOWN', `there is no thread ${id}; ask for the threads again`);

export const staleReference = (what: string, id: number): UserError =>
  userError('REFERENCE_STALE', `${what} ${id} is of an earlier stop; ask for it again`);
