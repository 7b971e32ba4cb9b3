/**
 * One writer for a store, by a file beside it that holds the writer's process id. The lock of a process that has died is
 * taken over, and what it left lying about is removed, so nothing has to be cleaned up by hand after a crash.
 *
 * The lock appears with its contents at once, as a second name of a file that was written before; so a lock without
 * contents is never somebody who is just about to write them.
 */
import { link, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { messageOf, userError } from '../../base/errors';

export interface StoreLock {
  release(): Promise<void>;
}

/** How often a lock that changes hands meanwhile is looked at. */
const ATTEMPTS = 5;

/** Distinguishes the locks of one thread. */
let lockCount = 0;

/** Throws 'STORE_IN_USE', 'STORE_IO'. */
export async function lockStore(path: string): Promise<StoreLock> {
  const name = `${process.pid}-${threadId}-${++lockCount}`;
  const own = `${path}.${name}`;
  try {
    await writeFile(own, name, { mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await linked(own, path)) {
        await removeLeftovers(path);
        return { release: () => release(path, name) };
      }
      const holder = await readFile(path, 'utf8').catch(() => undefined);
      if (holder === undefined) continue;
      const pid = Number.parseInt(holder, 10);
      if (isAlive(pid)) {
        throw userError(
          'STORE_IN_USE',
          `Process ${pid} is using the checkpoint store: end it, or delete ${path} if that is another program.`,
        );
      }
      await takeAway(path, holder, `${own}-stale`);
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'UserError') throw error;
    throw userError('STORE_IO', `${path} cannot be made (${messageOf(error)}): check permissions.`, error);
  } finally {
    await unlink(own).catch(() => undefined);
  }
  throw userError('STORE_IN_USE', `The checkpoint store is being opened by others: try again.`);
}

/** Removes the lock that a thread of this process held, which has ended without releasing it. */
export async function releaseFor(thread: number, path: string): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(() => '');
  if (holder.startsWith(`${process.pid}-${thread}-`)) await release(path, holder);
}

async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Removes a dead process's lock, unless somebody else has replaced it since it was read. */
async function takeAway(path: string, holder: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
    // Somebody was faster, and this is their lock: give it back.
    if ((await readFile(aside, 'utf8')) !== holder) await linked(aside, path);
    await unlink(aside);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

/** Files of processes that died while they were taking the lock. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!isAlive(pid)) await unlink(join(dirname(path), name)).catch(() => undefined);
  }
}

async function release(path: string, name: string): Promise<void> {
  const now = await readFile(path, 'utf8').catch(() => '');
  if (now === name) await unlink(path).catch(() => undefined);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
