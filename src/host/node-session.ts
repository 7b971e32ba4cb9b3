/** What a debug session needs of Node: files, and the event loop as a clock. */
import { stat, readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setImmediate as afterInput } from 'node:timers/promises';
import type { SessionHost } from '../dap/ports';
import type { HostClock } from '../timetravel/api';

export class NodeClock implements HostClock {
  now(): number {
    return performance.now();
  }

  /** Messages that have come are handled before it resolves: setImmediate comes after input and output. */
  async yield(): Promise<void> {
    await afterInput();
  }

  sleep(ms: number): { readonly done: Promise<void>; wake(): void } {
    let wake = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return { done, wake: () => wake() };
  }
}

export const nodeSessionHost = (clock: HostClock = new NodeClock()): SessionHost => ({
  clock,
  readTextFile: (path) => readFile(path, 'utf8').catch(() => undefined),
  fileExists: async (path) => {
    const found = await stat(path).catch(() => undefined);
    return found?.isFile() === true;
  },
});
