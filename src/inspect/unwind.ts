/**
 * Call stacks. Each frame is unwound by the best means there is: call frame information; the frame's shape read from
 * its instructions (by s0 if it is a frame pointer there, else by sp); the s0 chain of the psABI; the return address
 * in ra of a leaf. A return address counts only if a call stands before it. Bounded by maxFrames, never loops: a frame
 * that was seen already, or a stack that shrinks, ends the walk.
 */
import { UserError } from '../base/errors';
import { evaluateDwarfExpression } from '../symbols/dwarf/expression';
import type { FrameInfo } from '../symbols/dwarf/frame';
import type { RegisterRule } from '../symbols/dwarf/frame-program';
import type { InlinedFunction } from '../symbols/functions';
import type { LineInfo } from '../symbols/source-lines';
import type { Symbols } from '../symbols/symbols';
import { followsCall, scanPrologue, type FrameShape } from './prologue';
import { FP, isPreserved, RA, SP } from './registers';
import { readUnsigned, type MachineView } from './view';

/**
 * How a frame was found: 'top' is where the hart is; 'cfi' by call frame information of the frame within; 'fp' by s0;
 * 'heuristic' by instructions or ra; 'trap' is the code that a trap interrupted.
 */
export type FrameKind = 'top' | 'cfi' | 'fp' | 'heuristic' | 'trap';

export interface Frame {
  /** For callers: the return address (the call is just before it). */
  readonly pc: bigint;
  /** Where to look up what this frame executes: pc, or within the call. */
  readonly lookupPc: bigint;
  /** Canonical frame address: sp before the call into this frame; undefined when unknown. */
  readonly cfa?: bigint;
  readonly function?: { readonly name: string; readonly offset: bigint; readonly start: bigint };
  readonly line?: LineInfo;
  /** Functions inlined at this place, innermost first. */
  readonly inlined: readonly InlinedFunction[];
  /** Values of x0..x31 in this frame; undefined where they are lost. */
  readonly registers: readonly (bigint | undefined)[];
  readonly kind: FrameKind;
}

export interface UnwindOptions {
  readonly maxFrames: number;
}

type UnwindSymbols = Pick<Symbols, 'functionAt' | 'lineAt' | 'inlinedAt' | 'frameInfoAt'>;

type Registers = readonly (bigint | undefined)[];

/** A frame being walked. */
interface Walked {
  readonly pc: bigint;
  /** pc is exact (top, trap), not behind a call. */
  readonly exact: boolean;
  readonly registers: Registers;
  readonly kind: FrameKind;
}

/** The caller of a frame, and the frame's own CFA. */
interface Step {
  readonly cfa: bigint | undefined;
  /** Undefined: this frame is the outermost. */
  readonly caller: Walked | undefined;
}

/** The frames from the innermost outwards; at least the top one. Never throws for what the guest holds. */
export const unwind = (view: MachineView, symbols: UnwindSymbols, options: UnwindOptions): Frame[] =>
  new Unwinder(view, symbols).walk(options.maxFrames);

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

class Unwinder {
  constructor(
    private readonly view: MachineView,
    private readonly symbols: UnwindSymbols,
  ) {}

  walk(maxFrames: number): Frame[] {
    const { view } = this;
    const registers = Array.from({ length: 32 }, (_, index) => view.x(index));
    const frames: Frame[] = [];
    const seen = new Set<string>();
    let at: Walked | undefined = { pc: view.pc, exact: true, registers, kind: 'top' };
    while (at !== undefined && frames.length < Math.max(1, maxFrames)) {
      const key = `${at.pc},${at.registers[SP] ?? -1n}`;
      if (seen.has(key)) break;
      seen.add(key);
      const step: Step = this.step(at);
      frames.push(this.describe(at, step.cfa));
      at = step.caller;
    }
    return frames;
  }

