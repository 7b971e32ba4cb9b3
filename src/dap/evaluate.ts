/**
 * evaluate and setExpression. In the debug console an expression may also be an assignment (`count += 1`), and some words
 * are commands; everywhere else expressions only read (I6). All give values that can be looked into.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { dereferenced } from '../inspect/children';
import { compileExpression } from '../inspect/expression';
import { missing } from '../inspect/expression-errors';
import { array, plain, pointerTo } from '../inspect/type-layout';
import type { Value } from '../inspect/value';
import type { TextOptions } from '../inspect/value-text';
import type { Message } from '../protocol/message';
import { wantsHex } from './arguments';
import { applyWrites } from './assignments';
import { completions } from './completions';
import { printCommand, runCommand } from './console-commands';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { expressionContext, type Scope } from './expressions';
import type { Stack } from './stackframes';
import { splitFormat, type Shown, type Style, type Values } from './values';
import { assignTo } from './variables';

type Body = DebugProtocol.EvaluateResponse['body'];

/** How much of a value is written where there is room. */
const CONSOLE: TextOptions = { lengthMax: 4000, depthMax: 8 };
const CLIPBOARD: TextOptions = { lengthMax: 100_000, depthMax: 16 };

export function registerEvaluateRequests(
  registry: Registry,
  context: SessionContext,
  stack: Stack,
  values: Values,
): void {
  registry.on('evaluate', 'stopped', (args, call) => {
    const text = args.text('expression').trim();
    const scope = scopeFor(stack, args);
    const from = args.optionalText('context');
    const style: Style = wantsHex(args) ? { format: 'x' } : {};
    if (from !== 'repl') return present(values, evaluateText(text, scope), style, from);
    const answer = runCommand({ context, stack, scope }, text);
    if (answer !== undefined) return { result: answer, variablesReference: 0 };
    const print = printCommand(text, scope);
    const assigning = assigningIn(context, scope, (action) => call.after(action));
    const found = evaluateText(print?.text ?? text, scope, assigning);
    return present(values, found, { ...style, ...print?.style }, from);
  });
  registry.on('setExpression', 'stopped', (args, call) => {
    const scope = scopeFor(stack, args);
    const { text, style } = splitFormat(args.text('expression'));
    const evaluate = compileExpression(text);
    const value = evaluate(expressionContext(scope));
    call.after(assignTo(context, { value: dereferenced(value), scope }, args.text('value')));
    const now = evaluateText(text, scope);
    const hex: Style = wantsHex(args) ? { format: 'x' } : {};
    const { result, ...rest } = present(values, now, { ...style, ...hex }, undefined);
    return { value: result, ...rest };
  });
  registry.on('completions', 'stopped', (args) => {
    const frame = args.optionalCount('frameId');
    const scope = frame === undefined ? stack.globalScope() : stack.scopeOf(frame);
    return { targets: completions(context, scope, args) };
  });
}

function scopeFor(stack: Stack, args: Message): Scope {
  const frame = args.optionalCount('frameId');
  return frame === undefined ? stack.globalScope() : stack.scopeOf(frame);
}

/** A scope's context in which assignments are made. */
function assigningIn(
  context: SessionContext,
  scope: Scope,
  after: (action: () => void) => void,
): ReturnType<typeof expressionContext> {
  return {
    ...expressionContext(scope),
    write: (writes) => {
      after(applyWrites(context, scope, writes));
      // The value is read again at once, and frames were looked up before it.
      context.staled.fire();
    },
  };
}

function evaluateText(text: string, scope: Scope, assigning?: ReturnType<typeof expressionContext>): Shown {
  const { text: expression, style, count } = splitFormat(text);
  const evaluate = compileExpression(expression, { assignments: assigning !== undefined });
  const found = evaluate(assigning ?? expressionContext(scope));
  const value = count === undefined ? found : several(found, count);
  // What an assignment gives is its target; what is within it is asked for by the target's name.
  const [, target = expression] = /^([^=!<>]+?)\s*(?:[-+*/%&|^]|<<|>>)?=(?!=)/u.exec(expression) ?? [];
  return {
    name: expression,
    value,
    scope,
    expression: target.trim(),
    kind: 'variable',
    format: style.format,
  };
}

/** `pointer,10`: that many of what it points to. */
function several(value: Value, count: number): Value {
  const type = plain(value.type);
  if (type.kind !== 'pointer') return value;
  return value.as(pointerTo(array(type.target, BigInt(count))));
}

function present(values: Values, shown: Shown, style: Style, from: string | undefined): Body {
  const { value } = shown;
  requireThere(value);
  if (from === 'clipboard') return values.describe(shown, style, CLIPBOARD);
  const body = values.describe(shown, style, from === 'repl' ? CONSOLE : {});
  const isPlain = style.format === undefined && shown.format === undefined;
  return isPlain ? { ...body, result: bothWays(value, body.result) } : body;
}

/** A number that cannot be read is an error here; in a list of variables it is said in its place. */
function requireThere(value: Value): void {
  const { kind } = value.plain;
  if (kind !== 'base' && kind !== 'enum') return;
  const number = value.number();
  if (typeof number === 'object') throw missing(value, number);
}

/** `-3`, `100000 (0x186a0)`: whole numbers of a machine are addresses and masks as often as they are counts. */
function bothWays(value: Value, text: string): string {
  const type = value.plain;
  if (type.kind !== 'base' || !/^-?\d{2,}$/u.test(text)) return text;
  const bits = value.bitSize ?? 8 * type.byteSize;
  return `${text} (0x${BigInt.asUintN(bits, BigInt(text)).toString(16)})`;
}
