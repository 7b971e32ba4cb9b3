/** The commands of the palette, the Checkpoints view and the debug toolbar. Each asks, sends one request, and is done. */
import * as vscode from 'vscode';
import { messageOf } from '../base/errors';
import { parseCheckpointAnswer, parseTimeline, REQUEST } from '../protocol';
import { toggleAutomatic } from './checkpointView';
import type { GuestConsoles } from './guestConsole';
import { pickProgram } from './programs';
import { nodeOf, pickCheckpoint } from './pick';
import { isCancelled, savedCommands, savedOf } from './savedCommands';
import type { Sessions } from './sessions';
import { formatInstret } from '../base/text';
import { parseInstant } from './timeText';
import type { WorkspaceStore } from './workspaceStore';

export function registerCommands(
  sessions: Sessions,
  consoles: GuestConsoles,
  store: WorkspaceStore,
): vscode.Disposable {
  const saved = savedCommands(sessions, store);
  /** Rows of saved checkpoints have commands of the same names. */
  const either =
    (ofSaved: (row: unknown) => Promise<void>, ofNode: (row: unknown) => Promise<void>) =>
    (row: unknown): Promise<void> =>
      savedOf(row) ? ofSaved(row) : ofNode(row);
  const commands = {
    pickProgram: async () => (await pickProgram())?.uri.fsPath,
    openConsole: () => consoles.show(),
    toggleAutomatic,
    seek: () => seek(sessions),
    takeCheckpoint: (argument: unknown) => take(sessions, argument),
    restoreCheckpoint: either(saved.load, (row) =>
      onCheckpoint(sessions, row, 'Restore', REQUEST.restoreCheckpoint),
    ),
    deleteCheckpoint: either(saved.delete, (row) =>
      onCheckpoint(sessions, row, 'Delete', REQUEST.deleteCheckpoint),
    ),
    renameCheckpoint: either(saved.rename, (row) => rename(sessions, row)),
    saveCheckpoint: saved.save,
    cancelSave: saved.cancel,
    exportCheckpoint: saved.exportFile,
    noteCheckpoint: saved.note,
    startFromCheckpoint: saved.start,
  };
  return vscode.Disposable.from(
    ...Object.entries(commands).map(([name, run]) =>
      vscode.commands.registerCommand(`chronovisor.${name}`, async (argument: unknown) => {
        try {
          return await run(argument);
        } catch (error) {
          if (!isCancelled(error)) void vscode.window.showErrorMessage(messageOf(error));
          return undefined;
        }
      }),
    ),
  );
}

/** With a text as argument, for key bindings and tests, that is the name; otherwise the user is asked. */
async function take(sessions: Sessions, argument: unknown): Promise<string | undefined> {
  const name =
    typeof argument === 'string'
      ? argument
      : await vscode.window.showInputBox({
          title: 'Take Checkpoint',
          prompt: 'Name of the checkpoint, or nothing',
        });
  if (name === undefined) return undefined;
  const { id } = await sessions.request(
    REQUEST.takeCheckpoint,
    name === '' ? {} : { name },
    parseCheckpointAnswer,
  );
  return id;
}

async function onCheckpoint(
  sessions: Sessions,
  row: unknown,
  verb: string,
  request: typeof REQUEST.restoreCheckpoint | typeof REQUEST.deleteCheckpoint,
): Promise<void> {
  const node = nodeOf(sessions, row) ?? (await pickCheckpoint(sessions, verb));
  if (node) await sessions.request(request, { id: node.id }, () => undefined);
}

async function rename(sessions: Sessions, row: unknown): Promise<void> {
  const node = nodeOf(sessions, row) ?? (await pickCheckpoint(sessions, 'Rename'));
  if (!node) return;
  const name = await vscode.window.showInputBox({ title: 'Rename Checkpoint', value: node.name ?? '' });
  if (name === undefined) return;
  await sessions.request(REQUEST.renameCheckpoint, { id: node.id, name }, () => undefined);
}

async function seek(sessions: Sessions): Promise<void> {
  const timeline = await sessions.request(REQUEST.timeline, {}, parseTimeline);
  const text = await vscode.window.showInputBox({
    title: 'Go to Instruction',
    prompt: `0 to ${formatInstret(timeline.end)}; also 12M, +1000 or -1000 from here, or 50%`,
    value: formatInstret(timeline.now),
    validateInput: (typed) => {
      try {
        parseInstant(typed, timeline);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
  });
  if (text === undefined) return;
  await sessions.request(REQUEST.seek, { instret: parseInstant(text, timeline) }, () => undefined);
}
