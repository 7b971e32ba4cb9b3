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
import { DEBUG_TYPE, type Sessions } from './sessions';
import { formatBytes, formatInstret } from '../base/text';
import type { CheckpointNode } from '../protocol';

const VIEW_ID = 'chronovisor.checkpoints';
const SHOW_AUTOMATIC = 'checkpoints.showAutomatic';

export class CheckpointView implements vscode.TreeDataProvider<TreeRow>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<TreeRow | undefined>();
  private readonly owned: readonly { dispose(): unknown }[];
  private rows: readonly TreeRow[] = [];
  private shape = '';
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly sessions: Sessions) {
    const view = vscode.window.createTreeView(VIEW_ID, { treeDataProvider: this });
    this.owned = [
      this.changed,
      view,
      sessions.onDidChange(() => this.update()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`${DEBUG_TYPE}.${SHOW_AUTOMATIC}`)) this.update();
      }),
    ];
  }

  getChildren(row?: TreeRow): TreeRow[] {
    if (!row) return [...this.rows];
    return row.kind === 'now' ? [] : [...row.rows];
  }

  getTreeItem(row: TreeRow): vscode.TreeItem {
    const item = itemOf(row);
    item.id = rowId(row);
    return item;
  }

  /**
   * Draws as little as possible anew: this comes several times a second while the guest runs, and until VS Code has the
   * new rows a click on an old one is lost.
   */
  private update(): void {
    const tree = this.sessions.current?.tree;
    const rows = tree ? treeRows(tree, { showAutomatic: showsAutomatic() }) : [];
    const shape = shapeOf(rows);
    if (shape !== this.shape) {
      this.rows = rows;
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
