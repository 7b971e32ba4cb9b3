/** The Checkpoints view: how the rows of checkpointModel.ts look. */
import * as vscode from 'vscode';
import {
  checkpointLabel,
  consoleLine,
  findNow,
  rowId,
  shapeOf,
  treeRows,
  type TreeRow,
} from './checkpointModel';
import { savedByProgram, savedInSession, savedLabel, type SavedGroupRow, type SavedRow } from './savedModel';
import { DEBUG_TYPE, type Sessions } from './sessions';
import { formatBytes, formatInstret } from '../base/text';
import type { CheckpointNode, SavedCheckpoint } from '../protocol';
import type { WorkspaceStore } from './workspaceStore';

const VIEW_ID = 'chronovisor.checkpoints';
const SHOW_AUTOMATIC = 'checkpoints.showAutomatic';

type ViewRow = TreeRow | SavedGroupRow | SavedRow;

export class CheckpointView implements vscode.TreeDataProvider<ViewRow>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<ViewRow | undefined>();
  private readonly owned: readonly { dispose(): unknown }[];
  private rows: readonly TreeRow[] = [];
  private savedRows: readonly SavedGroupRow[] = [];
  private shape = '';
  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly sessions: Sessions,
    private readonly store: WorkspaceStore,
  ) {
    const view = vscode.window.createTreeView(VIEW_ID, { treeDataProvider: this });
    this.owned = [
      this.changed,
      view,
      sessions.onDidChange(() => this.update()),
      store.onDidChange(() => this.update()),
      // The adapter has ended, and with it its hold on the store, a little later.
      sessions.onDidEnd(() => void store.refresh()),
      view.onDidChangeVisibility(({ visible }) => {
        if (visible) void store.refresh();
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`${DEBUG_TYPE}.${SHOW_AUTOMATIC}`)) this.update();
      }),
    ];
    void store.refresh();
  }

  getChildren(row?: ViewRow): ViewRow[] {
    if (!row) return [...this.rows, ...this.savedRows];
    return row.kind === 'now' || row.kind === 'saved' ? [] : [...row.rows];
  }

  getTreeItem(row: ViewRow): vscode.TreeItem {
    if (row.kind === 'saved' || row.kind === 'savedGroup') return savedItemOf(row);
    const item = itemOf(row);
    item.id = rowId(row);
    return item;
  }

  /**
   * Draws as little as possible anew: this comes several times a second while the guest runs, and until VS Code has the
   * new rows a click on an old one is lost.
   */
  private update(): void {
    const session = this.sessions.current;
    const tree = session?.tree;
    const rows = tree ? treeRows(tree, { showAutomatic: showsAutomatic() }) : [];
    const savedRows = session
      ? [savedInSession(session.saved?.checkpoints ?? [], tree) ?? []].flat()
      : savedByProgram(this.store.checkpoints);
    const shape = shapeOf(rows) + JSON.stringify(savedRows);
    if (shape !== this.shape) {
      this.rows = rows;
      this.savedRows = savedRows;
      this.shape = shape;
      this.changed.fire(undefined);
      return;
    }
    const now = findNow(this.rows);
    const position = findNow(rows)?.position;
    if (!now || !position || now.position.instret === position.instret) return;
    now.position = position;
    this.changed.fire(now);
  }

  dispose(): void {
    for (const each of this.owned) each.dispose();
  }
}

export async function toggleAutomatic(): Promise<void> {
  const settings = vscode.workspace.getConfiguration(DEBUG_TYPE);
  await settings.update(SHOW_AUTOMATIC, !showsAutomatic(), vscode.ConfigurationTarget.Global);
}

const showsAutomatic = (): boolean =>
  vscode.workspace.getConfiguration(DEBUG_TYPE).get(SHOW_AUTOMATIC, false);

