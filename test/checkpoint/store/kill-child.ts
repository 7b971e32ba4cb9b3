/**
 * The process that kill.test.ts kills: saves, deletes and imports in a loop, and says on stdout what it begins and what
 * it has finished: with a store of its own, or through the thread that keeps archives. What a checkpoint holds follows from
 * its name.
 */
import { join } from 'node:path';
import type { CheckpointArchive } from '../../../src/checkpoint/archive';
import { openArchive } from '../../../src/host/archive';
import { openStore, exportCheckpoint, importCheckpoints } from '../../../src/host/store/open-store';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { MemorySpace } from '../../../src/checkpoint/store/space';
import { Frames } from '../page-tables';
import { randomFrom } from './crash-space';
import { begin, contentOf, infoOf, pointer, save, sectionsOf, type Model } from './support';

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

/** Folder to keep a file for import in, path of the store, whether its size is fixed, seed, 'store' or 'archive'. */
export type ChildArguments = readonly [
  folder: string,
  path: string,
  fixed: string,
  seed: string,
  how: string,
];

const KEPT = 5;

/** What is done to a store. */
interface Target {
  list(): Promise<readonly { readonly id: string; readonly name: string }[]>;
  delete(id: string): Promise<void>;
  save(name: string): Promise<unknown>;
  /** Side by side. */
  saveAll(names: readonly string[]): Promise<unknown>;
  /** Saves elsewhere, exports that into a file and imports it. */
  importOf(name: string, file: string): Promise<unknown>;
}

async function openDirectly(path: string, fixed: boolean): Promise<Target> {
  const { store } = await openStore(path, { fixed });
  return {
    list: async () => store.list(),
    delete: (id) => store.delete(id),
    save: (name) => save(store, modelOf(name)),
    saveAll: async (names) => {
      const saves = [];
      for (const name of names) saves.push(await begin(store, modelOf(name)));
      return Promise.all(saves.map((one) => one.commit()));
    },
    importOf: async (name, file) => {
      const other = await CheckpointStore.open(new MemorySpace(), { segmentBytes: 65536 });
      await exportCheckpoint(other, await save(other, modelOf(name)), file);
      return importCheckpoints(store, file);
    },
  };
}

async function openThroughThread(path: string, fixed: boolean): Promise<Target> {
  const archive = await openArchive(path, { fixed });
  const other = await openArchive('other', { memory: true });
  const saveIn = async (target: CheckpointArchive, name: string): Promise<string> => {
    const { pages, blocks } = modelOf(name);
    const job = target.save({
      info: infoOf(name),
      sections: sectionsOf(name),
      ram: new Frames(2 ** 15).table(pages),
      disks: [{ pointer, blocks: [...blocks].map(([block, content]) => [block, contentOf(content)]) }],
      sources: [],
    });
    // The kills are to hit work, not rests.
    job.hurry();
    return (await job.done).id;
  };
  return {
    list: () => archive.list(),
    delete: (id) => archive.delete(id),
    save: (name) => saveIn(archive, name),
    saveAll: (names) => Promise.all(names.map((name) => saveIn(archive, name))),
    importOf: async (name, file) => {
      await other.exportTo(await saveIn(other, name), file);
      return archive.importFrom(file);
    },
  };
}

async function runChild([folder, path, fixed, seed, how]: ChildArguments): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const open = how === 'archive' ? openThroughThread : openDirectly;
  const target = await open(path, fixed === 'fixed');
  const random = randomFrom(Number(seed));
  let made = 0;
  const nextName = (): string => `${seed}.${++made}`;
  const file = join(folder, 'exported.cvstore');
  say('ready');
  for (;;) {
    const choice = random();
    const listed = await target.list();
    if (listed.length > KEPT) {
      const { id, name } = listed[Math.floor(random() * KEPT)] ?? {};
      if (id === undefined || name === undefined) continue;
      say(`deleting ${name}`);
      await target.delete(id);
      say(`deleted ${name}`);
    } else if (choice < 0.5) {
      const name = nextName();
      await target.save(name);
      say(`saved ${name}`);
    } else if (choice < 0.7) {
      const names = [nextName(), nextName()];
      await target.saveAll(names);
      for (const name of names) say(`saved ${name}`);
    } else {
      const name = nextName();
      await target.importOf(name, file);
      say(`saved ${name}`);
    }
  }
}

// Only in a process of its own: the test imports this file for modelOf.
if (process.env['CHRONOVISOR_KILL_CHILD'] === '1') {
  const [folder = '', path = '', fixed = '', seed = '', how = ''] = process.argv.slice(2);
  runChild([folder, path, fixed, seed, how]).catch((error: unknown) => {
    process.stdout.write(`failed ${String(error)}\n`);
    process.exitCode = 1;
  });
}
