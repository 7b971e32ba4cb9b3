/** The validators of the custom requests: what they let through, and what they say about the rest. */
import assert from 'node:assert/strict';
import { UserError } from '../../src/base/errors';
import * as protocol from '../../src/protocol';

const node: protocol.CheckpointNode = {
  id: '7',
  parent: '3',
  name: 'before the write',
  instret: 12_345_678,
  branch: 1,
  automatic: false,
  pc: '0x80000010',
  where: 'fill (demo.c:31)',
  consoleTail: '/ # ',
  isCurrent: true,
  sizeBytes: 65_536,
};

const refused = (parse: (value: unknown) => unknown, value: unknown, says: RegExp): void => {
  assert.throws(
    () => parse(value),
    (error) => error instanceof UserError && says.test(error.message),
  );
};

describe('protocol: messages', () => {
  it('passes a checkpoint tree through unchanged, as JSON and back', () => {
    const { parent: _parent, name: _name, where: _where, ...root } = node;
    const tree = { nodes: [root, node], current: { branch: 1, instret: 12_345_679 } };
    assert.deepEqual(protocol.parseCheckpointTree(JSON.parse(JSON.stringify(tree))), tree);
  });

  it('takes null for absent', () => {
    assert.deepEqual(protocol.parseTakeCheckpoint({ name: null }), {});
    assert.deepEqual(protocol.parseTakeCheckpoint(undefined), {});
  });

  it('does not take inherited fields for given ones', () => {
    refused(protocol.parseCheckpointArguments, Object.create({ id: '1' }), /"id" is missing/u);
  });

  it('names the message and the field that is wrong', () => {
    refused(protocol.parseCheckpointNode, { ...node, id: '' }, /checkpoint: "id"/u);
    refused(protocol.parseCheckpointNode, { ...node, pc: '80000010' }, /"pc" must be a hexadecimal address/u);
    refused(protocol.parseCheckpointNode, { ...node, instret: 1.5 }, /"instret" must be a whole number/u);
    refused(protocol.parseCheckpointNode, { ...node, instret: 2 ** 53 }, /"instret"/u);
    refused(protocol.parseCheckpointNode, { ...node, automatic: 1 }, /"automatic" must be true or false/u);
    refused(protocol.parseCheckpointTree, { nodes: {}, current: node }, /"nodes" must be a list/u);
    refused(protocol.parseCheckpointTree, { nodes: [] }, /"current" is missing/u);
    refused(protocol.parseCheckpointTree, [], /an object is needed, not a list/u);
    refused(protocol.parseSeek, { instret: -1 }, /seek: "instret"/u);
    refused(protocol.parseConsoleInput, { text: 'abc' }, /base64/u);
  });

  it('reads the console and time events', () => {
    assert.deepEqual(protocol.parseConsoleOutput({ data: 'aGk=' }), { data: 'aGk=' });
    assert.deepEqual(protocol.parseConsoleOutput({ data: '', reset: true }), { data: '', reset: true });
    assert.deepEqual(protocol.parseTime({ now: 1, end: 2, live: false }), { now: 1, end: 2, live: false });
    const timeline = { begin: 0, end: 9, now: 4, checkpoints: [{ id: '1', instret: 2, automatic: true }] };
    assert.deepEqual(protocol.parseTimeline(timeline), timeline);
  });
});

describe('protocol: launch', () => {
  it('fills in every default', () => {
    assert.deepEqual(protocol.parseLaunch({ type: 'chronovisor', program: 'a.elf' }), {
      program: 'a.elf',
      firmware: 'builtin',
      memoryBytes: 128 * 2 ** 20,
      harts: 1,
      kernelArgs: '',
      disks: [],
      stopOnEntry: false,
      console: 'integratedTerminal',
      idle: 'wait',
      virtio: 'modern',
      sourceMap: {},
      noDebug: false,
      relocate: {},
      symbolFiles: [],
      snapshot: false,
    });
  });

  it('reads sizes', () => {
    const sizes = {
      '128M': 2 ** 27,
      '1G': 2 ** 30,
      '65536k': 2 ** 26,
      '16MiB': 2 ** 24,
      ' 33554432 ': 2 ** 25,
    };
    for (const [text, bytes] of Object.entries(sizes)) assert.equal(protocol.parseSizeBytes(text), bytes);
    for (const text of ['', 'M', '-1M', '1.5G', '1T', '0x10', '99999999999999999999']) {
      assert.throws(() => protocol.parseSizeBytes(text), UserError, text);
    }
  });

  it('refuses what the machine cannot be, with a remedy', () => {
    const launch = (more: object) => () => protocol.parseLaunch({ program: 'a.elf', ...more });
    refused(protocol.parseLaunch, {}, /give the path/u);
    refused(launch({ memory: '3G' }), {}, /from 16M to 2G/u);
    refused(launch({ memory: 8 }), {}, /from 16M to 2G/u);
    refused(launch({ memory: {} }), {}, /a size like/u);
    refused(launch({ harts: 9 }), {}, /1 to 8/u);
    refused(launch({ harts: 0 }), {}, /1 to 8/u);
    refused(launch({ idle: 'sleep' }), {}, /"wait", "skip"/u);
    refused(launch({ disks: [{ file: 'd.img', slot: 8 }] }), {}, /0 to 7/u);
    refused(launch({ disks: [{}] }), {}, /disk: "file" is missing/u);
    refused(launch({ sourceMap: { '/build': 3 } }), {}, /sourceMap: "\/build"/u);
    refused(launch({ debugDirectories: '/usr/lib/debug' }), {}, /must be a list/u);
    refused(launch({ debugDirectories: ['/a', ''] }), {}, /a list of directories/u);
    refused(launch({ debugDirectories: Array(65).fill('/a') }), {}, /at most 64/u);
    const file = (more: object) => launch({ symbolFiles: [{ file: 'm.ko', ...more }] });
    refused(file({ sections: ['.text'] }), {}, /sections: an object is needed/u);
    refused(file({ sections: { '.text': 'there' } }), {}, /sections: "\.text" must be an address/u);
    refused(file({ sections: { '.text': 1 }, address: 1 }), {}, /leave "address" and "offset" out/u);
  });

  it('reads where the sections of a module are', () => {
    const symbolFiles = [{ file: 'm.ko', sections: { '.text': '0xffffffff01000000', '.data': 4096 } }];
    const [parsed] = protocol.parseLaunch({ program: 'a.elf', symbolFiles }).symbolFiles;
    assert.deepEqual(parsed, {
      ...{ file: 'm.ko', space: 'kernel' },
      sections: { '.text': 0xffff_ffff_0100_0000n, '.data': 4096n },
    });
    const debugDirectories = ['/usr/lib/debug', 'symbols'];
    const launched = protocol.parseLaunch({ program: 'a.elf', debugDirectories });
    assert.deepEqual(launched.debugDirectories, debugDirectories);
  });
});
