/**
 * The process that kill.test.ts kills: saves, deletes and imports in a loop, and says on stdout what it begins and what
 * it has finished. What a checkpoint holds follows from its name.
 */
import { join } from 'node:path';
import { openStore, exportCheckpoint, importCheckpoints } from '../../../src/host/store/open-store';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { MemorySpace } from '../../../src/checkpoint/store/space';
import { randomFrom } from './crash-space';
import { begin, save, type Model } from './support';

/** The contents that belong to a name: "seed.index". */
export function modelOf(name: string): Model {
  const [seed = 0, index = 0] = name.split('.').map(Number);
  const random = randomFrom(seed * 1009 + index);
  const some = (count: number, limit: number): [number, number][] =>
    Array.from({ length: Math.floor(random() * count) }, () => [
      Math.floor(random() * limit),
      Math.floor(random() * 2000),
    ]);
  return { name, pages: new Map(some(300, 8000)), blocks: new Map(some(40, 100_000)) };
}

/** Folder to keep a file for import in, path of the store, whether its size is fixed, seed. */
export type ChildArguments = readonly [folder: string, path: string, fixed: string, seed: string];

const KEPT = 5;

async function runChild([folder, path, fixed, seed]: ChildArguments): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const { store } = await openStore(path, { fixed: fixed === 'fixed' });
  const random = randomFrom(Number(seed));
  let made = 0;
  const nextName = (): string => `${seed}.${++made}`;
  const file = join(folder, 'exported.cvstore');
  say('ready');
  for (;;) {
    const choice = random();
    if (store.list().length > KEPT) {
      const { id, name } = store.list()[Math.floor(random() * KEPT)] ?? {};
      if (id === undefined || name === undefined) continue;
      say(`deleting ${name}`);
      await store.delete(id);
      say(`deleted ${name}`);
    } else if (choice < 0.5) {
      const name = nextName();
      await save(store, modelOf(name));
      say(`saved ${name}`);
    } else if (choice < 0.7) {
      const names = [nextName(), nextName()];
      const saves = [];
      for (const name of names) saves.push(await begin(store, modelOf(name)));
      await Promise.all(saves.map((one) => one.commit()));
      for (const name of names) say(`saved ${name}`);
    } else {
      const name = nextName();
      const other = await CheckpointStore.open(new MemorySpace(), { segmentBytes: 65536 });
      await exportCheckpoint(other, await save(other, modelOf(name)), file);
      await importCheckpoints(store, file);
      say(`saved ${name}`);
    }
  }
}

// Only in a process of its own: the test imports this file for modelOf.
if (process.env['CHRONOVISOR_KILL_CHILD'] === '1') {
  const [folder = '', path = '', fixed = '', seed = ''] = process.argv.slice(2);
  runChild([folder, path, fixed, seed]).catch((error: unknown) => {
    process.stdout.write(`failed ${String(error)}\n`);
    process.exitCode = 1;
  });
}
