/**
 * Call stacks. Each frame is unwound by the best means there is: call frame information; the frame's shape read from
 * its instructions (by s0 if it is a frame pointer there, else by sp); the s0 chain of the psABI; the return address
 * in ra of a leaf. A return address counts only if a call stands before it. In a trap handler the code that was interrupted
 * follows, by what the code at the vector has saved: in another address space, if need be, where other symbols hold.
 * Bounded by maxFrames, never loops: a frame that was seen already, or a stack that shrinks, ends the walk.
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
import { followTrapEntry, hasTrapReturn, type TrapEntry } from './trap-entry';
import { readUnsigned, type MachineView } from './view';

/**
 * How a frame was found: 'top' is where the hart is; 'cfi' by call frame information of the frame within; 'fp' by s0;
 * 'heuristic' by instructions or ra; 'trap' is the code that a trap interrupted.
 */
export type FrameKind = 'top' | 'cfi' | 'fp' | 'heuristic' | 'trap';

type Privilege = MachineView['privilege'];

/** Why a frame of kind 'trap' was left. */
export interface TrapInfo {
  /** Value of scause or mcause; undefined where it is not known any more. */
  readonly cause: bigint | undefined;
  /** The mode that was interrupted. */
  readonly from: Privilege;
}

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
  /** Values of x0..x31 in this frame, then of f0..f31; undefined where they are lost. */
  readonly registers: readonly (bigint | undefined)[];
  readonly kind: FrameKind;
  /** The mode that this frame's code runs in. */
  readonly privilege: Privilege;
  /** Of frames of kind 'trap'. */
  readonly trap?: TrapInfo;
}

/** What code of one mode sees: other modes may have other programs at the same addresses, and other memory. */
export interface UnwindSpace {
  readonly symbols: UnwindSymbols;
  readonly view: MachineView;
}

/** A program that was interrupted, as its kernel keeps it. */
export interface InterruptedContext {
  readonly pc: bigint;
  /** x0..x31, then f0..f31. */
  readonly registers: readonly (bigint | undefined)[];
  readonly cause?: bigint;
}

export interface UnwindOptions {
  readonly maxFrames: number;
  /** For code that a trap interrupted; that of the hart, where absent. */
  readonly spaceOf?: (privilege: Privilege, pc: bigint) => UnwindSpace;
  /** Asked where a walk through S-mode ends: the program that the kernel works for. */
  readonly userContext?: () => InterruptedContext | undefined;
}

export type UnwindSymbols = Pick<Symbols, 'functionAt' | 'lineAt' | 'inlinedAt' | 'frameInfoAt'>;

type Registers = readonly (bigint | undefined)[];

/** A frame being walked. */
interface Walked {
  readonly pc: bigint;
  /** pc is exact (top, trap), not behind a call. */
  readonly exact: boolean;
  readonly registers: Registers;
  readonly kind: FrameKind;
  readonly privilege: Privilege;
  readonly space: UnwindSpace;
  readonly trap?: TrapInfo;
}

/** The caller of a frame, and the frame's own CFA. */
interface Step {
  readonly cfa: bigint | undefined;
  /** Undefined: this frame is the outermost. */
  readonly caller: Walked | undefined;
}

/** The frames from the innermost outwards; at least the top one. Never throws for what the guest holds. */
export const unwind = (view: MachineView, symbols: UnwindSymbols, options: UnwindOptions): Frame[] =>
  new Unwinder(view, symbols, options).walk();

/** From a context that a kernel has saved: of a thread that does not run now. */
export const unwindFrom = (
  view: MachineView,
  symbols: UnwindSymbols,
  options: UnwindOptions,
  { pc, registers }: InterruptedContext,
): Frame[] => new Unwinder(view, symbols, options).walk({ pc, registers });

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

const FLOAT = 32;
/** CSR numbers of M-mode; those of S-mode are 0x200 less. */
const MSTATUS = 0x300;
const MEPC = 0x341;
const MCAUSE = 0x342;
const ECALL = 0x73n;
/** Exceptions that are calls: of a kernel's own making, so that its return address is behind the instruction. */
const isEnvironmentCall = (cause: bigint | undefined): boolean =>
  cause === 8n || cause === 9n || cause === 11n;

