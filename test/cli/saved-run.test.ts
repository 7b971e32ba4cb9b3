/** Checkpoints from the command line, end to end: saved by one process, gone on from by another (row S22), and all that can be wrong with them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors';
import { parseRun } from '../../src/cli/options';
import { DATA_START } from '../../src/checkpoint/store/format';
import { sealedForTest } from '../checkpoint/store/newer';
import { startDisk } from '../support/guest-code';
import { requireTool } from '../support/tools';
import { CommandLine, type Outcome, type Report } from './support';

const cli = new CommandLine();
before(() => cli.build());
after(() => cli.dispose());

const BANK = join(__dirname, '../../samples/demo/bank.elf');
const BARE = ['--firmware', 'none', '--memory', '16M'];
const END = ['--max-instructions', '5_000_000'];

interface Saved {
  readonly id?: string;
  readonly name: string;
  readonly instret: number;
  readonly stopMicroseconds: number;
  readonly addedBytes?: number;
  readonly error?: { readonly code: string };
}
type SavingReport = Report & { readonly checkpoints?: readonly Saved[] };

const run = async (...args: string[]): Promise<Outcome & { report: SavingReport; shown: string }> =>
  cli.json(...args);

/** The command fails with this code, in one line, and prints nothing else. */
async function refuses(code: string, ...args: string[]): Promise<string> {
  const outcome = await cli.run(...args);
  assert.deepEqual([outcome.code, outcome.stdout], [1, ''], outcome.stderr);
  assert.match(outcome.stderr, new RegExp(`^chronovisor: ${code}: [^\\n]+\\n$`, 'u'));
  return outcome.stderr;
}

