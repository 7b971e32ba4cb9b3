/** setExceptionBreakpoints and exceptionInfo: traps, stopped at before they are taken. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import { causes } from '../isa/causes';
import { Message } from '../protocol/message';
import { codeName, guarded, present } from './breakpoint-requests';
import type { Breakpoints, TrapPlace } from './breakpoints';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { causeText, trapFilters } from './exception-filters';
import { readTrapGuards } from './guards';
import { hexAddress } from './symbol-lookup';

export function registerExceptionRequests(
  registry: Registry,
  context: SessionContext,
  breakpoints: Breakpoints,
): void {
  registry.on('setExceptionBreakpoints', 'initialized', (args) => {
    const plain = args.list('filters', (filter) => new Message('filter', { filterId: filter }));
    const options = args.optionalList('filterOptions', (item) => new Message('filterOptions', item)) ?? [];
    const resolved = [...plain, ...options].map((one) => {
      const id = one.text('filterId');
      return guarded(one, id, () => ({ place: placeOfFilter(id) }), readTrapGuards);
    });
    const made = breakpoints.replace(
      'exception',
      resolved.map(({ request }) => request),
    );
    return { breakpoints: made.map((one, index) => present(one, resolved[index] ?? { request: one })) };
  });
  registry.on('exceptionInfo', 'stopped', (args) => {
    context.hartOf(args.count('threadId'));
    return exceptionInfo(context);
  });
}

function placeOfFilter(id: string): TrapPlace {
  const filter = trapFilters.find((one) => one.filter === id);
  if (filter === undefined) throw userError('EXCEPTION_FILTER', `there is no exception filter "${id}"`);
  const { exceptions, interrupts, isPrivilegeChange = false } = filter;
  return { kind: 'trap', exceptions, interrupts, isPrivilegeChange };
}

function exceptionInfo(context: SessionContext): DebugProtocol.ExceptionInfoResponse['body'] {
  const stop = context.lastStop?.stop;
  if (stop?.kind === 'diverged') {
    return { exceptionId: 'diverged', description: stop.message, breakMode: 'always' };
  }
  if (stop?.kind !== 'trap') throw userError('NO_EXCEPTION', 'the guest did not stop because of a trap');
  const { cause, interrupt, pc, tval } = stop;
  const known = causes.find((one) => one.code === cause && one.interrupt === interrupt);
  const text = causeText(interrupt, cause);
  const at = codeName(context, pc);
  const message = interrupt ? `${text} before ${at}` : `${text} at ${at}, tval ${hexAddress(tval)}`;
  return {
    exceptionId: known?.id ?? `cause ${cause}`,
    description: message,
    breakMode: 'always',
    details: { message, typeName: known?.id ?? text, evaluateName: '$pc' },
  };
}
