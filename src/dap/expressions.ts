/**
 * Expressions over the registers, memory and symbols of a frame: the language is that of inspect/; here it meets harts and
 * frames. In an outer frame `$`-names stand for its registers, where the unwinder could recover them.
 */
import { userError } from '../base/errors';
import { evaluate, parseExpression, type ExpressionValue } from '../inspect/expression';
import type { MachineView } from '../inspect/view';
import { csrByName } from '../isa/csr';
import { registerByName } from '../isa/registers';
import type { Symbols } from '../symbols/symbols';
import type { HartView } from '../timetravel/api';
import type { SessionContext } from './context';
import type { Frame } from './frames';

/** Where an expression is evaluated. */
export interface Scope {
  readonly view: HartView;
  readonly symbols: Symbols;
  /** Undefined: the innermost one. */
  readonly frame?: Frame;
  readonly isTop: boolean;
}

/** An expression, read once: its value as 64 bits, unsigned. Throws UserError where it cannot be evaluated. */
export type Compiled = (scope: Scope) => bigint;

/** Throws UserError (EXPR_*) for what is no expression. */
export function compile(text: string): Compiled {
  const valueOf = compileTyped(text);
  return (scope) => BigInt.asUintN(64, valueOf(scope).value);
}

/** The same, with type and place of the value. */
export function compileTyped(text: string): (scope: Scope) => ExpressionValue {
  const expression = parseExpression(text);
  return (scope) => evaluate(expression, { view: machineView(scope.view, scope), symbols: scope.symbols });
}

export const scopeOf = (context: SessionContext, hart: number): Scope => ({
  view: context.view(hart),
  symbols: context.guest.symbols,
  isTop: true,
});

/** A hart as inspect/ looks at it: all of the memory asked for or nothing, registers those of the frame. */
export function machineView(view: HartView, scope?: Pick<Scope, 'frame' | 'isTop'>): MachineView {
  const frame = scope?.isTop === true ? undefined : scope?.frame;
  return {
    pc: frame?.pc ?? view.pc,
    privilege: view.privilege,
    x: (index) => (frame === undefined ? view.x(index) : known(frame.register(index), index)),
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
  const { value, lvalue, type } = compileTyped(text)(scope);
  if (lvalue !== undefined && 'address' in lvalue) return { address: lvalue.address, length: lvalue.size };
  const symbol = scope.symbols.symbolNamed(text.trim());
  if (symbol !== undefined) return { address: symbol.address, length: Math.max(Number(symbol.size), 1) };
  return type.kind === 'pointer' && type.to.kind === 'int'
    ? { address: BigInt.asUintN(64, value), length: type.to.bits / 8 }
    : undefined;
}
