/**
 * Who works when on the thread that owns the stores: pages for a guest that waits go first, and while checkpoints are saved
 * in the background the thread rests for a part of the time, so that the guest keeps its speed.
 */
import { performance } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';

/**
 * Part of the time in which the thread works while it saves in the background: the guest is to keep 90 % of its speed. On
 * two cores it keeps 0.98 of it, and 128 MiB take 1 s (`chronovisor bench checkpoint`).
 */
const SHARE = 0.5;
/** Shorter rests are saved up, ms: timers are no finer. */
const MIN_REST_MS = 1;
/** Work before the saving began is not made up for, ms. */
const MAX_REST_MS = 20;

const workedMs = (): number => performance.eventLoopUtilization().active;

export class Pacer {
  private turn: Promise<void> = Promise.resolve();
  private sparing = 0;
  private urgent = 0;
  private calm: (() => void)[] = [];
  private rested = workedMs();

  /** Called between short pieces of work. Callers go on one after another, each after a rest. */
  pause(): Promise<void> {
    this.turn = this.turn.then(() => this.rest());
    return this.turn;
  }

  /** Rests are taken until the returned function is called. */
  spareGuest(): () => void {
    let isSparing = true;
    this.sparing++;
    return () => {
      if (isSparing) this.sparing--;
      isSparing = false;
    };
  }

  /** Nothing that pauses goes on before this is done. */
  async first<T>(action: () => Promise<T>): Promise<T> {
    this.urgent++;
    try {
      return await action();
    } finally {
      this.urgent--;
      if (this.urgent === 0) for (const wake of this.calm.splice(0)) wake();
    }
  }

  private async rest(): Promise<void> {
    // Messages are taken in here.
    await setImmediate();
    const restMs = Math.min(MAX_REST_MS, (workedMs() - this.rested) * (1 / SHARE - 1));
    if (this.sparing > 0 && restMs >= MIN_REST_MS) {
      await setTimeout(restMs);
      this.rested = workedMs();
    }
    while (this.urgent > 0) await new Promise<void>((resolve) => this.calm.push(resolve));
  }
}
