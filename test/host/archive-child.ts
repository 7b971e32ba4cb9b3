/**
 * What archive-process.test.ts runs in a process of its own, bundled as the product is: with the thread's file beside it.
 * Prints one line of JSON, and then ends by itself: nothing may keep the process alive.
 */
import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import type { Worker } from 'node:worker_threads';
import type { CheckpointArchive, LoadedCheckpoint } from '../../src/checkpoint/archive';
import { openArchive } from '../../src/host/archive';
import { reach } from '../support/reach';
import { freeze, ramOf, writer } from './archive-support';

/** What a checkpoint holds, short enough to be told. */
export interface Told {
  readonly name: string;
  readonly ram: string;
  readonly sections: string;
  readonly problems: readonly string[];
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export async function tell(archive: CheckpointArchive, loaded: LoadedCheckpoint): Promise<Told> {
  const { summary, sections } = loaded;
  return {
    name: summary.name,
    ram: digest(ramOf(loaded)),
    sections: digest(serialize(sections)),
    problems: (await archive.verify(summary.id)).problems,
  };
}

/** Loads and verifies all that there is. */
async function look(path: string): Promise<readonly Told[]> {
  const archive = await openArchive(path);
  const told: Told[] = [];
  for (const { id } of await archive.list()) {
    const loaded = await archive.load(id);
    told.push(await tell(archive, loaded));
    loaded.close();
  }
  await archive.close();
  return told;
}

/** Opens and does not close. */
async function leave(path: string): Promise<string> {
  const archive = await openArchive(path);
  const loaded = await archive.load((await archive.list())[0]?.id ?? '');
  return loaded.summary.name;
}

/** Waits until the thread has ended because nobody needs it, and opens the archive again. */
async function idle(path: string): Promise<number> {
  const ended: Promise<unknown>[] = [];
  process.once('worker', (worker) => ended.push(new Promise((resolve) => worker.once('exit', resolve))));
  await look(path);
  // Neither the thread nor what waits for its end keeps the process alive.
  const hold = setInterval(() => undefined, 1000);
  await Promise.all(ended);
  clearInterval(hold);
  return ended.length + (await look(path)).length;
}

const codeOf = async (action: () => unknown): Promise<string> => {
  try {
    await action();
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
};

/** Ends the thread by force, or by an error, while everything is under way; what came of it. */
async function crash(path: string, how: string): Promise<readonly unknown[]> {
  let thread: Worker | undefined;
  process.once('worker', (worker) => (thread = worker));
  const archive = await openArchive(path);
  const { machine } = writer();
  await reach(machine, 100_000);
  const { request } = freeze(machine, 'kept');
  const { id } = await archive.save(request).done;
  const loaded = await archive.load(id);
  const pending = [archive.save(request).done, archive.verify(id)];
  if (how === 'force') void thread?.terminate();
  else thread?.postMessage({ kind: 'nonsense' });
  const codes = [await codeOf(() => loaded.ram.fill(machine.linear.memory, [0, 1], [20_000, 20_001]))];
  for (const promise of pending) codes.push(await codeOf(() => promise));
  codes.push(await codeOf(() => archive.load(id)));
  codes.push(await codeOf(() => archive.close()));
  return [codes, (await look(path)).map(({ name, problems }) => [name, problems])];
}

const actions: Readonly<Record<string, (path: string, how: string) => Promise<unknown>>> = {
  look,
  leave,
  idle,
  crash,
};

if (process.env['CHRONOVISOR_ARCHIVE_CHILD'] === '1') {
  const [name = '', path = '', how = ''] = process.argv.slice(2);
  Promise.resolve(actions[name]?.(path, how)).then(
    (result) => process.stdout.write(`${JSON.stringify(result)}\n`),
    (error: unknown) => {
      process.exitCode = 1;
      console.error(error);
    },
  );
}
