/** A guest with its history, as the tests of time travel use it. */
import assert from 'node:assert/strict';
import { instret } from '../../src/base/brand';
import { hostClock } from '../../src/host/clock';
import type { MoveOptions, Stop, StopPoints } from '../../src/timetravel/api';
import { TimeMachine, type TimeMachineOptions } from '../../src/timetravel/time-machine';
import type { Assembled } from '../support/assembler';
import { bareGuest, type BareGuest, type BareOptions } from '../support/bare-guest';

export class Travel {
  readonly time: TimeMachine;
  readonly program: Assembled;

  constructor(source: string | BareGuest, options: BareOptions = {}, more: Partial<TimeMachineOptions> = {}) {
    const guest = typeof source === 'string' ? bareGuest(source, options) : source;
    this.program = guest.program;
    this.time = new TimeMachine(guest.config, {
      clock: hostClock,
      idle: 'skip',
      onDeadIdle: 'pause',
      record: true,
      ...more,
    });
  }

  at(label: string): bigint {
    return BigInt(this.program.at(label));
  }

  /** Replaces the stop points; breakpoints by label. */
  stops(points: Partial<Omit<StopPoints, 'breakpoints'>> & { readonly at?: readonly string[] }): void {
    const { at = [], watchpoints = [], exceptions = [], interrupts = [] } = points;
    this.time.setStopPoints({
      breakpoints: at.map((label) => this.at(label)),
      watchpoints,
      exceptions,
      interrupts,
    });
  }

  async seek(goal: number): Promise<void> {
    assert.deepEqual(await this.time.seek(instret(goal)), { kind: 'done' });
    assert.equal(this.time.now, goal);
  }

  async resume(options?: MoveOptions): Promise<Stop> {
    return this.time.resume(options);
  }

  /** An integer register of a hart by number. */
  x(index: number, hart = 0): bigint {
    return this.time.hart(hart).x(index);
  }

  get where(): { now: number; hash: string; pc: bigint } {
    return { now: this.time.now, hash: this.time.stateHash(), pc: this.time.hart(this.time.activeHart).pc };
  }

  console(): string {
    return new TextDecoder('latin1').decode(this.time.consoleHistory());
  }

  type(text: string): void {
    this.time.consoleInput(new TextEncoder().encode(text));
  }
}

export const A0 = 10;
export const S0 = 8;
export const S1 = 9;