describe('chronovisor run: with a store', () => {
  const store = (): string => cli.path('store');
  let whole: SavingReport;
  let saving: Outcome & { report: SavingReport };

  before(async () => {
    whole = (await run(...BARE, ...END, BANK)).report;
    saving = await run(
      ...[...BARE, ...END, '--store', store(), '--checkpoint-at', '4_000_000,1000000'],
      ...['--save-on-exit', 'the end', BANK],
    );
  });

  it('takes live checkpoints on the way, and the run is as without them', () => {
    const { report, stderr } = saving;
    assert.deepEqual([report.stateHash, report.stop], [whole.stateHash, 'limit']);
    assert.deepEqual(
      report.checkpoints?.map(({ id, name, instret }) => [id, name, instret]),
      [
        ['1', 'at 1000000', 1_000_000],
        ['2', 'at 4000000', 4_000_000],
        ['3', 'the end', 5_000_000],
      ],
    );
    for (const { stopMicroseconds, addedBytes } of report.checkpoints ?? []) {
      assert(stopMicroseconds > 0 && (addedBytes ?? 0) > 0);
    }
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 3);
    for (const line of lines)
      assert.match(
        line,
        /^chronovisor: saved as \d: checkpoint ".+", instruction [\d,]+, stop \d+ .s, .+ added$/u,
      );
  });

  it('S22: goes on from each of them in another process, to the very same state', async () => {
    for (const from of ['at 1000000', '2', 'the end']) {
      const { report, code, stderr } = await run(...END, '--store', store(), '--from', from);
      assert.deepEqual(
        [report.stateHash, report.instructions, code],
        [whole.stateHash, 5_000_000, 124],
        stderr,
      );
    }
  });

  it('S22: goes on from an exported file, with nothing else there', async () => {
    const file = cli.path('exported.cvstore');
    assert.equal((await cli.run('checkpoint', 'export', store(), 'at 4000000', file)).code, 0);
    const elsewhere = cli.path('elsewhere');
    mkdirSync(elsewhere);
    renameSync(file, join(elsewhere, 'moved.cvstore'));
    const { report } = await run(...END, '--from', join(elsewhere, 'moved.cvstore'));
    assert.equal(report.stateHash, whole.stateHash);
    // And from a store that it was imported into.
    assert.equal(
      (await cli.run('checkpoint', 'import', elsewhere, join(elsewhere, 'moved.cvstore'))).code,
      0,
    );
    const imported = await run(...END, '--store', elsewhere, '--from', 'at 4000000');
    assert.equal(imported.report.stateHash, whole.stateHash);
  });

  it('saves further checkpoints of a run that began with one', async () => {
    const own = cli.path('further');
    cpSync(store(), own, { recursive: true });
    const { report } = await run(...[...END, '--store', own, '--from', '1', '--checkpoint-at', '2000000']);
    assert.deepEqual(
      report.checkpoints?.map(({ name, instret }) => [name, instret]),
      [['at 2000000', 2_000_000]],
    );
    const again = await run(...END, '--store', own, '--from', 'at 2000000');
    assert.equal(again.report.stateHash, whole.stateHash);
    const { stdout } = await cli.run('checkpoint', 'verify', own);
    assert.equal(stdout.match(/: ok, /gu)?.length, 4, stdout);
    const list = JSON.parse((await cli.run('checkpoint', 'list', own, '--json')).stdout) as {
      checkpoints: { parent: string | null }[];
    };
    assert.equal(list.checkpoints[3]?.parent, '1');
  });

  it('takes its settings from the checkpoint, and refuses others', async () => {
    const base = ['run', '--store', store(), '--from', '1', ...END];
    const other = cli.program('other.elf', 'j .');
    const says = [
      [['--memory', '32M'], /the memory is 33554432 and was 16777216/u],
      [['--initrd', other, '--firmware', 'builtin'], /firmware is "builtin" and was "none"; the initrd is/u],
      [['--disk', other, '--append', 'quiet'], /command line is "quiet" and was none; the number of disks/u],
      [['--harts', '2', other], /program is .*other\.elf and was .*bank\.elf, .*; the number of harts is 2/u],
    ] as const;
    for (const [args, expected] of says) {
      assert.match(await refuses('CHECKPOINT_GUEST', ...base, ...args), expected);
    }
    const copy = cli.path('copy.elf');
    copyFileSync(BANK, copy);
    const same = await run('--store', store(), '--from', '1', ...BARE, ...END, copy);
    assert.equal(same.report.stateHash, whole.stateHash, 'the same program at another place is the same');
  });

  it('refuses what is not there, damaged, newer, or nothing of ours', async () => {
    const from = (path: string, ...more: string[]): string[] => ['run', '--from', path, ...more];
    const file = cli.path('whole.cvstore');
    await cli.run('checkpoint', 'export', store(), '1', file);
    const bytes = new Uint8Array(readFileSync(file));
    await refuses('CHECKPOINT_UNKNOWN', ...from('no such name', '--store', store()));
    await refuses('CHECKPOINT_UNKNOWN', ...from(cli.path('nowhere')));
    await refuses('STORE_FOREIGN', ...from(BANK));
    await refuses('CHECKPOINT_AMBIGUOUS', ...from(store()));
    await refuses('STORE_NEWER', ...from(cli.file('newer.cvstore', sealedForTest(bytes))));
    await refuses('CHECKPOINT_PAST', ...from('2', '--store', store(), '--checkpoint-at', '1000'));
    // Damage is refused, unless it is where the run needs nothing of it; and is found by who looks for it.
    const end = bytes.findLastIndex((byte) => byte !== 0);
    const codes: (number | null)[] = [];
    for (const part of [0.1, 0.5, 0.9]) {
      const damaged = bytes.slice();
      const at = Math.floor(DATA_START + (end - DATA_START) * part);
      damaged.fill(0x5a, at, at + 2048);
      const path = cli.file('damaged.cvstore', damaged);
      const outcome = await cli.run('run', '--from', path, '--json', ...END);
      if (outcome.code === 124) assert.match(outcome.stdout, new RegExp(whole.stateHash, 'u'));
      else assert.match(outcome.stderr, /^chronovisor: STORE_DAMAGED: [^\n]+\n$/u, `damage at ${at}`);
      codes.push(outcome.code, (await cli.run('checkpoint', 'verify', path)).code);
    }
    assert(codes.filter((code) => code === 1).length > 1, 'damage is noticed');
  });

  it('needs the program that the checkpoint is of', async () => {
    const program = cli.program('gone.elf', '1: addi a0, a0, 1\nj 1b');
    const own = cli.path('gone');
    await run(...BARE, '--max-instructions', '1000', '--store', own, '--save-on-exit', 'x', program);
    writeFileSync(program, 'rebuilt');
    const text = await refuses('CHECKPOINT_GUEST', 'run', '--store', own, '--from', 'x');
    assert.match(text, /the program .*gone\.elf has been changed since/u);
    rmSync(program);
    await refuses('FILE_MISSING', 'run', '--store', own, '--from', 'x');
  });

  it('says that a store is full, keeps what was saved, and fails', async () => {
    const own = cli.path('full');
    const noisy = cli.program(
      'noisy.elf',
      `li t0, 0x80100000
       li t1, 0x80f00000
       li t2, 88172645463325252
    1: slli t3, t2, 13
       xor t2, t2, t3
       srli t3, t2, 7
       xor t2, t2, t3
       slli t3, t2, 17
       xor t2, t2, t3
       sd t2, (t0)
       addi t0, t0, 8
       bltu t0, t1, 1b
       j poweroff`,
    );
    const { report, code, stderr } = await run(
      ...[
        ...BARE,
        '--store',
        own,
        '--store-max',
        '4M',
        '--checkpoint-at',
        '1000',
        '--save-on-exit',
        'big',
        noisy,
      ],
    );
    assert.equal(report.stop, 'poweroff');
    assert.deepEqual(
      report.checkpoints?.map(({ id, error }) => [id, error?.code]),
      [
        ['1', undefined],
        [undefined, 'STORE_FULL'],
      ],
    );
    assert.equal(code, 1, 'the guest ended well, but not all was saved');
    assert.match(stderr, /^chronovisor: STORE_FULL: not saved: checkpoint "big"/mu);
    assert.equal((await cli.run('checkpoint', 'verify', own)).code, 0);
  });

  it('lets one process at a time write into a store', async () => {
    const own = cli.path('busy');
    const child = cli.start(
      'run',
      ...BARE,
      '--store',
      own,
      cli.program('x.elf', "li t0, 0x10000000\nli t1, 'x'\nsb t1, (t0)\nj ."),
    );
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await refuses('STORE_IN_USE', 'run', ...BARE, '--store', own, BANK);
    assert.equal((await cli.run('checkpoint', 'list', own)).code, 0, 'looking is free');
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGINT');
    await ended;
    assert.equal(existsSync(join(own, 'checkpoints.cvstore.lock')), false);
  });
});

