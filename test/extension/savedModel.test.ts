/** The rows of saved checkpoints, and the launch that begins at one. */
import assert from 'node:assert/strict';
import {
  launchFrom,
  savedByProgram,
  savedInSession,
  savedLabel,
  type SavedGroupRow,
} from '../../src/extension/savedModel';
import type { CheckpointNode, CheckpointTree, SavedCheckpoint } from '../../src/protocol';

const saved = (id: string, program: string, more: Partial<SavedCheckpoint> = {}): SavedCheckpoint => ({
  id,
  name: `name ${id}`,
  notes: '',
  savedAt: 0,
  instret: 0,
  sizeBytes: 0,
  ramBytes: 0,
  consoleTail: '',
  stopMicroseconds: 0,
  damaged: false,
  program,
  isSameGuest: true,
  ...more,
});

const draw = (groups: readonly SavedGroupRow[]): string[] =>
  groups.flatMap(({ label, rows }) => [label, ...rows.map(({ saved: one }) => `  ${savedLabel(one)}`)]);

describe('extension: rows of saved checkpoints', () => {
  it('are those of the guest that the tree does not show already', () => {
    const node = { id: '1', saved: '2' } as CheckpointNode;
    const tree: CheckpointTree = { nodes: [node], current: { branch: 0, instret: 0 } };
    const all = [saved('1', '/a'), saved('2', '/a'), saved('3', '/a', { isSameGuest: false })];
    const group = savedInSession(all, tree);
    assert.deepEqual(draw(group ? [group] : []), ['Saved earlier', '  name 1']);
    assert.equal(group?.rows[0]?.isInSession, true);
    assert.equal(savedInSession(all.slice(1), tree), undefined);
    assert.equal(savedInSession([], undefined), undefined);
  });

  it('stand under their programs without a session, the newest first', () => {
    const all = [
      saved('1', '/k/vmlinux'),
      saved('2', 'C:\\demo\\bank.elf'),
      saved('3', '/k/vmlinux'),
      saved('4', '', { damaged: true }),
    ];
    assert.deepEqual(draw(savedByProgram(all)), [
      'Unknown program',
      '  Checkpoint 4 (damaged)',
      'bank.elf',
      '  name 2',
      'vmlinux',
      '  name 3',
      '  name 1',
    ]);
  });

  it('have names of one line', () => {
    assert.equal(savedLabel(saved('7', '', { name: '' })), 'Checkpoint 7');
    assert.equal(savedLabel(saved('7', '', { name: 'two\n\u001b[31mlines' })), 'two lines');
  });

  it('are launched as launch.json has it, but for what the checkpoint says itself', () => {
    const configurations = [
      { type: 'chronovisor', program: '/k/other', console: 'debugConsole' },
      {
        type: 'chronovisor',
        request: 'launch',
        name: 'My kernel',
        program: '/k/vmlinux',
        memory: '1G',
        idle: 'skip',
        sourceMap: { '/src': '/here' },
        stopOnEntry: false,
      },
    ];
    const programOf = (one: Readonly<Record<string, unknown>>): string => String(one['program']);
    assert.deepEqual(launchFrom(saved('3', '/k/vmlinux'), '/store', configurations, programOf), {
      name: 'vmlinux from name 3',
      store: '/store',
      checkpoint: '3',
      stopOnEntry: true,
      idle: 'skip',
      sourceMap: { '/src': '/here' },
    });
    assert.deepEqual(launchFrom(saved('3', '/k/new'), '/store', configurations, programOf), {
      name: 'new from name 3',
      store: '/store',
      checkpoint: '3',
      stopOnEntry: true,
    });
  });
});
