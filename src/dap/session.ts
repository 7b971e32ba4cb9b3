/**
 * One debug session: messages in, messages out. It puts the groups of requests together and owns nothing else; how
 * messages travel is the affair of framing.ts, the host or the extension. Nothing here waits on the guest: a running guest
 * yields between slices, and requests are handled there.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf, type UserError } from '../base/errors';
import { Emitter, type Disposable } from '../base/events';
import { Breakpoints } from './breakpoints';
import { registerBreakpointRequests } from './breakpoint-requests';
import { registerCheckpointRequests } from './checkpoints';
import { registerDataBreakpointRequests } from './data-breakpoints';
import { SessionContext } from './context';
import { registerDisassemblyRequests } from './disassembly';
import { Dispatcher } from './dispatcher';
import { registerEvaluateRequests } from './evaluate';
import { registerExceptionRequests } from './exceptions';
import { registerLifecycle } from './lifecycle';
import { registerMemoryRequests } from './memory';
import { registerSavedRequests } from './saved';
import { registerRestartFrame } from './restart-frame';
import { Saving } from './saving';
import { isPatient, patiently } from './searching';
import type { GuestOpener, SessionHost } from './ports';
import { Sources, registerSourceRequests } from './sources';
import { Stack, registerStackRequests } from './stackframes';
import { registerGotoRequests } from './goto';
import { registerSteppingRequests } from './stepping';
import { registerTimeRequests } from './time';
import { Values } from './values';
import { registerVariableRequests } from './variables';

export class Session implements Disposable {
  private readonly sending = new Emitter<DebugProtocol.ProtocolMessage>();
  private readonly ending = new Emitter<void>();
  private readonly context: SessionContext;
  private readonly dispatcher: Dispatcher;
  private readonly saving: Saving;
  private closing: Promise<void> | undefined;
  private nextSeq = 1;

  /** Responses and events, numbered. They are new objects; the listener may keep them. */
  readonly onMessage = this.sending.event;
  /** Fires once, after the answer to `disconnect`: the host may close the channel. */
  readonly onEnd = this.ending.event;

  constructor(host: SessionHost, openGuest: GuestOpener) {
    const breakpoints = new Breakpoints((text) => this.context.output(text));
    this.context = new SessionContext(
      host,
      (event) => this.send(event),
      (stop) => breakpoints.describeStop(stop),
    );
    const { context } = this;
    this.dispatcher = new Dispatcher(
      (response) => this.send(response),
      (needs) => context.gate(needs),
      (error, command) => context.output(`internal error in "${command}": ${stackOf(error)}`),
      (call, needs, ask) => (isPatient(call.command) ? patiently(context, call, needs, ask) : ask()),
    );
    this.saving = new Saving(context);
    const { saving } = this;
    const end = (): void => this.ending.fire();
    const sources = new Sources(context);
    const stack = new Stack(context, sources);
    const values = new Values(context);
    breakpoints.attach(context);
    registerLifecycle(this.dispatcher, { context, breakpoints, saving, openGuest, end });
    registerBreakpointRequests(this.dispatcher, context, breakpoints, sources);
    registerDataBreakpointRequests(this.dispatcher, context, breakpoints, stack, values);
    registerExceptionRequests(this.dispatcher, context, breakpoints);
    registerStackRequests(this.dispatcher, context, stack);
    registerVariableRequests(this.dispatcher, context, stack, values);
    registerEvaluateRequests(this.dispatcher, context, stack, values);
    registerMemoryRequests(this.dispatcher, context);
    registerDisassemblyRequests(this.dispatcher, context, sources);
    registerSourceRequests(this.dispatcher, context, sources);
    registerSteppingRequests(this.dispatcher, context, breakpoints, stack);
    registerRestartFrame(this.dispatcher, context, stack);
    registerGotoRequests(this.dispatcher, context, sources);
    registerTimeRequests(this.dispatcher, context);
    registerCheckpointRequests(this.dispatcher, context);
    registerSavedRequests(this.dispatcher, context, saving);
  }

  /** Every command that has a handler. */
  get commands(): readonly string[] {
    return this.dispatcher.commands;
  }

  /** Takes one message of the client, of whatever shape. Requests are answered exactly once; all else is ignored. */
  handleMessage(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('type' in message)) {
      this.context.output('a message without a type was ignored');
      return;
    }
    if (message.type === 'request') void this.dispatcher.dispatch(message as DebugProtocol.Request);
  }

  /** The channel brought something that is no message. */
  reportDamage(error: UserError): void {
    this.context.output(`${error.message} (${error.code})`);
  }

  /** Ends the guest without a word; for a channel that was cut. */
  dispose(): void {
    void this.close();
  }

  /** The same; resolves when what was being saved is durable, and the store is closed. */
  close(): Promise<void> {
    const { context } = this;
    const end = async (): Promise<void> => {
      context.phase = 'ended';
      await context.interrupt();
      await this.saving.finish();
      context.dispose();
      if (context.hasGuest) await context.guest.close?.();
    };
    return (this.closing ??= end());
  }

  private send(message: Omit<DebugProtocol.ProtocolMessage, 'seq'>): void {
    this.sending.fire({ ...message, seq: this.nextSeq++ });
  }
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