const isKept = (index: number): boolean =>
  index < FLOAT
    ? isPreserved(index)
    : index - FLOAT === 8 || index - FLOAT === 9 || (index >= FLOAT + 18 && index <= FLOAT + 27);

class Unwinder {
  /** Traps that were walked through: the CSRs tell of the first one only. */
  private traps = 0;

  constructor(
    private readonly view: MachineView,
    private readonly symbols: UnwindSymbols,
    private readonly options: UnwindOptions,
  ) {}

  walk(from?: { readonly pc: bigint; readonly registers: Registers }): Frame[] {
    const frames: Frame[] = [];
    const seen = new Set<string>();
    let at: Walked | undefined = this.top(from);
    while (at !== undefined && frames.length < Math.max(1, this.options.maxFrames)) {
      const key = `${at.privilege},${at.pc},${at.registers[SP] ?? -1n}`;
      if (seen.has(key)) break;
      seen.add(key);
      const step: Step = this.step(at);
      frames.push(this.describe(at, step.cfa));
      at = step.caller ?? this.userOf(at);
    }
    return frames;
  }

  private top(from?: { readonly pc: bigint; readonly registers: Registers }): Walked {
    const { view, symbols } = this;
    const space = { view, symbols };
    if (from !== undefined) {
      // What is saved of a thread is where its call of the switch returns to; or the function that it is to begin with.
      const isNew = symbols.functionAt(from.pc)?.start === from.pc;
      return {
        ...from,
        exact: isNew,
        kind: 'top',
        privilege: view.privilege === 0 ? 1 : view.privilege,
        space,
      };
    }
    const registers = Array.from({ length: 64 }, (_, index) =>
      index < FLOAT ? view.x(index) : view.f?.(index - FLOAT),
    );
    return { pc: view.pc, exact: true, registers, kind: 'top', privilege: view.privilege, space };
  }

  /** Behind the last frame of a kernel that keeps its users' registers elsewhere than on its stack. */
  private userOf(at: Walked): Walked | undefined {
    const context = at.privilege === 1 ? this.options.userContext?.() : undefined;
    if (context === undefined) return undefined;
    const cause = context.cause ?? (this.traps === 0 ? this.view.csr?.('scause') : undefined);
    return this.interrupted(context.pc, context.registers, { cause, from: 0 });
  }

  /** The code that a trap interrupted, in its own address space. */
  private interrupted(pc: bigint, registers: Registers, trap: TrapInfo): Walked {
    this.traps++;
    const space = this.options.spaceOf?.(trap.from, pc) ?? { view: this.view, symbols: this.symbols };
    // A kernel moves behind the environment call before it serves it; what is shown is the call.
    const isCall =
      isEnvironmentCall(trap.cause) &&
      readUnsigned(space.view, pc - 4n, 4) === ECALL &&
      readUnsigned(space.view, pc, 4) !== ECALL;
    return { pc, exact: !isCall, registers, kind: 'trap', privilege: trap.from, space, trap };
  }

  private describe(at: Walked, cfa: bigint | undefined): Frame {
    const lookupPc = lookup(at);
    const { symbols } = at.space;
    const code = symbols.functionAt(lookupPc);
    const line = symbols.lineAt(lookupPc);
    return {
      pc: at.pc,
      lookupPc,
      ...(cfa === undefined ? {} : { cfa }),
      ...(code === undefined
        ? {}
        : { function: { name: code.name, offset: u64(at.pc - code.start), start: code.start } }),
      ...(line === undefined ? {} : { line }),
      inlined: symbols.inlinedAt(lookupPc),
      registers: at.registers,
      kind: at.kind,
      privilege: at.privilege,
      ...(at.trap === undefined ? {} : { trap: at.trap }),
    };
  }

