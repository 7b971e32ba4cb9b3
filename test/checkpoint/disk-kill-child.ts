/**
 * The process that disk-kill.test.ts kills: saves disks, goes on from what was saved, deletes and commits, for ever, and says
 * each time what it begins. A checkpoint's name says what each of its disk's blocks holds. It is ready before it is wanted:
 * it says so, and begins when it reads something.
 */
import { once } from 'node:events';
import { openArchive } from '../../src/host/archive';
import { openDiskArchive } from '../../src/host/disk/disk-archive';
import { UserError } from '../../src/base/errors';
import { randomFrom } from './store/crash-space';
import { BLOCK, complete, fresh, resumed, save } from './disk-support';

export const BLOCKS = 48;

/** What it says; the first is that it is ready. */
export const STEPS = ['ready', 'opening', 'saving', 'deleting', 'committing'] as const;
export type Step = (typeof STEPS)[number];

/** The first byte of each block. */
export const stateOf = (bytes: Uint8Array): string =>
  Array.from({ length: BLOCKS }, (_, block) => bytes[block * BLOCK] ?? 0).join(',');

const say = (step: Step): void => void process.stdout.write(`${step}\n`);

async function work(store: string, base: string, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const pick = (count: number): number => Math.floor(random() * count);
  say('ready');
  const wanted = await Promise.race([once(process.stdin, 'data'), once(process.stdin, 'end')]);
  if (wanted.length === 0) return;
  say('opening');
  const archive = await openDiskArchive(await openArchive(store));
  for (;;) {
    const all = await archive.list();
    const from = all[pick(all.length)];
    const { disk } = from ? await resumed(archive, from.id, base) : await fresh(archive, base);
    for (let saves = 1 + pick(3); saves > 0; saves--) {
      for (let writes = 1 + pick(6); writes > 0; writes--) {
        const [block, blocks] = [pick(BLOCKS - 4), 1 + pick(4)];
        const data = new Uint8Array(blocks * BLOCK).fill(1 + pick(250));
        await complete(disk, { op: 'write', offset: block * BLOCK, data });
      }
      const held = await complete(disk, { op: 'read', offset: 0, length: BLOCKS * BLOCK });
      say('saving');
      await save(archive, disk, stateOf(held));
    }
    for (const { id } of (await archive.list()).filter(() => random() < 0.4)) {
      say('deleting');
      await archive.delete(id);
    }
    for (const { id } of await archive.list()) {
      say('committing');
      await archive.commitDisks(id).catch((error: unknown) => {
        if (!(error instanceof UserError) || error.code !== 'COMMIT_IN_USE') throw error;
      });
    }
  }
}

if (process.env['CHRONOVISOR_DISK_CHILD'] === '1') {
  const [store = '', base = '', seed = '0'] = process.argv.slice(2);
  work(store, base, Number(seed)).catch((error: unknown) => {
    process.stdout.write(`failed: ${String(error instanceof Error ? error.stack : error)}\n`);
    process.exitCode = 1;
  });
}
