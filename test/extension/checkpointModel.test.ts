/** The rows of the Checkpoints view, drawn as indented lines. */
import assert from 'node:assert/strict';
import {
  checkpointLabel,
  consoleLine,
  findNow,
  rowId,
  shapeOf,
  treeRows,
  type BranchRow,
  type CheckpointRow,
  type TreeRow,
} from '../../src/extension/checkpointModel';
import type { CheckpointNode, CheckpointTree } from '../../src/protocol';

/** `id branch instret parent`, a parent of `-` for none; ids beginning with `a` are automatic. */
function node(line: string): CheckpointNode {
  const [id = '', branch = '', instret = '', parent = '-'] = line.split(' ');
  return {
    id,
    ...(parent === '-' ? {} : { parent }),
    instret: Number(instret),
    branch: Number(branch),
    automatic: id.startsWith('a'),
    pc: '0x80000000',
    consoleTail: '',
    isCurrent: false,
    sizeBytes: 0,
  };
}

const tree = (branch: number, instret: number, ...lines: string[]): CheckpointTree => ({
  nodes: lines.map(node),
  current: { branch, instret },
});

const draw = (rows: readonly TreeRow[], indent = ''): string[] =>
  rows.flatMap((row) => [
    `${indent}${rowId(row).replace(' with branches', '')}${row.kind === 'branch' && row.isCurrent ? '*' : ''}`,
    ...(row.kind === 'now' ? [] : draw(row.rows, `${indent}  `)),
  ]);

describe('extension: rows of the Checkpoints view', () => {
  const forked = tree(
    2,
    250,
    'a0 0 0',
    'late 0 900 early',
    'early 0 100 a0',
    'a1 0 200 early',
    'other 1 300 early',
    'fork 2 210 a1',
    'deep 3 220 fork',
  );

  it('hangs a branch on the checkpoint that it went off from, and marks where we are', () => {
    assert.deepEqual(draw(treeRows(forked, { showAutomatic: true })), [
      'branch 0',
      '  checkpoint a0',
      '  checkpoint early',
      '    branch 1',
      '      checkpoint other',
      '  checkpoint a1',
      '    branch 2*',
      '      checkpoint fork',
      '        branch 3',
      '          checkpoint deep',
      '      now',
      '  checkpoint late',
    ]);
  });

  it('leaves automatic checkpoints out but for the beginning, and no branch with them', () => {
    assert.deepEqual(draw(treeRows(forked, { showAutomatic: false })), [
      'branch 0',
      '  checkpoint a0',
      '  checkpoint early',
      '    branch 1',
      '      checkpoint other',
      '    branch 2*',
      '      checkpoint fork',
      '        branch 3',
      '          checkpoint deep',
      '      now',
      '  checkpoint late',
    ]);
  });

  it('shows where we are behind a checkpoint of the same instant, and in a branch that has none yet', () => {
    assert.deepEqual(draw(treeRows(tree(0, 5, 'a0 0 0', 'x 0 5 a0', 'y 0 6 x'), { showAutomatic: false })), [
      'branch 0*',
      '  checkpoint a0',
      '  checkpoint x',
      '  now',
      '  checkpoint y',
    ]);
    const young = tree(1, 5, 'a0 0 0', 'x 0 4 a0', 'y 0 9 x');
    const nodes = young.nodes.map((each) => ({ ...each, isCurrent: each.id === 'x' }));
    assert.deepEqual(draw(treeRows({ ...young, nodes }, { showAutomatic: false })), [
      'branch 0',
      '  checkpoint a0',
      '  checkpoint x',
      '    branch 1*',
      '      now',
      '  checkpoint y',
    ]);
  });

  it('knows a branch that begins with a loaded checkpoint', () => {
    const rows = treeRows(tree(1, 70, 'a0 0 0', 'x 1 70', 'y 2 80 x'), { showAutomatic: false });
    assert.deepEqual(
      rows.map(({ branch, isLoaded }) => [branch, isLoaded]),
      [
        [0, undefined],
        [1, true],
      ],
    );
    assert.equal(rows[1]?.rows.find((row) => row.kind === 'checkpoint')?.rows[0]?.isLoaded, undefined);
  });

  it('shows a checkpoint whose parent is gone, and does not hang on a tree that refers to itself', () => {
    const broken = tree(0, 0, 'x 0 1 y', 'y 1 2 x', 'z 2 3 gone');
    const shown = draw(treeRows(broken, { showAutomatic: true })).join('\n');
    assert.match(shown, /checkpoint z/u);
  });

  it('gives a checkpoint another id with its first branch, so that it shows unfolded', () => {
    const idOf = (rows: CheckpointRow['rows']): string =>
      rowId({ kind: 'checkpoint', node: node('x 0 1'), rows });
    const branch: BranchRow = { kind: 'branch', branch: 1, isCurrent: false, rows: [] };
    assert.notEqual(idOf([]), idOf([branch]));
    assert.equal(idOf([branch]), idOf([branch, branch]));
  });

  it('has the same shape while only the instant changes', () => {
    const rowsAt = (instret: number, ...more: string[]): BranchRow[] =>
      treeRows(tree(0, instret, 'a0 0 0', 'x 0 100 a0', ...more), { showAutomatic: true });
    assert.equal(shapeOf(rowsAt(100)), shapeOf(rowsAt(200)));
    assert.notEqual(shapeOf(rowsAt(99)), shapeOf(rowsAt(100)), 'it passes a checkpoint');
    assert.notEqual(shapeOf(rowsAt(100)), shapeOf(rowsAt(100, 'y 0 150 x')));
    assert.deepEqual(findNow(rowsAt(7))?.position, { branch: 0, instret: 7 });
  });

  it('calls a checkpoint by its name, else its place', () => {
    const plain = node('x 0 5 a0');
    assert.equal(checkpointLabel({ ...plain, name: 'good' }), 'good');
    assert.equal(checkpointLabel({ ...plain, where: 'fill (demo.c:31)' }), 'fill (demo.c:31)');
    assert.equal(checkpointLabel(plain), '0x80000000');
    assert.equal(checkpointLabel(node('a0 0 0')), 'Beginning');
  });

  it('shows the console as one plain line', () => {
    assert.equal(consoleLine('boot\r\n\u001b[1;32mlogin:\u001b[0m \u0007\r\n\r\n'), 'login:');
    assert.equal(consoleLine('\u001b]0;title\u0007# ls\u001b[K'), '# ls');
    assert.equal(consoleLine('\r\n'), '');
    assert.equal(consoleLine('x'.repeat(100)).length, 60);
  });
});
