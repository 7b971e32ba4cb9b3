/**
 * The demo's debug client: what an editor does, in the same process. Every message goes through JSON, so nothing but the
 * Debug Adapter Protocol passes between it and the debug adapter. It notes the requests of each step, to show them.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { createSession } from '../../src/host/adapter';

type Stopped = DebugProtocol.StoppedEvent['body'];
type Frame = DebugProtocol.StackFrame;

/** The guest has one hart, and harts are DAP's threads. */
const threadId = 1;

export class Client {
  private readonly session = createSession();
  private readonly waiting = new Map<number, (response: DebugProtocol.Response) => void>();
  private readonly events: DebugProtocol.Event[] = [];
  private onEvent: () => void = () => undefined;
  private nextSeq = 1;
  private commands: string[] = [];

  constructor() {
    this.session.onMessage((message) => {
      this.receive(JSON.parse(JSON.stringify(message)) as DebugProtocol.ProtocolMessage);
    });
  }

  /** The body of the response; the caller knows its type. Rejects with the adapter's own words. */
  async request<Body>(command: string, args: object = {}): Promise<Body> {
    if (!this.commands.includes(command)) this.commands.push(command);
    const seq = this.nextSeq++;
    const response = await new Promise<DebugProtocol.Response>((resolve) => {
      this.waiting.set(seq, resolve);
      const request = JSON.stringify({ seq, type: 'request', command, arguments: args });
      this.session.handleMessage(JSON.parse(request));
    });
    if (response.success) return response.body as Body;
    const { error } = response.body as DebugProtocol.ErrorResponse['body'];
    throw new Error(`${command}: ${error?.variables?.['text'] ?? response.message ?? 'failed'}`);
  }

  /** The next event of this name; those of other names are passed over. */
  async event<Body>(name: string): Promise<Body> {
    for (;;) {
      const event = this.events.shift();
      if (event?.event === name) return event.body as Body;
      if (event === undefined) await new Promise<void>((resolve) => (this.onEvent = resolve));
    }
  }

  /** Commands sent since the last call, each once. */
  takeCommands(): string[] {
    return this.commands.splice(0);
  }

  /** A request that moves the guest through time, until it stands again. */
  async move(command: string, args: object = {}): Promise<Stopped> {
    this.events.length = 0;
    await this.request(command, { threadId, ...args });
    return this.event<Stopped>('stopped');
  }

  async frames(): Promise<Frame[]> {
    const { stackFrames } = await this.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', {
      threadId,
    });
    return stackFrames;
  }

  async top(): Promise<Frame> {
    const [frame] = await this.frames();
    if (frame === undefined) throw new Error('stackTrace: no frame');
    return frame;
  }

  /** What an expression is now, as text. */
  async evaluate(expression: string, context: 'watch' | 'repl' = 'watch'): Promise<string> {
    const args = { expression, context };
    const { result } = await this.request<DebugProtocol.EvaluateResponse['body']>('evaluate', args);
    return result;
  }

  async number(expression: string): Promise<number> {
    return Number.parseInt(await this.evaluate(expression), 10);
  }

  private receive(message: DebugProtocol.ProtocolMessage): void {
    if (message.type === 'response') {
      const response = message as DebugProtocol.Response;
      this.waiting.get(response.request_seq)?.(response);
      this.waiting.delete(response.request_seq);
    } else if (message.type === 'event') {
      this.events.push(message as DebugProtocol.Event);
      this.onEvent();
    }
  }
}
