/**
 * restartFrame, exactly: the guest goes back in time to the instant at which the frame was entered. Memory, registers, devices:
 * all are as they were then, which no debugger that only sets the pc can give. What was recorded stays: going on is the same run
 * again, until something is changed.
 */
import { instret } from '../base/brand';
import { userError } from '../base/errors';
import type { Hit } from '../timetravel/api';
import type { Move, SessionContext, StopReport } from './context';
import type { Registry } from './dispatcher';
import { spaceOf } from './control-flow';
import type { Frame } from './frames';
import type { Stack } from './stackframes';

export function registerRestartFrame(registry: Registry, context: SessionContext, stack: Stack): void {
  registry.on('restartFrame', 'stopped', (args, call) => {
    const ref = stack.ref(args.count('frameId'));
    const frame = stack.frame(ref);
    if (!canRestart(frame) || stack.isThread(ref.hart)) {
      throw userError(
        'RESTART_FRAME',
        'the beginning of this frame is not known: it has no function, or it is no frame of a hart',
      );
    }
    context.startMove(call, 'Restarting the frame', (move) => restart(context, ref.hart, frame, move));
  });
}

/** Where an entry can be told from others: by the function's first instruction, and the stack pointer at it. */
export const canRestart = (frame: Frame): boolean => frame.functionStart !== undefined && !frame.isLabel;

async function restart(
  context: SessionContext,
  hart: number,
  frame: Frame,
  { options }: Move,
): Promise<StopReport> {
  const { debuggee } = context;
  const report: StopReport = {
    ...{ stop: { kind: 'done' }, reason: 'restart', hart },
    description: 'Paused where the frame was entered',
  };
  const { functionStart: start = 0n } = frame;
  const isEntry = entryTest(context, hart, frame);
  if (isEntry({ kind: 'breakpoint', hart, pc: context.view(hart).pc })) return report;
  const origin = debuggee.now;
  const stop = await debuggee.reverseResume({ ...options, temporary: [start], accept: isEntry });
  if (stop.kind === 'breakpoint') return report;
  if (stop.kind !== 'beginning') return { stop, reason: 'restart', hart };
  await debuggee.seek(instret(origin));
  throw userError('RESTART_FRAME_BEGINNING', 'the frame was entered before the recording began');
}

function entryTest(context: SessionContext, hart: number, frame: Frame): (hit: Hit) => boolean {
  const { functionStart, cfa, privilege } = frame;
  const sp = frame.register(2);
  // Of a user program that a trap interrupted satp is known only where the kernel shares its page table.
  const now = context.view(hart);
  const space = privilege === 0 && now.privilege === 0 ? spaceOf(now) : undefined;
  return (hit) => {
    if (hit.kind !== 'breakpoint' || hit.pc !== functionStart) return false;
    const view = context.view(hit.hart);
    if (view.privilege !== privilege || (privilege === 3 && hit.hart !== hart)) return false;
    if (space !== undefined && spaceOf(view) !== space) return false;
    // Without a frame address: the last entry at or above where the stack is now.
    return cfa === undefined ? sp === undefined || view.x(2) >= sp : view.x(2) === cfa;
  };
}