  private describe(at: Walked, cfa: bigint | undefined): Frame {
    const lookupPc = lookup(at);
    const code = this.symbols.functionAt(lookupPc);
    const line = this.symbols.lineAt(lookupPc);
    return {
      pc: at.pc,
      lookupPc,
      ...(cfa === undefined ? {} : { cfa }),
      ...(code === undefined
        ? {}
        : { function: { name: code.name, offset: u64(at.pc - code.start), start: code.start } }),
      ...(line === undefined ? {} : { line }),
      inlined: this.symbols.inlinedAt(lookupPc),
      registers: at.registers,
      kind: at.kind,
    };
  }

  private step(at: Walked): Step {
    const pc = lookup(at);
    const code = this.symbols.functionAt(pc);
    const trap = code && this.trapStep(at, code);
    if (trap !== undefined) return trap;
    const info = this.symbols.frameInfoAt(pc);
    const byCfi = info && this.cfiStep(at, info);
    if (byCfi !== undefined) return byCfi;
    if (code !== undefined) {
      const shape = scanPrologue(this.view, code.start, at.pc);
      const byShape = shape && this.shapeStep(at, shape);
      if (byShape !== undefined) return byShape;
    }
    return this.chainStep(at) ?? this.leafStep(at);
  }

  /** In the trap vector itself ra belongs to the code that was interrupted, and xepc says where that is. */
  private trapStep(at: Walked, code: { start: bigint; end: bigint }): Step | undefined {
    const epc = this.interruptedPc(code);
    if (epc === undefined) return undefined;
    const shape = scanPrologue(this.view, code.start, at.pc, true);
    const sp = at.registers[SP];
    const cfa = shape?.spKnown === true && sp !== undefined ? u64(sp + shape.spDistance) : undefined;
    const registers = at.registers.map((value, index) => {
      const place = cfa === undefined ? undefined : shape?.saved.get(index);
      if (index === SP) return cfa;
      if (place !== undefined && cfa !== undefined) return readUnsigned(this.view, cfa + place, 8);
      // What is not stored yet, at the top, is still in its register.
      return isPreserved(index) || (at.kind === 'top' && cfa !== undefined) ? value : undefined;
    });
    registers[0] = 0n;
    return { cfa, caller: { pc: epc, exact: true, registers, kind: 'trap' } };
  }

  private interruptedPc({ start, end }: { start: bigint; end: bigint }): bigint | undefined {
    for (const mode of ['m', 's']) {
      const vector = this.view.csr?.(`${mode}tvec`);
      if (vector === undefined || vector === 0n) continue;
      const base = vector & ~3n;
      if (base >= start && base < end) return this.view.csr?.(`${mode}epc`);
    }
    return undefined;
  }

