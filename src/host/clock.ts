/** The host's clock and event loop, for pacing the guest and measuring; the guest never sees it (I1). */
import type { HostClock } from '../timetravel/api';

export const hostClock: HostClock = {
  now: () => performance.now(),
  yield: () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    }),
  sleep: (ms) => {
    let wake = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return {
      done,
      wake: () => {
        wake();
      },
    };
  },
};
