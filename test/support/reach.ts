import assert from 'node:assert/strict';
import type { Machine } from '../../src/machine/machine';

/** Runs to an instant exactly; waits for disks, and skips to the next timer while all harts sleep. */
export async function reach(machine: Machine, until: number): Promise<void> {
  for (;;) {
    const stop = machine.run(until);
    if (stop.kind === 'reached') return;
    if (stop.kind === 'waiting') await stop.waiting.whenReady();
    else if (stop.kind === 'idle' && stop.skipTicks !== undefined) machine.skipIdle(stop.skipTicks);
    else assert.fail(`the guest runs on: ${JSON.stringify(stop)}`);
  }
}
