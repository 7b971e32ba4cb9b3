/** The harts' timers: mtimecmp of the CLINT (MTIP), stimecmp of Sstc (STIP). */
import type { Board } from './board';
import { INSTRUCTIONS_PER_TICK } from './config';
import { MENVCFG } from './engine/cells';
import type { Harts } from './harts';
import { H } from './layout';

const MTIP = 7;
const STIP = 5;

/**
 * Drives the timer lines as of `ticks`. Returns the next deadline of timers and devices, in instructions of virtual
 * time (those that idle skips stand for included); Infinity when there is none.
 */
export function driveTimers(harts: Harts, board: Board, ticks: number): number {
  let next = board.nextDeadline();
  const compare = (hart: number, line: number, value: bigint): void => {
    const due = value <= BigInt(ticks);
    harts.setLine(hart, line, due);
    // A compare value beyond 2^53 ticks is "never".
    if (!due && value <= BigInt(Number.MAX_SAFE_INTEGER)) {
      next = Math.min(next, Number(value) * INSTRUCTIONS_PER_TICK);
    }
  };
  for (let hart = 0; hart < harts.count; hart++) {
    compare(hart, MTIP, board.timecmp(hart));
    if ((harts.get64(hart, H.menvcfg) & MENVCFG.STCE) !== 0n) {
      compare(hart, STIP, harts.get64(hart, H.stimecmp));
    } else harts.setLine(hart, STIP, false);
  }
  return next;
}
