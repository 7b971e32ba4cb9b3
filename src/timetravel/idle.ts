/** Idle time that passes as the host's does, while every hart of the guest waits. */
import type { HostClock } from './api';

const TICKS_PER_MS = 10_000;
/** Milliseconds: short, so that a pause is seen soon. */
const LONGEST_SLEEP = 50;

/**
 * Sleeps until the guest's next deadline, `skipTicks` away (undefined: there is none), but not for long, and returns the
 * ticks that have passed: at least 1, and not beyond the deadline. `register` gets what ends the sleep at once.
 */
export async function sleepTicks(
  clock: HostClock,
  skipTicks: number | undefined,
  register: (wake: () => void) => void,
): Promise<number> {
  const started = clock.now();
  const wanted = skipTicks === undefined ? LONGEST_SLEEP : skipTicks / TICKS_PER_MS;
  const sleeping = clock.sleep(Math.min(LONGEST_SLEEP, wanted));
  register(() => {
    sleeping.wake();
  });
  await sleeping.done;
  const passed = Math.round((clock.now() - started) * TICKS_PER_MS);
  return Math.max(1, Math.min(passed, skipTicks ?? passed));
}
