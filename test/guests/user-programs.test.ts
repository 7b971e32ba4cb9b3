/**
 * Programs of Linux on Debian's kernel, of which there are no symbols: a static one, and one that is position-independent and
 * uses the dynamic linker, so that its place is known only when it runs. What they print judges what is shown of them.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import { clientOf } from '../dap/support';
import { cpio, type CpioEntry } from '../support/cpio';
import type { DapClient } from '../support/dap-client';
import { guestPath, requireGuest } from '../support/guests';
import { linuxInitrd } from '../support/initrd';
import { requireTool } from '../support/tools';

const GCC = 'riscv64-linux-gnu-gcc';
const sources = join(__dirname, 'programs');
const worker = join(sources, 'worker.c');
/** What a dynamically linked program needs besides itself. */
const libraries = ['ld-linux-riscv64-lp64d.so.1', 'libc.so.6'].map(
  (name) => `/usr/riscv64-linux-gnu/lib/${name}`,
);

const lineOf = (marker: string): number =>
  1 +
  readFileSync(worker, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(`#${marker}`));

const script = `#!/bin/sh
/bin/other
/bin/worker 1
/bin/worker 4
/bin/dynamic 7
/bin/dynamic 8
poweroff -f
`;

describe('programs of Linux', function () {
  this.timeout(200_000);
  let folder = '';
  const into = (name: string): string => join(folder, name);

  before(function () {
    requireGuest(this, 'linux-image', 'busybox');
    requireTool(this, GCC);
    assert(
      libraries.every((path) => existsSync(path)),
      'libc6-riscv64-cross is installed',
    );
    folder = mkdtempSync(join(tmpdir(), 'programs-'));
    const compile = (source: string, name: string, ...flags: string[]): void =>
      void execFileSync(GCC, ['-g', '-O1', '-pthread', ...flags, join(sources, source), '-o', into(name)]);
    compile('worker.c', 'worker', '-static');
    compile('other.c', 'other', '-static');
    compile('worker.c', 'dynamic', '-pie', '-fPIE');
    const file = (path: string, from: string): CpioEntry => ({
      ...{ kind: 'file', path, mode: 0o755 },
      data: readFileSync(from),
    });
    const own = cpio([
      { kind: 'directory', path: 'lib' },
      ...['worker', 'other', 'dynamic'].map((name) => file(`bin/${name}`, into(name))),
      ...libraries.map((path) => file(`lib/${basename(path)}`, path)),
      { kind: 'file', path: 'programs', mode: 0o755, data: script },
    ]);
    const initrd = Buffer.concat([linuxInitrd(readFileSync(guestPath('busybox'))), own]);
    writeFileSync(into('initrd'), initrd);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function launched(...files: string[]): Promise<DapClient> {
    const client = clientOf(createSession());
    await client.launch({
      program: guestPath('linux-image'),
      initrd: into('initrd'),
      kernelArgs: 'console=ttyS0 quiet rdinit=/programs',
      idle: 'skip',
      console: 'debugConsole',
      symbolFiles: files.map((name) => ({ file: into(name), space: 'user' })),
    });
    return client;
  }

  const lines = (client: DapClient, ...markers: string[]) =>
    client.breakpoints(worker, ...markers.map(lineOf));
  const go = async (client: DapClient): Promise<string> => {
    await client.request('configurationDone');
    await client.event('stopped');
    return client.where();
  };
  const at = async (client: DapClient, name: string, marker: string): Promise<void> => {
    assert.equal(await client.where(), `${name}:${lineOf(marker)}`);
    assert.equal(await client.evaluate('$priv'), '0');
  };
  const number = async (client: DapClient, expression: string): Promise<number> =>
    Number.parseInt(await client.evaluate(expression), 10);
  const printed = (client: DapClient): string =>
    client
      .events<{ category: string; output: string }>('output')
      .map(({ output }) => output)
      .join('');

  it('binds breakpoints in a static program at once, and stops in it alone', async () => {
    const client = await launched('worker', 'other');
    const [begin] = await lines(client, 'BEGIN', 'THREAD', 'CHANGED', 'END');
    assert.equal(begin?.verified, true);
    await go(client);
    const seen: string[] = [];
    for (const factor of ['1', '4']) {
      await at(client, 'main', 'BEGIN');
      assert.equal(await client.evaluate('factor'), factor);
      for (const own of ['2', '3']) {
        await client.continue();
        await at(client, 'thread_main', 'THREAD');
        assert.equal(await client.evaluate('factor'), own);
        seen.push(`sum ${await number(client, 'sum')}, turns ${await number(client, 'turns')}`);
      }
      // Written after the fork: the child has a page of its own.
      await client.continue();
      await at(client, 'main', 'CHANGED');
      const child = await number(client, 'shared');
      await client.continue();
      await at(client, 'main', 'END');
      assert.equal(await client.evaluate('shared'), '3');
      seen.push(`end: child ${child}, shared 3`);
      if (factor === '1') await client.continue();
    }
    await lines(client);
    await client.continue();
    for (const text of seen) assert(printed(client).includes(text), `${text} is printed`);
    await client.request('disconnect');
  });

  it('steps over a system call, back over it, and through the kernel and back', async () => {
    const client = await launched('worker');
    await lines(client, 'CALL');
    await go(client);
    await at(client, 'ask', 'CALL');
    await lines(client);
    await client.next();
    await at(client, 'ask', 'ANSWER');
    assert.equal(await client.evaluate('parent'), '1');
    await client.stepBack();
    await at(client, 'ask', 'CALL');
    const isCall = async (): Promise<boolean> => {
      const text = await client.evaluate('*(unsigned *)$pc');
      return text.startsWith('115 ');
    };
    for (let steps = 0; steps < 8 && !(await isCall()); steps++) await client.stepIn('instruction');
    await client.stepIn('instruction');
    assert.equal(await client.evaluate('$priv'), '1');
    assert.equal(await client.evaluate('$pc == $stvec'), '1');
    const names = (await client.frames()).map(({ name }) => name);
    assert.deepEqual(names.slice(1, 4), ['trap: environment call from U-mode', 'ask', 'main'], names.join());
    await client.stepOut();
    assert.equal(await client.evaluate('$priv'), '0');
    assert.match(await client.where(), /^ask:/u);
    await client.request('disconnect');
  });

  it('finds out where a position-independent program was loaded, in each process', async () => {
    const client = await launched('dynamic');
    const [begin] = await lines(client, 'BEGIN', 'CHANGED');
    assert.equal(begin?.verified, false);
    assert.match(begin.message ?? '', /has not loaded dynamic/u);
    await go(client);
    const places = new Set<string>();
    for (const factor of ['7', '8']) {
      await at(client, 'main', 'BEGIN');
      places.add(await client.evaluate('$pc'));
      assert.equal(await client.evaluate('factor'), factor);
      assert.match((await client.top()).source?.path ?? '', /worker\.c$/u);
      await client.continue();
      await at(client, 'main', 'CHANGED');
      assert.equal(await number(client, 'shared'), 3 + Number(factor));
      if (factor === '7') await client.continue();
    }
    assert.equal(places.size, 2, 'the kernel has put them to different places');
    const told = client.events<{ breakpoint: { id: number; verified: boolean } }>('breakpoint');
    assert(told.some(({ breakpoint: { id, verified } }) => id === begin.id && verified));
    for (let hits = 0; hits < 3; hits++) await client.reverseContinue();
    await at(client, 'main', 'BEGIN');
    assert.equal(await client.evaluate('factor'), '7');
    await client.request('disconnect');
  });
});
