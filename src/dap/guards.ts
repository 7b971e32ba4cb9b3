/**
 * What every kind of breakpoint may carry besides its place: a condition, a message, a mode, and what stands in DAP's hit
 * condition. That is a list, with commas: a count (`5`, `=5`, `>=5`, `%5`, ...), `once`, `hart 1`, and `after NAME`, where NAME
 * is another breakpoint: `main.c:12`, a function, an address, an exception filter.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import type { Message } from '../protocol/message';
import type { Privilege } from '../timetravel/api';
import { compile, type Compiled } from './expressions';
import { parseHitCondition, type HitTest } from './hit-condition';
import { compileLogMessage, type LogTemplate } from './log-message';

export interface Guards {
  readonly condition?: Compiled;
  readonly hit?: HitTest;
  readonly log?: LogTemplate;
  /** It goes with its first hit. */
  readonly once?: boolean;
  readonly hart?: number;
  /** Holds from the first hit of another breakpoint on. */
  readonly after?: string;
  readonly mode?: BreakpointModeId;
  /** Of exception filters: which of their traps. */
  readonly traps?: TrapWords;
}

/** The words before an exception filter's expression. */
export interface TrapWords {
  readonly causes?: readonly string[];
  readonly from?: Privilege;
  readonly to?: Privilege;
}

export type BreakpointModeId = 'once' | 'user' | 'kernel' | 'anywhere' | 'physical';

const modes: readonly (DebugProtocol.BreakpointMode & { readonly mode: BreakpointModeId })[] = [
  {
    mode: 'once',
    label: 'One-shot',
    description: 'Goes with its first hit',
    appliesTo: ['source', 'exception', 'data', 'instruction'],
  },
  {
    mode: 'user',
    label: 'User mode',
    description: 'Stops in U-mode only',
    appliesTo: ['source', 'exception', 'data', 'instruction'],
  },
  {
    mode: 'kernel',
    label: 'Kernel modes',
    description: 'Stops in S- and M-mode only',
    appliesTo: ['source', 'exception', 'data', 'instruction'],
  },
  {
    mode: 'anywhere',
    label: 'Any program',
    description: 'Stops at the address, whichever program runs there',
    appliesTo: ['source', 'data'],
  },
  {
    mode: 'physical',
    label: 'Physical address',
    description: 'Watches physical memory, by whatever virtual address it is reached',
    appliesTo: ['data'],
  },
];

/** As `initialize` tells them. */
export const breakpointModes: readonly DebugProtocol.BreakpointMode[] = modes;

/** Reads the fields that every kind of breakpoint may have. Throws the UserError of what is wrong in them. */
export function readGuards(args: Message): Guards {
  const condition = (args.optionalText('condition') ?? '').trim();
  const log = args.optionalText('logMessage') ?? '';
  const mode = args.optionalWord(
    'mode',
    modes.map((one) => one.mode),
  );
  return {
    ...(condition === '' ? {} : { condition: compile(condition) }),
    ...hitsOf(args),
    ...(log === '' ? {} : { log: compileLogMessage(log) }),
    ...modeOf(mode),
  };
}

/** The same for an exception filter, whose condition may begin with words: `from U`, `to M`, `cause 13`, then `if EXPRESSION`. */
export function readTrapGuards(args: Message): Guards {
  const text = (args.optionalText('condition') ?? '').trim();
  const { words, expression } = splitTrapWords(text);
  return {
    ...(expression === '' ? {} : { condition: compile(expression) }),
    ...hitsOf(args),
    ...modeOf(
      args.optionalWord(
        'mode',
        modes.map((one) => one.mode),
      ),
    ),
    ...(words === undefined ? {} : { traps: words }),
  };
}

const modeOf = (mode: BreakpointModeId | undefined): Guards =>
  mode === undefined ? {} : mode === 'once' ? { mode, once: true } : { mode };

function hitsOf(args: Message): Guards {
  const text = args.optionalText('hitCondition') ?? '';
  if (text.trim() === '') return {};
  const guards: Guards[] = text.split(',').map((part) => hitPart(part.trim()));
  const merged = guards.reduce((all, one) => ({ ...all, ...one }), {});
  if (guards.length === Object.keys(merged).length) return merged;
  throw userError('HIT_CONDITION', `"${text}" says the same thing twice`);
}

function hitPart(text: string): Guards {
  if (text === 'once') return { once: true };
  const [, hart] = /^hart\s+(\d{1,3})$/u.exec(text) ?? [];
  if (hart !== undefined) return { hart: Number(hart) };
  const [, after] = /^after\s+(\S.*)$/u.exec(text) ?? [];
  return after === undefined ? { hit: parseHitCondition(text) } : { after };
}

const PRIVILEGES: Readonly<Record<string, Privilege>> = { u: 0, s: 1, m: 3 };

function splitTrapWords(text: string): { words: TrapWords | undefined; expression: string } {
  let rest = text;
  let words: TrapWords | undefined;
  for (;;) {
    const match = /^(from|to|cause)\s+([\w, ]*?\w)(?=\s+(?:from|to|cause|if)\s|\s*$)\s*/iu.exec(rest);
    if (match === null) break;
    words = { ...words, ...trapWord(match[1] ?? '', match[2] ?? '') };
    rest = rest.slice(match[0].length);
  }
  if (words === undefined) return { words, expression: text };
  const [, expression] = /^if\s+(.*)$/su.exec(rest) ?? [];
  if (rest !== '' && expression === undefined) {
    throw userError(
      'TRAP_CONDITION',
      `"${rest}" is not understood; write "from U to S cause 13 if $a7 == 64"`,
    );
  }
  return { words, expression: expression ?? '' };
}

function trapWord(word: string, value: string): TrapWords {
  if (word.toLowerCase() === 'cause') return { causes: value.split(/[\s,]+/u) };
  const privilege = PRIVILEGES[value.toLowerCase().replace(/-?mode$/u, '')];
  if (privilege === undefined) throw userError('TRAP_CONDITION', `"${value}" is no mode; write U, S or M`);
  return word.toLowerCase() === 'from' ? { from: privilege } : { to: privilege };
}
