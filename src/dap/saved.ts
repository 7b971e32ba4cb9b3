/** The custom requests about checkpoints that are kept for good. */
import type { CheckpointSummary } from '../checkpoint/store/stored';
import {
  decodeGuest,
  EVENT,
  isSameGuest,
  parseCheckpointArguments,
  parseExportCheckpoint,
  parseSaveCheckpoint,
  parseUpdateSaved,
  REQUEST,
  type SaveAnswer,
  type SavedCheckpoint,
  type SavedCheckpoints,
  type SavedGuest,
} from '../protocol';
import type { SessionContext } from './context';
import type { Call, Registry } from './dispatcher';
import { keepingOf, type Saving } from './saving';
import { requireStarted } from './time';

export function registerSavedRequests(registry: Registry, context: SessionContext, saving: Saving): void {
  registry.on(REQUEST.saveCheckpoint, 'guest', async (_args, call): Promise<SaveAnswer> => {
    const { id, ...as } = parseSaveCheckpoint(call.arguments);
    const saved = await saving.save(id, as, call.seq);
    tellSaved(context, call);
    return { savedId: saved.id };
  });
  registry.on(REQUEST.cancelSave, 'guest', (_args, call) => {
    saving.cancel(parseCheckpointArguments(call.arguments).id);
  });
  registry.on(REQUEST.savedCheckpoints, 'guest', () => savedCheckpoints(context));
  registry.on(REQUEST.loadSaved, 'guest', (_args, call) => load(context, call));
  registry.on(REQUEST.updateSaved, 'guest', async (_args, call) => {
    const { id, ...change } = parseUpdateSaved(call.arguments);
    await keepingOf(context).archive.update(id, change);
    tellSaved(context, call);
  });
  registry.on(REQUEST.deleteSaved, 'guest', async (_args, call) => {
    const { id } = parseCheckpointArguments(call.arguments);
    const { archive } = keepingOf(context);
    await archive.delete(id);
    if (context.phase !== 'ended') context.debuggee.forgetSaved(archive.path, id);
    tellSaved(context, call);
  });
  registry.on(REQUEST.exportCheckpoint, 'guest', async (_args, call) => {
    const { id, path } = parseExportCheckpoint(call.arguments);
    await keepingOf(context).archive.exportTo(id, path);
  });
}

/** Goes to a saved checkpoint, which becomes the beginning of a branch of this session. */
async function load(context: SessionContext, call: Call): Promise<void> {
  const { id } = parseCheckpointArguments(call.arguments);
  const keeping = keepingOf(context);
  const { archive } = keeping;
  requireStarted(context);
  const { debuggee } = context;
  const known = debuggee
    .checkpoints()
    .find(({ saved }) => saved?.archivePath === archive.path && saved.id === id);
  await context.interrupt();
  await context.moveNow(call, 'Loading a checkpoint', async ({ options }) => {
    const node = known?.id ?? (await adopt());
    const stop = await debuggee.restoreCheckpoint(node, options);
    return { stop, reason: 'restore', description: 'Paused at a saved checkpoint' };
  });

  async function adopt(): Promise<string> {
    const loaded = await archive.load(id);
    try {
      const disks = await keeping.disksOf(loaded);
      return debuggee.adoptCheckpoint({ loaded, archivePath: archive.path }, disks).id;
    } catch (error) {
      loaded.close();
      throw error;
    }
  }
}

async function savedCheckpoints(context: SessionContext): Promise<SavedCheckpoints> {
  const { keeping } = context.guest;
  if (!keeping) return { checkpoints: [] };
  const all = await keeping.archive.list();
  const guest = all.length === 0 ? undefined : await keeping.guest();
  return { store: keeping.archive.path, checkpoints: all.map((one) => presentSaved(one, guest)) };
}

/** The list has changed: the new one follows the answer. */
function tellSaved(context: SessionContext, call: Call): void {
  call.after(() => {
    if (context.phase === 'ended') return;
    savedCheckpoints(context).then(
      (saved) => context.event(EVENT.savedChanged, saved),
      // Whoever asks for the list is told then.
      () => undefined,
    );
  });
}

/** `guest` is that of the session, if there is one. A file can hold any number: what is no count becomes 0. */
export function presentSaved(summary: CheckpointSummary, guest: SavedGuest | undefined): SavedCheckpoint {
  const { id, name, notes, consoleTail, damaged } = summary;
  const count = (value: number): number => (Number.isSafeInteger(value) && value >= 0 ? value : 0);
  const own = guestOf(summary);
  return {
    id,
    name,
    notes,
    savedAt: count(Math.round(summary.savedAt)),
    instret: count(summary.instret),
    sizeBytes: count(summary.addedBytes),
    ramBytes: count(summary.ramBytes),
    consoleTail,
    stopMicroseconds: count(Math.round(summary.stopMicroseconds)),
    damaged,
    program: own?.program.path ?? '',
    isSameGuest: own !== undefined && guest !== undefined && isSameGuest(own, guest),
  };
}

function guestOf({ guest, damaged }: CheckpointSummary): SavedGuest | undefined {
  if (damaged) return undefined;
  try {
    return decodeGuest(guest);
  } catch {
    return undefined;
  }
}
