/** The custom requests about time and the console: seek, timeline, console input and history. */
import { instret } from '../base/brand';
import { userError } from '../base/errors';
import {
  decodeBase64,
  encodeBase64,
  parseConsoleInput,
  parseSeek,
  REQUEST,
  type ConsoleHistory,
  type Timeline,
  type TimelineMark,
} from '../protocol';
import type { SessionContext } from './context';
import type { Call, Registry } from './dispatcher';

export function registerTimeRequests(registry: Registry, context: SessionContext): void {
  registry.on(REQUEST.seek, 'guest', (_args, call) => seek(context, call));
  registry.on(REQUEST.timeline, 'guest', () => timeline(context));
  registry.on(REQUEST.consoleInput, 'guest', (_args, call) => {
    context.debuggee.consoleInput(decodeBase64(parseConsoleInput(call.arguments).text));
  });
  registry.on(REQUEST.consoleHistory, 'guest', (): ConsoleHistory => {
    const { debuggee } = context;
    return { data: encodeBase64(debuggee.consoleHistory()), instret: debuggee.now };
  });
}

async function seek(context: SessionContext, call: Call): Promise<void> {
  const { debuggee } = context;
  const goal = parseSeek(call.arguments).instret;
  if (goal < debuggee.begin || goal > debuggee.end) {
    throw userError(
      'SEEK_RANGE',
      `${goal} is not in the recording, which goes from ${debuggee.begin} to ${debuggee.end}`,
    );
  }
  requireStarted(context);
  await context.interrupt();
  await context.moveNow(call, `Going to instruction ${goal}`, async ({ options }) => {
    const stop = await debuggee.seek(instret(goal), options);
    return { stop, reason: 'goto', description: `Paused at instruction ${debuggee.now}` };
  });
}

/** Before configurationDone the client does not expect the guest to stop anywhere. */
export function requireStarted(context: SessionContext): void {
  if (context.phase !== 'configuring') return;
  throw userError('NOT_CONFIGURED', 'the guest has not been started yet; send "configurationDone"');
}

function timeline({ debuggee }: SessionContext): Timeline {
  const { begin, end, now, branch } = debuggee;
  const isOnBranch = ({ instret: at, branch: of }: { instret: number; branch: number }): boolean =>
    of === branch || at <= end;
  const ancestors = lineage(debuggee);
  const marks = debuggee.checkpoints().filter((one) => isOnBranch(one) && ancestors.has(one.id));
  return {
    begin,
    end,
    now,
    checkpoints: marks.map(({ id, instret: at, automatic, name }): TimelineMark => {
      return { id, instret: at, automatic, ...(name === undefined ? {} : { name }) };
    }),
  };
}

/** Checkpoints of the present branch: those that lead to it, and those on it. */
function lineage(debuggee: SessionContext['debuggee']): ReadonlySet<string> {
  const all = debuggee.checkpoints();
  const byId = new Map(all.map((one) => [one.id, one]));
  const ids = new Set(all.filter(({ branch }) => branch === debuggee.branch).map(({ id }) => id));
  for (let id = debuggee.currentCheckpoint; id !== undefined && !ids.has(id); id = byId.get(id)?.parent)
    ids.add(id);
  for (const one of [...ids]) {
    for (let id = byId.get(one)?.parent; id !== undefined && !ids.has(id); id = byId.get(id)?.parent)
      ids.add(id);
  }
  return ids;
}
