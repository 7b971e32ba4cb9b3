/**
 * Debian's kernel with its debug information (a package of a gigabyte, so by hand: `npm run guests -- --debug`, then
 * CHRONOVISOR_GUESTS=debug), as a developer of the kernel works with it; and real modules, which are found where Linux loads
 * them. Judges: GDB on the same file for what does not depend on the run, Linux's own files for what does.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import { clientOf } from '../dap/support';
import { cpio } from '../support/cpio';
import type { DapClient } from '../support/dap-client';
import { guestPath, requireGuest } from '../support/guests';
import { requireTool } from '../support/tools';

const script = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
load-modules
echo "text $(cat /sys/module/virtio_mmio/sections/.text)"
poweroff -f
`;

const suite = (): void => {
  describe('a kernel with its debug information', function () {
    this.timeout(600_000);
    let folder = '';
    let client: DapClient;
    const modules = ['virtio_mmio', 'ext4'].map((name) => join(guestPath('linux-debug'), '..', `${name}.ko`));

    before(async function () {
      requireGuest(this, 'linux-image', 'linux-debug', 'linux-initrd-modules');
      requireTool(this, 'gdb-multiarch');
      folder = mkdtempSync(join(tmpdir(), 'kernel-'));
      const own = cpio([{ kind: 'file', path: 'programs', mode: 0o755, data: script }]);
      const initrd = join(folder, 'initrd');
      writeFileSync(initrd, Buffer.concat([readFileSync(guestPath('linux-initrd-modules')), own]));
      client = clientOf(createSession());
      await client.launch({
        ...{
          program: guestPath('linux-image'),
          initrd,
          memory: '256M',
          idle: 'skip',
          console: 'debugConsole',
        },
        kernelArgs: 'console=ttyS0 quiet rdinit=/programs',
        symbolFiles: [guestPath('linux-debug'), ...modules].map((file) => ({ file })),
      });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const breakOn = async (...names: string[]) => {
      const breakpoints = names.map((name) => ({ name }));
      const body = await client.request<{
        breakpoints: { verified: boolean; message?: string; instructionReference?: string }[];
      }>('setFunctionBreakpoints', { breakpoints });
      return body.breakpoints;
    };
    const names = async (): Promise<string[]> => (await client.frames()).map(({ name }) => name);
    const number = async (expression: string): Promise<number> =>
      Number.parseInt(await client.evaluate(expression), 10);

    it('stops in start_kernel, and knows what GDB knows of the file', async () => {
      const [start, open] = await breakOn('start_kernel', 'do_sys_openat2');
      const asked = [
        ...['info address start_kernel', 'info address do_sys_openat2', 'output sizeof(struct task_struct)'],
        ...['echo \\n', 'output (int)&((struct task_struct *)0)->comm', 'echo \\n', 'whatis jiffies'],
      ];
      const told = execFileSync(
        'gdb-multiarch',
        ['-q', '-nx', '-batch', ...asked.flatMap((one) => ['-ex', one]), guestPath('linux-debug')],
        { encoding: 'utf8' },
      ).split('\n');
      for (const [index, one] of [start, open].entries())
        assert(told[index]?.includes(one?.instructionReference ?? '?') === true, told[index]);
      await client.request('configurationDone');
      await client.event('stopped');
      assert.match(await client.where(), /^start_kernel:\d+$/u);
      assert.equal(await number('sizeof(struct task_struct)'), Number(told[2]));
      assert.equal(await number('(int)&((struct task_struct *)0)->comm'), Number(told[3]));
      assert.equal(told[4], 'type = volatile unsigned long');
      assert.equal(await client.evaluate('init_task.comm'), '"swapper"');
      assert((await number('jiffies')) > 0);
      await assert.rejects(client.evaluate('name_unknown'), { code: 'EXPR_UNKNOWN_SYMBOL' });
    });

    it('walks from a system call through the trap into the program', async () => {
      await breakOn('do_sys_openat2');
      await client.continue();
      const stack = await names();
      assert.equal(stack[0], 'do_sys_openat2');
      const trap = stack.indexOf('trap: environment call from U-mode');
      assert.deepEqual(stack.slice(trap - 2, trap), ['do_trap_ecall_u', 'handle_exception']);
      assert(stack.length > trap + 1);
      const current = '((struct task_struct *)$tp)';
      const listed = 'container_of(init_task.tasks.next, struct task_struct, tasks)';
      assert.equal(await client.evaluate(`${current}->comm`), await client.evaluate(`${listed}->comm`));
      assert.equal(await number(`${current}->pid`), 1);
      const running = '((struct rq *)((char *)&runqueues + __per_cpu_offset[0]))->curr';
      assert.equal(await client.evaluate(`${running} == ${current}`), '1');
      assert.equal(await client.evaluate('system_state'), 'SYSTEM_RUNNING');
      const { line } = await client.top();
      await client.next();
      await client.stepBack();
      assert.equal((await client.top()).line, line);
    });

    it('watches jiffies, with what it was and what it is', async () => {
      await breakOn();
      const info = await client.request<{ dataId: string }>('dataBreakpointInfo', { name: 'jiffies_64' });
      await client.request('setDataBreakpoints', {
        breakpoints: [{ dataId: info.dataId, accessType: 'write' }],
      });
      const stopped = await client.continue();
      const [, old = ''] = /written: (\d+)/u.exec(stopped.text ?? '') ?? [];
      const [, now = ''] = /→ (\d+)/u.exec(stopped.text ?? '') ?? [];
      assert.equal(BigInt(now), BigInt(old) + 1n, stopped.text);
      const stack = await names();
      assert(
        stack.some((name) => /^trap: supervisor timer interrupt in [US]-mode$/u.test(name)),
        stack.join(),
      );
      await client.request('setDataBreakpoints', { breakpoints: [] });
    });

    it('finds modules where Linux puts them, before their first instruction', async () => {
      const [probe] = await breakOn('virtio_mmio_probe', 'ext4_init_fs');
      assert.equal(probe?.verified, false);
      await client.continue();
      assert.match(await client.where(), /^virtio_mmio_probe:\d+$/u);
      assert((await names()).includes('do_init_module'));
      const pc = BigInt((await client.top()).instructionPointerReference ?? 0);
      await breakOn('ext4_init_fs');
      await client.continue();
      assert.match(await client.where(), /^ext4_init_fs:\d+$/u);
      await breakOn();
      await client.continue();
      const printed = client.events<{ output: string }>('output').map(({ output }) => output);
      const text = BigInt(/text (0x[0-9a-f]+)/u.exec(printed.join(''))?.[1] ?? 0);
      const symbols = execFileSync('riscv64-linux-gnu-nm', [modules[0] ?? ''], { encoding: 'utf8' });
      const offset = BigInt(`0x${/^([0-9a-f]+) . virtio_mmio_probe$/mu.exec(symbols)?.[1] ?? ''}`);
      // Behind the room for ftrace.
      assert.equal(pc - text - offset, 8n);
      await client.request('disconnect');
    });
  });
};

if (process.env['CHRONOVISOR_GUESTS'] === 'debug') suite();