/**
 * Reads sector 1 of the disk in slot 7 and writes it back with its first byte one higher, six times over; shows that byte
 * each time. By polling.
 */
const DISK_PROGRAM = `
        ${startDisk(7)}
        li s2, 0
    request:
        andi s3, s2, 1
        addi t0, s1, 1024
        sw s3, (t0)
        li t1, 1
        sd t1, 8(t0)
        sd t0, (s1)
        li t1, 16
        sw t1, 8(s1)
        li t1, 0x10001
        sw t1, 12(s1)
        addi t1, t0, 16
        sd t1, 16(s1)
        li t2, 512
        sw t2, 24(s1)
        li t2, 0x20003
        slli t3, s3, 1
        sub t2, t2, t3
        sw t2, 28(s1)
        addi t1, t1, 512
        sd t1, 32(s1)
        li t2, 1
        sw t2, 40(s1)
        li t2, 2
        sw t2, 44(s1)
        addi s2, s2, 1
        sh s2, 258(s1)
        sw zero, 0x50(s0)
    1:  lhu t2, 514(s1)
        bne t2, s2, 1b
        bnez s3, 2f
        li t2, 0x10000000
        lbu t3, 16(t0)
        sb t3, (t2)
        addi t3, t3, 1
        sb t3, 16(t0)
    2:  li t2, 12
        bne s2, t2, request
        j poweroff`;

