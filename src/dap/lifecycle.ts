/** initialize, launch, configurationDone, restart, terminate, disconnect, cancel: a session from its first to its last message. */
import { userError } from '../base/errors';
import { givenByLaunch, parseLaunch } from '../protocol';
import type { Message } from '../protocol/message';
import { capabilities } from './capabilities';
import type { Breakpoints } from './breakpoints';
import type { Move, SessionContext, StopReport } from './context';
import type { Hit, Stop } from '../timetravel/api';
import type { Call, Registry } from './dispatcher';
import type { GuestOpener } from './ports';
import { tellConsole, watchGuest } from './guest-events';
import type { Saving } from './saving';
import { moduleOf } from './sources';

interface Lifecycle {
  readonly context: SessionContext;
  readonly breakpoints: Breakpoints;
  readonly saving: Saving;
  readonly openGuest: GuestOpener;
  /** After the last answer. */
  end(): void;
}

export function registerLifecycle(registry: Registry, parts: Lifecycle): void {
  const { context } = parts;
  registry.on('initialize', 'nothing', (args) => initialize(context, args));
  registry.on('launch', 'initialized', (_args, call) => launch(parts, call));
  registry.on('attach', 'nothing', () => {
    throw userError(
      'ATTACH_NOT_SUPPORTED',
      'there is nothing to attach to: the guest runs here; use "launch"',
    );
  });
  registry.on('configurationDone', 'guest', (_args, call) => start(parts, call));
  registry.on('restart', 'guest', (_args, call) => restart(parts, call));
  registry.on('terminate', 'guest', (_args, call) => terminate(context, call));
  registry.on('disconnect', 'nothing', (_args, call) => disconnect(parts, call));
  registry.on('cancel', 'nothing', (args) => {
    const requestSeq = args.optionalCount('requestId');
    const progressId = args.optionalText('progressId');
    if (requestSeq === undefined && progressId === undefined) return;
    const which = { requestSeq, progressId };
    if (!context.cancel(which) && !parts.saving.cancelBy(which)) {
      throw userError('NOTHING_TO_CANCEL', 'what was to be cancelled has ended already');
    }
  });
}

function initialize(context: SessionContext, args: Message): object {
  if (context.phase !== 'fresh') throw userError('INITIALIZED_TWICE', '"initialize" may be sent only once');
  const { client } = context;
  client.linesStartAt1 = args.optionalFlag('linesStartAt1') ?? true;
  client.columnsStartAt1 = args.optionalFlag('columnsStartAt1') ?? true;
  client.progress = args.optionalFlag('supportsProgressReporting') ?? false;
  client.invalidated = args.optionalFlag('supportsInvalidatedEvent') ?? false;
  client.memoryEvents = args.optionalFlag('supportsMemoryEvent') ?? false;
  client.ansi = args.optionalFlag('supportsANSIStyling') ?? false;
  if (args.optionalText('pathFormat') === 'uri') {
    throw userError('PATH_FORMAT', 'paths are needed as plain paths, not as URIs (pathFormat)');
  }
  context.phase = 'initialized';
  return capabilities;
}

/** Opens the guest, then asks for the breakpoints: symbols are known by then, so each is verified at once. */
async function launch(parts: Lifecycle, call: Call): Promise<void> {
  const { context, breakpoints } = parts;
  if (context.phase !== 'initialized') {
    throw userError('LAUNCHED_TWICE', 'a guest has been launched already; use "restart"');
  }
  const configuration = parseLaunch(call.arguments);
  context.phase = 'opening';
  try {
    const opened = await parts.openGuest(configuration, givenByLaunch(call.arguments, configuration));
    // The session may have been ended while the files were read.
    if (phaseOf(context) === 'ended') {
      opened.debuggee.dispose();
      await opened.close?.();
      throw userError('CANCELLED', 'the session was ended during the launch');
    }
    context.adopt({ ...opened, configuration });
  } catch (error) {
    if (phaseOf(context) === 'opening') context.phase = 'initialized';
    throw error;
  }
  context.phase = 'configuring';
  watchGuest(context);
  breakpoints.resolveAll();
  call.after(() => {
    for (const text of context.guest.symbolWarnings ?? []) context.output(text, 'important');
    if (context.guest.notice !== undefined) context.output(context.guest.notice, 'important');
    context.event('initialized');
    for (const program of context.spaces.files) {
      context.event('module', { reason: 'new', module: moduleOf(program) });
    }
    // A guest that goes on from a checkpoint has a past on its console.
    if (context.guest.resumedFrom !== undefined) tellConsole(context);
  });
}