  private step(at: Walked): Step {
    const pc = lookup(at);
    const { symbols, view } = at.space;
    const code = symbols.functionAt(pc);
    const entry = code ?? this.namelessVector(at);
    const trap = entry && this.trapStep(at, entry);
    if (trap !== undefined) return trap;
    const info = symbols.frameInfoAt(pc);
    const byCfi = info && this.cfiStep(at, info);
    if (byCfi !== undefined) return byCfi;
    if (code !== undefined) {
      const shape = scanPrologue(view, code.start, at.pc);
      const byShape = shape && this.shapeStep(at, shape);
      if (byShape !== undefined) return byShape;
    }
    return this.chainStep(at) ?? this.leafStep(at);
  }

  /** In the trap vector itself ra belongs to the code that was interrupted, and xepc says where that is. */
  private trapStep(at: Walked, code: { start: bigint; end: bigint }): Step | undefined {
    const vector = this.vectorIn(at, code);
    if (vector === undefined) return undefined;
    const entry = followTrapEntry(at.space.view, vector, at.pc);
    const saved = entry && this.trapBySaved(at, entry);
    if (saved !== undefined) return { cfa: undefined, caller: saved };
    const epc = this.view.csr?.(at.privilege === 3 ? 'mepc' : 'sepc');
    if (epc === undefined) return undefined;
    const shape = scanPrologue(at.space.view, code.start, at.pc, true);
    const sp = at.registers[SP];
    const cfa = shape?.spKnown === true && sp !== undefined ? u64(sp + shape.spDistance) : undefined;
    const registers = at.registers.map((value, index) => {
      const place = cfa === undefined ? undefined : shape?.saved.get(index);
      if (index === SP) return cfa;
      if (place !== undefined && cfa !== undefined) return readUnsigned(at.space.view, cfa + place, 8);
      // What is not stored yet, at the top, is still in its register.
      return isKept(index) || (at.kind === 'top' && cfa !== undefined) ? value : undefined;
    });
    registers[0] = 0n;
    return { cfa, caller: this.interrupted(epc, registers, this.trapByCsrs(at)) };
  }

  /** By what the code at the vector has done with each register. */
  private trapBySaved(at: Walked, entry: TrapEntry): Walked | undefined {
    const shift = at.privilege === 3 ? 0 : 0x200;
    const recover = (name: string): bigint | undefined => entry.recover(name, at.registers, at.space.view);
    const csr = (number: number): bigint | undefined => recover(`csr${number - shift}`);
    const now = this.trapByCsrs(at);
    const epc = csr(MEPC) ?? (this.traps === 0 ? this.view.csr?.(shift === 0 ? 'mepc' : 'sepc') : undefined);
    if (epc === undefined) return undefined;
    const status = csr(MSTATUS);
    const registers = at.registers.map((_, index) =>
      index === 0 ? 0n : recover(index < FLOAT ? `x${index}` : `f${index - FLOAT}`),
    );
    return this.interrupted(epc, registers, {
      cause: csr(MCAUSE) ?? now.cause,
      from: status === undefined ? now.from : previousMode(at.privilege, status),
    });
  }

  /** As the CSRs have it, which know the last trap only. */
  private trapByCsrs(at: Walked): TrapInfo {
    const mode = at.privilege === 3 ? 'm' : 's';
    const status = this.view.csr?.(`${mode}status`);
    return {
      cause: this.traps === 0 ? this.view.csr?.(`${mode}cause`) : undefined,
      from: status === undefined ? at.privilege : previousMode(at.privilege, status),
    };
  }

  /** Without symbols: the code from the vector on, as far as the trap has not been left there. */
  private namelessVector(at: Walked): { start: bigint; end: bigint } | undefined {
    const start = (this.view.csr?.(at.privilege === 3 ? 'mtvec' : 'stvec') ?? 0n) & ~3n;
    const length = at.pc - start;
    if (start === 0n || length < 0n || length > NAMELESS_MAX) return undefined;
    const code = length === 0n ? new Uint8Array(0) : at.space.view.readMemory(start, Number(length));
    return code === undefined || hasTrapReturn(code) ? undefined : { start, end: at.pc + 2n };
  }

