/**
 * evaluate, setExpression, completions. In the debug console an expression may also be an assignment (`$a0 = 5`), and a
 * few words are commands; everywhere else expressions only read (I6).
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import type { ExpressionValue } from '../inspect/expression';
import { CSRS } from '../isa/csr';
import { floatRegisterNames, integerRegisterNames } from '../isa/registers';
import type { Message } from '../protocol/message';
import { wantsHex } from './arguments';
import { runCommand, COMMAND_NAMES } from './console-commands';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { compile, compileTyped, type Scope } from './expressions';
import { floatText } from './format';
import { memoryChanged, pokeMemory } from './memory';
import { setRegister } from './registers';
import type { Stack } from './stackframes';
import { hexAddress, symbolicName } from './symbol-lookup';
import { requireTop } from './variables';

export function registerEvaluateRequests(registry: Registry, context: SessionContext, stack: Stack): void {
  registry.on('evaluate', 'stopped', (args, call) => {
    const text = args.text('expression').trim();
    const scope = scopeFor(stack, args);
    if (args.optionalText('context') === 'repl') {
      const answer = runCommand(context, stack, text);
      if (answer !== undefined) return { result: answer, variablesReference: 0 };
      const [target, value] = splitAssignment(text);
      if (value !== undefined) {
        call.after(assign(context, scope, target, value));
        return presentText(target, scope, wantsHex(args));
      }
    }
    return presentText(text, scope, wantsHex(args));
  });
  registry.on('setExpression', 'stopped', (args, call) => {
    const scope = scopeFor(stack, args);
    const target = args.text('expression');
    call.after(assign(context, scope, target, args.text('value')));
    const { result, ...rest } = presentText(target, scope, wantsHex(args));
    return { value: result, ...rest };
  });
  registry.on('completions', 'stopped', (args) => ({ targets: completions(context, args) }));
}

function scopeFor(stack: Stack, args: Message): Scope {
  const frame = args.optionalCount('frameId');
  return frame === undefined ? stack.globalScope() : stack.scopeOf(frame);
}

/** `$a0 = 5` in two; comparisons are no assignments. */
function splitAssignment(text: string): [string, string | undefined] {
  const match = /^([^=!<>]+)=(?!=)(.+)$/u.exec(text);
  return match === null ? [text, undefined] : [(match[1] ?? '').trim(), (match[2] ?? '').trim()];
}

const floatName = (expression: string): boolean =>
  /^\$f/u.test(expression) &&
  (floatRegisterNames.includes(expression.slice(1)) || /^\$f\d+$/u.test(expression));

function presentText(text: string, scope: Scope, hex: boolean): DebugProtocol.EvaluateResponse['body'] {
  const value = compileTyped(text)(scope);
  if (floatName(text))
    return { result: floatText(BigInt.asUintN(64, value.value)), type: 'f64', variablesReference: 0 };
  return presentValue(value, scope, hex);
}

function presentValue(
  value: ExpressionValue,
  scope: Scope,
  hex: boolean,
): DebugProtocol.EvaluateResponse['body'] {
  const bits = BigInt.asUintN(64, value.value);
  const isPointer = value.type.kind === 'pointer';
  const name = isPointer ? symbolicName(scope.symbols, bits) : undefined;
  const isHex = hex || isPointer;
  const text = isHex ? `0x${BigInt.asUintN(value.bits, value.value).toString(16)}` : bothWays(value);
  return {
    result: name === undefined ? text : `${text} <${name}>`,
    type: isPointer ? 'pointer' : `${value.signed ? 'i' : 'u'}${value.bits}`,
    variablesReference: 0,
    // Any number of a machine may be an address: let people look.
    memoryReference: hexAddress(
      value.lvalue !== undefined && 'address' in value.lvalue ? value.lvalue.address : bits,
    ),
  };
}

/** `-3`, `100000 (0x186a0)`. */
function bothWays({ value, bits }: ExpressionValue): string {
  const decimal = value.toString();
  return value > -10n && value < 10n ? decimal : `${decimal} (0x${BigInt.asUintN(bits, value).toString(16)})`;
}

/** Writes at once; what is returned tells the client, after the answer. */
function assign(context: SessionContext, scope: Scope, target: string, valueText: string): () => void {
  const { lvalue } = compileTyped(target)(scope);
  const value = compile(valueText)(scope);
  if (lvalue === undefined) {
    throw userError(
      'NOT_ASSIGNABLE',
      `${target} cannot be changed; give a register like $a0 or memory like *(u64*)$sp`,
    );
  }
  if ('register' in lvalue) {
    requireTop(scope.isTop ? 0 : 1);
    setRegister(context.debuggee.poke, scope.view.id, lvalue.register, value);
    return () => context.changed(['stacks', 'variables']);
  }
  const bytes = new Uint8Array(lvalue.size);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number((value >> BigInt(8 * at)) & 255n);
  pokeMemory(context, scope.view.id, lvalue.address, bytes);
  return () => memoryChanged(context, lvalue.address, bytes.length);
}

const COMPLETIONS_MAX = 50;

function completions(context: SessionContext, args: Message): DebugProtocol.CompletionItem[] {
  const text = args.text('text');
  const column = args.count('column') - (context.client.columnsStartAt1 ? 1 : 0);
  const before = text.slice(0, Math.max(0, column));
  const [word = ''] = /\$?\w*$/u.exec(before) ?? [];
  const place = { start: before.length - word.length, length: word.length };
  if (word.startsWith('$')) {
    const registers = [
      ...integerRegisterNames,
      'pc',
      'fp',
      ...floatRegisterNames,
      ...CSRS.map(({ name }) => name),
    ];
    return registers
      .map((name) => `$${name}`)
      .filter((name) => name.startsWith(word))
      .slice(0, COMPLETIONS_MAX)
      .map((label) => ({ label, type: 'variable', ...place }));
  }
  if (word === '') return [];
  const commands = before.trim() === word ? COMMAND_NAMES.filter((name) => name.startsWith(word)) : [];
  const symbols = context.guest.symbols.symbolsMatching(word, COMPLETIONS_MAX);
  return [
    ...commands.map((label): DebugProtocol.CompletionItem => ({ label, type: 'keyword', ...place })),
    ...symbols.map(({ name, kind, address }): DebugProtocol.CompletionItem => {
      const type = kind === 'object' ? 'variable' : 'function';
      return { label: name, type, detail: hexAddress(address), ...place };
    }),
  ];
}
