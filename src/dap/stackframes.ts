/**
 * threads, stackTrace, scopes, and the ids by which clients speak of frames. Frames are unwound once for each stop; their
 * ids, like all references, are worthless as soon as the guest has run.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Message } from '../protocol/message';
import { threadIdOf, type SessionContext } from './context';
import type { Registry } from './dispatcher';
import { staleReference } from './errors';
import { scopeOf, type Scope } from './expressions';
import { unwindHart, type Frame } from './frames';
import { privilegeName } from './registers';
import type { Sources } from './sources';
import { hexAddress, symbolicName } from './symbol-lookup';

/** A frame that a client has been told of: index 0 is the innermost. */
export interface FrameRef {
  readonly hart: number;
  readonly index: number;
}

export class Stack {
  private readonly unwound = new Map<number, readonly Frame[]>();
  private readonly refs = new Map<number, FrameRef>();
  private nextId = 1;

  constructor(
    private readonly context: SessionContext,
    readonly sources: Sources,
  ) {
    context.owned.add(
      context.staled.event(() => {
        this.unwound.clear();
        if (context.isRunning) this.refs.clear();
      }),
    );
  }

  /** All frames of a hart, innermost first: at least one. */
  framesOf(hart: number): readonly Frame[] {
    let frames = this.unwound.get(hart);
    if (frames === undefined) {
      frames = unwindHart(this.context.view(hart), this.context.guest.symbols);
      this.unwound.set(hart, frames);
    }
    return frames;
  }

  idOf(hart: number, index: number): number {
    for (const [id, ref] of this.refs) if (ref.hart === hart && ref.index === index) return id;
    const id = this.nextId++;
    this.refs.set(id, { hart, index });
    return id;
  }

  ref(id: number): FrameRef {
    const ref = this.refs.get(id);
    if (ref === undefined) throw staleReference('frame', id);
    return ref;
  }

  frame({ hart, index }: FrameRef): Frame {
    const frame = this.framesOf(hart)[index];
    if (frame === undefined) throw staleReference('frame', index);
    return frame;
  }

  scopeOf(frameId: number): Scope {
    const ref = this.ref(frameId);
    const { symbols } = this.context.guest;
    return { view: this.context.view(ref.hart), frame: this.frame(ref), symbols, isTop: ref.index === 0 };
  }

  /** For expressions without a frame: the innermost one of the hart that stopped. */
  globalScope(): Scope {
    return scopeOf(this.context, this.context.focusHart);
  }
}

export function registerStackRequests(registry: Registry, context: SessionContext, stack: Stack): void {
  registry.on('threads', 'guest', () => ({ threads: threads(context) }));
  registry.on('stackTrace', 'stopped', (args) => stackTrace(context, stack, args));
}

function threads({ debuggee }: SessionContext): DebugProtocol.Thread[] {
  return Array.from({ length: debuggee.hartCount }, (_, hart) => {
    const view = debuggee.hart(hart);
    const state = view.waiting ? 'waiting' : 'running';
    return { id: threadIdOf(hart), name: `hart ${hart} (${privilegeName(view.privilege)}, ${state})` };
  });
}

async function stackTrace(
  context: SessionContext,
  stack: Stack,
  args: Message,
): Promise<DebugProtocol.StackTraceResponse['body']> {
  const hart = context.hartOf(args.count('threadId'));
  const frames = stack.framesOf(hart);
  const first = args.optionalCount('startFrame') ?? 0;
  const levels = args.optionalCount('levels') ?? 0;
  const shown = frames.slice(first, levels === 0 ? undefined : first + levels);
  const stackFrames = shown.map((frame, at) =>
    presentFrame(context, stack, { hart, index: first + at }, frame),
  );
  return { stackFrames: await Promise.all(stackFrames), totalFrames: frames.length };
}

async function presentFrame(
  context: SessionContext,
  stack: Stack,
  { hart, index }: FrameRef,
  frame: Frame,
): Promise<DebugProtocol.StackFrame> {
  const id = stack.idOf(hart, index);
  const name = frame.name ?? symbolicName(context.guest.symbols, frame.lookupPc) ?? hexAddress(frame.pc);
  const more = { id, name, instructionPointerReference: hexAddress(frame.pc), moduleId: 1 };
  if (frame.place === undefined) return { ...more, line: 0, column: 0, presentationHint: 'subtle' };
  const source = await stack.sources.describe(frame.place.file);
  const line = frame.place.line - (context.client.linesStartAt1 ? 0 : 1);
  const column = Math.max(frame.place.column, 1) - (context.client.columnsStartAt1 ? 0 : 1);
  return { ...more, source, line, column };
}