  /** Where traps into this frame's mode begin, if in this code. */
  private vectorIn(
    { privilege, pc }: Walked,
    { start, end }: { start: bigint; end: bigint },
  ): bigint | undefined {
    if (privilege === 0) return undefined;
    const vector = this.view.csr?.(privilege === 3 ? 'mtvec' : 'stvec');
    if (vector === undefined || vector === 0n) return undefined;
    const base = vector & ~3n;
    // Code before it is not entered by traps, and assemblers may tell ends of functions that reach too far.
    return base >= start && base < end && base <= pc ? base : undefined;
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
        return isKept(index) ? value : undefined;
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
        return readUnsigned(at.space.view, cfa + rule.offset, 8);
      case 'valOffset':
        return u64(cfa + rule.offset);
      case 'register':
        return at.registers[rule.register];
      case 'valExpression':
        return this.evaluate(at, rule.bytes, [cfa]);
      case 'expression': {
        const address = this.evaluate(at, rule.bytes, [cfa]);
        return address === undefined ? undefined : readUnsigned(at.space.view, address, 8);
      }
    }
  }

  private evaluate(at: Walked, bytes: Uint8Array, initial: readonly bigint[]): bigint | undefined {
    const context = {
      register: (index: number) => at.registers[index],
      read: (address: bigint, size: number) => readUnsigned(at.space.view, address, size),
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
      if (place !== undefined) return readUnsigned(at.space.view, cfa + place, 8);
      if (index === SP) return cfa;
      return isKept(index) ? value : undefined;
    });
    registers[0] = 0n;
    const back = shape.saved.has(RA) ? registers[RA] : at.registers[RA];
    if (back === undefined || !followsCall(at.space.view, back)) return undefined;
    return this.returnTo(at, back, cfa, registers, fp === undefined ? 'heuristic' : 'fp');
  }

  /** psABI "Frame Pointer Convention": s0 is the CFA, ra at s0 - 8, the caller's s0 at s0 - 16. */
  private chainStep(at: Walked): Step | undefined {
    const fp = at.registers[FP];
    const sp = at.registers[SP];
    if (fp === undefined || (fp & 7n) !== 0n || (sp !== undefined && fp <= sp)) return undefined;
    const back = readUnsigned(at.space.view, fp - 8n, 8);
    if (back === undefined || !followsCall(at.space.view, back)) return undefined;
    const registers = at.registers.map((value, index) => (isKept(index) ? value : undefined));
    registers[0] = 0n;
    registers[SP] = fp;
    registers[FP] = readUnsigned(at.space.view, fp - 16n, 8);
    return this.returnTo(at, back, fp, registers, 'fp');
  }

  /** Nothing but ra, which only the innermost frame still has. */
  private leafStep(at: Walked): Step {
    const back = at.registers[RA];
    if (!at.exact || back === undefined || !followsCall(at.space.view, back))
      return { cfa: undefined, caller: undefined };
    const registers = at.registers.map((value, index) => (isKept(index) ? value : undefined));
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
    const { privilege, space } = at;
    const inherited = { privilege, space };
    const sp = at.registers[SP];
    // A caller's frame lies higher, or (of a leaf without a frame) at the same place.
    const shrinks = cfa !== undefined && sp !== undefined && !exact && cfa < sp;
    const valid = back !== undefined && back !== 0n && (back & 1n) === 0n && !shrinks;
    // At least the instruction must exist: a return to nowhere is no frame.
    const executable = valid && at.space.view.readMemory(exact ? back : back - 2n, 2) !== undefined;
    return { cfa, caller: executable ? { ...inherited, pc: back, exact, registers, kind } : undefined };
  }
}

/** Bytes of a trap handler before it calls what has a frame of its own: kernels have some hundred. */
const NAMELESS_MAX = 1024n;

const lookup = (at: Walked): bigint => (at.exact ? at.pc : u64(at.pc - 1n));

/** xPP of a status register: mstatus for M-mode, else sstatus. */
const previousMode = (mode: Privilege, status: bigint): Privilege => {
  const previous = mode === 3 ? Number((status >> 11n) & 3n) : Number((status >> 8n) & 1n);
  return previous === 0 ? 0 : previous === 1 ? 1 : 3;
};
