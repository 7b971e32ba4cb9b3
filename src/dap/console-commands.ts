/** Words of the debug console that are no expressions. */
import type { SessionContext } from './context';
import type { Stack } from './stackframes';
import { hexAddress, whereabouts } from './symbol-lookup';

type Command = (context: SessionContext, stack: Stack) => string;

const HELP = [
  'Expressions as in C over registers, memory and symbols: $a0 + 8, *(u64*)$sp, counter, &table, $mstatus',
  'Assignments change the guest; in the past they begin a new branch: $a0 = 5, *(u32*)0x80001000 = 0',
  'when   where the session is in time',
  'bt     the call stack of the active hart',
  'hash   a hash of the whole state of the guest',
  'help   this text',
].join('\n');

function when({ debuggee }: SessionContext): string {
  const { now, end, begin, branch } = debuggee;
  const place = now === end ? 'live, at the end of the recording' : `${end - now} before the end`;
  return `instruction ${now} of branch ${branch} (${begin} to ${end}): ${place}`;
}

function backtrace(context: SessionContext, stack: Stack): string {
  const frames = stack.framesOf(context.focusHart);
  const line = (pc: bigint, lookupPc: bigint, index: number): string =>
    `#${index} ${hexAddress(pc)} ${whereabouts(context.guest.symbols, lookupPc) ?? ''}`.trimEnd();
  return frames.map(({ pc, lookupPc }, index) => line(pc, lookupPc, index)).join('\n');
}

const COMMANDS: Readonly<Record<string, Command>> = {
  help: () => HELP,
  when,
  bt: backtrace,
  hash: ({ debuggee }) => debuggee.stateHash(),
};

export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** Undefined when the text is no command. A symbol of the same name can still be reached: `(when)`. */
export function runCommand(context: SessionContext, stack: Stack, text: string): string | undefined {
  return Object.hasOwn(COMMANDS, text) ? COMMANDS[text]?.(context, stack) : undefined;
}
