/** The contract of `chronovisor run` (README): how it ends, what it prints, what it types, what it refuses. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { requireTool } from '../support/tools';
import { startDisk } from '../support/guest-code';
import { CommandLine, outcomeOf } from './support';

const cli = new CommandLine();
before(() => cli.build());
after(() => cli.dispose());

/** Shows a prompt, reads a line by polling, shows it in brackets, and begins again; `q` powers off. */
const SHELL = `
        li s1, 0x10000000
    prompt:
        li t0, '>'
        sb t0, (s1)
    1:  lbu t0, 5(s1)
        andi t0, t0, 1
        beqz t0, 1b
        lbu a0, (s1)
        li t0, 'q'
        beq a0, t0, poweroff
        li t0, 10
        beq a0, t0, prompt
        addi a0, a0, 1
        sb a0, (s1)
        j 1b`;

const finisher = (value: string): string => `li t0, 0x100000\nli t1, ${value}\nsw t1, (t0)\nj .`;
const BARE = ['--firmware', 'none', '--memory', '16M'];

describe('chronovisor run: ends', () => {
  const ends: readonly [string, string, readonly string[], string, number][] = [
    ['poweroff', 'j poweroff', [], 'poweroff', 0],
    ['a code of the finisher', finisher('0x73333'), [], 'fail', 7],
    ['a code that hosts would cut to 0', finisher('0x1003333'), [], 'fail', 1],
    ['HTIF', 'la t0, tohost\nli t1, 85\nsd t1, (t0)\nj .\n.align 3\ntohost: .dword 0', [], 'htif', 42],
    ['the limit', 'j .', ['--max-instructions', '1000'], 'limit', 124],
    ['a text', SHELL, ['--exit-on', 'bc', '--type', '>=abx'], 'exit-on', 0],
    ['nothing left to happen', 'csrw mie, zero\n1: wfi\nj 1b', [], 'idle', 125],
  ];
  for (const [name, source, args, stop, code] of ends) {
    it(`by ${name}`, async () => {
      const program = cli.program('ends.elf', source);
      const { report, ...outcome } = await cli.json(...BARE, ...args, program);
      assert.equal(report.stop, stop);
      assert.equal(outcome.code, code, outcome.stderr);
      assert.deepEqual(Object.keys(report), [
        'stop',
        'exitCode',
        'instructions',
        'stateHash',
        'seconds',
        'mips',
      ]);
      assert.match(report.stateHash, /^[0-9a-f]{16}$/);
      if (stop === 'limit') assert.equal(report.instructions, 1000);
    });
  }

  it('by an interrupt from the keyboard, as a signal', async () => {
    const child = cli.start(
      'run',
      ...BARE,
      cli.program('loop.elf', "li t0, 0x10000000\nli t1, 'x'\nsb t1, (t0)\nj ."),
    );
    child.stdout?.once('data', () => child.kill('SIGINT'));
    const { code, stdout } = await outcomeOf(child);
    assert.deepEqual([code, stdout], [130, 'x']);
  });
});

describe('chronovisor run: input and output', () => {
  it('types each text once the console has shown the one before it, the same in every run', async () => {
    const program = cli.program('shell.elf', SHELL);
    const args = [...BARE, '--type', '=first\\n', '--type', 'gjstu>=\\x41\\x42\\n', '--type', 'BC>=q'];
    const [one, two] = await Promise.all([cli.json(...args, program), cli.json(...args, program)]);
    assert.equal(one.shown, '>gjstu>BC>');
    assert.equal(one.report.stop, 'poweroff');
    const { stateHash, instructions } = one.report;
    assert.deepEqual([two.report.stateHash, two.report.instructions], [stateHash, instructions]);
    const other = await cli.json(...args.map((arg) => arg.replace('=q', '=\\nq')), program);
    assert.notEqual(other.report.stateHash, stateHash);
  });

  it('puts nothing of its own into a pipe', async () => {
    const { stdout, stderr, code } = await cli.run(
      'run',
      ...BARE,
      '--type',
      '=q',
      cli.program('shell.elf', SHELL),
    );
    assert.deepEqual({ stdout, stderr, code }, { stdout: '>', stderr: '', code: 0 });
  });

  it('ends quietly when nobody reads any longer', async () => {
    const child = cli.start(
      'run',
      ...BARE,
      cli.program('noise.elf', "li t0, 0x10000000\nli t1, 'x'\n1: sb t1, (t0)\nj 1b"),
    );
    child.stdout?.once('data', () => child.stdout?.destroy());
    const { stderr, code } = await outcomeOf(child);
    assert.equal(stderr, '');
    assert.notEqual(code, null);
  });

  it('takes harts, memory, kernel arguments and an initrd', async () => {
    // Hart 3 ends the run with the size of RAM in MiB (by where the device tree is) as its code.
    const source = `
        csrr t0, mhartid
        li t1, 3
        bne t0, t1, .
        srli a1, a1, 20
        andi a1, a1, 0xff
        slli t0, a1, 16
        li t1, 0x3333
        or t1, t0, t1
        li t0, 0x100000
        sw t1, (t0)
        j .`;
    const initrd = cli.file('initrd', 'some bytes');
    const program = cli.program('harts.elf', source);
    const { code } = await cli.run(
      'run',
      '--firmware',
      'none',
      '--memory',
      '32M',
      '--harts',
      '4',
      '--append',
      'quiet',
      '--initrd',
      initrd,
      program,
    );
    assert.equal(code, 30);
  });

  it('waits out idle time with --idle wait', async () => {
    const source = `
        li t0, 0x2004000
        li t1, 2500000
        sd t1, (t0)
        li t1, 0x80
        csrw mie, t1
        wfi
        j poweroff`;
    const program = cli.program('sleep.elf', source);
    const skip = await cli.json(...BARE, program);
    const wait = await cli.json(...BARE, '--idle', 'wait', program);
    assert(wait.report.seconds >= 0.24, `${wait.report.seconds} s`);
    assert(skip.report.seconds < wait.report.seconds);
    assert.equal(wait.report.stateHash, skip.report.stateHash);
  });
});

