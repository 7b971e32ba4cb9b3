/** The messages about saved checkpoints, and what tells one guest from another. */
import assert from 'node:assert/strict';
import { UserError } from '../../src/base/errors';
import * as protocol from '../../src/protocol';

const saved: protocol.SavedCheckpoint = {
  id: '3',
  name: 'booted',
  notes: '',
  savedAt: 1_700_000_000_000,
  instret: 5,
  sizeBytes: 4096,
  ramBytes: 1 << 27,
  consoleTail: 'login:',
  stopMicroseconds: 80,
  damaged: false,
  program: '/k/vmlinux',
  isSameGuest: true,
};

const guest: protocol.SavedGuest = {
  program: { path: '/k/vmlinux', hash: 'sha256:1' },
  firmware: 'builtin',
  memoryBytes: 1 << 27,
  harts: 2,
  kernelArgs: 'quiet',
  virtio: 'modern',
  initrd: { path: '/k/initrd', hash: 'sha256:2' },
  disks: [{ file: '/k/disk.img', readOnly: false, slot: 7 }],
};

const hasCode =
  (code: string, says = /./u) =>
  (error: unknown): boolean =>
    error instanceof UserError && error.code === code && says.test(error.message);

describe('protocol: saved checkpoints', () => {
  it('passes lists through unchanged, as JSON and back', () => {
    const list = { store: '/s', checkpoints: [saved] };
    assert.deepEqual(protocol.parseSavedCheckpoints(JSON.parse(JSON.stringify(list))), list);
    assert.deepEqual(protocol.parseSavedCheckpoints({ checkpoints: [] }), { checkpoints: [] });
  });

  it('refuses empty ids and paths, and texts that are no names', () => {
    const field = hasCode('PROTOCOL_FIELD');
    assert.throws(() => protocol.parseSavedCheckpoint({ ...saved, id: '' }), field);
    assert.throws(() => protocol.parseExportCheckpoint({ id: '1', path: '' }), field);
    assert.throws(() => protocol.parseSaveCheckpoint({ id: '1', name: 'x'.repeat(10_001) }), field);
    assert.throws(() => protocol.parseUpdateSaved({ name: 'x' }), field);
    assert.throws(() => protocol.parseSaveAnswer({}), field);
  });
});

