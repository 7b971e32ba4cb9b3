/**
 * A debug client for tests: sends requests, waits for events, and speaks the few sentences that scripts are made of. It
 * works over anything that carries messages: a Session, or an adapter process behind its pipes. It also checks what
 * must always hold: one response for each request, and sequence numbers that rise.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';

export interface MessagePipe {
  send(message: object): void;
  /** Called for each message of the adapter. */
  listen(listener: (message: DebugProtocol.ProtocolMessage) => void): void;
}

/** An error response. `code` is the adapter's stable code. */
export class RequestFailed extends Error {
  constructor(
    readonly command: string,
    readonly code: string,
    readonly text: string,
  ) {
    super(`${command}: ${text} (${code})`);
    this.name = 'RequestFailed';
  }
}

type StoppedBody = DebugProtocol.StoppedEvent['body'];
export type Granularity = DebugProtocol.SteppingGranularity;

interface Waiter {
  readonly event: string;
  readonly accept: (body: unknown) => boolean;
  readonly resolve: (body: unknown) => void;
}

export class DapClient {
  /** Everything that was received, for looking back. */
  readonly received: DebugProtocol.ProtocolMessage[] = [];
  private readonly open = new Map<number, (response: DebugProtocol.Response) => void>();
  /** Events that nobody has waited for yet. */
  private unread: DebugProtocol.Event[] = [];
  private waiters: Waiter[] = [];
  private nextSeq = 1;
  private lastSeq = 0;

  constructor(private readonly pipe: MessagePipe) {
    pipe.listen((message) => this.receive(message));
  }

  /** The response as it came, also a failure. */
  raw(command: string, args?: unknown): Promise<DebugProtocol.Response> {
    const seq = this.nextSeq++;
    return new Promise((resolve) => {
      this.open.set(seq, resolve);
      this.pipe.send({ seq, type: 'request', command, ...(args === undefined ? {} : { arguments: args }) });
    });
  }

  /** The body of the response. Rejects with RequestFailed. The caller says what the body is. */
  async request<Body = Record<string, unknown>>(command: string, args?: unknown): Promise<Body> {
    const response = await this.raw(command, args);
    if (response.success) return response.body as Body;
    const { error } = response.body as DebugProtocol.ErrorResponse['body'];
    throw new RequestFailed(command, error?.variables?.['code'] ?? '', error?.variables?.['text'] ?? '');
  }

  /** Sequence number that the next request will have. */
  get upcomingSeq(): number {
    return this.nextSeq;
  }

  /** The first event of this name that has not been waited for yet, and for which `accept` holds. */
  event<Body>(event: string, accept: (body: Body) => boolean = () => true): Promise<Body> {
    const isIt = (body: unknown): boolean => accept(body as Body);
    const index = this.unread.findIndex((one) => one.event === event && isIt(one.body));
    const [known] = index < 0 ? [] : this.unread.splice(index, 1);
    if (known !== undefined) return Promise.resolve(known.body as Body);
    return new Promise((resolve) => {
      this.waiters.push({ event, accept: isIt, resolve: (body) => resolve(body as Body) });
    });
  }

  /** Bodies of all events of this name so far. */
  events<Body>(event: string): Body[] {
    return this.received.flatMap((one) =>
      one.type === 'event' && (one as DebugProtocol.Event).event === event
        ? [(one as DebugProtocol.Event).body as Body]
        : [],
    );
  }

  // -- sentences

  /** initialize and launch, up to where breakpoints may be set. */
  async launch(args: object, client: object = {}): Promise<DebugProtocol.Capabilities> {
    const capabilities = await this.request<DebugProtocol.Capabilities>('initialize', {
      adapterID: 'chronovisor',
      linesStartAt1: true,
      columnsStartAt1: true,
      supportsProgressReporting: true,
      supportsInvalidatedEvent: true,
      supportsMemoryEvent: true,
      ...client,
    });
    await this.request('launch', args);
    await this.event('initialized');
    return capabilities;
  }

