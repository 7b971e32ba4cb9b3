/**
 * The checkpoint tree as rows of a tree view: a branch holds its checkpoints in the order of time, and a checkpoint from
 * which other branches went off holds these branches. Plain data; the view's looks are in checkpointView.ts.
 *
 * Automatic checkpoints can be left out, except the beginning of the recording: then a branch that went off from one of
 * them hangs on the checkpoint before it.
 */
import { plainLines } from '../base/text';
import type { CheckpointNode, CheckpointTree, Position } from '../protocol';

export interface BranchRow {
  readonly kind: 'branch';
  readonly branch: number;
  readonly isCurrent: boolean;
  /** It goes off from nothing in this session: it begins with a saved checkpoint that was loaded. */
  readonly isLoaded?: true;
  readonly rows: readonly TreeRow[];
}

export interface CheckpointRow {
  readonly kind: 'checkpoint';
  readonly node: CheckpointNode;
  readonly rows: readonly BranchRow[];
}

/** Where the session is now, among the checkpoints of its branch. The view lets it move on while nothing else changes. */
export interface NowRow {
  readonly kind: 'now';
  position: Position;
}

export type TreeRow = BranchRow | CheckpointRow | NowRow;

export interface ModelOptions {
  readonly showAutomatic: boolean;
}

export function treeRows(tree: CheckpointTree, options: ModelOptions): BranchRow[] {
  const byId = new Map(tree.nodes.map((node) => [node.id, node]));
  const isShown = (node: CheckpointNode): boolean =>
    options.showAutomatic || !node.automatic || node.parent === undefined;

  /** The nearest shown checkpoint that a branch went off from; undefined for a root. The set stops broken cycles. */
  const originOf = (branch: number): string | undefined => {
    // A branch that has no checkpoint yet is the present one: the nearest checkpoint behind us is its parent's.
    let node = firstOf(tree.nodes, branch) ?? tree.nodes.find((each) => each.isCurrent);
    const seen = new Set<string>();
    while (node !== undefined && !seen.has(node.id)) {
      if (node.branch !== branch && isShown(node)) return node.id;
      seen.add(node.id);
      node = node.parent === undefined ? undefined : byId.get(node.parent);
    }
    return undefined;
  };

  const branches = [...new Set([...tree.nodes.map((node) => node.branch), tree.current.branch])];
  branches.sort((a, b) => a - b);
  const origins = new Map(branches.map((branch) => [branch, originOf(branch)]));

  const branchRow = (branch: number): BranchRow => {
    const rows: TreeRow[] = tree.nodes
      .filter((node) => node.branch === branch && isShown(node))
      .sort((a, b) => a.instret - b.instret)
      .map((node) => ({
        kind: 'checkpoint',
        node,
        rows: branches.filter((other) => origins.get(other) === node.id).map(branchRow),
      }));
    const isCurrent = tree.current.branch === branch;
    if (isCurrent)
      rows.splice(placeOf(rows, tree.current.instret), 0, { kind: 'now', position: tree.current });
    const isLoaded = branch > 0 && origins.get(branch) === undefined;
    return { kind: 'branch', branch, isCurrent, ...(isLoaded ? { isLoaded } : {}), rows };
  };
  return branches.filter((branch) => origins.get(branch) === undefined).map(branchRow);
}

/**
 * The id that the view knows a row by: the same for the same thing in the next tree, so that it stays folded or not. A
 * checkpoint gets another one with its first branch, or it would stay as folded as it was when there was nothing to show.
 */
export function rowId(row: TreeRow): string {
  if (row.kind === 'now') return 'now';
  if (row.kind === 'branch') return `branch ${row.branch}`;
  return `checkpoint ${row.node.id}${row.rows.length > 0 ? ' with branches' : ''}`;
}

/** All that shows, but for the instant where we are: while this stays the same only that one row has to be drawn again. */
export const shapeOf = (rows: readonly TreeRow[]): string =>
  JSON.stringify(rows, (key, value: unknown) => (key === 'position' ? undefined : value));

/** The row that says where we are; there is one in every tree. */
export function findNow(rows: readonly TreeRow[]): NowRow | undefined {
  for (const row of rows) {
    const found = row.kind === 'now' ? row : findNow(row.rows);
    if (found) return found;
  }
  return undefined;
}

/** What the row is called when the user gave no name. */
export function checkpointLabel(node: CheckpointNode): string {
  if (node.name !== undefined && node.name !== '') return node.name;
  if (node.parent === undefined) return 'Beginning';
  return node.where ?? node.pc;
}

/** The last text that the console showed, fit for one line: no escape sequences, no control characters. */
export function consoleLine(tail: string): string {
  const lines = plainLines(tail);
  const last = lines.at(-1) ?? '';
  return last.length > 60 ? `…${last.slice(-59)}` : last;
}

function firstOf(nodes: readonly CheckpointNode[], branch: number): CheckpointNode | undefined {
  return nodes
    .filter((node) => node.branch === branch)
    .reduce<CheckpointNode | undefined>(
      (first, node) => (first === undefined || node.instret < first.instret ? node : first),
      undefined,
    );
}

/** Behind every checkpoint that is at or before `instret`. */
function placeOf(rows: readonly TreeRow[], instret: number): number {
  const after = rows.findIndex((row) => row.kind === 'checkpoint' && row.node.instret > instret);
  return after === -1 ? rows.length : after;
}
