/** Words of the debug console that are no expressions. Each is one row here: how it is called, what it says, what it does. */
import { userError } from '../base/errors';
import { cutOperator, infoCommand, INFO_TOPICS } from './console-info';
import { examine } from './console-memory';
import type { SessionContext } from './context';
import { compileValue, type Scope } from './expressions';
import type { Stack } from './stackframes';
import { hexAddress, whereabouts } from './symbol-lookup';
import { letterOf, type Style } from './values';

/** Where a command is given. */
export interface Console {
  readonly context: SessionContext;
  readonly stack: Stack;
  readonly scope: Scope;
}

interface Command {
  /** How it is written, for `help`. */
  readonly usage: string;
  readonly help: string;
  /** `rest` is what stands behind the word, without blanks around. */
  run?(console: Console, rest: string): string;
}

const EXPRESSIONS = [
  'Expressions as in C over variables, registers, memory and symbols, with casts and members:',
  '  counter   list->next.name   *(u64*)$sp   &table[2]   $satp.mode   container_of(p, struct task, link)',
  '  array[2..5]   *pointer@10   $hart(1).pc   sizeof(struct task)   and as hexadecimal: value,x',
  'Assignments change the guest; in the past they begin a new branch: $a0 = 5, task->state = RUNNING',
].join('\n');

const COMMANDS: Readonly<Record<string, Command>> = {
  p: {
    usage: 'p EXPR, p/x EXPR',
    help: 'the value of an expression; /x /d /u /o /t /c /s say how it is written',
  },
  x: {
    usage: 'x/4xw ADDR',
    help: 'memory: how many, how (x d u o t c a f s i), how large (b h w g)',
    run: ({ scope }, rest) => examine(scope, rest),
  },
  info: {
    usage: 'info TOPIC',
    help: INFO_TOPICS.join(', '),
    run: (console, rest) => infoCommand(console, rest),
  },
  bt: { usage: 'bt', help: 'the call stack', run: backtrace },
  when: { usage: 'when', help: 'where the session is in time', run: when },
  hash: {
    usage: 'hash',
    help: 'a hash of the whole state of the guest',
    run: ({ context }) => context.debuggee.stateHash(),
  },
  help: { usage: 'help', help: 'this text', run: help },
};

function help(): string {
  const width = Math.max(...Object.values(COMMANDS).map(({ usage }) => usage.length));
  const rows = Object.values(COMMANDS).map(({ usage, help: text }) => `${usage.padEnd(width)}  ${text}`);
  return [EXPRESSIONS, ...rows].join('\n');
}

function when({ context }: Console): string {
  const { now, end, begin, branch } = context.debuggee;
  const place = now === end ? 'live, at the end of the recording' : `${end - now} before the end`;
  return `instruction ${now} of branch ${branch} (${begin} to ${end}): ${place}`;
}

function backtrace({ context, stack, scope }: Console): string {
  const hart = scope.view.id;
  const frames = stack.framesOf(hart < context.debuggee.hartCount ? hart : context.focusHart);
  return frames
    .map(({ pc, lookupPc, symbols, name, isLabel }, index) => {
      if (isLabel) return `#${index} -- ${name ?? 'trap'} --`;
      return `#${index} ${hexAddress(pc)} ${whereabouts(symbols, lookupPc) ?? ''}`.trimEnd();
    })
    .join('\n');
}

/** Undefined when the text is no command. A variable of the same name can still be reached: `(when)`. */
export function runCommand(console: Console, text: string): string | undefined {
  const [, word = '', rest = ''] = /^([a-z]+)((?:\/[^\s]*)?(?:\s.*)?)$/su.exec(text) ?? [];
  if (!Object.hasOwn(COMMANDS, word)) return undefined;
  const argument = rest.trim();
  const takesMore = word === 'x' || word === 'info';
  if (takesMore ? argument === '' : argument !== '') return undefined;
  // `x * 2` with a variable x is meant as it is written.
  if (word === 'x' && !argument.startsWith('/') && cutOperator(argument) && isName(word, console.scope))
    return undefined;
  return COMMANDS[word]?.run?.(console, argument);
}

/** `p/x EXPR`: the expression, and how its value is to be written. */
export function printCommand(
  text: string,
  scope: Scope,
): { readonly text: string; readonly style: Style } | undefined {
  const [, letters, rest = ''] = /^(?:p|print)(?:\/([a-zA-Z]*))?\s+(\S.*)$/su.exec(text) ?? [];
  if (rest === '') return undefined;
  if (letters === undefined && cutOperator(rest) && isName('p', scope)) return undefined;
  if (letters === undefined || letters === '') return { text: rest, style: {} };
  const format = letterOf(letters);
  if (format === undefined) {
    throw userError('EXPR_FORMAT', `/${letters} is no format; there are x, d, u, o, t, c, s and a`);
  }
  return { text: rest, style: { format } };
}

function isName(name: string, scope: Scope): boolean {
  try {
    compileValue(name)(scope);
    return true;
  } catch {
    return false;
  }
}

/** What a command line could go on with; `isAll`: nothing else can. */
export function completeCommand(
  head: string,
  word: string,
): { readonly words: readonly string[]; readonly isAll: boolean } | undefined {
  if (head.trim() === '') return word === '' ? undefined : { words: Object.keys(COMMANDS), isAll: false };
  if (/^\s*info\s+$/u.test(head)) return { words: INFO_TOPICS, isAll: true };
  return undefined;
}
