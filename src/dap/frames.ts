/**
 * Frames of a hart, as they are shown: the unwinder's, with a frame of its own for each function that was inlined, and a row
 * that names the trap between a handler and the code that it interrupted. Each frame has the symbols and the memory of its own
 * address space.
 */
import { unwind, unwindFrom, type Frame as UnwoundFrame, type UnwindOptions } from '../inspect/unwind';
import type { Symbols } from '../symbols/symbols';
import type { FrameContext } from '../symbols/variables';
import type { HartView, Privilege } from '../timetravel/api';
import type { SessionContext } from './context';
import { interruptionText } from './exception-filters';
import { machineView } from './expressions';
import { viewThrough } from './page-table';
import { kernelView } from './process-match';
import type { SavedContexts } from './saved-context';

/** More only helps to look at a runaway recursion, or at a stack that is damaged. */
const FRAMES_MAX = 200;

export interface Frame {
  readonly pc: bigint;
  /** In the instruction that this frame executes: for callers within the call, for the others pc. */
  readonly lookupPc: bigint;
  /** Undefined where not even a symbol is known. */
  readonly name: string | undefined;
  readonly place: { readonly file: string; readonly line: number; readonly column: number } | undefined;
  /** Position among the real frames: inlined functions share that of the function they are in. */
  readonly activation: number;
  /** How many functions are inlined at the place, counted from this one: 0 is the compiled function itself. */
  readonly inlineDepth: number;
  /** Interrupted by a trap, whose handler is the frame within. */
  readonly isTrapped: boolean;
  /** A row that only names a trap. It has the place and the registers of what was interrupted. */
  readonly isLabel: boolean;
  readonly privilege: Privilege;
  /** First address of the function; undefined where it is not known. */
  readonly functionStart: bigint | undefined;
  /** Stack pointer before the call into this frame. */
  readonly cfa: bigint | undefined;
  /** Those that hold for this frame's code. */
  readonly symbols: Symbols;
  /** The hart with the memory that this frame's code sees; its registers are those of the hart. */
  readonly view: HartView;
  /** x0..x31 are 0 to 31, f0..f31 are 32 to 63; undefined where its value is lost. */
  register(index: number): bigint | undefined;
}

type Spaced = Pick<Frame, 'symbols' | 'view'>;

/** Frames of a hart, from where it stands. */
export function framesOfHart(context: SessionContext, saved: SavedContexts, hart: number): Frame[] {
  const view = context.view(hart);
  const spaces = new FrameSpaces(context, saved, view, () => saved.pageTableOf(hart));
  const { symbols } = spaces.own;
  return spaces.present(unwind(machineView(view), symbols, spaces.options()));
}

/** Frames of a thread that its kernel has switched away from; empty where it has no context now. */
export function framesOfThread(context: SessionContext, saved: SavedContexts, index: number): Frame[] {
  const from = saved.contextOf(index);
  if (from === undefined) return [];
  const view = kernelView(context.debuggee, 0);
  const own = { view, symbols: context.spaces.kernel };
  const spaces = new FrameSpaces(context, saved, view, () => saved.pageTableOfThread(index), own);
  // What the kernel's variables say of the running program is not about this thread.
  const { userContext: _, ...options } = spaces.options();
  return spaces.present(unwindFrom(machineView(view), spaces.own.symbols, options, from));
}

/** Which symbols and which memory belong to the frames of one stack. */
class FrameSpaces {
  readonly own: Spaced;
  /** Of the program that was interrupted; the unwinder asks for it before its frames are shown. */
  private user: Spaced | undefined;

  constructor(
    private readonly context: SessionContext,
    private readonly saved: SavedContexts,
    private readonly view: HartView,
    private readonly pageTable: () => bigint | undefined,
    own?: Spaced,
  ) {
    this.own = own ?? { view, symbols: context.symbolsOf(view) };
  }

  options(): UnwindOptions {
    return {
      maxFrames: FRAMES_MAX,
      spaceOf: (privilege, pc) => {
        const space = this.spaceOf(privilege, pc);
        return { symbols: space.symbols, view: machineView(space.view) };
      },
      userContext: () => this.saved.userOf(this.view.id),
    };
  }

  present(frames: readonly UnwoundFrame[]): Frame[] {
    return frames.flatMap((frame, activation) => {
      const isOwn = frame.privilege === this.view.privilege;
      const space = isOwn ? this.own : frame.privilege === 0 ? (this.user ?? this.own) : this.own;
      return withInlined(frame, activation, space);
    });
  }

  private spaceOf(privilege: Privilege, pc: bigint): Spaced {
    if (privilege !== 0) return this.own;
    const view = this.userView(pc);
    return (this.user ??= { view, symbols: this.context.symbolsOf(view) });
  }

  private userView(pc: bigint): HartView {
    const { context, view } = this;
    const satp = this.pageTable();
    return satp === undefined
      ? {
          ...kernelView(context.debuggee, view.id),
          pc,
          privilege: 0,
          readMemory: (at, size) => view.readMemory(at, size),
        }
      : viewThrough(context.debuggee, view, satp, pc);
  }
}

function withInlined(frame: UnwoundFrame, activation: number, { symbols, view }: Spaced): Frame[] {
  const { line, inlined } = frame;
  const base = {
    pc: frame.pc,
    lookupPc: frame.lookupPc,
    activation,
    inlineDepth: 0,
    isTrapped: frame.kind === 'trap',
    isLabel: false,
    privilege: frame.privilege,
    functionStart: frame.function?.start,
    cfa: frame.cfa,
    symbols,
    view,
    register: (index: number) => frame.registers[index],
  };
  let place: Frame['place'] = line && { file: line.file, line: line.line, column: line.column };
  const frames: Frame[] = [];
  if (frame.trap !== undefined) {
    const name = `trap: ${interruptionText(frame.trap.cause, frame.trap.from)}`;
    frames.push({ ...base, name, place: undefined, isLabel: true });
  }
  inlined.forEach(({ name, callFile, callLine, callColumn }, index) => {
    frames.push({ ...base, name: `${name} [inlined]`, place, inlineDepth: inlined.length - index });
    place = callLine > 0 ? { file: callFile, line: callLine, column: callColumn } : undefined;
  });
  return [...frames, { ...base, name: frame.function?.name, place }];
}

/** A frame as locations of variables are computed from it. */
export function frameContext(frames: readonly Frame[], index: number): FrameContext | undefined {
  const frame = frames[index];
  if (frame === undefined) return undefined;
  return {
    pc: frame.lookupPc,
    register: (number) => frame.register(number),
    read: (address, byteSize) => {
      const bytes = frame.view.readMemory(BigInt.asUintN(64, address), byteSize);
      return bytes?.length === byteSize ? bytes : undefined;
    },
    cfa: frame.cfa,
    caller: () => {
      const next = frames.findIndex(
        ({ activation, isTrapped }) => activation === frame.activation + 1 && !isTrapped,
      );
      return next < 0 ? undefined : frameContext(frames, next);
    },
  };
}
