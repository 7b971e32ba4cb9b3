/** Finding instants of one hart among several that run in turn. */
import type { Stop } from './api';
import type { Recording } from './recording';

/** The last instant before `limit` at which the hart attempted an instruction; undefined when it never did. */
async function lastAttemptOf(recording: Recording, hart: number, limit: number): Promise<number | undefined> {
  let end = limit;
  while (end > recording.begin) {
    const start = recording.before(end - 1);
    recording.rewind(start);
    let last: number | undefined;
    while (recording.now < end) {
      const from = recording.now;
      // One slice is one hart's: it ends where the turn passes on.
      const stop = recording.slice(end);
      if (recording.now > from && recording.machine.ranLast === hart) last = recording.now - 1;
      if (stop.kind === 'waiting') await stop.waiting.whenReady();
      else if (stop.kind !== 'reached' && stop.kind !== 'interrupted') break;
    }
    if (last !== undefined) return last;
    end = start.state.instret;
  }
  return undefined;
}

/** Goes back to before the hart's last `count` attempts. */
export async function stepHartBack(
  recording: Recording,
  hart: number,
  count: number,
  goTo: (goal: number) => Promise<Stop>,
): Promise<Stop> {
  for (let done = 0; done < count; done++) {
    const instant = await lastAttemptOf(recording, hart, recording.now);
    await goTo(instant ?? recording.begin);
    if (instant === undefined) return { kind: 'beginning' };
  }
  return { kind: 'done' };
}

/** A step of one hart passes over the turns of the others; beyond this many it is left to who can yield. */
const SLICES_PER_STEP = 64;

/** Lets the hart make its next attempt, without waiting for anything; false where that is not possible. */
export function stepAlone(recording: Recording, hart: number): boolean {
  const { machine } = recording;
  for (let slices = 0; slices < SLICES_PER_STEP; slices++) {
    recording.settle();
    const next = machine.upcoming();
    if (!next) return false;
    const own = next.hart === hart;
    const from = recording.now;
    const stop = recording.slice(from + (own ? 1 : next.turn));
    if (stop.kind !== 'reached' && stop.kind !== 'interrupted') return false;
    if (own && recording.now > from) return true;
  }
  return false;
}

/** Lets the hart make `count` attempts; `forward` goes to an instant, or to where a slice ends and it is far enough. */
export async function stepHart(
  recording: Recording,
  hart: number,
  count: number,
  forward: (goal: number, enough: () => boolean) => Promise<Stop>,
): Promise<Stop> {
  const { machine } = recording;
  for (let done = 0; done < count;) {
    recording.settle();
    // Only while it is the hart's turn is the next attempt its own; and who wakes first is not known before.
    const next = machine.upcoming();
    const own = next?.hart === hart;
    const from = recording.now;
    const goal = from + (own || !next ? 1 : next.turn);
    const stop = await forward(goal, () => machine.upcoming()?.hart === hart);
    if (stop.kind !== 'done') return stop;
    if (recording.now > from && machine.ranLast === hart) done++;
  }
  return { kind: 'done' };
}
