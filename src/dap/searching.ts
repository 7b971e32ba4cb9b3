/**
 * Requests that need a search of a whole symbol file, which may take seconds: it is made in slices, between which other
 * requests are answered; then the request is asked again, and finds its answer. So handlers of such requests do nothing that
 * must not be done twice before they have looked up their names.
 */
import { userError } from '../base/errors';
import { SearchNeeded, type Search } from '../symbols/search';
import type { SessionContext } from './context';
import type { Call, Needs } from './dispatcher';
import { ProgressReporter } from './progress';

/** Milliseconds of searching before other requests have their turn. */
const SLICE_MS = 15;

/** A request may need several searches; after so many it has to have its answers at once, as old ones are forgotten. */
const ROUNDS_MAX = 64;

/** Requests that look names up, and can be asked twice. */
const PATIENT: ReadonlySet<string> = new Set([
  ...['evaluate', 'setExpression', 'setVariable', 'variables', 'scopes', 'stackTrace', 'completions'],
  ...['dataBreakpointInfo', 'gotoTargets', 'locations'],
]);

export const isPatient = (command: string): boolean => PATIENT.has(command);

/** Answers what `ask` answers. Rejects with CANCELLED, and with what the gate says when the guest has gone on meanwhile. */
export async function patiently<T>(
  context: SessionContext,
  call: Pick<Call, 'seq'>,
  needs: Needs,
  ask: () => T | Promise<T>,
): Promise<T> {
  const gate = context.hasGuest ? context.guest.searches : undefined;
  if (gate === undefined) return ask();
  const progress = new ProgressReporter(context, `search-${call.seq}`, 'Reading symbols', call.seq);
  const task = { requestSeq: call.seq, progressId: progress.id, cancelled: false };
  context.searching.add(task);
  try {
    for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
      const answer = gate.defer(() => attempt(ask));
      if (!('search' in answer)) return await answer.found;
      await search(context, answer.search, task, progress);
      context.gate(needs);
    }
    return await ask();
  } finally {
    context.searching.delete(task);
    progress.end();
  }
}

const attempt = <T>(ask: () => T): { readonly found: T } | { readonly search: Search } => {
  try {
    return { found: ask() };
  } catch (error) {
    if (error instanceof SearchNeeded) return { search: error.search };
    throw error;
  }
};

async function search(
  { host }: SessionContext,
  one: Search,
  task: { readonly cancelled: boolean },
  progress: ProgressReporter,
): Promise<void> {
  let since = host.clock.now();
  for (let done = one.advance(); done < 1; done = one.advance()) {
    if (host.clock.now() - since < SLICE_MS) continue;
    progress.report(done, 'names of the whole file');
    await host.clock.yield();
    if (task.cancelled) throw userError('CANCELLED', 'the search in the symbols was given up');
    since = host.clock.now();
  }
}
