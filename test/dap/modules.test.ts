/** Kernel modules (object files) at the places of their sections, and debug information in other directories; GDB judges. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { buildKernel, KERNEL_GCC, type KernelBuild } from '../support/kernel/build';
import { requireTool } from '../support/tools';
import { clientOf } from './support';

const GDB = 'gdb-multiarch';
const OBJCOPY = 'riscv64-unknown-elf-objcopy';

const MODULE = `
struct card { int id; long money[3]; struct card *next; };
struct card first = { 7, { 1, 2, 3 }, &first };
static int hits;
const char name[] = "module";
__attribute__((section(".init.text"))) int start_up(int with) { hits += with; return hits * 2; }
static int __attribute__((noinline)) spend(struct card *card, long amount) {
  card->money[0] -= amount;
  hits++;
  return card->id;
}
int pay(long amount) {
  int id = spend(&first, amount);
  return id + name[0];
}
`;
const SECTIONS = {
  '.text': '0xffffffff01000000',
  '.data': '0xffffffff01003000',
  '.sbss': '0xffffffff01004000',
  '.bss': '0xffffffff01004000',
  '.sdata': '0xffffffff01004800',
  '.rodata': '0xffffffff01005000',
  '.srodata': '0xffffffff01005800',
  '.init.text': '0xffffffff01100000',
};
const PLACES = ['pay', 'spend', 'start_up', 'first', 'hits', 'name', 'first.money[2]'];

describe('dap: modules of a kernel', function () {
  this.timeout(60_000);
  let build: KernelBuild;
  let folder: string;
  let path: string;
  let sections: Record<string, string>;
  before(function () {
    requireTool(this, KERNEL_GCC, OBJCOPY, GDB);
    build = buildKernel('-O0');
    folder = mkdtempSync(join(tmpdir(), 'modules-'));
    path = join(folder, 'module.o');
    writeFileSync(join(folder, 'module.c'), MODULE);
    execFileSync(KERNEL_GCC, [...['-g', '-O1', '-ffreestanding'], '-c', 'module.c', '-o', path], {
      cwd: folder,
    });
    const there = execFileSync('riscv64-unknown-elf-objdump', ['-h', path], { encoding: 'utf8' });
    sections = Object.fromEntries(
      Object.entries(SECTIONS).filter(([name]) => there.split(/\s+/u).includes(name)),
    );
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });

  const launched = async (more: object): Promise<DapClient> => {
    const client = clientOf(createSession());
    await client.launch({ program: build.kernel, memory: '16M', stopOnEntry: true, ...more });
    return client;
  };

  /** Addresses of the places, and of breakpoints on functions and lines. */
  const ofGdb = (file: string): string[] => {
    const placed = Object.entries(sections).flatMap(([name, address]) => ['-s', name, address]);
    const script = join(folder, 'script');
    const lines = [
      `add-symbol-file ${file} ${placed.join(' ')}`,
      ...PLACES.map(
        (place) => `python print('row', hex(int(gdb.parse_and_eval('(long)&${place}')) & (2**64 - 1)))`,
      ),
      ...['pay', 'spend', 'start_up', 'module.c:9'].map(
        (where) => `python print('row', hex(gdb.decode_line(${JSON.stringify(where)})[1][0].pc))`,
      ),
    ];
    writeFileSync(script, ['set confirm off', ...lines].join('\n'));
    const quiet = ['-nx', '-batch', '-iex', 'set debuginfod enabled off', '-x', script, build.kernel];
    const said = execFileSync(GDB, quiet, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return said.split('\n').flatMap((line) => (line.startsWith('row ') ? [line.slice(4)] : []));
  };

  const ours = async (client: DapClient): Promise<string[]> => {
    const found: string[] = [];
    for (const place of PLACES) {
      const text = await client.evaluate(`(unsigned long)&${place}`, 'watch');
      found.push(/0x[0-9a-f]+/u.exec(text)?.[0] ?? text);
    }
    const { breakpoints } = await client.request<{ breakpoints: { instructionReference?: string }[] }>(
      'setFunctionBreakpoints',
      { breakpoints: ['pay', 'spend', 'start_up'].map((name) => ({ name })) },
    );
    const [line] = await client.breakpoints(join(folder, 'module.c'), { line: 9 });
    return [...found, ...[...breakpoints, line].map((one) => one?.instructionReference ?? 'none')];
  };

  it('are where their sections are, as for add-symbol-file -s', async () => {
    const client = await launched({ symbolFiles: [{ file: path, sections }] });
    await client.request('configurationDone');
    await client.event('stopped');
    assert.deepEqual(await ours(client), ofGdb(path));
    await client.request('disconnect');
  });

  it('have debug information in files of their own, below debugDirectories', async () => {
    const directory = join(folder, 'debug');
    mkdirSync(join(directory, folder), { recursive: true });
    const [bare, debug] = [join(folder, 'bare.o'), join(directory, folder, 'bare.debug')];
    execFileSync(OBJCOPY, ['--only-keep-debug', path, debug]);
    execFileSync(OBJCOPY, ['--strip-debug', `--add-gnu-debuglink=${debug}`, path, bare]);
    const symbolFiles = [{ file: bare, sections }];
    const client = await launched({ symbolFiles, debugDirectories: [directory] });
    await client.request('configurationDone');
    await client.event('stopped');
    assert.deepEqual(await ours(client), ofGdb(path));
    await client.request('disconnect');
    const without = await launched({ symbolFiles, debugDirectories: [join(folder, 'nowhere')] });
    const [line] = await without.breakpoints(join(folder, 'module.c'), { line: 9 });
    assert.equal(line?.verified, false);
    await without.request('disconnect');
  });

  it('are refused with sections that they have not', async () => {
    const wrong: [object, RegExp][] = [
      [{ file: path, sections: { '.txt': 4096 } }, /no section \.txt; it has \.text.*SYMBOL_FILE_SECTIONS/u],
      [{ file: build.first, sections: { '.text': 4096 } }, /is linked.*SYMBOL_FILE_SECTIONS/u],
    ];
    for (const [file, says] of wrong) {
      const client = await launched({ symbolFiles: [file] });
      const told = client.events<{ output: string }>('output').map(({ output }) => output);
      assert(
        told.some((text) => says.test(text)),
        told.join(''),
      );
      await client.request('disconnect');
    }
  });
});
