/** The Checkpoints view: how the rows of checkpointModel.ts look. */
import * as vscode from 'vscode';
import { checkpointLabel, consoleLine, rowId, treeRows, type TreeRow } from './checkpointModel';
import { DEBUG_TYPE, type Sessions } from './sessions';
import { formatBytes, formatInstret } from './timeText';
import type { CheckpointNode } from '../protocol';

const VIEW_ID = 'chronovisor.checkpoints';
const SHOW_AUTOMATIC = 'checkpoints.showAutomatic';

export class CheckpointView implements vscode.TreeDataProvider<TreeRow>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly owned: readonly { dispose(): unknown }[];
  private shown: unknown;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly sessions: Sessions) {
    const view = vscode.window.createTreeView(VIEW_ID, { treeDataProvider: this });
    this.owned = [
      this.changed,
      view,
      sessions.onDidChange(() => {
        // The time changes many times a second; the tree must not flicker under the mouse for that.
        if (this.shown !== sessions.current?.tree) this.changed.fire();
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`${DEBUG_TYPE}.${SHOW_AUTOMATIC}`)) this.changed.fire();
      }),
    ];
  }

  getChildren(row?: TreeRow): TreeRow[] {
    if (row) return row.kind === 'now' ? [] : [...row.rows];
    const tree = this.sessions.current?.tree;
    this.shown = tree;
    return tree ? treeRows(tree, { showAutomatic: showsAutomatic() }) : [];
  }

  getTreeItem(row: TreeRow): vscode.TreeItem {
    const item = itemOf(row);
    item.id = rowId(row);
    return item;
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
    const item = new vscode.TreeItem(row.branch === 0 ? 'First recording' : `Branch ${row.branch}`, Expanded);
    item.iconPath = new vscode.ThemeIcon('git-branch');
    item.contextValue = 'branch';
    return item;
  }
  const item = new vscode.TreeItem(checkpointLabel(row.node), row.rows.length > 0 ? Expanded : None);
  item.description = formatInstret(row.node.instret);
  item.tooltip = tooltipOf(row.node);
  item.iconPath = new vscode.ThemeIcon(
    row.node.automatic ? 'circle-small' : 'circle-filled',
    row.node.isCurrent ? new vscode.ThemeColor('debugIcon.breakpointCurrentStackframeForeground') : undefined,
  );
  // Automatic ones come and go by themselves; naming one makes it the user's own.
  item.contextValue = row.node.automatic ? 'checkpoint.automatic' : 'checkpoint';
  return item;
}

function tooltipOf(node: CheckpointNode): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendText(checkpointLabel(node));
  text.appendMarkdown(`\n\n- instruction ${formatInstret(node.instret)}\n- pc \`${node.pc}\``);
  if (node.where !== undefined) text.appendMarkdown('\n- ').appendText(node.where);
  text.appendMarkdown(
    `\n- ${formatBytes(node.sizeBytes)} kept${node.automatic ? ', taken automatically' : ''}`,
  );
  const line = consoleLine(node.consoleTail);
  if (line !== '') text.appendMarkdown('\n\nConsole: ').appendText(line);
  return text;
}
