/**
 * The one path by which requests are answered. Each request gets exactly one response, whatever its handler does: throw,
 * reject, or return. A UserError becomes an error response with its code; anything else is a defect of ours and becomes an
 * internal error. Handlers run as their requests come, so that `pause` is answered while `continue` still runs.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf, UserError } from '../base/errors';
import { Message } from '../protocol/message';

/** What must be there for a request to make sense; else it gets a coded error. */
export type Needs = 'nothing' | 'initialized' | 'guest' | 'stopped';

/** The request as its handler sees it. */
export interface Call {
  readonly seq: number;
  readonly command: string;
  /** As they came. */
  readonly arguments: unknown;
  /** Does something right after the response has been sent: events must not come before the answer. Not on errors. */
  after(action: () => void): void;
}

export type Answer = object | undefined;
export type HandlerAnswer = Answer | void | Promise<Answer | void>;
export type Handler = (args: Message, call: Call) => HandlerAnswer;

/** Where a group of requests puts its handlers. */
export interface Registry {
  on(command: string, needs: Needs, handler: Handler): void;
}

export class Dispatcher implements Registry {
  private readonly handlers = new Map<string, { readonly needs: Needs; readonly handler: Handler }>();

  /** `gate` throws a UserError when the session cannot give what a request needs. */
  constructor(
    private readonly send: (response: Omit<DebugProtocol.Response, 'seq'>) => void,
    private readonly gate: (needs: Needs) => void,
    private readonly onDefect: (error: unknown, command: string) => void,
    /** Asks a handler, as often as it takes. */
    private readonly answer: (call: Call, needs: Needs, ask: () => HandlerAnswer) => HandlerAnswer,
  ) {}

  on(command: string, needs: Needs, handler: Handler): void {
    this.handlers.set(command, { needs, handler });
  }

  get commands(): readonly string[] {
    return [...this.handlers.keys()];
  }

  async dispatch(request: DebugProtocol.Request): Promise<void> {
    const command = typeof request.command === 'string' ? request.command : '';
    const seq = typeof request.seq === 'number' ? request.seq : 0;
    const afterwards: (() => void)[] = [];
    const head = { type: 'response', request_seq: seq, command } as const;
    try {
      const entry = this.handlers.get(command);
      if (entry === undefined) {
        throw new UserError('REQUEST_UNKNOWN', `the request "${command}" is not known here`);
      }
      this.gate(entry.needs);
      const args = new Message(command, request.arguments);
      const after = (action: () => void): void => void afterwards.push(action);
      const call: Call = { seq, command, arguments: request.arguments, after };
      const body = await this.answer(call, entry.needs, () => entry.handler(args, call));
      this.send({ ...head, success: true, ...(body === undefined ? {} : { body }) });
    } catch (error) {
      if (!(error instanceof UserError)) this.onDefect(error, command);
      this.send({ ...head, ...failure(error) });
      return;
    }
    for (const action of afterwards) {
      try {
        action();
      } catch (error) {
        this.onDefect(error, command);
      }
    }
  }
}

/** Codes for which DAP has words of its own (`Response.message`). */
const WELL_KNOWN: Readonly<Record<string, string>> = { GUEST_RUNNING: 'notStopped', CANCELLED: 'cancelled' };

/**
 * Failures of the client's timing, not of the user: it asked about a stop that a step has just left, or gave up what had
 * ended. Clients cope with them; nobody need read them.
 */
const BETWEEN_PROGRAMS: ReadonlySet<string> = new Set([
  'CANCELLED',
  'GUEST_RUNNING',
  'NOTHING_TO_CANCEL',
  'REFERENCE_STALE',
  'SESSION_ENDED',
]);

/** The failing half of a response. `message` is the stable code, or DAP's word for it; the text is for people. */
export function failure(error: unknown): Pick<DebugProtocol.ErrorResponse, 'success' | 'message' | 'body'> {
  const isUserError = error instanceof UserError;
  const code = isUserError ? error.code : 'INTERNAL_ERROR';
  const text = isUserError ? error.message : `internal error: ${messageOf(error)}`;
  return {
    success: false,
    message: WELL_KNOWN[code] ?? code,
    body: {
      error: {
        id: numberOf(code),
        // A placeholder, so that braces in the text are not taken for variables by the client.
        format: '{text} ({code})',
        variables: { text, code },
        showUser: !BETWEEN_PROGRAMS.has(code),
      },
    },
  };
}

/** DAP wants a number as well as our code: a hash of it that stays the same (FNV-1a, folded to 16 bits). */
function numberOf(code: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < code.length; at++) hash = Math.imul(hash ^ code.charCodeAt(at), 0x01000193) >>> 0;
  return ((hash >>> 16) ^ (hash & 0xffff)) + 1;
}
