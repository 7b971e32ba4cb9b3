/** Snapshots of a guest's disks alone, and going back to one with a guest that begins with power-on (row S23). */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instret } from '../../src/base/brand';
import { UserError } from '../../src/base/errors';
import { parseRun } from '../../src/cli/options';
import type { DiskPort, DiskRequest } from '../../src/machine/device';
import { hostClock } from '../../src/host/clock';
import { launchGuest, type Launched, type LaunchRequest } from '../../src/host/launch';
import { encodeGuest } from '../../src/protocol';
import { assemble } from '../support/assembler';

const BLOCK = 4096;
const DISK_BYTES = 64 * BLOCK;

describe('snapshots of disks alone', function () {
  this.timeout(20_000);
  let folder = '';
  let program = '';
  let base = '';
  const launched = new Set<Launched>();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-snapshot-'));
    [program, base] = [join(folder, 'program.bin'), join(folder, 'base.raw')];
    writeFileSync(program, assemble('1: addi a0, a0, 1\nj 1b', 0x8000_0000).bytes);
    writeFileSync(base, new Uint8Array(DISK_BYTES).fill(1));
  });
  afterEach(async () => {
    for (const one of [...launched]) await end(one);
    rmSync(folder, { recursive: true });
  });

  /** As the command line asks for it. */
  async function launch(...args: string[]): Promise<Launched> {
    const store = ['--store', join(folder, 'store'), '--firmware', 'none', '--memory', '16M'];
    const { settings, saving } = parseRun([...store, ...args]);
    const request: LaunchRequest = {
      ...{ settings, given: saving.given, store: saving.store },
      checkpoint: saving.from ?? saving.disksFrom,
      disksOnly: saving.disksFrom !== undefined,
    };
    const one = await launchGuest(request, { clock: hostClock, record: false });
    launched.add(one);
    return one;
  }
  async function end(one: Launched): Promise<void> {
    launched.delete(one);
    one.guest.debuggee.dispose();
    await one.close();
  }

  const portOf = ({ guest }: Launched): DiskPort => {
    const [disk] = guest.debuggee.config.disks ?? [];
    assert.ok(disk);
    return disk.port;
  };
  async function complete(one: Launched, request: DiskRequest): Promise<Uint8Array> {
    const operation = portOf(one).begin(request);
    await operation.whenReady();
    const result = operation.complete();
    assert.ok(result.ok);
    return result.data ?? new Uint8Array(0);
  }
  const write = (one: Launched, block: number, value: number): Promise<Uint8Array> =>
    complete(one, { op: 'write', offset: block * BLOCK, data: new Uint8Array(BLOCK).fill(value) });
  const firstBytes = async (one: Launched): Promise<number[]> => {
    const bytes = await complete(one, { op: 'read', offset: 0, length: 4 * BLOCK });
    return [0, 1, 2, 3].map((block) => bytes[block * BLOCK] ?? -1);
  };

  it('S23: the disks go back, and the guest begins anew; memory is not touched by it', async () => {
    const first = await launch('--disk', base, program);
    await write(first, 1, 7);
    assert.ok(first.saveDisks && first.keeping);
    const job = first.saveDisks('disks', await first.keeping.guest(), 5);
    await write(first, 2, 8);
    const { name, ramBytes, disks } = await job.done;
    assert.deepEqual([name, ramBytes, disks.length], ['disks', 0, 1]);
    await first.guest.debuggee.seek(instret(1000));
    const { id } = first.guest.debuggee.takeCheckpoint('all');
    await first.guest.debuggee.saveCheckpoint(id, first.keeping.archive, {
      guest: encodeGuest(await first.keeping.guest()),
      savedAt: 5,
    }).done;
    await end(first);

    const again = await launch('--disk', base, '--disks-from', 'disks', program);
    assert.deepEqual([again.guest.debuggee.now, await firstBytes(again)], [0, [1, 7, 1, 1]]);
    await write(again, 3, 9);
    assert.ok(again.saveDisks && again.keeping);
    await again.saveDisks('more', await again.keeping.guest(), 6).done;
    await end(again);

    // Of a checkpoint with memory the disks serve as well; and a snapshot, with the settings of its guest, by itself.
    const whole = await launch('--disk', base, '--disks-from', 'all', program);
    assert.deepEqual([whole.guest.debuggee.now, await firstBytes(whole)], [0, [1, 7, 8, 1]]);
    await end(whole);
    const alone = await launch('--from', 'more');
    assert.deepEqual([alone.guest.debuggee.now, await firstBytes(alone)], [0, [1, 7, 1, 9]]);
    await end(alone);
    assert.ok(readFileSync(base).equals(new Uint8Array(DISK_BYTES).fill(1)));
  });

  it('S18: tells of images that have changed, and of other disks', async () => {
    const first = await launch('--disk', base, program);
    await write(first, 1, 7);
    assert.ok(first.saveDisks && first.keeping);
    await first.saveDisks('disks', await first.keeping.guest(), 5).done;
    await end(first);
    const code = (error: unknown): boolean => error instanceof UserError && error.code === expected;
    let expected = 'DISKS_DIFFER';
    await assert.rejects(launch('--disk', base, '--disk', base, '--disks-from', 'disks', program), code);
    writeFileSync(base, new Uint8Array(DISK_BYTES).fill(2));
    expected = 'DISK_CONTENTS_CHANGED';
    await assert.rejects(launch('--disk', base, '--disks-from', 'disks', program), code);
  });

  it('tells once of an image that cannot be read, which the guest sees as an I/O error', async () => {
    const one = await launch('--disk', base, program);
    const told: string[] = [];
    one.guest.diskErrors((message) => told.push(message));
    const [disk] = one.guest.debuggee.config.disks ?? [];
    disk?.onError?.('EIO');
    disk?.onError?.('EIO');
    assert.deepEqual(told, [`The disk image ${base} gives the guest an I/O error: EIO`]);
  });
});
