/** Registers as values: `$a0`, `$fa0`, `$pc`, `$satp`, `$priv`, and those of other harts. */
import { userError } from '../base/errors';
import type { Type } from '../symbols/types';
import type { FrameContext, Location } from '../symbols/variables';
import { DOUBLE, FLOAT, INT, LONG, ULONG, VOID_POINTER } from './builtin-types';
import type { ExpressionContext } from './expression-context';
import { registerIndex } from './registers';
import { Value } from './value';
import { toBytes } from './value-bits';
import type { MachineView } from './view';

/** Registers that hold addresses compare as such (as in GDB); all others are signed numbers. */
const ADDRESS_REGISTERS: ReadonlySet<string> = new Set([
  ...['ra', 'sp', 'gp', 'tp', 'fp'],
  ...['x1', 'x2', 'x3', 'x4'],
]);

const bytesOf = (value: bigint): Location => ({ kind: 'value', bytes: toBytes(value, 8) });

/** A single is in a register with ones above it (unprivileged specification, "NaN Boxing"). */
const isBoxed = (bits: bigint): boolean => bits >> 32n === 0xffff_ffffn;

/** Throws EXPR_UNKNOWN_REGISTER. */
export function registerValue(
  { name, hart }: { readonly name: string; readonly hart: number | undefined },
  context: ExpressionContext,
  frame: FrameContext,
): Value {
  if (hart === undefined) return ownRegister(name, context, frame);
  const view = context.hart?.(hart);
  if (view === undefined) throw userError('EXPR_UNKNOWN_REGISTER', `there is no hart ${hart}`);
  const bits = bitsIn(view, name, context);
  if (bits === undefined) throw unknown(name);
  return new Value(typeOf(name, bits, context), bytesOf(bits), frame, { register: { name, hart } });
}

function ownRegister(name: string, context: ExpressionContext, frame: FrameContext): Value {
  const { view } = context;
  const index = registerIndex(name);
  if (index === 0) return Value.number(LONG, 0n, frame);
  const float = context.floatRegister?.(name);
  const number = index ?? (float === undefined ? undefined : 32 + float);
  if (number !== undefined) {
    const type = typeOf(name, frame.register(number) ?? 0n, context);
    return new Value(type, { kind: 'register', number }, frame);
  }
  const bits = bitsIn(view, name, context);
  if (bits === undefined) throw unknown(name);
  if (name === 'priv') return Value.number(INT, bits, frame);
  return new Value(typeOf(name, bits, context), bytesOf(bits), frame, {
    register: { name, hart: undefined },
  });
}

function bitsIn(view: MachineView, name: string, context: ExpressionContext): bigint | undefined {
  if (name === 'pc') return view.pc;
  if (name === 'priv') return BigInt(view.privilege);
  const index = registerIndex(name);
  if (index !== undefined) return view.x(index);
  const float = context.floatRegister?.(name);
  return float === undefined ? view.csr?.(name) : view.f?.(float);
}

function typeOf(name: string, bits: bigint, context: ExpressionContext): Type {
  if (name === 'pc' || ADDRESS_REGISTERS.has(name)) return VOID_POINTER;
  if (registerIndex(name) !== undefined) return LONG;
  if (context.floatRegister?.(name) !== undefined) return isBoxed(bits) ? FLOAT : DOUBLE;
  return ULONG;
}

const unknown = (name: string): Error =>
  userError(
    'EXPR_UNKNOWN_REGISTER',
    `there is no register $${name}; use names such as $a0, $x10, $pc, $mstatus or $hart(1).sp`,
  );
