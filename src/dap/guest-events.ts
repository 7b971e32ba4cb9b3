/**
 * Events that the guest causes by itself: console output, time going on, checkpoints that come and go. Time and checkpoints
 * change far more often than anybody can look; they are told at most a few times a second, and at every stop.
 */
import { encodeBase64, EVENT, type TimeEvent } from '../protocol';
import { checkpointTree } from './checkpoints';
import type { SessionContext } from './context';

const TIME_EVERY_MS = 100;
const CHECKPOINTS_EVERY_MS = 250;

/** Calls `tell` at most every so often; `flush` makes up for what was held back. */
class Throttle {
  private toldAt = -Infinity;
  private isDue = false;

  constructor(
    private readonly context: SessionContext,
    private readonly everyMs: number,
    private readonly tell: () => void,
  ) {}

  request(): void {
    this.isDue = true;
    this.poll();
  }

  /** While the guest stands every change is somebody's doing, and told at once. */
  poll(): void {
    const isTime = this.context.host.clock.now() - this.toldAt >= this.everyMs;
    if (isTime || !this.context.isRunning) this.flush();
  }

  flush(): void {
    if (!this.isDue) return;
    this.isDue = false;
    this.toldAt = this.context.host.clock.now();
    this.tell();
  }
}

export function watchGuest(context: SessionContext): void {
  const { debuggee, owned } = context;
  const time = new Throttle(context, TIME_EVERY_MS, () => context.event(EVENT.time, timeOf(context)));
  const tree = new Throttle(context, CHECKPOINTS_EVERY_MS, () =>
    context.event(EVENT.checkpointsChanged, checkpointTree(context)),
  );
  owned.add(
    debuggee.onTime(() => {
      time.request();
      tree.poll();
    }),
  );
  owned.add(debuggee.onCheckpointsChanged(() => tree.request()));
  const errors = context.guest.diskErrors?.((message) => context.output(message, 'important'));
  if (errors) owned.add(errors);
  owned.add(context.altered.event(() => time.request()));
  owned.add(
    context.stopped.event(() => {
      time.request();
      time.flush();
      // Which checkpoint is the current one changes with every move.
      tree.request();
      tree.flush();
    }),
  );
  owned.add({ dispose: watchConsole(context) });
}

export function timeOf({ debuggee }: SessionContext): TimeEvent {
  return { now: debuggee.now, end: debuggee.end, live: debuggee.live };
}

/** All that the console had shown before the session began. */
export function tellConsole(context: SessionContext): void {
  const data = context.debuggee.consoleHistory();
  if (data.length === 0) return;
  context.event(EVENT.consoleOutput, { data: encodeBase64(data), reset: true });
  if (context.guest.configuration.console === 'debugConsole') {
    context.output(new TextDecoder().decode(data), 'stdout');
  }
}

function watchConsole(context: SessionContext): () => void {
  const toDebugConsole = context.guest.configuration.console === 'debugConsole';
  let decoder = new TextDecoder();
  const subscription = context.debuggee.onConsole(({ data, reset }) => {
    context.event(EVENT.consoleOutput, { data: encodeBase64(data), ...(reset ? { reset } : {}) });
    if (!toDebugConsole) return;
    // The debug console cannot take back what it has shown: after a jump through time only new output is added.
    if (reset) decoder = new TextDecoder();
    else context.output(decoder.decode(data, { stream: true }), 'stdout');
  });
  return () => subscription.dispose();
}
