/** Which checkpoint a command is about: that of the row it was called on, or one that the user picks from a list. */
import * as vscode from 'vscode';
import { formatInstret } from '../base/text';
import type { CheckpointNode } from '../protocol';
import { checkpointLabel } from './checkpointModel';
import type { Sessions } from './sessions';

/** The checkpoint of a row of the view, or of an id given by a key binding. */
export function nodeOf(sessions: Sessions, row: unknown): CheckpointNode | undefined {
  const nodes = sessions.current?.tree?.nodes ?? [];
  if (typeof row === 'string') return nodes.find(({ id }) => id === row);
  if (typeof row !== 'object' || row === null || !('node' in row)) return undefined;
  const { node } = row;
  const id = typeof node === 'object' && node !== null && 'id' in node ? node.id : undefined;
  return nodes.find((each) => each.id === id);
}

/** Among those that `isMeant`; undefined when the user turned away. */
export async function pickCheckpoint(
  sessions: Sessions,
  verb: string,
  isMeant: (node: CheckpointNode) => boolean = () => true,
): Promise<CheckpointNode | undefined> {
  const nodes = (sessions.current?.tree?.nodes ?? []).filter(isMeant);
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