function itemOf(row: TreeRow): vscode.TreeItem {
  const { Expanded, None } = vscode.TreeItemCollapsibleState;
  if (row.kind === 'now') {
    const item = new vscode.TreeItem('You are here', None);
    item.description = formatInstret(row.position.instret);
    item.iconPath = new vscode.ThemeIcon(
      'debug-stackframe',
      new vscode.ThemeColor('debugIcon.breakpointCurrentStackframeForeground'),
    );
    item.contextValue = 'now';
    return item;
  }
  if (row.kind === 'branch') {
    const label = row.isLoaded ? 'From a saved checkpoint' : `Branch ${row.branch}`;
    const item = new vscode.TreeItem(row.branch === 0 ? 'First recording' : label, Expanded);
    item.iconPath = new vscode.ThemeIcon(row.isLoaded ? 'archive' : 'git-branch');
    item.contextValue = 'branch';
    return item;
  }
  const { node } = row;
  const item = new vscode.TreeItem(checkpointLabel(node), row.rows.length > 0 ? Expanded : None);
  const saving = node.saving === undefined ? '' : ` · saving ${node.saving}%`;
  item.description = `${formatInstret(node.instret)}${node.saved === undefined ? saving : ' · saved'}`;
  item.tooltip = tooltipOf(node);
  item.iconPath = new vscode.ThemeIcon(
    iconOf(node),
    node.isCurrent ? new vscode.ThemeColor('debugIcon.breakpointCurrentStackframeForeground') : undefined,
  );
  // Automatic ones come and go by themselves; naming or saving one makes it the user's own.
  const state = node.saving !== undefined ? '.saving' : node.saved !== undefined ? '.saved' : '.unsaved';
  item.contextValue = `checkpoint${node.automatic ? '.automatic' : ''}${state}`;
  return item;
}

function iconOf({ automatic, saved, saving }: CheckpointNode): string {
  if (saving !== undefined) return 'loading~spin';
  if (saved !== undefined) return 'pass-filled';
  return automatic ? 'circle-small' : 'circle-filled';
}

function tooltipOf(node: CheckpointNode): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendText(checkpointLabel(node));
  text.appendMarkdown(`\n\n- instruction ${formatInstret(node.instret)}\n- pc \`${node.pc}\``);
  if (node.where !== undefined) text.appendMarkdown('\n- ').appendText(node.where);
  text.appendMarkdown(
    `\n- ${formatBytes(node.sizeBytes)} kept in memory${node.automatic ? ', taken automatically' : ''}`,
  );
  appendStop(text, node.stopMicroseconds);
  if (node.saved !== undefined) text.appendMarkdown('\n- saved: it outlives this session');
  appendConsole(text, node.consoleTail);
  return text;
}

function appendStop(text: vscode.MarkdownString, microseconds: number | undefined): void {
  if (microseconds !== undefined) text.appendMarkdown(`\n- the guest stood still for ${microseconds} µs`);
}

function appendConsole(text: vscode.MarkdownString, tail: string): void {
  const line = consoleLine(tail);
  if (line !== '') text.appendMarkdown('\n\nConsole: ').appendText(line);
}

// --- saved checkpoints

function savedItemOf(row: SavedGroupRow | SavedRow): vscode.TreeItem {
  const { Expanded, None } = vscode.TreeItemCollapsibleState;
  if (row.kind === 'savedGroup') {
    const item = new vscode.TreeItem(row.label, Expanded);
    item.id = `saved of ${row.program}`;
    item.iconPath = new vscode.ThemeIcon('archive');
    item.contextValue = 'savedGroup';
    if (row.program !== '') item.tooltip = row.program;
    return item;
  }
  const { saved, isInSession } = row;
  const item = new vscode.TreeItem(savedLabel(saved), None);
  item.id = `saved ${saved.id}`;
  item.iconPath = new vscode.ThemeIcon(saved.damaged ? 'warning' : 'pass-filled');
  item.contextValue = saved.damaged ? 'saved.damaged' : isInSession ? 'saved.session' : 'saved.idle';
  if (saved.damaged) return item;
  item.description = `${formatInstret(saved.instret)} · ${timeOf(saved)}`;
  item.tooltip = savedTooltip(saved);
  return item;
}

const timeOf = ({ savedAt }: SavedCheckpoint): string =>
  new Date(savedAt).toLocaleString(vscode.env.language, { dateStyle: 'medium', timeStyle: 'short' });

function savedTooltip(saved: SavedCheckpoint): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendText(savedLabel(saved));
  text.appendMarkdown('\n\n- saved ').appendText(timeOf(saved));
  text.appendMarkdown(`\n- instruction ${formatInstret(saved.instret)}`);
  text.appendMarkdown(
    `\n- ${formatBytes(saved.sizeBytes)} on disk, of a guest with ${formatBytes(saved.ramBytes)} of memory`,
  );
  appendStop(text, saved.stopMicroseconds);
  if (saved.program !== '') text.appendMarkdown('\n- ').appendText(saved.program);
  if (saved.notes !== '') text.appendMarkdown('\n\n').appendText(saved.notes);
  appendConsole(text, saved.consoleTail);
  return text;
}
