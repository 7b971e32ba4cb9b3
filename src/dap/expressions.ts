/**
 * Expressions over the registers, memory and symbols of a frame: the language is that of inspect/; here it meets harts and
 * frames. In an outer frame `$`-names stand for its registers, where the unwinder could recover them.
 */
import { userError } from '../base/errors';
import { dereferenced, targetOf } from '../inspect/children';
import { compileExpression, type ExpressionContext } from '../inspect/expression';
import { unwind, type Frame as UnwoundFrame } from '../inspect/unwind';
import { isMissing, type Value } from '../inspect/value';
import { isTrue, operandOf } from '../inspect/expression-arithmetic';
import type { MachineView } from '../inspect/view';
import { csrByName } from '../isa/csr';
import { registerByName } from '../isa/registers';
import type { Symbols } from '../symbols/symbols';
import type { FrameContext } from '../symbols/variables';
import type { HartView } from '../timetravel/api';
import type { SessionContext } from './context';
import type { Frame } from './frames';
import { remembered, type RememberedSymbols } from './remembered';

/** Where an expression is evaluated. */
export interface Scope {
  readonly view: HartView;
  readonly symbols: Symbols;
  /** Undefined: the innermost one. */
  readonly frame?: Frame;
  readonly isTop: boolean;
  /** The frame as locations of variables are computed from it; absent: made from the view when it is needed. */
  readonly locals?: FrameContext | undefined;
  /** Other harts, for `$hart(1).a0`. */
  hartView?(id: number): HartView | undefined;
}

/** An expression, read once: its value as 64 bits, unsigned. Throws UserError where it cannot be evaluated. */
export type Compiled = (scope: Scope) => bigint;

/** For conditions: a floating point number counts as 1 unless it is 0. Throws UserError (EXPR_*) for what is no expression. */
export function compile(text: string): Compiled {
  const valueOf = compileValue(text);
  return (scope) => {
    const value = dereferenced(valueOf(scope));
    const place = value.plain.kind === 'array' || value.plain.kind === 'function' ? value.address : undefined;
    if (place !== undefined) return place;
    const operand = operandOf(value);
    if (typeof operand.number === 'number') return isTrue(operand) ? 1n : 0n;
    return BigInt.asUintN(64, operand.number);
  };
}

/** The same, with type and place of the value. */
export function compileValue(text: string): (scope: Scope) => Value {
  const valueOf = compileExpression(text);
  let known: { readonly of: Symbols; readonly symbols: RememberedSymbols } | undefined;
  return (scope) => {
    if (known?.of !== scope.symbols) known = { of: scope.symbols, symbols: remembered(scope.symbols) };
    return valueOf(expressionContext(scope, known.symbols));
  };
}

/** What an expression sees in a scope. */
export function expressionContext(
  scope: Scope,
  symbols: RememberedSymbols = scope.symbols,
): ExpressionContext {
  const { view, frame } = scope;
  return {
    view: machineView(view, scope),
    symbols,
    frame: scope.locals ?? liveFrame(view, symbols),
    inlineDepth: frame?.inlineDepth,
    hart: (id) => {
      const other = scope.hartView?.(id);
      return other && machineView(other);
    },
    floatRegister: (name) => {
      const register = registerByName(name);
      return register?.file === 'f' ? register.number : undefined;
    },
    fieldOf: (csr, name) => {
      const wanted = name.toLowerCase();
      return csrByName(csr)?.fields.find((field) => field.name.toLowerCase() === wanted);
    },
  };
}

/** Where a hart stands now. Unwound only when a variable asks for more than registers. */
function liveFrame(view: HartView, symbols: RememberedSymbols): FrameContext {
  const machine = machineView(view);
  let frames: readonly UnwoundFrame[] | undefined;
  const unwound = (): readonly UnwoundFrame[] => (frames ??= unwind(machine, symbols, { maxFrames: 2 }));
  const read = (address: bigint, size: number): Uint8Array | undefined =>
    machine.readMemory(BigInt.asUintN(64, address), size);
  return {
    pc: view.pc,
    register: (number) => (number < 32 ? view.x(number) : view.f(number - 32)),
    read,
    get cfa() {
      // Most often a register and a number: no walk is needed for that.
      const rule = symbols.frameInfoAt(view.pc)?.cfa;
      if (rule?.kind !== 'register') return unwound()[0]?.cfa;
      return BigInt.asUintN(64, view.x(rule.register) + rule.offset);
    },
    caller: () => {
      const frame = unwound()[1];
      return (
        frame && {
          pc: frame.lookupPc,
          register: (number) => frame.registers[number],
          read,
          cfa: frame.cfa,
          caller: () => undefined,
        }
      );
    },
  };
}

export const scopeOf = (context: SessionContext, hart: number): Scope => {
  const view = context.view(hart);
  return { view, symbols: context.symbolsOf(view), isTop: true, hartView: (id) => hartView(context, id) };
};

export const hartView = (context: SessionContext, id: number): HartView | undefined =>
  id < context.debuggee.hartCount ? context.view(id) : undefined;

/** A hart as inspect/ looks at it: all of the memory asked for or nothing, registers those of the frame. */
export function machineView(view: HartView, scope?: Pick<Scope, 'frame' | 'isTop'>): MachineView {
  const frame = scope?.isTop === true ? undefined : scope?.frame;
  return {
    pc: frame?.pc ?? view.pc,
    privilege: view.privilege,
    x: (index) => (frame === undefined ? view.x(index) : known(frame.register(index), index)),
    f: (index) => (frame === undefined ? view.f(index) : known(frame.register(32 + index), 32 + index)),
    readMemory: (address, length) => {
      const bytes = view.readMemory(address, length);
      return bytes?.length === length ? bytes : undefined;
    },
    csr: (name) => {
      const float = registerByName(name);
      if (float?.file === 'f') return view.f(float.number);
      const row = csrByName(name);
      return row && view.csr(row.number);
    },
  };
}

function known(value: bigint | undefined, index: number): bigint {
  if (value !== undefined) return value;
  throw userError('REGISTER_LOST', `the value that x${index} had in this frame is not known any more`);
}

/** The memory that an expression denotes: a variable, a dereference, or what a pointer points to. */
export function placeOf(text: string, scope: Scope): { address: bigint; length: number } | undefined {
  const value = dereferenced(compileValue(text)(scope));
  const place = memoryOf(value);
  if (place !== undefined) return place;
  const symbol = scope.symbols.symbolNamed(text.trim());
  if (symbol !== undefined) return { address: symbol.address, length: Math.max(Number(symbol.size), 1) };
  const target = value.plain.kind === 'pointer' ? targetOf(value) : undefined;
  return target === undefined || isMissing(target) || target.plain.kind === 'void'
    ? undefined
    : memoryOf(target);
}

/** All bytes that a value has a part in. */
export function memoryOf(value: Value): { address: bigint; length: number } | undefined {
  const { location, byteSize, bitSize, bitOffset } = value;
  if (location.kind !== 'memory' || value.register !== undefined) return undefined;
  const length = bitSize === undefined ? (byteSize ?? 0) : Math.ceil((bitOffset + bitSize) / 8);
  return { address: location.address, length: Math.max(length, 1) };
}
