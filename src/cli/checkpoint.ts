/**
 * `chronovisor checkpoint`: looks after a store, or an exported file, without running its guests. What only looks opens
 * the store for reading, so it works beside a session that saves into it.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../base/errors';
import type { DiskArchive } from '../checkpoint/disk-archive';
import type { CheckpointStore } from '../checkpoint/store/store';
import type { CheckpointSummary } from '../checkpoint/store/stored';
import { openArchive } from '../host/archive';
import { layerBytesOf, openDiskArchive } from '../host/disk/disk-archive';
import { findCheckpoint } from '../host/launch';
import { openStore } from '../host/store/open-store';
import { diffCheckpoints } from './checkpoint-diff';
import { listCheckpoints, showCheckpoint, verifyCheckpoints } from './checkpoint-look';
import { usage } from './options';
import { standardOutput, type Output } from './table';

export interface CheckpointCommand {
  readonly verb: string;
  readonly store: string;
  readonly operands: readonly string[];
  readonly json: boolean;
  /** `diff` lists pages and blocks. */
  readonly pages: boolean;
}

/** How many operands come behind the store, and what they are. */
const VERBS: Readonly<
  Record<string, { readonly operands: string; readonly min: number; readonly max: number }>
> = {
  list: { operands: 'STORE', min: 0, max: 0 },
  show: { operands: 'STORE ID', min: 1, max: 1 },
  export: { operands: 'STORE ID FILE', min: 2, max: 2 },
  import: { operands: 'STORE FILE', min: 1, max: 1 },
  delete: { operands: 'STORE ID...', min: 1, max: Infinity },
  commit: { operands: 'STORE ID', min: 1, max: 1 },
  diff: { operands: 'STORE ID ID', min: 2, max: 2 },
  verify: { operands: 'STORE [ID...]', min: 0, max: Infinity },
};

/** Throws UserError('USAGE'). */
export function parseCheckpoint(args: readonly string[]): CheckpointCommand {
  const { values, positionals } = parse(args);
  const [verb, store, ...operands] = positionals;
  const verbs = Object.keys(VERBS).join(', ');
  if (verb === undefined) throw usage(`checkpoint: say what to do: ${verbs}`);
  const known = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!known) throw usage(`checkpoint: "${verb}" is none of ${verbs}`);
  if (store === undefined || operands.length < known.min || operands.length > known.max) {
    throw usage(`checkpoint ${verb}: write checkpoint ${verb} ${known.operands}`);
  }
  if (values.pages === true && verb !== 'diff') throw usage('checkpoint: --pages belongs to diff');
  return { verb, store, operands, json: values.json ?? false, pages: values.pages ?? false };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, pages: { type: 'boolean' } },
    });
  } catch (error) {
    throw usage(`checkpoint: ${messageOf(error)}`);
  }
}

/** Returns the exit code: 1 when `verify` finds damage. */
export async function checkpoint(
  command: CheckpointCommand,
  output: Output = standardOutput(),
): Promise<number> {
  const { verb, operands, json } = command;
  const [first = '', second = ''] = operands;
  switch (verb) {
    case 'list':
      return looking(command, async (store) => {
        const layerBytes = await layerBytesOf(command.store);
        return listCheckpoints(store, { output, json, path: command.store, layerBytes });
      });
    case 'show':
      return looking(command, (store) =>
        showCheckpoint(store, findCheckpoint(store.list(), first), { output, json }),
      );
    case 'diff':
      return looking(command, (store) =>
        working(command, READ, (archive) => {
          const [a, b] = [findCheckpoint(store.list(), first), findCheckpoint(store.list(), second)];
          return diffCheckpoints(store, a, b, { output, json, archive, lists: command.pages });
        }),
      );
    case 'verify':
      return working(command, READ, async (archive, all) => {
        const chosen = operands.length === 0 ? all : operands.map((key) => findCheckpoint(all, key));
        return verifyCheckpoints(archive, chosen, { output, json });
      });
    default:
      return changing(command, output);
  }
}

async function changing(command: CheckpointCommand, output: Output): Promise<number> {
  const { verb, operands, json } = command;
  const [first = '', second = ''] = operands;
  const tell = (result: object, lines: readonly string[]): number => {
    output.write(json ? `${JSON.stringify(result)}\n` : lines.map((line) => `${line}\n`).join(''));
    return 0;
  };
  switch (verb) {
    case 'export':
      return working(command, READ, async (archive, all) => {
        const { id, name } = findCheckpoint(all, first);
        await archive.exportTo(id, second);
        return tell({ id, name, file: second }, [`${id} written to ${second}`]);
      });
    case 'import':
      return working(command, {}, async (archive) => {
        const imported = await archive.importFrom(first);
        return tell(
          { imported },
          imported.map((id) => `${id} imported`),
        );
      });
    case 'delete':
      return working(command, WRITE, async (archive, all) => {
        // All of them are looked for before the first one goes.
        const deleted = [...new Set(operands.map((key) => findCheckpoint(all, key).id))];
        for (const id of deleted) await archive.delete(id);
        return tell(
          { deleted },
          deleted.map((id) => `${id} deleted`),
        );
      });
    default:
      return working(command, WRITE, async (archive, all) => {
        const { id, disks } = findCheckpoint(all, first);
        await archive.commitDisks(id);
        const committed = disks.map(({ path }) => path);
        return tell(
          { id, committed },
          committed.map((path) => `${path} has what ${id} had`),
        );
      });
  }
}

const READ = { create: 'never', readOnly: true } as const;
const WRITE = { create: 'never' } as const;

/** Looks at a store in this thread: nothing waits for it. */
async function looking(
  { store: path }: CheckpointCommand,
  look: (store: CheckpointStore) => Promise<number>,
): Promise<number> {
  const { store, close } = await openStore(path, READ);
  try {
    return await look(store);
  } finally {
    await close();
  }
}

/** Works with a store and the disk layers beside it. */
async function working(
  { store }: CheckpointCommand,
  options: typeof READ | typeof WRITE | Record<string, never>,
  work: (archive: DiskArchive, all: readonly CheckpointSummary[]) => Promise<number>,
): Promise<number> {
  const archive = await openDiskArchive(await openArchive(store, options), {
    readOnly: 'readOnly' in options,
  });
  try {
    return await work(archive, await archive.list());
  } finally {
    await archive.close();
  }
}
