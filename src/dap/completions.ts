/** completions: registers behind `$`, members behind `.` and `->`, and names of variables, symbols, types and commands. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { UserError } from '../base/errors';
import { isTypeWord } from '../inspect/builtin-types';
import { memberNames } from '../inspect/children';
import { plain } from '../inspect/type-layout';
import { CSRS, csrByName } from '../isa/csr';
import { floatRegisterNames, integerRegisterNames } from '../isa/registers';
import type { Message } from '../protocol/message';
import type { Type } from '../symbols/types';
import { completeCommand } from './console-commands';
import type { SessionContext } from './context';
import { compileValue, type Scope } from './expressions';
import { functionScope } from './locals';
import { hexAddress } from './symbol-lookup';

const COMPLETIONS_MAX = 50;
/** Types of variables that are looked through for names. */
const TYPES_MAX = 500;

const BASIC_TYPES = ['char', 'short', 'int', 'long', 'unsigned', 'signed', 'void', 'struct', 'union', 'enum'];
const FUNCTIONS = ['sizeof', 'container_of', 'offsetof'];

type Item = DebugProtocol.CompletionItem;

export function completions(context: SessionContext, scope: Scope, args: Message): Item[] {
  const text = args.text('text');
  const column = args.count('column') - (context.client.columnsStartAt1 ? 1 : 0);
  const before = text.slice(0, Math.max(0, column));
  const [word = ''] = /\$?\w*$/u.exec(before) ?? [];
  const place = { start: before.length - word.length, length: word.length };
  return candidates(scope, before, word)
    .filter(({ label }) => label.startsWith(word))
    .slice(0, COMPLETIONS_MAX)
    .map((item) => ({ ...item, ...place }));
}

function candidates(scope: Scope, before: string, word: string): Item[] {
  const head = before.slice(0, before.length - word.length);
  const member = /(?:\.|->)$/u.exec(head);
  if (member !== null) return members(head.slice(0, member.index), scope);
  if (word.startsWith('$')) return registers();
  const commands = completeCommand(head, word);
  if (commands?.isAll === true) return keywords(commands.words);
  if (word === '') return [];
  return [...keywords(commands?.words ?? []), ...names(scope, word)];
}

const keywords = (words: readonly string[]): Item[] => words.map((label) => ({ label, type: 'keyword' }));

const registers = (): Item[] =>
  [...integerRegisterNames, 'pc', 'fp', ...floatRegisterNames, ...CSRS.map(({ name }) => name)].map(
    (name): Item => ({ label: `$${name}`, type: 'variable' }),
  );

/** Reads nothing but the type of what stands before the dot; what cannot be evaluated has no members. */
function members(text: string, scope: Scope): Item[] {
  const expression = lastOperand(text);
  const csr = /^\$(\w+)$/u.exec(expression)?.[1];
  const fields = csr === undefined ? undefined : csrByName(csr)?.fields;
  if (fields !== undefined) return fields.map(({ name }): Item => ({ label: name, type: 'field' }));
  try {
    let type = plain(compileValue(expression)(scope).type);
    for (let hops = 0; type.kind === 'pointer' && hops < 4; hops++) type = plain(type.target);
    return memberNames(type).map((label): Item => ({ label, type: 'field' }));
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

/** `x + list[2].next` ends in the operand `list[2].next`. Brackets are matched from the end. */
function lastOperand(text: string): string {
  let at = text.length;
  let open = 0;
  while (at > 0) {
    const mark = text.charAt(at - 1);
    if (mark === ')' || mark === ']') open++;
    else if (mark === '(' || mark === '[') {
      if (open === 0) break;
      open--;
    } else if (open === 0 && !/[\w$:.]/u.test(mark) && !(mark === '>' && text.charAt(at - 2) === '-')) {
      if (!(mark === '-' && text.charAt(at) === '>')) break;
    }
    at--;
  }
  return text.slice(at);
}

function names(scope: Scope, word: string): Item[] {
  const locals = (functionScope(scope)?.blocks ?? []).flatMap(({ variables }) => variables);
  const globals = scope.symbols.globalsAt?.(scope.frame?.lookupPc ?? scope.view.pc) ?? [];
  const variables = [...locals, ...globals].map(({ name }): Item => ({ label: name, type: 'variable' }));
  const symbols = scope.symbols
    .symbolsMatching(word, COMPLETIONS_MAX)
    .map(({ name, kind, address }): Item => {
      const type = kind === 'object' ? 'variable' : 'function';
      return { label: name, type, detail: hexAddress(address) };
    });
  const known = typeNames([...locals, ...globals].map(({ type }) => type));
  const types = [...known, ...BASIC_TYPES].map((label): Item => ({ label, type: 'class' }));
  const functions = FUNCTIONS.map((label): Item => ({ label, type: 'function' }));
  const seen = new Set<string>();
  return [...variables, ...symbols, ...types, ...functions].filter(
    ({ label }) => !seen.has(label) && seen.add(label),
  );
}

/** Names of the types that variables here have, and of those they are made of. */
function typeNames(roots: readonly Type[]): string[] {
  const seen = new Set<Type>(roots);
  const found: string[] = [];
  for (const type of seen) {
    if (seen.size > TYPES_MAX) break;
    if ('name' in type && type.name !== undefined && /^\w+$/u.test(type.name) && !isTypeWord(type.name))
      found.push(type.name);
    if ('target' in type) seen.add(type.target);
    if (type.kind === 'array') seen.add(type.element);
    if (type.kind === 'struct') for (const member of type.members) seen.add(member.type);
  }
  return found;
}
