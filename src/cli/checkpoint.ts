/**
 * `chronovisor checkpoint`: looks after a store, or an exported file, without running its guests. What only looks opens
 * the store for reading, so it works beside a session that saves into it.
 */
import { parseArgs } from 'node:util';
import { messageOf, userError } from '../base/errors';
import type { CheckpointStore } from '../checkpoint/store/store';
import type { CheckpointSummary } from '../checkpoint/store/stored';
import { exportCheckpoint, importCheckpoints, openStore } from '../host/store/open-store';
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
  switch (verb) {
    case 'list':
      return looking(command, (store) => listCheckpoints(store, { output, json, path: command.store }));
    case 'show':
      return looking(command, (store) => showCheckpoint(store, find(store, operands[0]), { output, json }));
    case 'diff':
      return looking(command, (store) => {
        const [a, b] = [find(store, operands[0]), find(store, operands[1])];
        return diffCheckpoints(store, a, b, { output, json, lists: command.pages });
      });
    case 'verify':
      return looking(command, (store) => {
        const chosen = operands.length === 0 ? store.list() : operands.map((key) => find(store, key));
        return verifyCheckpoints(store, chosen, { output, json });
      });
    case 'export':
      return looking(command, (store) => exported(store, find(store, operands[0]), command, output));
    default:
      return changed(command, output);
  }
}

async function looking(
  { store: path }: CheckpointCommand,
  look: (store: CheckpointStore) => Promise<number>,
): Promise<number> {
  const { store, close } = await openStore(path, { create: 'never', readOnly: true });
  try {
    return await look(store);
  } finally {
    await close();
  }
}

/** The checkpoint of an id or a name. Throws 'CHECKPOINT_UNKNOWN', 'CHECKPOINT_AMBIGUOUS'. */
export function findCheckpoint(all: readonly CheckpointSummary[], key: string): CheckpointSummary {
  const found = all.filter(({ id, name }) => id === key || name === key);
  const [first] = found;
  if (!first) {
    throw userError(
      'CHECKPOINT_UNKNOWN',
      `There is no checkpoint "${key}" in the store: "chronovisor checkpoint list" shows all of them.`,
    );
  }
  if (found.length > 1) {
    const ids = found.map(({ id }) => id).join(', ');
    throw userError(
      'CHECKPOINT_AMBIGUOUS',
      `Several checkpoints are called "${key}": give one of the ids ${ids}.`,
    );
  }
  return first;
}

const find = (store: CheckpointStore, key = ''): CheckpointSummary => findCheckpoint(store.list(), key);

async function exported(
  store: CheckpointStore,
  { id, name }: CheckpointSummary,
  { operands: [, file = ''], json }: CheckpointCommand,
  output: Output,
): Promise<number> {
  await exportCheckpoint(store, id, file);
  output.write(json ? `${JSON.stringify({ id, name, file })}\n` : `${id} written to ${file}\n`);
  return 0;
}

async function changed(command: CheckpointCommand, output: Output): Promise<number> {
  const { verb, operands, json } = command;
  const { store, close } = await openStore(command.store, verb === 'import' ? {} : { create: 'never' });
  const tell = (result: object, lines: readonly string[]): void => {
    output.write(json ? `${JSON.stringify(result)}\n` : lines.map((line) => `${line}\n`).join(''));
  };
  try {
    if (verb === 'commit') {
      throw userError(
        'COMMIT_NOTHING',
        'This checkpoint has no disk layer of its own: there is nothing to commit.',
      );
    }
    if (verb === 'import') {
      const imported = await importCheckpoints(store, operands[0] ?? '');
      tell(
        { imported },
        imported.map((id) => `${id} imported`),
      );
    } else {
      // All of them are looked for before the first one goes.
      const deleted = operands.map((key) => find(store, key).id);
      for (const id of new Set(deleted)) await store.delete(id);
      tell(
        { deleted },
        deleted.map((id) => `${id} deleted`),
      );
    }
    return 0;
  } finally {
    await close();
  }
}
