/** continue, reverseContinue, next, stepIn, stepOut, stepBack, pause: each is answered first and then done. */
import { userError } from '../base/errors';
import type { Message } from '../protocol/message';
import type { Breakpoints } from './breakpoints';
import type { Move, SessionContext, StopReport } from './context';
import type { Call, Registry } from './dispatcher';
import { resumeOrEnd } from './lifecycle';
import type { Stack } from './stackframes';
import { StepTargets } from './step-targets';
import { stepBackInstruction, stepBackStatement } from './step-back';
import { ForwardStep } from './step-forward';

type Run = (move: Move) => Promise<StopReport>;
type Step = (hart: number, move: Move, byInstruction: boolean, target?: bigint) => Promise<StopReport>;

export function registerSteppingRequests(
  registry: Registry,
  context: SessionContext,
  breakpoints: Breakpoints,
  stack: Stack,
): void {
  const forward = (move: Move, hart: number): ForwardStep => {
    breakpoints.begin();
    return new ForwardStep(context, breakpoints, move, hart);
  };
  const targets = new StepTargets(registry, context, stack);
  const onStep = (command: string, title: string, step: Step): void =>
    registry.on(command, 'stopped', (args, call) => {
      const id = command === 'stepIn' ? args.optionalCount('targetId') : undefined;
      const target = id === undefined ? undefined : targets.addressOf(id);
      startStep(context, args, call, { title, step, target });
    });

  onStep('next', 'Stepping over', (hart, move, byInstruction) =>
    byInstruction ? forward(move, hart).instruction('over') : forward(move, hart).statement('over'),
  );
  onStep('stepIn', 'Stepping in', (hart, move, byInstruction, target) =>
    byInstruction && target === undefined
      ? forward(move, hart).instruction('into')
      : forward(move, hart).statement('into', target),
  );
  onStep('stepBack', 'Stepping back', (hart, move, byInstruction) =>
    byInstruction ? stepBackInstruction(context, hart, move) : stepBackStatement(context, hart, move),
  );
  registry.on('stepOut', 'stopped', (args, call) => {
    const hart = context.hartOf(args.count('threadId'));
    granularityOf(args);
    const isAlone = isSingleThread(args);
    const caller = stack.framesOf(hart).find(({ activation }) => activation === 1);
    if (caller === undefined) {
      throw userError(
        'STEP_OUT_NO_CALLER',
        'this is the outermost frame that is known: there is no caller to go to',
      );
    }
    const out: Run = (move) => forward(move, hart).out(caller);
    context.startMove(call, 'Stepping out', isAlone ? alone(context, hart, out) : out);
  });
  registry.on('continue', 'stopped', (args, call) => {
    const hart = context.hartOf(args.count('threadId'));
    const isAlone = isSingleThread(args);
    const run: Run = (move) => resumeOrEnd({ context, breakpoints }, move);
    context.startMove(call, 'Running', isAlone ? alone(context, hart, run) : run);
    return { allThreadsContinued: !isAlone };
  });
  registry.on('reverseContinue', 'stopped', (args, call) => {
    context.hartOf(args.count('threadId'));
    isSingleThread(args);
    context.startMove(call, 'Running backwards', (move) => breakpoints.reverseResume(move));
  });
  registry.on('pause', 'guest', (args, call) => pause(context, args, call));
}

function startStep(
  context: SessionContext,
  args: Message,
  call: Call,
  {
    title,
    step,
    target,
  }: { readonly title: string; readonly step: Step; readonly target: bigint | undefined },
): void {
  const hart = context.hartOf(args.count('threadId'));
  const byInstruction = granularityOf(args) === 'instruction';
  const run: Run = (move) => step(hart, move, byInstruction, target);
  context.startMove(call, title, isSingleThread(args) ? alone(context, hart, run) : run);
}

/** Backwards it says nothing new: what has been is gone back over as it was. */
const isSingleThread = (args: Message): boolean => args.optionalFlag('singleThread') ?? false;

/** The other harts stand still meanwhile, where the run goes beyond what is recorded. */
function alone({ debuggee }: SessionContext, hart: number, run: Run): Run {
  return async (move) => {
    debuggee.setAlone(hart);
    try {
      return await run(move);
    } finally {
      debuggee.setAlone(undefined);
    }
  };
}

/** A statement is what the compiler marks as one; of a line with several of them each counts as the line. */
const granularityOf = (args: Message): 'statement' | 'line' | 'instruction' =>
  args.optionalWord('granularity', ['statement', 'line', 'instruction']) ?? 'statement';

function pause(context: SessionContext, args: Message, call: Call): void {
  context.hartOf(args.count('threadId'));
  if (context.isRunning) {
    context.pause();
    return;
  }
  // It stopped by itself while the request was on its way; clients wait for the event all the same.
  const report: StopReport = { stop: { kind: 'paused' }, reason: 'pause' };
  if (context.phase === 'stopped') call.after(() => context.tellStopped(report));
}