/** Reads it anew: a request that was handled meanwhile may have changed it, which the compiler cannot know. */
const phaseOf = (context: SessionContext): string => context.phase;

function start(parts: Lifecycle, call: Call): void {
  const { context } = parts;
  if (context.phase !== 'configuring') {
    throw userError('CONFIGURED_TWICE', '"configurationDone" comes once, after "launch"');
  }
  run(parts, call);
}

/** From power-on: to the first instruction behind the reset ROM, or on. */
function run(parts: Lifecycle, call: Call): void {
  const { context } = parts;
  if (context.guest.configuration.stopOnEntry) {
    context.startMove(call, 'Starting', async (move) => {
      const { entry, resumedFrom } = context.guest;
      if (resumedFrom !== undefined) {
        return { stop: { kind: 'done' }, reason: 'entry', description: 'Paused at a saved checkpoint' };
      }
      const atEntry = (pc: bigint): boolean => entry === undefined || pc === entry;
      let stop: Stop = { kind: 'done' };
      if (!atEntry(context.debuggee.hart(0).pc)) {
        const accept = (hit: Hit): boolean => atEntry(hit.pc);
        const temporary = entry === undefined ? [] : [entry];
        const ended = await context.debuggee.resume({ ...move.options, temporary, accept });
        // The breakpoint there is nobody's; anything else is told as what it is.
        if (ended.kind !== 'breakpoint') stop = ended;
      }
      return { stop, reason: 'entry', description: 'Paused at entry' };
    });
    return;
  }
  context.startMove(call, 'Running', (move) => resumeOrEnd(parts, move));
}

async function restart(parts: Lifecycle, call: Call): Promise<void> {
  const { context } = parts;
  if (context.phase === 'configuring') {
    throw userError('NOT_CONFIGURED', 'the guest has not been started yet; send "configurationDone"');
  }
  await context.interrupt();
  // Nothing else may move the guest meanwhile.
  context.phase = 'running';
  try {
    await context.debuggee.restart();
  } finally {
    if (phaseOf(context) === 'running') context.phase = 'stopped';
  }
  context.changed(['all']);
  run(parts, call);
}

async function terminate(context: SessionContext, call: Call): Promise<void> {
  await context.interrupt();
  call.after(() => endDebuggee(context));
}

/** The last events of a session; the client then disconnects. */
export function endDebuggee(context: SessionContext): void {
  if (context.phase === 'ended') return;
  const exitCode = context.hasGuest ? context.debuggee.exited?.exitCode : undefined;
  if (exitCode !== undefined) context.event('exited', { exitCode });
  context.event('terminated');
  context.dispose();
}

async function disconnect(parts: Lifecycle, call: Call): Promise<void> {
  const { context } = parts;
  await context.interrupt();
  // The client ends this process after the answer.
  await parts.saving.finish();
  const wasLive = context.hasGuest && context.phase !== 'ended';
  call.after(() => {
    if (wasLive) endDebuggee(context);
    else context.dispose();
    parts.end();
  });
}

/** Runs on; at the instant where the guest had ended there is nothing more to run, and the session ends. */
export async function resumeOrEnd(
  { context, breakpoints }: Pick<Lifecycle, 'context' | 'breakpoints'>,
  move: Move,
): Promise<StopReport> {
  const before = context.debuggee.now;
  const report = await breakpoints.resume(move);
  const isOver = report.stop.kind === 'exited' && context.debuggee.now === before;
  if (isOver || (report.stop.kind === 'exited' && context.guest.configuration.noDebug)) endDebuggee(context);
  return report;
}
