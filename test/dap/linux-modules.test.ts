/** Modules of a kernel that keeps its list of them as Linux does: found when they are loaded, without a word in launch.json. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { clientOf } from './support';

const GCC = 'riscv64-unknown-elf-gcc';
const sources = join(__dirname, '../support/modules');
const sample = join(sources, 'sample.c');
const lineOf = (marker: string): number =>
  1 +
  readFileSync(sample, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(`#${marker}`));

for (const layout of ['OLD', 'NEW']) {
  describe(`dap: modules as Linux lists them (${layout})`, () => {
    let folder = '';
    const into = (name: string): string => join(folder, name);

    before(function () {
      requireTool(this, GCC, 'riscv64-unknown-elf-ld', 'riscv64-unknown-elf-objcopy', 'gdb-multiarch');
      folder = mkdtempSync(join(tmpdir(), 'modules-'));
      const run = (tool: string, ...args: string[]): string =>
        execFileSync(tool, args, { cwd: folder, encoding: 'utf8' });
      const target = ['-march=rv64gc_zifencei', '-mabi=lp64d', '-mcmodel=medany', '-ffreestanding', '-g'];
      run(GCC, ...target, '-O1', '-msmall-data-limit=0', '-c', sample, '-o', 'sample-one.ko');
      const places = ['-Ttext=0x80200000', '-Tdata=0x80201000', '-e', 'sample_init'];
      run('riscv64-unknown-elf-ld', ...places, 'sample-one.ko', '-o', 'sample.elf');
      run('riscv64-unknown-elf-objcopy', '-O', 'binary', 'sample.elf', 'sample.bin');
      const [, init = ''] = /Entry point address:\s*(\S+)/u.exec(run('readelf', '-h', 'sample.elf')) ?? [];
      const defines = [`-DINIT=${init}`, `-DIMAGE="${into('sample.bin')}"`, `-D${layout}`];
      const link = [
        '-nostdlib',
        '-nostartfiles',
        '-Wl,-n',
        '-Wl,-Ttext=0x80000000',
        '-Wl,--no-warn-rwx-segments,--no-relax',
      ];
      run(GCC, ...target, '-O1', ...link, ...defines, join(sources, 'kernel.c'), '-o', 'kernel.elf');
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    async function launched(): Promise<DapClient> {
      const client = clientOf(createSession());
      const symbolFiles = [{ file: into('sample-one.ko') }];
      await client.launch({ program: into('kernel.elf'), firmware: 'none', memory: '16M', symbolFiles });
      return client;
    }

    it('waits with breakpoints for the module, and stops in it where GDB would', async () => {
      const client = await launched();
      const [work] = await client.breakpoints(sample, lineOf('WORK'), lineOf('DONE'));
      assert.equal(work?.verified, false);
      assert.match(work.message ?? '', /has not loaded sample-one\.ko/u);
      await client.request('configurationDone');
      await client.event('stopped');
      assert.equal(await client.where(), `sample_work:${lineOf('WORK')}`);
      const asked = ['info address sample_work', 'info address sample_count'];
      const added = `add-symbol-file ${into('sample-one.ko')} 0x80200000 -s .data 0x80201000`;
      const told = execFileSync(
        'gdb-multiarch',
        ['-q', '-nx', '-batch', '-ex', added, ...asked.flatMap((one) => ['-ex', one])],
        { encoding: 'utf8' },
      );
      const [work64 = '', count64 = ''] = [...told.matchAll(/0x80[0-9a-f]{6}(?=\.|,)/gu)].map(
        ([text]) => text,
      );
      assert.match(await client.evaluate('&sample_count'), new RegExp(count64, 'u'));
      assert.match(await client.evaluate('&sample_work'), new RegExp(work64, 'u'));
      assert.match(await client.evaluate('sample_count'), /^40\b/u);
      assert.equal(await client.evaluate('by'), '2');
      const names = (await client.frames()).map(({ name }) => name);
      assert.deepEqual(names.slice(0, 4), ['sample_work', 'sample_init', 'do_init_module', 'kernel_main']);
      await client.continue();
      assert.match(await client.evaluate('sample_count'), /^42\b/u);
      const events = client.events<{ breakpoint: { id: number; verified: boolean } }>('breakpoint');
      assert(events.some(({ breakpoint }) => breakpoint.id === work.id && breakpoint.verified));
      const modules = client.events<{ reason: string; module: { name: string } }>('module');
      assert(modules.some(({ reason, module }) => reason === 'changed' && module.name === 'sample-one.ko'));
      await client.reverseContinue();
      assert.match(await client.evaluate('sample_count'), /^40\b/u);
      await client.request('disconnect');
    });
  });
}
