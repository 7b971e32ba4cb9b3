/**
 * Linux writes to an ext4 on a virtio disk; e2fsck and debugfs judge what the disk then holds. The base image is never
 * changed (I3), and the disk goes back in time with the rest of the machine.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CowDisk } from '../../src/disk/cow-disk';
import { MemoryImage } from '../../src/disk/images';
import { requireGuest } from '../support/guests';
import { shellPrompt } from '../support/initrd';
import { findTool, requireTool } from '../support/tools';
import { guestConfig, GuestRun } from './run';

const DISK_BYTES = 8 << 20;

describe('Linux, a virtio disk with ext4', function () {
  this.timeout(600_000);
  let folder = '';
  let base: Uint8Array;
  let disk: CowDisk;
  let guest: GuestRun;

  /** The disk as the guest has it now, as a file. */
  async function contents(name: string): Promise<string> {
    const operation = disk.begin({ op: 'read', offset: 0, length: DISK_BYTES });
    await operation.whenReady();
    const result = operation.complete();
    assert(result.ok && result.data !== undefined);
    const path = join(folder, name);
    writeFileSync(path, result.data);
    return path;
  }

  const judge = (tool: string, ...args: string[]): string =>
    execFileSync(findTool(tool) ?? tool, args, { encoding: 'utf8', stdio: 'pipe' });

  before(async function () {
    requireGuest(this, 'linux-image', 'linux-initrd-modules');
    requireTool(this, 'mke2fs', 'e2fsck', 'debugfs');
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-disk-'));
    const path = join(folder, 'base.img');
    writeFileSync(path, new Uint8Array(DISK_BYTES));
    judge('mke2fs', '-q', '-t', 'ext4', path);
    base = readFileSync(path);
    disk = new CowDisk(new MemoryImage(base));
    guest = new GuestRun(
      guestConfig({ firmware: 'builtin', initrd: 'linux-initrd-modules', disks: [{ port: disk }] }),
      false,
    );
    await guest.until(shellPrompt);
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('mounts it, writes and unmounts; the file system is clean and holds what was written', async () => {
    const original = Buffer.from(base);
    assert.equal(await guest.command('dmesg -n 1; load-modules; echo $?'), '0');
    assert.equal(await guest.command('mount -t ext4 /dev/vda /mnt && echo mounted'), 'mounted');
    const empty = guest.time.takeCheckpoint('mounted');
    assert.equal(await guest.command('seq 1 40000 > /mnt/numbers; sync; wc -c < /mnt/numbers'), '228894');
    assert.equal(await guest.command('umount /mnt && echo gone'), 'gone');

    const written = await contents('written.img');
    judge('e2fsck', '-fn', written);
    const numbers = Array.from({ length: 40000 }, (_, index) => `${index + 1}\n`).join('');
    assert.equal(judge('debugfs', '-R', 'cat /numbers', written), numbers);
    assert(Buffer.from(base).equals(original), 'the base image is never written');

    const hash = guest.time.stateHash();
    const { now } = guest.time;
    await guest.restore(empty.id);
    assert.doesNotMatch(judge('debugfs', '-R', 'ls /', await contents('before.img')), /numbers/);
    assert.deepEqual(await guest.time.seek(now), { kind: 'done' });
    assert.equal(guest.time.stateHash(), hash);
  });
});
