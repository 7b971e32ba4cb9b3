/** Frames of a hart, as they are shown: the unwinder's, with a frame of its own for each function that was inlined. */
import { unwind, type Frame as UnwoundFrame } from '../inspect/unwind';
import type { Symbols } from '../symbols/symbols';
import type { HartView } from '../timetravel/api';
import { machineView } from './expressions';

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
  /** Interrupted by a trap, whose handler is the frame within. */
  readonly isTrapped: boolean;
  /** Integer register; undefined where its value is lost. */
  register(index: number): bigint | undefined;
}

export function unwindHart(view: HartView, symbols: Symbols): Frame[] {
  return unwind(machineView(view), symbols, { maxFrames: FRAMES_MAX }).flatMap(withInlined);
}

function withInlined(frame: UnwoundFrame, activation: number): Frame[] {
  const base = {
    pc: frame.pc,
    lookupPc: frame.lookupPc,
    activation,
    isTrapped: frame.kind === 'trap',
    register: (index: number) => frame.registers[index],
  };
  const { line } = frame;
  let place: Frame['place'] = line && { file: line.file, line: line.line, column: line.column };
  const frames: Frame[] = [];
  for (const { name, callFile, callLine } of frame.inlined) {
    frames.push({ ...base, name: `${name} [inlined]`, place });
    place = callLine > 0 ? { file: callFile, line: callLine, column: 0 } : undefined;
  }
  return [...frames, { ...base, name: frame.function?.name, place }];
}
