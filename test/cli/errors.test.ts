/** What the command line refuses: one line with a code and what to do, and the right exit code. Also `dap --port`. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { UserError } from '../../src/base/errors';
import { parseRun } from '../../src/cli/options';
import { assemble } from '../support/assembler';
import { buildElf } from '../support/elf-builder';
import { RAM } from '../support/bare-guest';
import { CommandLine, outcomeOf } from './support';

const cli = new CommandLine();
before(() => cli.build());
after(() => cli.dispose());

const { bytes } = assemble('j .', RAM);
const elf = (options: Partial<Parameters<typeof buildElf>[0]>): Uint8Array =>
  buildElf({ entry: RAM, segments: [{ address: RAM, bytes }], ...options });
const MiB = 1 << 20;

describe('chronovisor: usage', () => {
  const wrong: readonly (readonly string[])[] = [
    [],
    ['a', 'b'],
    ['--frobnicate', 'a'],
    ['--harts', '9', 'a'],
    ['--harts', '0', 'a'],
    ['--memory', '1M', 'a'],
    ['--memory', 'plenty', 'a'],
    ['--memory', '4G', 'a'],
    ['--idle', 'maybe', 'a'],
    ['--max-instructions', '-1', 'a'],
    ['--max-instructions', 'x', 'a'],
    ['--type', 'no equals sign', 'a'],
    ['--disk', 'f,slot=9', 'a'],
    ['--disk', 'f,format=vmdk', 'a'],
    ['--disk', 'f,frob', 'a'],
    ['--disk', '', 'a'],
  ];
  for (const args of wrong) {
    it(`refuses run ${args.join(' ')}`, () => {
      assert.throws(
        () => parseRun(args),
        (error) => error instanceof UserError && error.code === 'USAGE' && !error.message.includes('\n'),
      );
    });
  }

  const commands = [
    ['run', '--max-instructions', '-1', 'a'],
    ['frobnicate'],
    ['dap', '--port', 'x'],
    ['dap', '--frob'],
  ];
  for (const args of commands) {
    it(`ends with 2 and one line: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await cli.run(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^chronovisor: USAGE: [^\n]+\n$/);
      assert.equal(stdout, '');
    });
  }

  it('helps who asks', async () => {
    for (const args of [['--help'], ['run', '--help']]) {
      const { code, stdout } = await cli.run(...args);
      assert.equal(code, 0);
      assert.match(stdout, /usage:\n/);
    }
    assert.equal((await cli.run()).code, 2);
  });
});

describe('chronovisor: bad files', () => {
  const overlap = [
    { address: RAM, bytes, memoryBytes: 8192 },
    { address: RAM + 4096, bytes },
  ];
  const files: readonly [string, string, Uint8Array | undefined, readonly string[]][] = [
    ['a missing file', 'FILE_MISSING', undefined, []],
    ['an empty file', 'PROGRAM_EMPTY', new Uint8Array(0), []],
    ['a program for another machine', 'ELF_NOT_RISCV', elf({ machine: 62 }), []],
    ['a 32-bit program', 'ELF_32BIT', elf({ elfClass: 1 }), []],
    ['a truncated header', 'ELF_TRUNCATED', elf({}).slice(0, 40), []],
    ['truncated program headers', 'ELF_TRUNCATED', elf({}).slice(0, 100), []],
    ['overlapping segments', 'ELF_OVERLAPPING_SEGMENTS', elf({ segments: overlap }), []],
    [
      'a program larger than RAM',
      'IMAGE_TOO_LARGE',
      elf({ segments: [{ address: RAM, bytes, memoryBytes: 40 * MiB }] }),
      ['--memory', '32M'],
    ],
    [
      'a program below RAM',
      'IMAGE_OUTSIDE_RAM',
      elf({ entry: 0x1000, segments: [{ address: 0x1000, bytes }] }),
      [],
    ],
    ['an entry outside RAM', 'ENTRY_OUTSIDE_RAM', elf({ entry: 0x1000 }), []],
    ['a compressed program', 'PROGRAM_COMPRESSED', Uint8Array.of(0x1f, 0x8b, 8, 0), []],
  ];
  for (const [name, expected, contents, args] of files) {
    it(`${name}: ${expected}`, async () => {
      const path = contents === undefined ? cli.path('missing') : cli.file('bad.elf', contents);
      const { code, stdout, stderr } = await cli.run('run', ...args, path);
      assert.equal(code, 1, stderr);
      assert.equal(stdout, '');
      const [, found, message = ''] = /^chronovisor: (\w+): ([^\n]+)\n$/.exec(stderr) ?? [];
      assert.equal(found, expected, stderr);
      assert.match(message, /[:;,] .+/, 'it says what to do');
    });
  }

  it('a directory, a missing disk, a missing initrd, a damaged qcow2 image', async () => {
    const program = cli.file('good.elf', elf({}));
    const damaged = cli.file('bad.qcow2', Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3, 1));
    const cases: readonly [RegExp, readonly string[]][] = [
      [/FILE_UNREADABLE/, [cli.path('.')]],
      [/FILE_MISSING/, ['--disk', cli.path('none'), program]],
      [/FILE_MISSING/, ['--initrd', cli.path('none'), program]],
      [/FILE_MISSING/, ['--firmware', cli.path('none'), program]],
      [/QCOW2_\w+/, ['--disk', damaged, program]],
    ];
    for (const [expected, args] of cases) {
      const { code, stderr } = await cli.run('run', ...args);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^chronovisor: \w+: [^\n]+\n$/);
      assert.match(stderr, expected);
    }
  });
});

describe('chronovisor dap', () => {
  it('listens on 127.0.0.1 alone, on a free port', async () => {
    const child = cli.start('dap', '--port', '0');
    const port = await new Promise<number>((resolve) => {
      child.stdout?.once('data', (data: Buffer) => {
        const [, found] = /^listening on 127\.0\.0\.1:(\d+)\n$/.exec(data.toString()) ?? [];
        resolve(Number(found));
      });
    });
    const reach = (host: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect({ host, port, timeout: 2000 });
        const end = (reached: boolean) => (): void => {
          socket.destroy();
          resolve(reached);
        };
        socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
      });
    assert.equal(await reach('127.0.0.1'), true);
    const others = Object.values(networkInterfaces())
      .flat()
      .flatMap((address) =>
        address && !address.internal && address.family === 'IPv4' ? [address.address] : [],
      );
    for (const other of [...others, '127.0.0.2']) assert.equal(await reach(other), false, other);
    child.kill();
    await outcomeOf(child);
  });

  it('says which port it cannot have', async () => {
    const holder = cli.start('dap', '--port', '0');
    const [port = ''] = await new Promise<string[]>((resolve) => {
      holder.stdout?.once('data', (data: Buffer) => resolve(/\d+$/m.exec(data.toString().trim()) ?? []));
    });
    const { code, stderr } = await cli.run('dap', '--port', port);
    holder.kill();
    await outcomeOf(holder);
    assert.equal(code, 1);
    assert.match(stderr, /^chronovisor: DAP_PORT: [^\n]+\n$/);
  });
});