  private cfiStep(at: Walked, info: FrameInfo): Step | undefined {
    try {
      const cfa = this.cfaOf(at, info);
      if (cfa === undefined) return undefined;
      const rule = info.registers.get(info.returnAddressRegister);
      if (rule?.kind === 'undefined') return { cfa, caller: undefined };
      const registers = at.registers.map((value, index) => {
        const own = info.registers.get(index);
        if (own !== undefined) return this.recover(at, own, cfa, index);
        if (index === SP) return cfa;
        return isPreserved(index) ? value : undefined;
      });
      registers[0] = 0n;
      const back =
        rule === undefined
          ? at.registers[info.returnAddressRegister]
          : this.recover(at, rule, cfa, info.returnAddressRegister);
      return this.returnTo(at, back, cfa, registers, 'cfi', info.isSignalFrame);
    } catch (error) {
      // Damaged frame information: the other ways remain.
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  private cfaOf(at: Walked, info: FrameInfo): bigint | undefined {
    if (info.cfa === undefined) return undefined;
    if (info.cfa.kind === 'expression') return this.evaluate(at, info.cfa.bytes, []);
    const base = at.registers[info.cfa.register];
    return base === undefined ? undefined : u64(base + info.cfa.offset);
  }

  private recover(at: Walked, rule: RegisterRule, cfa: bigint, register: number): bigint | undefined {
    switch (rule.kind) {
      case 'undefined':
        return undefined;
      case 'same':
        return at.registers[register];
      case 'offset':
        return readUnsigned(this.view, cfa + rule.offset, 8);
      case 'valOffset':
        return u64(cfa + rule.offset);
      case 'register':
        return at.registers[rule.register];
      case 'valExpression':
        return this.evaluate(at, rule.bytes, [cfa]);
      case 'expression': {
        const address = this.evaluate(at, rule.bytes, [cfa]);
        return address === undefined ? undefined : readUnsigned(this.view, address, 8);
      }
    }
  }

  private evaluate(at: Walked, bytes: Uint8Array, initial: readonly bigint[]): bigint | undefined {
    const context = {
      register: (index: number) => at.registers[index],
      read: (address: bigint, size: number) => readUnsigned(this.view, address, size),
    };
    return evaluateDwarfExpression(bytes, context, initial);
  }

  /** By the instructions of the function up to here. */
  private shapeStep(at: Walked, shape: FrameShape): Step | undefined {
    if (shape.raLost && !shape.saved.has(RA)) return { cfa: undefined, caller: undefined };
    const fp = shape.fpDistance === undefined ? undefined : at.registers[FP];
    const sp = shape.spKnown ? at.registers[SP] : undefined;
    const cfa =
      fp !== undefined
        ? u64(fp + (shape.fpDistance ?? 0n))
        : sp === undefined
          ? undefined
          : u64(sp + shape.spDistance);
    if (cfa === undefined) return undefined;
    const registers = at.registers.map((value, index) => {
      const place = shape.saved.get(index);
      if (place !== undefined) return readUnsigned(this.view, cfa + place, 8);
      if (index === SP) return cfa;
      return isPreserved(index) ? value : undefined;
    });
    registers[0] = 0n;
    const back = shape.saved.has(RA) ? registers[RA] : at.registers[RA];
    if (back === undefined || !followsCall(this.view, back)) return undefined;
    return this.returnTo(at, back, cfa, registers, fp === undefined ? 'heuristic' : 'fp');
  }

  /** psABI "Frame Pointer Convention": s0 is the CFA, ra at s0 - 8, the caller's s0 at s0 - 16. */
  private chainStep(at: Walked): Step | undefined {
    const fp = at.registers[FP];
    const sp = at.registers[SP];
    if (fp === undefined || (fp & 7n) !== 0n || (sp !== undefined && fp <= sp)) return undefined;
    const back = readUnsigned(this.view, fp - 8n, 8);
    if (back === undefined || !followsCall(this.view, back)) return undefined;
    const registers = at.registers.map((value, index) => (isPreserved(index) ? value : undefined));
    registers[0] = 0n;
    registers[SP] = fp;
    registers[FP] = readUnsigned(this.view, fp - 16n, 8);
    return this.returnTo(at, back, fp, registers, 'fp');
  }

  /** Nothing but ra, which only the innermost frame still has. */
  private leafStep(at: Walked): Step {
    const back = at.registers[RA];
    if (!at.exact || back === undefined || !followsCall(this.view, back))
      return { cfa: undefined, caller: undefined };
    const registers = at.registers.map((value, index) => (isPreserved(index) ? value : undefined));
    registers[0] = 0n;
    return this.returnTo(at, back, undefined, registers, 'heuristic');
  }

  private returnTo(
    at: Walked,
    back: bigint | undefined,
    cfa: bigint | undefined,
    registers: Registers,
    kind: FrameKind,
    exact = false,
  ): Step {
    const sp = at.registers[SP];
    // A caller's frame lies higher, or (of a leaf without a frame) at the same place.
    const shrinks = cfa !== undefined && sp !== undefined && !exact && cfa < sp;
    const valid = back !== undefined && back !== 0n && (back & 1n) === 0n && !shrinks;
    // At least the instruction must exist: a return to nowhere is no frame.
    const executable = valid && this.view.readMemory(exact ? back : back - 2n, 2) !== undefined;
    return { cfa, caller: executable ? { pc: back, exact, registers, kind } : undefined };
  }
}

const lookup = (at: Walked): bigint => (at.exact ? at.pc : u64(at.pc - 1n));
