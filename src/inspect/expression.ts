/**
 * Evaluates expressions over a hart's registers, memory, symbols and, where there is debug information, variables with their
 * types: C's rules for numbers and pointers, and a few words of gdb, C++ and Rust. Reads only, unless it is told how to
 * write. Without debug information, a global variable of 1, 2, 4 or 8 bytes reads as an unsigned number, and everything
 * else stands for its address.
 */
import type { FrameContext } from '../symbols/variables';
import { isTypeWord } from './builtin-types';
import { Evaluator } from './evaluator';
import type { ExpressionContext } from './expression-context';
import { Names } from './expression-names';
import {
  parseExpression,
  type Expression,
  type ParsedExpression,
  type ParseOptions,
} from './expression-parser';
import type { Value, Write } from './value';
import type { MachineView } from './view';

export type { ExpressionContext } from './expression-context';

/** An expression that was read once, to be evaluated often. */
export type CompiledExpression = (context: ExpressionContext) => Value;

/**
 * Codes when it is read: EXPR_SYNTAX, EXPR_TOO_DEEP, EXPR_CALL, EXPR_UNKNOWN_TYPE. When it is evaluated:
 * EXPR_UNKNOWN_REGISTER, EXPR_UNKNOWN_SYMBOL, EXPR_UNKNOWN_TYPE, EXPR_NO_MEMORY, EXPR_OPTIMIZED_OUT, EXPR_UNAVAILABLE,
 * REGISTER_LOST, EXPR_DIVIDE_BY_ZERO, EXPR_NOT_POINTER, EXPR_VOID_POINTER, EXPR_NOT_LVALUE, EXPR_NOT_NUMBER,
 * EXPR_NOT_INTEGER, EXPR_POINTER, EXPR_MEMBER, EXPR_INDEX, EXPR_INCOMPLETE_TYPE, EXPR_NOT_ASSIGNABLE.
 */
export function compileExpression(
  text: string,
  options: Pick<ParseOptions, 'assignments'> = {},
): CompiledExpression {
  const prepare = prepared(text, options);
  return (context) => {
    const { evaluator, expression } = prepare(context);
    return evaluator.value(expression);
  };
}

/** What has to be written so that a value is the expression's, as by an assignment in C; enumerators are known by name. */
export function compileAssignment(text: string): (context: ExpressionContext, target: Value) => Write[] {
  const prepare = prepared(text, {});
  return (context, target) => {
    const { evaluator, expression } = prepare(context);
    return evaluator.writesTo(target, expression);
  };
}

type Prepared = (context: ExpressionContext) => { evaluator: Evaluator; expression: Expression };

function prepared(text: string, options: ParseOptions): Prepared {
  const plain = parseExpression(text, options);
  const others = new Map<string, Expression>();
  return (context) => {
    const frame = context.frame ?? frameOfView(context.view);
    const names = new Names(context.symbols, frame, context.inlineDepth);
    const expression =
      plain.doubts.length === 0 ? plain.expression : reread(text, options, plain, others, names);
    return { evaluator: new Evaluator(context, frame, names), expression };
  };
}

/** `(task_t) - 1`: what it is depends on what the name is here. */
function reread(
  text: string,
  options: ParseOptions,
  { doubts, expression }: ParsedExpression,
  others: Map<string, Expression>,
  names: Names,
): Expression {
  const types = doubts.filter((name) => names.isType(name));
  if (doubts.every((name) => types.includes(name) === isTypeWord(name))) return expression;
  const key = types.join(' ');
  const known = others.get(key);
  if (known !== undefined) return known;
  const isType = (name: string): boolean => types.includes(name) || names.isType(name);
  const found = parseExpression(text, { ...options, isType }).expression;
  others.set(key, found);
  return found;
}

export const evaluateExpression = (text: string, context: ExpressionContext): Value =>
  compileExpression(text)(context);

const frameOfView = (view: MachineView): FrameContext => ({
  pc: view.pc,
  register: (number) => (number < 32 ? view.x(number) : view.f?.(number - 32)),
  read: (address, size) => view.readMemory(BigInt.asUintN(64, address), size),
  cfa: undefined,
  caller: () => undefined,
});
