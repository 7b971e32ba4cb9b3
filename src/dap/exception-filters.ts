/** The exception filters: one for each trap cause that the machine has, and two for groups of them. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { causeOf, causes, type Cause } from '../isa/causes';
import { TRAP_RETURN } from '../machine/layout';

/** Causes that are requests and not faults. */
const REQUESTS: ReadonlySet<string> = new Set(['ecall_from_u', 'ecall_from_s', 'ecall_from_m', 'breakpoint']);

export interface TrapFilter extends DebugProtocol.ExceptionBreakpointsFilter {
  readonly exceptions: readonly number[];
  readonly interrupts: readonly number[];
  readonly isPrivilegeChange?: boolean;
}

const conditions = {
  supportsCondition: true,
  conditionDescription: 'from U, to S, cause 13, and an expression: from U if $a7 == 93',
} as const;

const codes = (wanted: (cause: Cause) => boolean): number[] => causes.filter(wanted).map(({ code }) => code);

const groups: readonly TrapFilter[] = [
  {
    filter: 'faults',
    label: 'All faults',
    description: 'Stop before any exception is taken, but for environment calls and breakpoints',
    interrupts: [],
    exceptions: codes((cause) => !cause.interrupt && !REQUESTS.has(cause.id)),
    ...conditions,
  },
  {
    filter: 'interrupts',
    label: 'All interrupts',
    description: 'Stop before any interrupt is taken',
    exceptions: [],
    interrupts: codes((cause) => cause.interrupt),
    ...conditions,
  },
  {
    filter: 'traps',
    label: 'All traps',
    description:
      'Stop before any exception or interrupt is taken; a condition like "from U cause 13" says which',
    exceptions: codes((cause) => !cause.interrupt),
    interrupts: codes((cause) => cause.interrupt),
    ...conditions,
  },
  {
    filter: 'trap_return',
    label: 'Returns from traps',
    description: 'Stop before mret and sret',
    exceptions: [TRAP_RETURN],
    interrupts: [],
    ...conditions,
  },
  {
    filter: 'privilege',
    label: 'Changes of privilege',
    description: 'Stop before a trap or a return from one that changes between U-, S- and M-mode',
    exceptions: [...codes((cause) => !cause.interrupt), TRAP_RETURN],
    interrupts: codes((cause) => cause.interrupt),
    isPrivilegeChange: true,
    ...conditions,
  },
];

export const trapFilters: readonly TrapFilter[] = [
  ...groups,
  ...causes.map(({ id, code, interrupt, description }): TrapFilter => ({
    filter: id,
    label: interrupt ? description : description.replace('Environment call', 'Environment call (ecall)'),
    description: `Stop before this ${interrupt ? 'interrupt' : 'exception'} (cause ${code}) is taken`,
    exceptions: interrupt ? [] : [code],
    interrupts: interrupt ? [code] : [],
    ...conditions,
  })),
];

/** As `initialize` tells them: without our own fields. */
export const exceptionFilters: readonly DebugProtocol.ExceptionBreakpointsFilter[] = trapFilters.map(
  ({ interrupts: _interrupts, exceptions: _exceptions, isPrivilegeChange: _change, ...filter }) => filter,
);

const MODES: Readonly<Record<number, string>> = { 0: 'U-mode', 1: 'S-mode', 3: 'M-mode' };

/** `environment call from U-mode`, `load page fault in S-mode`, `supervisor timer interrupt in U-mode`. */
export function interruptionText(value: bigint | undefined, from: number): string {
  const mode = MODES[from] ?? `mode ${from}`;
  if (value === undefined) return `from ${mode}`;
  const known = causeOf(value);
  if (known === undefined) return `cause 0x${value.toString(16)} in ${mode}`;
  const text = known.description.charAt(0).toLowerCase() + known.description.slice(1);
  return text.endsWith(mode) ? text : `${text} in ${mode}`;
}

/** `Load page fault (cause 13)`. */
export function causeText(interrupt: boolean, code: number): string {
  if (!interrupt && code === TRAP_RETURN) return 'Return from trap';
  const known = causes.find((cause) => cause.interrupt === interrupt && cause.code === code);
  const kind = interrupt ? 'interrupt' : 'exception';
  return `${known?.description ?? `Reserved ${kind}`} (${interrupt ? 'interrupt ' : 'cause '}${code})`;
}