  /** Launches and stops at the entry. */
  async startStopped(args: object, client: object = {}): Promise<StoppedBody> {
    await this.launch({ ...args, stopOnEntry: true }, client);
    await this.request('configurationDone');
    return this.event<StoppedBody>('stopped');
  }

  async breakpoints(path: string, ...breakpoints: (number | object)[]): Promise<DebugProtocol.Breakpoint[]> {
    const wanted = breakpoints.map((one) => (typeof one === 'number' ? { line: one } : one));
    const body = await this.request<DebugProtocol.SetBreakpointsResponse['body']>('setBreakpoints', {
      source: { path },
      breakpoints: wanted,
    });
    return body.breakpoints;
  }

  /** A request that moves the guest, and where it stopped. */
  async move(command: string, args: object = {}): Promise<StoppedBody> {
    await this.request(command, { threadId: 1, ...args });
    return this.event<StoppedBody>('stopped');
  }

  continue = (): Promise<StoppedBody> => this.move('continue');
  reverseContinue = (): Promise<StoppedBody> => this.move('reverseContinue');
  next = (granularity?: Granularity): Promise<StoppedBody> => this.move('next', { granularity });
  stepIn = (granularity?: Granularity): Promise<StoppedBody> => this.move('stepIn', { granularity });
  stepOut = (): Promise<StoppedBody> => this.move('stepOut');
  stepBack = (granularity?: Granularity): Promise<StoppedBody> => this.move('stepBack', { granularity });

  async frames(threadId = 1): Promise<DebugProtocol.StackFrame[]> {
    const body = await this.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId });
    return body.stackFrames;
  }

  async top(threadId = 1): Promise<DebugProtocol.StackFrame> {
    const [frame] = await this.frames(threadId);
    assert(frame !== undefined, 'a thread has at least one frame');
    return frame;
  }

  /** `fill:31` of the innermost frame; just the name where there is no line. */
  async where(threadId = 1): Promise<string> {
    const { name, line } = await this.top(threadId);
    return line > 0 ? `${name}:${line}` : name;
  }

  async evaluate(expression: string, context = 'watch'): Promise<string> {
    const body = await this.request<DebugProtocol.EvaluateResponse['body']>('evaluate', {
      expression,
      context,
    });
    return body.result;
  }

  /** The scopes of the innermost frame by name, as variablesReference. */
  async scopes(): Promise<Map<string, number>> {
    const { id } = await this.top();
    const body = await this.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId: id });
    return new Map(body.scopes.map(({ name, variablesReference }) => [name, variablesReference]));
  }

  async variables(variablesReference: number, more: object = {}): Promise<DebugProtocol.Variable[]> {
    const args = { variablesReference, ...more };
    const body = await this.request<DebugProtocol.VariablesResponse['body']>('variables', args);
    return body.variables;
  }

  private receive(message: DebugProtocol.ProtocolMessage): void {
    this.received.push(message);
    assert(message.seq > this.lastSeq, `sequence number ${message.seq} after ${this.lastSeq}`);
    this.lastSeq = message.seq;
    if (message.type === 'response') this.answer(message as DebugProtocol.Response);
    else if (message.type === 'event') this.note(message as DebugProtocol.Event);
    else assert.fail(`the adapter sent a ${message.type}`);
  }

  private answer(response: DebugProtocol.Response): void {
    const resolve = this.open.get(response.request_seq);
    assert(resolve !== undefined, `a second response, or one without request: ${JSON.stringify(response)}`);
    this.open.delete(response.request_seq);
    resolve(response);
  }

  private note(event: DebugProtocol.Event): void {
    const index = this.waiters.findIndex((one) => one.event === event.event && one.accept(event.body));
    const [waiter] = index < 0 ? [] : this.waiters.splice(index, 1);
    if (waiter === undefined) this.unread.push(event);
    else waiter.resolve(event.body);
  }
}