/** Reads sector 1 of the disk in a slot, shows its first byte, overwrites the sector, and ends with the status as code. */
const diskProgram = (slot: number): string => `
        ${startDisk(slot)}
        li s2, 0
    request:
        addi t0, s1, 1024
        sw s2, (t0)
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
        slli t3, s2, 1
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
        li t2, 0x10000000
        lbu t3, 16(t0)
        sb t3, (t2)
        lbu t4, 528(t0)
        li t5, 'Z'
        sb t5, 16(t0)
        li t2, 2
        bne s2, t2, request
        slli t4, t4, 16
        li t5, 0x3333
        or t5, t5, t4
        li t6, 0x100000
        sw t5, (t6)
        j .`;

describe('chronovisor run: disks', () => {
  const image = (): Uint8Array => {
    const bytes = new Uint8Array(8192).fill(0x2e);
    bytes[512] = 0x58;
    return bytes;
  };

  it('reads a raw image, in the last slot, and writes to memory alone', async () => {
    const file = cli.file('disk.raw', image());
    const { code, stdout, stderr } = await cli.run(
      'run',
      ...BARE,
      '--disk',
      file,
      cli.program('disk7.elf', diskProgram(7)),
    );
    assert.deepEqual([stdout, stderr, code], ['XZ', '', 0]);
    assert.deepEqual(new Uint8Array(readFileSync(file)), image());
  });

  it('puts a read-only one into a slot, where writes fail', async () => {
    const file = cli.file('disk.raw', image());
    const disk = `${file},format=raw,slot=3,readonly`;
    const { code, stdout } = await cli.run(
      'run',
      ...BARE,
      '--disk',
      disk,
      cli.program('disk3.elf', diskProgram(3)),
    );
    assert.deepEqual([stdout, code], ['XZ', 1], 'VIRTIO_BLK_S_IOERR');
    assert.deepEqual(new Uint8Array(readFileSync(file)), image());
  });

  it('reads a qcow2 image', async function () {
    requireTool(this, 'qemu-img');
    const raw = cli.file('disk.raw', image());
    const file = cli.path('disk.qcow2');
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, file]);
    const before = readFileSync(file);
    const { code, stdout } = await cli.run(
      'run',
      ...BARE,
      '--disk',
      file,
      cli.program('disk7.elf', diskProgram(7)),
    );
    assert.deepEqual([stdout, code], ['XZ', 0]);
    assert.deepEqual(readFileSync(file), before);
  });
});

describe('chronovisor run: keyboard', () => {
  it('types into the guest from a terminal, and ends at Ctrl-A X', function () {
    requireTool(this, 'python3');
    const program = cli.program('shell.elf', SHELL);
    const script = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b''
def until(text):
    global shown
    end = time.time() + 20
    while text not in shown and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try: shown += os.read(fd, 4096)
            except OSError: return
until(b'>')
os.write(fd, b'ab\\x01\\x01c')
until(b'bc\\x02d')
os.write(fd, b'\\x01x')
until(b'never')
status = os.waitpid(pid, 0)[1]
print(repr(shown), os.WEXITSTATUS(status))
`;
    const args = ['-c', script, process.execPath, cli.bundle, 'run', ...BARE, program];
    const { stdout } = spawnSync('python3', args, { encoding: 'utf8', timeout: 40_000 });
    assert.match(stdout, /Ctrl-A X ends the run\\r\\n>/);
    assert.match(stdout, />bc\\x02d/);
    assert.match(stdout, / 130$/m);
  });
});
