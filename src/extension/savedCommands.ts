/**
 * The commands about saved checkpoints. In a session the debug adapter does the work, since the store is its own; without
 * one the extension opens the workspace's store for a moment.
 */
import * as vscode from 'vscode';
import { messageOf } from '../base/errors';
import { formatInstret } from '../base/text';
import { parseSaveAnswer, REQUEST, type SavedCheckpoint } from '../protocol';
import { checkpointLabel } from './checkpointModel';
import { nodeOf, pickCheckpoint } from './pick';
import { launchFrom, savedLabel } from './savedModel';
import { DEBUG_TYPE, type Sessions } from './sessions';
import type { WorkspaceStore } from './workspaceStore';

const nothing = (): undefined => undefined;

/** The saved checkpoint of a row of the view. */
export function savedOf(row: unknown): SavedCheckpoint | undefined {
  const isRow = typeof row === 'object' && row !== null && 'kind' in row && row.kind === 'saved';
  return isRow && 'saved' in row ? (row.saved as SavedCheckpoint) : undefined;
}

/** The user himself gave it up: that is no failure. */
export const isCancelled = (error: unknown): boolean => /\bSAVE_CANCELLED\b/u.test(messageOf(error));

export function savedCommands(sessions: Sessions, store: WorkspaceStore) {
  return {
    save: (row: unknown) => save(sessions, row),
    cancel: async (row: unknown) => {
      const node = nodeOf(sessions, row);
      if (node) await sessions.request(REQUEST.cancelSave, { id: node.id }, nothing);
    },
    load: async (row: unknown) => {
      const saved = savedOf(row);
      if (!saved) return;
      if (sessions.current) await sessions.request(REQUEST.loadSaved, { id: saved.id }, nothing);
      else await start(store, saved);
    },
    start: async (row: unknown) => {
      const saved = savedOf(row) ?? (await pickSaved(store));
      if (saved) await start(store, saved);
    },
    rename: async (row: unknown) => {
      const saved = savedOf(row);
      const name = saved && (await ask('Rename Checkpoint', saved.name));
      if (saved && name !== undefined) await update(sessions, store, saved, { name });
    },
    note: async (row: unknown) => {
      const saved = savedOf(row);
      const notes = saved && (await ask('Notes on the Checkpoint', saved.notes));
      if (saved && notes !== undefined) await update(sessions, store, saved, { notes });
    },
    delete: (row: unknown) => remove(sessions, store, savedOf(row)),
    exportFile: (row: unknown) => exportFile(sessions, store, row),
  };
}

const ask = (title: string, value: string): Thenable<string | undefined> =>
  vscode.window.showInputBox({ title, value });

/** With a text as argument, for key bindings and tests, that is the id of the checkpoint, which keeps its name. */
async function save(sessions: Sessions, row: unknown): Promise<string | undefined> {
  const isUnsaved = ({ saved, saving }: { saved?: string; saving?: number }): boolean =>
    saved === undefined && saving === undefined;
  const node = nodeOf(sessions, row) ?? (await pickCheckpoint(sessions, 'Save', isUnsaved));
  if (!node) return undefined;
  const name =
    typeof row === 'string'
      ? (node.name ?? '')
      : await vscode.window.showInputBox({
          title: 'Save Checkpoint',
          prompt: 'Name of the checkpoint; it is kept when the debug session is over',
          value: checkpointLabel(node),
        });
  if (name === undefined) return undefined;
  const { savedId } = await sessions.request(REQUEST.saveCheckpoint, { id: node.id, name }, parseSaveAnswer);
  return savedId;
}

async function update(
  sessions: Sessions,
  store: WorkspaceStore,
  { id }: SavedCheckpoint,
  change: { readonly name?: string; readonly notes?: string },
): Promise<void> {
  if (sessions.current) await sessions.request(REQUEST.updateSaved, { id, ...change }, nothing);
  else await store.change((archive) => archive.update(id, change));
}

async function remove(
  sessions: Sessions,
  store: WorkspaceStore,
  saved: SavedCheckpoint | undefined,
): Promise<void> {
  if (!saved) return;
  const DELETE = 'Delete';
  const question = `Delete the saved checkpoint "${savedLabel(saved)}" for good?`;
  if ((await vscode.window.showWarningMessage(question, { modal: true }, DELETE)) !== DELETE) return;
  if (sessions.current) await sessions.request(REQUEST.deleteSaved, { id: saved.id }, nothing);
  else await store.change((archive) => archive.delete(saved.id));
}

/** Of a saved row, or of a node that has been saved. */
async function exportFile(sessions: Sessions, store: WorkspaceStore, row: unknown): Promise<void> {
  const saved = savedOf(row);
  const isSaved = (node: { readonly saved?: string }): boolean => node.saved !== undefined;
  const node = saved
    ? undefined
    : (nodeOf(sessions, row) ?? (await pickCheckpoint(sessions, 'Export', isSaved)));
  const id = saved?.id ?? node?.saved;
  if (id === undefined) return;
  const label = saved ? savedLabel(saved) : node ? checkpointLabel(node) : id;
  const file = `${label.replace(/[^\p{L}\p{N}._-]+/gu, '-')}.cvstore`;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const uri = await vscode.window.showSaveDialog({
    title: 'Export Checkpoint',
    filters: { 'Chronovisor checkpoint': ['cvstore'] },
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, file) } : {}),
  });
  if (!uri) return;
  if (sessions.current) await sessions.request(REQUEST.exportCheckpoint, { id, path: uri.fsPath }, nothing);
  else await store.change((archive) => archive.exportTo(id, uri.fsPath));
}

async function pickSaved(store: WorkspaceStore): Promise<SavedCheckpoint | undefined> {
  await store.refresh();
  const items = store.checkpoints
    .filter(({ damaged }) => !damaged)
    .map((saved) => ({ label: savedLabel(saved), description: formatInstret(saved.instret), saved }));
  const chosen = await vscode.window.showQuickPick(items, { placeHolder: 'Start from which checkpoint?' });
  return chosen?.saved;
}

async function start(store: WorkspaceStore, saved: SavedCheckpoint): Promise<void> {
  for (const folder of vscode.workspace.workspaceFolders ?? [undefined]) {
    const all = vscode.workspace.getConfiguration('launch', folder).get<unknown>('configurations');
    const own = (Array.isArray(all) ? all : []).filter(isOurs);
    const programOf = (one: Readonly<Record<string, unknown>>): string | undefined =>
      typeof one['program'] === 'string'
        ? one['program'].replaceAll('${workspaceFolder}', folder?.uri.fsPath ?? '')
        : undefined;
    const isKnown = own.some((one) => programOf(one) === saved.program);
    const isLast = folder === vscode.workspace.workspaceFolders?.at(-1);
    if (!isKnown && !isLast) continue;
    const launch = launchFrom(saved, store.path, own, programOf);
    await vscode.debug.startDebugging(folder, { ...launch, type: DEBUG_TYPE, request: 'launch' });
    return;
  }
}

const isOurs = (one: unknown): one is Readonly<Record<string, unknown>> =>
  typeof one === 'object' && one !== null && 'type' in one && one.type === DEBUG_TYPE;
