/**
 * What makes a run stop: chosen by the debugger, armed in the machine only while a move wants it, so that seeking and
 * looking run at full speed. Also turns the machine's stops back into hits of what was chosen.
 */
import { userError } from '../base/errors';
import { MAX_WATCHES, type StopPoints as MachineStops } from '../machine/stop-points';
import type { Hit, StopPoints } from './api';
import type { SliceResult } from './recording';

const NONE: StopPoints = { breakpoints: [], watchpoints: [], exceptions: [], interrupts: [] };

export class ArmedPoints {
  private points = NONE;
  private temporary: readonly bigint[] = [];

  constructor(private readonly stops: MachineStops) {}

  /** Throws TOO_MANY_WATCHPOINTS. Takes effect when armed. */
  choose(points: StopPoints): void {
    if (points.watchpoints.length > MAX_WATCHES) {
      throw userError('TOO_MANY_WATCHPOINTS', `At most ${MAX_WATCHES} data breakpoints: remove one.`);
    }
    this.points = points;
  }

  /** `temporary` are breakpoints of this move alone; without them those of the last arming stay. */
  arm(temporary: readonly bigint[] = this.temporary): void {
    this.temporary = temporary;
    this.put(this.points, temporary);
  }

  disarm(): void {
    this.temporary = [];
    this.put(NONE, []);
  }

  /** The run goes on behind a hit. A watchpoint's access is over when it is told. */
  pass(hit: Hit, instant: number): void {
    if (hit.kind === 'breakpoint') this.stops.passBreakpoint(instant, hit.pc);
    else if (hit.kind === 'trap') this.stops.passTrap(instant);
  }

  passNothing(): void {
    this.stops.passBreakpoint(-1, 0n);
    this.stops.passTrap(-1);
  }

  private put(points: StopPoints, temporary: readonly bigint[]): void {
    this.stops.setBreakpoints([...points.breakpoints, ...temporary]);
    this.stops.setTraps(points.exceptions, points.interrupts);
    this.stops.setWatches(
      points.watchpoints.map((range) => ({
        first: range.address,
        last: range.address + BigInt(Math.max(1, range.length) - 1),
        read: range.access !== 'write',
        write: range.access !== 'read',
        physical: range.physical === true,
      })),
    );
  }

  /** The hit that a stop is, if it is one. */
  hitOf(stop: SliceResult): Hit | undefined {
    switch (stop.kind) {
      case 'breakpoint':
      case 'trap':
        return stop;
      case 'watchpoint': {
        const range = this.points.watchpoints[stop.index];
        if (!range) return undefined;
        const { hart, pc, address, sizeBytes, write } = stop;
        return { kind: 'watchpoint', hart, pc, address, sizeBytes, write, range };
      }
      default:
        return undefined;
    }
  }
}