describe('chronovisor run: a store and disks', () => {
  const store = (): string => cli.path('disks');
  const disk = (): string => cli.path('disk.raw');
  let program: string;
  let whole: SavingReport;
  const image = new Uint8Array(256 * 1024).fill(0x2e);
  image[512] = 0x41;

  before(async () => {
    program = cli.program('disk.elf', DISK_PROGRAM);
    cli.file('disk.raw', image);
    const first = await run(...BARE, '--disk', disk(), program);
    whole = first.report;
    assert.deepEqual([first.shown, whole.stop], ['ABCDEF', 'poweroff']);
  });

  it('S5, S22: goes on with the disk as it was then, and never writes the image', async () => {
    const instants = [3, 5, 7, 9].map((tenth) => Math.floor((whole.instructions * tenth) / 10));
    const { report, shown } = await run(
      ...[...BARE, '--disk', disk(), '--store', store(), '--checkpoint-at', instants.join(','), program],
    );
    assert.deepEqual([report.stateHash, shown], [whole.stateHash, 'ABCDEF']);
    for (const at of instants) {
      const resumed = await run('--store', store(), '--from', `at ${at}`);
      assert.equal(resumed.report.stateHash, whole.stateHash);
      assert('ABCDEF'.endsWith(resumed.shown) && resumed.shown.length < 6, resumed.shown);
    }
    assert.deepEqual(new Uint8Array(readFileSync(disk())), image);
    assert.equal((await cli.run('checkpoint', 'verify', store())).code, 0);
    // What lies in layers is compared as well: it is the block of sector 1 alone that the guest writes.
    const diff = await cli.run('checkpoint', 'diff', store(), '1', '4', '--pages', '--json');
    const { disks } = JSON.parse(diff.stdout) as { disks: unknown };
    assert.deepEqual(disks, [{ path: disk(), count: 1, ranges: [{ offset: 0, blocks: 1 }] }]);
  });

  it('S18: says that the image is missing, changed, or of another size; finds it where it has moved to', async () => {
    const from = ['run', '--store', store(), '--from', '2'];
    const moved = cli.path('moved.raw');
    renameSync(disk(), moved);
    try {
      await refuses('FILE_MISSING', ...from);
      const { report } = await run(...from.slice(1), '--disk', moved);
      assert.equal(report.stateHash, whole.stateHash);
      const file = cli.path('with-disk.cvstore');
      assert.equal((await cli.run('checkpoint', 'export', store(), '2', file)).code, 0);
      const exported = await run('--from', file, '--disk', moved);
      assert.equal(exported.report.stateHash, whole.stateHash);
      const changed = image.slice();
      changed[100_000] = 1;
      writeFileSync(disk(), changed);
      await refuses('DISK_CONTENTS_CHANGED', ...from);
      writeFileSync(disk(), image.subarray(0, 200 * 1024));
      await refuses('DISK_SIZE_CHANGED', ...from);
    } finally {
      renameSync(moved, disk());
    }
  });

  it('S18: goes on when the image and what it is backed by have both moved, told so', async function () {
    requireTool(this, 'qemu-img');
    const [base, over] = [cli.file('below.raw', image), cli.path('over.qcow2')];
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', over]);
    const own = cli.path('relocated');
    const half = String(Math.floor(whole.instructions / 2));
    await run(...BARE, '--disk', over, '--store', own, '--checkpoint-at', half, program);
    const moves = [base, over].map((path) => [path, `${path}.moved`] as const);
    for (const [from, to] of moves) renameSync(from, to);
    const resume = ['run', '--store', own, '--from', `at ${half}`];
    await refuses('FILE_MISSING', ...resume);
    const told = moves.flatMap(([from, to]) => ['--relocate', `${from}=${to}`]);
    await refuses('FILE_MISSING', ...resume, ...told.slice(0, 2));
    const resumed = await run(...resume.slice(1), ...told);
    assert.equal(resumed.report.stateHash, whole.stateHash);
  });

  it('S16: commits what a checkpoint has into the image, for who asks for it', async () => {
    const [base, own] = [cli.file('base.raw', image), cli.path('commit')];
    await run(...BARE, '--disk', base, '--store', own, '--save-on-exit', 'end', program);
    assert.equal(readFileSync(base)[512], 0x41);
    const { code, stderr, stdout } = await cli.run('checkpoint', 'commit', own, 'end', '--json');
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { id: '1', committed: [base] });
    assert.equal(readFileSync(base)[512], 0x41 + 6);
    const list = await run('--store', own, '--from', 'end');
    assert.equal(list.report.stop, 'poweroff', 'the checkpoint is usable as before');
  });

  it('deletes a checkpoint with its layers, and the others stay whole', async () => {
    const own = cli.path('deleting');
    const half = Math.floor(whole.instructions / 2);
    const args = ['--checkpoint-at', `${half},${half + 50_000}`, '--save-on-exit', 'end'];
    await run(...BARE, '--disk', disk(), '--store', own, ...args, program);
    assert.equal((await cli.run('checkpoint', 'delete', own, '1', 'end')).code, 0);
    assert.equal((await cli.run('checkpoint', 'verify', own)).code, 0);
    const { report } = await run('--store', own, '--from', '2');
    assert.equal(report.stateHash, whole.stateHash);
  });
});

describe('chronovisor run: usage of stores', () => {
  const wrong: readonly (readonly string[])[] = [
    ['--checkpoint-at', '5', 'a'],
    ['--save-on-exit', 'x', 'a'],
    ['--store', 's', '--checkpoint-at', 'x', 'a'],
    ['--store', 's', '--checkpoint-at', '1,,2', 'a'],
    ['--store', 's', '--checkpoint-at', '-1', 'a'],
    ['--store', 's', '--save-on-exit', '', 'a'],
    ['--store', 's', '--save-on-exit', 'x', '--snapshot', 'a'],
    ['--store', 's', '--store-max', 'much', 'a'],
    ['--store-max', '1G', 'a'],
    ['--store', 's'],
    ['--from', 'x', 'a', 'b'],
    ['--from', 'x', '--relocate', 'old'],
  ];
  for (const args of wrong) {
    it(`refuses run ${args.join(' ')}`, () => {
      assert.throws(
        () => parseRun(args),
        (error) => error instanceof UserError && error.code === 'USAGE' && !error.message.includes('\n'),
      );
    });
  }

  it('sorts instants, and knows what was given', () => {
    const { saving } = parseRun([
      '--from',
      'x',
      '--store',
      's',
      '--checkpoint-at',
      '9,5',
      '--checkpoint-at',
      '1_0',
    ]);
    assert.deepEqual(saving.checkpointAt, [5, 9, 10]);
    assert.deepEqual(saving.given, {});
    assert.deepEqual(parseRun(['--memory', '32M', 'a']).saving.given, {
      program: 'a',
      memoryBytes: 32 << 20,
    });
  });
});
