/** The commands of the palette, the Checkpoints view and the debug toolbar. Each asks, sends one request, and is done. */
import * as vscode from 'vscode';
import { messageOf } from '../base/errors';
import { parseCheckpointAnswer, parseTimeline, REQUEST, type CheckpointNode } from '../protocol';
import { checkpointLabel } from './checkpointModel';
import { toggleAutomatic } from './checkpointView';
import type { GuestConsoles } from './guestConsole';
import { pickProgram } from './programs';
import type { Sessions } from './sessions';
import { formatInstret } from '../base/text';
import { parseInstant } from './timeText';

export function registerCommands(sessions: Sessions, consoles: GuestConsoles): vscode.Disposable {
  const commands = {
    pickProgram: async () => (await pickProgram())?.uri.fsPath,
    openConsole: () => consoles.show(),
    toggleAutomatic,
    seek: () => seek(sessions),
    takeCheckpoint: (argument: unknown) => take(sessions, argument),
    restoreCheckpoint: (row: unknown) => onCheckpoint(sessions, row, 'Restore', REQUEST.restoreCheckpoint),
    deleteCheckpoint: (row: unknown) => onCheckpoint(sessions, row, 'Delete', REQUEST.deleteCheckpoint),
    renameCheckpoint: (row: unknown) => rename(sessions, row),
  };
  return vscode.Disposable.from(
    ...Object.entries(commands).map(([name, run]) =>
      vscode.commands.registerCommand(`chronovisor.${name}`, async (argument: unknown) => {
        try {
          return await run(argument);
        } catch (error) {
          void vscode.window.showErrorMessage(messageOf(error));
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

/** The checkpoint of a row of the view, or of an id given by a key binding. */
function nodeOf(sessions: Sessions, row: unknown): CheckpointNode | undefined {
  const nodes = sessions.current?.tree?.nodes ?? [];
  if (typeof row === 'string') return nodes.find(({ id }) => id === row);
  if (typeof row !== 'object' || row === null || !('node' in row)) return undefined;
  const { node } = row;
  const id = typeof node === 'object' && node !== null && 'id' in node ? node.id : undefined;
  return nodes.find((each) => each.id === id);
}

async function pickCheckpoint(sessions: Sessions, verb: string): Promise<CheckpointNode | undefined> {
  const nodes = sessions.current?.tree?.nodes ?? [];
  // The user's own first: of the others there may be hundreds.
  const sorted = [...nodes].sort((a, b) => Number(a.automatic) - Number(b.automatic));
  const items = sorted.map((node) => ({
    label: checkpointLabel(node),
    description: `${formatInstret(node.instret)}${node.automatic ? ', automatic' : ''}`,
    node,
  }));
  const chosen = await vscode.window.showQuickPick(items, { placeHolder: `${verb} which checkpoint?` });
  return chosen?.node;
}