describe('protocol: the guest of a checkpoint', () => {
  const files = { program: guest.program, initrd: guest.initrd };

  it('is read back as it was written', () => {
    assert.deepEqual(protocol.decodeGuest(protocol.encodeGuest(guest)), guest);
    const other = { ...guest, firmware: { path: '/fw', hash: 'sha256:9' }, disks: [] };
    assert.deepEqual(protocol.decodeGuest(protocol.encodeGuest(other)), other);
  });

  it('is refused when it is of a newer version, or nothing of ours', () => {
    const unknown = hasCode('CHECKPOINT_GUEST_UNKNOWN');
    const encoded = protocol.encodeGuest(guest);
    for (const value of [null, 3, [], {}, { ...encoded, version: 99 }, { ...encoded, harts: 0 }]) {
      assert.throws(() => protocol.decodeGuest(value), unknown);
    }
    const slot = { ...encoded, disks: [{ file: 'd', readOnly: false, slot: 8 }] };
    assert.throws(() => protocol.decodeGuest(slot), unknown);
  });

  it('is the same while nothing is given, or the same things are', () => {
    assert.deepEqual(protocol.differencesOf(guest, {}, {}), []);
    const { memoryBytes, harts, kernelArgs, virtio } = guest;
    const given = { program: 'vmlinux', firmware: 'builtin', memoryBytes, harts, kernelArgs, virtio };
    assert.deepEqual(protocol.differencesOf(guest, given, files), []);
    const moved = { program: { path: '/elsewhere/vmlinux', hash: 'sha256:1' } };
    assert.deepEqual(protocol.differencesOf(guest, given, moved), []);
    const disks = [{ file: '/moved/disk.img', readOnly: false, slot: 7 }];
    assert.deepEqual(protocol.differencesOf(guest, { disks }, {}), []);
  });

  it('says everything that differs', () => {
    const given: protocol.GivenSettings = {
      firmware: 'none',
      memoryBytes: 1 << 28,
      harts: 1,
      kernelArgs: '',
      virtio: 'legacy',
      disks: [{ file: '/k/disk.img', readOnly: true, slot: 7 }],
    };
    const changed = {
      program: { path: '/k/vmlinux', hash: 'sha256:3' },
      initrd: { path: '/k/other', hash: 'sha256:4' },
    };
    assert.deepEqual(protocol.differencesOf(guest, given, changed), [
      'the program /k/vmlinux has been changed since',
      'the firmware is "none" and was "builtin"',
      'the initrd is /k/other and was /k/initrd, which is another file',
      'the memory is 268435456 and was 134217728',
      'the number of harts is 1 and was 2',
      'the kernel command line is none and was "quiet"',
      'virtio is "legacy" and was "modern"',
      'disk 0 is read-only',
    ]);
    assert.deepEqual(protocol.differencesOf(guest, { disks: [] }, {}), [
      'the number of disks is 0 and was 1',
    ]);
    assert.deepEqual(protocol.differencesOf(guest, { disks: [{ file: 'd', readOnly: false }] }, {}), [
      'disk 0 is in another slot',
    ]);
    const bare: protocol.SavedGuest = { ...guest, firmware: { path: '/fw', hash: 'sha256:5' } };
    const firmware = { path: '/fw', hash: 'sha256:6' };
    assert.deepEqual(protocol.differencesOf(bare, { firmware: '/fw' }, { firmware }), [
      'the firmware /fw has been changed since',
    ]);
    assert.match(protocol.guestDiffers(['the memory is 1 and was 2']).message, /another guest.*leave these/u);
  });

  it('is compared as a whole, whichever of the two is asked', () => {
    const file = { path: '/fw', hash: 'sha256:5' };
    const { initrd: _initrd, ...bare } = guest;
    const others: protocol.SavedGuest[] = [
      bare,
      { ...guest, initrd: { path: '/k/initrd', hash: 'sha256:7' } },
      { ...guest, program: { path: '/k/vmlinux', hash: 'sha256:7' } },
      { ...guest, firmware: 'none' },
      { ...guest, firmware: file },
      { ...guest, memoryBytes: 1 << 28 },
      { ...guest, harts: 1 },
      { ...guest, kernelArgs: '' },
      { ...guest, virtio: 'legacy' },
      { ...guest, disks: [] },
    ];
    for (const other of others) {
      assert.equal(protocol.isSameGuest(guest, other), false, JSON.stringify(other));
      assert.equal(protocol.isSameGuest(other, guest), false, JSON.stringify(other));
      assert.equal(protocol.isSameGuest(other, other), true);
    }
    const moved = { ...guest, program: { path: '/elsewhere', hash: 'sha256:1' } };
    assert.equal(protocol.isSameGuest(guest, moved), true);
  });

  it('knows what a launch gave by itself', () => {
    const of = (value: object): protocol.GivenSettings =>
      protocol.givenByLaunch(value, protocol.parseLaunch(value));
    assert.deepEqual(of({ checkpoint: 'booted' }), {});
    assert.deepEqual(of({ checkpoint: 'booted', program: '', memory: '64M', harts: 2, stopOnEntry: true }), {
      memoryBytes: 64 << 20,
      harts: 2,
    });
    assert.deepEqual(of({ program: 'a', disks: [{ file: 'd' }] }), {
      program: 'a',
      disks: [{ file: 'd', readOnly: false }],
    });
  });

  it('needs no program beside a checkpoint, and takes empty texts for none', () => {
    const launch = protocol.parseLaunch({ checkpoint: 'x', store: '' });
    assert.deepEqual(
      [launch.program, launch.checkpoint, launch.store, launch.snapshot],
      ['', 'x', undefined, false],
    );
    assert.throws(() => protocol.parseLaunch({ checkpoint: '' }), hasCode('LAUNCH_NO_PROGRAM'));
  });
});
