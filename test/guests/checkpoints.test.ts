/**
 * A real Linux writes to an ext4 on a virtio disk while a checkpoint is taken each second of its time and saved live; each is
 * resumed in another process later. e2fsck and debugfs judge what the disk holds then. CHRONOVISOR_CHECKPOINTS says how many
 * (100 in the full run).
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { instret } from '../../src/base/brand';
import type { SaveJob } from '../../src/checkpoint/archive';
import type { DiskArchive } from '../../src/checkpoint/disk-archive';
import { openArchive } from '../../src/host/archive';
import { openDiskArchive } from '../../src/host/disk/disk-archive';
import { requireGuest } from '../support/guests';
import { shellPrompt } from '../support/initrd';
import { findTool, requireTool } from '../support/tools';
import { open, startChurn } from './churn';
import type { GuestRun } from './run';

const COUNT = Number(process.env['CHRONOVISOR_CHECKPOINTS'] ?? 12);
const DISK_BYTES = 32 << 20;
const TIME_CSR = 0xc01;
const TICKS_PER_SECOND = 10_000_000n;
/** Saves under way at the same time. */
const AT_ONCE = 3;
const PIECE = 2_000_000;

const run = promisify(execFile);
const judge = (tool: string, ...args: string[]): string =>
  execFileSync(findTool(tool) ?? tool, args, { encoding: 'utf8', stdio: 'pipe' });

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

describe('Linux that writes to ext4, saved each second', function () {
  this.timeout(1_800_000);
  let folder = '';
  let base = '';
  let store = '';
  let original = '';
  let ids: string[] = [];

  before(async function () {
    requireGuest(this, 'linux-image', 'linux-initrd-modules');
    requireTool(this, 'mke2fs', 'e2fsck', 'debugfs', 'qemu-img');
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-churn-'));
    [base, store] = [join(folder, 'base.img'), join(folder, 'store')];
    writeFileSync(base, new Uint8Array(DISK_BYTES));
    judge('mke2fs', '-q', '-t', 'ext4', base);
    original = md5(readFileSync(base));
    const archive = await openDiskArchive(await openArchive(store));
    const guest = await open(base, archive);
    await guest.until(shellPrompt);
    await startChurn(guest);
    ids = await saveEachSecond(guest, archive);
    guest.time.dispose();
    await archive.close();
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  /** Takes a checkpoint each second of the guest's time; the guest runs on while it is saved. */
  async function saveEachSecond(guest: GuestRun, archive: DiskArchive): Promise<string[]> {
    const { time } = guest;
    const clock = (): bigint => time.hart(0).csr(TIME_CSR) ?? 0n;
    const jobs: SaveJob[] = [];
    const taken: string[] = [];
    for (let next = clock() + TICKS_PER_SECOND; taken.length < COUNT; next += TICKS_PER_SECOND) {
      while (clock() < next) await time.seek(instret(time.now + PIECE));
      const { id } = time.takeCheckpoint(`second ${taken.length}`);
      taken.push(id);
      jobs.push(time.saveCheckpoint(id, archive, { guest: null, savedAt: 0 }));
      // What is saved already need not stay in memory; the last one makes the next one small.
      const done = await jobs[jobs.length - AT_ONCE]?.done;
      const old = taken[taken.length - AT_ONCE - 1];
      if (done !== undefined && old !== undefined) time.deleteCheckpoint(old);
    }
    for (const job of jobs) job.hurry();
    return (await Promise.all(jobs.map(({ done }) => done))).map(({ id }) => id);
  }

  /** Each file bears its MD5; how many there are. */
  function checkFiles(image: string): number {
    const out = join(folder, 'files');
    mkdirSync(out);
    judge('debugfs', '-R', `rdump /d ${out}`, image);
    const names = readdirSync(join(out, 'd'));
    for (const name of names) {
      assert.equal(md5(readFileSync(join(out, 'd', name))), name);
    }
    rmSync(out, { recursive: true });
    return names.length;
  }

  /** As after a power cut at the checkpoint's instant: the journal is replayed, and nothing is wrong then. */
  function checkCrashed(image: string): void {
    // Ends with 1 when something was put right, which throws: the journal counts as that.
    const { status } = recovered(image);
    assert.ok(status === 0 || status === 1, `e2fsck -p: ${status}`);
    judge('e2fsck', '-fn', image);
  }
  function recovered(image: string): { readonly status: number } {
    try {
      judge('e2fsck', '-p', image);
      return { status: 0 };
    } catch (error) {
      return { status: (error as { status: number }).status };
    }
  }

  it(`each of ${COUNT} goes on in a new process; its disk is clean, and files and journal are whole`, async () => {
    assert.equal(new Set(ids).size, COUNT);
    const image = join(folder, 'disk.img');
    let files = 0;
    for (const id of ids) {
      const { stdout } = await run(process.execPath, [
        ...['--import', 'tsx', join(__dirname, 'churn.ts')],
        ...[store, id, base, image],
      ]);
      assert.match(stdout, /GONE/, `checkpoint ${id}: ${stdout}`);
      assert.doesNotMatch(stdout, /I\/O error|EXT4-fs (error|warning)|FAILED/, `checkpoint ${id}: ${stdout}`);
      checkCrashed(`${image}.then`);
      judge('e2fsck', '-fn', image);
      files += checkFiles(image);
    }
    assert.ok(files > 5 * COUNT, `${files} files were checked`);
    assert.equal(md5(readFileSync(base)), original, 'the base image is never written');
  });

  it('keeps layers that QEMU finds clean, one for each', () => {
    const layers = readdirSync(store).filter((name) => name.startsWith('disk-'));
    assert.equal(layers.length, 1);
    const where = join(store, layers[0] ?? '');
    const files = readdirSync(where).filter((name) => name.endsWith('.qcow2'));
    assert.equal(files.length, COUNT);
    for (const file of files) judge('qemu-img', 'check', '-q', join(where, file));
  });
});
