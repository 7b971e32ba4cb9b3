/** Finding instants of one hart among several that run in turn. */
import type { Recording } from './recording';

/** The last instant before `limit` at which the hart attempted an instruction; undefined when it never did. */
export async function lastAttemptOf(
  recording: Recording,
  hart: number,
  limit: number,
): Promise<number | undefined> {
  let end = limit;
  while (end > 0) {
    const start = recording.before(end - 1);
    recording.rewind(start);
    let last: number | undefined;
    while (recording.now < end) {
      const from = recording.now;
      const next = recording.machine.upcoming();
      await replayTo(recording, Math.min(end, from + (next?.turn ?? 1)));
      if (next?.hart === hart && recording.now > from) last = recording.now - 1;
    }
    if (last !== undefined) return last;
    end = start.state.instret;
  }
  return undefined;
}

async function replayTo(recording: Recording, goal: number): Promise<void> {
  while (recording.now < goal) {
    const stop = recording.slice(goal);
    if (stop.kind === 'waiting') await stop.waiting.whenReady();
    else if (stop.kind !== 'reached' && stop.kind !== 'interrupted') return;
  }
}
