/**
 * threads, stackTrace, scopes, and the ids by which clients speak of frames. Frames are unwound once for each stop; their
 * ids, like all references, are worthless as soon as the guest has run.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { defined } from '../base/errors';
import type { Message } from '../protocol/message';
import type { FrameContext } from '../symbols/variables';
import type { HartView } from '../timetravel/api';
import { threadIdOf, type SessionContext } from './context';
import type { Registry } from './dispatcher';
import { staleReference } from './errors';
import { hartView, scopeOf, type Scope } from './expressions';
import { frameContext, framesOfHart, framesOfThread, type Frame } from './frames';
import { formattedName, readFrameFormat, type FrameFormat } from './frame-names';
import { privilegeName } from './registers';
import { canRestart } from './restart-frame';
import type { Sources } from './sources';
import { placeIn, type GuestProgram } from './spaces';
import { SavedContexts } from './saved-context';
import { hexAddress, symbolicName } from './symbol-lookup';

/** Numbers of threads that are no harts: more than any machine has harts. */
const THREADS_FROM = 1000;

/** A frame that a client has been told of: index 0 is the innermost. */
export interface FrameRef {
  readonly hart: number;
  readonly index: number;
}

export class Stack {
  /** By hart; threads of the kernel have numbers from THREADS_FROM on. */
  private readonly unwound = new Map<number, readonly Frame[]>();
  readonly saved: SavedContexts;
  private readonly refs = new Map<number, FrameRef>();
  private nextId = 1;

  constructor(
    private readonly context: SessionContext,
    readonly sources: Sources,
  ) {
    this.saved = new SavedContexts(context);
    context.owned.add(
      context.staled.event(() => {
        this.unwound.clear();
        if (context.isRunning) this.refs.clear();
      }),
    );
  }

  /** The hart of a thread id, or the number of a thread that is none. */
  stackOf(threadId: number): number {
    const number = threadId - 1;
    const isThread = number >= THREADS_FROM && this.saved.contextOf(number - THREADS_FROM) !== undefined;
    return isThread ? number : this.context.hartOf(threadId);
  }

  /** It is the number of a thread that is no hart. */
  isThread(number: number): boolean {
    return number >= THREADS_FROM;
  }

  /** All frames of a hart, innermost first: at least one. */
  framesOf(hart: number): readonly Frame[] {
    let frames = this.unwound.get(hart);
    if (frames === undefined) {
      const { context, saved } = this;
      frames =
        hart < THREADS_FROM
          ? framesOfHart(context, saved, hart)
          : framesOfThread(context, saved, hart - THREADS_FROM);
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
    const frame = this.frame(ref);
    const { view, symbols } = frame;
    const isTop = frame.activation === 0 && ref.hart < THREADS_FROM;
    const hart = (id: number): HartView | undefined => hartView(this.context, id);
    return { view, frame, symbols, isTop, locals: this.locals(ref), hartView: hart };
  }

  /** A frame for values: it stays true when the debugger changes a register that they lie in. */
  private locals(ref: FrameRef): FrameContext {
    const now = (): FrameContext => defined(frameContext(this.framesOf(ref.hart), ref.index), 'frames stay');
    return {
      get pc() {
        return now().pc;
      },
      get cfa() {
        return now().cfa;
      },
      register: (number) => now().register(number),
      read: (address, size) => now().read(address, size),
      caller: () => now().caller(),
    };
  }

  /** The file that a frame's code is of. */
  programOf({ view, lookupPc, privilege }: Frame): GuestProgram | undefined {
    return this.context.spaces.programAt(placeIn(view, lookupPc, privilege));
  }

  /** For expressions without a frame: the innermost one of the hart that stopped. */
  globalScope(): Scope {
    return scopeOf(this.context, this.context.focusHart);
  }
}

export function registerStackRequests(registry: Registry, context: SessionContext, stack: Stack): void {
  registry.on('threads', 'guest', () => ({ threads: threads(context, stack) }));
  registry.on('stackTrace', 'stopped', (args) => stackTrace(context, stack, args));
}

function threads(context: SessionContext, { saved }: Stack): DebugProtocol.Thread[] {
  const { debuggee } = context;
  const harts = Array.from({ length: debuggee.hartCount }, (_, hart) => {
    const view = debuggee.hart(hart);
    const state = view.waiting ? 'waiting' : 'running';
    return { id: threadIdOf(hart), name: `hart ${hart} (${privilegeName(view.privilege)}, ${state})` };
  });
  // Memory may be looked at only while the guest stands.
  const others = context.isRunning ? [] : saved.threads();
  return [...harts, ...others.map(({ index, name }) => ({ id: threadIdOf(THREADS_FROM + index), name }))];
}

async function stackTrace(
  context: SessionContext,
  stack: Stack,
  args: Message,
): Promise<DebugProtocol.StackTraceResponse['body']> {
  const hart = stack.stackOf(args.count('threadId'));
  const frames = stack.framesOf(hart);
  const format = readFrameFormat(args);
  const first = args.optionalCount('startFrame') ?? 0;
  const levels = args.optionalCount('levels') ?? 0;
  const shown = frames.slice(first, levels === 0 ? undefined : first + levels);
  const stackFrames = shown.map((frame, at) =>
    presentFrame(context, stack, { hart, index: first + at }, frame, format),
  );
  return { stackFrames: await Promise.all(stackFrames), totalFrames: frames.length };
}

async function presentFrame(
  context: SessionContext,
  stack: Stack,
  { hart, index }: FrameRef,
  frame: Frame,
  format: FrameFormat | undefined,
): Promise<DebugProtocol.StackFrame> {
  const id = stack.idOf(hart, index);
  const bare = frame.name ?? symbolicName(frame.symbols, frame.lookupPc) ?? hexAddress(frame.pc);
  if (frame.isLabel) {
    return { id, name: bare, line: 0, column: 0, presentationHint: 'label', canRestart: false };
  }
  const module = stack.programOf(frame);
  const at = { scope: stack.scopeOf(id), frame: frameContext(stack.framesOf(hart), index) };
  const about = { line: frame.place?.line, module: module?.path };
  const name = format === undefined ? bare : formattedName(bare, format, at, about);
  const more = {
    ...(canRestart(frame) && !stack.isThread(hart) ? {} : { canRestart: false }),
    ...{ id, name, instructionPointerReference: hexAddress(frame.pc) },
    ...(module === undefined ? {} : { moduleId: module.id }),
  };
  if (frame.place === undefined) return { ...more, line: 0, column: 0, presentationHint: 'subtle' };
  const source = await stack.sources.describe(frame.place.file);
  const line = frame.place.line - (context.client.linesStartAt1 ? 0 : 1);
  const column = Math.max(frame.place.column, 1) - (context.client.columnsStartAt1 ? 0 : 1);
  return { ...more, source, line, column };
}
