/** A kernel with user programs at the same virtual addresses: whose source shows, where breakpoints hold, how steps go. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { buildKernel, KERNEL_GCC, marked, type KernelBuild } from '../support/kernel/build';
import { requireTool } from '../support/tools';
import { clientOf } from './support';

/** Launched, before configurationDone. */
async function launched(build: KernelBuild, more: object = {}): Promise<DapClient> {
  const client = clientOf(createSession());
  const users = [build.first, build.second].map((file) => ({ file, space: 'user' }));
  await client.launch({ program: build.kernel, memory: '16M', symbolFiles: users, ...more });
  return client;
}

async function setAt(client: DapClient, file: string, marker: string, more: object = {}) {
  const { path, line } = marked(file, marker);
  return client.breakpoints(path, { line, ...more });
}

const setAtEach = (client: DapClient, ...places: [string, string][]) =>
  Promise.all(places.map(([file, marker]) => setAt(client, file, marker)));

const setNone = (client: DapClient, file: string) => client.breakpoints(marked(file, '').path);

const go = async (client: DapClient): Promise<string> => {
  await client.request('configurationDone');
  await client.event('stopped');
  return client.where();
};

const names = async (client: DapClient): Promise<string[]> =>
  (await client.frames()).map(({ name, presentationHint }) =>
    presentationHint === 'label' ? `<${name}>` : name,
  );

for (const level of ['-O0', '-O2']) {
  describe(`dap: address spaces (${level})`, () => {
    let build: KernelBuild;
    before(function () {
      requireTool(this, KERNEL_GCC, 'riscv64-unknown-elf-objcopy');
      build = buildKernel(level);
    });

    it('binds breakpoints in user programs before they are loaded, and stops in them only', async () => {
      const client = await launched(build);
      const [inSecond] = await setAt(client, 'second.c', 'COMPARE');
      assert.equal(inSecond?.verified, true);
      const where = await go(client);
      assert.match(where, /^(?:find|main)/u);
      assert.equal((await client.top()).source?.name, 'second.c');
      assert.equal(await client.evaluate('$priv'), '0');
      // The other program has code at this address, too.
      for (let hits = 0; hits < 20; hits++) {
        await client.continue();
        assert.equal((await client.top()).source?.name, 'second.c');
      }
      for (let hits = 0; hits < 20; hits++) {
        await client.reverseContinue();
        assert.equal((await client.top()).source?.name, 'second.c');
      }
      assert.equal((await client.reverseContinue()).reason, 'beginning');
      await client.request('disconnect');
    });

    it('walks from the kernel into the program that it works for, past the trap', async () => {
      const client = await launched(build);
      await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'sum_of' }] });
      const { path, line } = marked('kernel.c', 'SUM');
      await client.breakpoints(path, line);
      await go(client);
      const stack = await names(client);
      const trap = stack.indexOf('<trap: environment call from U-mode>');
      assert(trap > 0, stack.join(', '));
      assert.equal(stack[trap - 1], 'trap_vector');
      assert.deepEqual(stack.slice(trap + 1, trap + 3), ['system_call', 'main']);
      assert.equal(stack.at(-1), 'user_start');
      const frames = await client.frames();
      assert.equal(frames[trap + 2]?.source?.name, 'first.c');
      assert.notEqual(frames[0]?.moduleId, frames[trap + 1]?.moduleId);
      await client.request('disconnect');
    });

    it('shows each of several traps that nest', async () => {
      const client = await launched(build);
      await client.request('setFunctionBreakpoints', {
        breakpoints: [{ name: 'page_fault', condition: 'nested_traps > 0' }],
      });
      let stack: string[] = [];
      await go(client);
      for (let hits = 0; hits < 12 && !stack.some((name) => name.includes('S-mode')); hits++) {
        await client.continue();
        stack = await names(client);
      }
      const labels = stack.filter((name) => name.startsWith('<'));
      assert.deepEqual(labels, ['<trap: load page fault in S-mode>', '<trap: environment call from U-mode>']);
      assert.equal(stack.at(-1), 'user_start');
      await client.request('disconnect');
    });

    it('steps over environment calls, in the past as in the present, while other processes run', async () => {
      const client = await launched(build);
      const yieldLine = marked('first.c', 'YIELD').line;
      await setAt(client, 'first.c', 'YIELD');
      assert.equal(await go(client), `main:${yieldLine}`);
      const satp = await client.evaluate('$satp');
      await setNone(client, 'first.c');
      await client.next();
      assert.match(await client.where(), /^main:/u);
      assert.equal((await client.top()).source?.name, 'first.c');
      assert.equal(await client.evaluate('$satp'), satp);
      await client.stepBack();
      assert.equal(await client.where(), `main:${yieldLine}`);
      assert.equal(await client.evaluate('$satp'), satp);
      await client.request('disconnect');
    });

    it('steps into the kernel at an environment call, and back out by sret', async () => {
      const client = await launched(build);
      await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'system_call' }] });
      const inUser = async (): Promise<boolean> => (await client.top()).source?.name === 'ustart.S';
      await go(client);
      await client.request('setFunctionBreakpoints', { breakpoints: [] });
      for (let steps = 0; steps < 8 && (await client.evaluate('$priv')) === '0'; steps++) {
        assert(await inUser());
        await client.stepIn();
      }
      assert.match(await client.where(), /^trap_vector:/u);
      const there = await client.where();
      await client.stepBack();
      assert(await inUser());
      await client.stepIn();
      assert.equal(await client.where(), there);
      await client.stepOut();
      assert(await inUser());
      assert.equal(await client.evaluate('$priv'), '0');
      await client.request('disconnect');
    });

    it('steps over sret into the program', async () => {
      const client = await launched(build);
      const { path, line } = marked('entry.S', 'SRET');
      await client.breakpoints(path, { line, condition: '$sepc == 0x10000' });
      assert.equal(await go(client), `trap_vector:${line}`);
      await setNone(client, 'entry.S');
      await client.next();
      assert.match(await client.where(), /^user_start:/u);
      await client.stepBack();
      assert.equal(await client.where(), `trap_vector:${line}`);
      await client.request('disconnect');
    });

    it('tells processes of one program apart by an expression', async () => {
      const users = [
        { file: build.first, space: 'user', process: '*(int *)current == 3' },
        { file: build.second, space: 'user' },
      ];
      const client = await launched(build, { symbolFiles: users });
      await setAt(client, 'first.c', 'ROUND');
      await go(client);
      for (let hits = 0; hits < 3; hits++) {
        assert.equal(await client.evaluate('*(int *)current'), '3');
        await client.continue();
      }
      await client.request('disconnect');
    });

    it('knows a program by its build id, where its debug information is in a file of its own', async () => {
      const flags = [level, '-Wl,--build-id=sha1'];
      const { kernel, first, second } = buildKernel(...flags);
      const split = `${first}.debug`;
      execFileSync('riscv64-unknown-elf-objcopy', ['--only-keep-debug', first, split]);
      const symbolFiles = [split, second].map((file) => ({ file, space: 'user' }));
      const client = await launched(build, { program: kernel, symbolFiles });
      await setAt(client, 'first.c', 'ROUND');
      await go(client);
      for (let hits = 0; hits < 3; hits++) {
        assert.equal((await client.top()).source?.name, 'first.c');
        assert.match((await client.frames()).map(({ name }) => name).join(), /main,user_start$/u);
        await client.continue();
      }
      await client.request('disconnect');
    });

    it('places a file by its address or by an offset', async () => {
      const users = [
        { file: build.first, space: 'user', address: '0x10000' },
        { file: build.second, space: 'user', offset: 4096 },
      ];
      const client = await launched(build, { symbolFiles: users });
      const [there] = await setAtEach(client, ['first.c', 'ROUND'], ['second.c', 'COMPARE']);
      assert.equal(there?.[0]?.verified, true);
      await go(client);
      for (let hits = 0; hits < 12; hits++) {
        const { source } = await client.top();
        assert.equal(source?.name, 'first.c', 'the other one is not where it is said to be');
        if ((await client.continue()).reason === 'exited') break;
      }
      await client.request('disconnect');
    });

    it('names a symbol file that is not there, and goes on without', async () => {
      const users = [{ file: '/nowhere/user.elf', space: 'user' }];
      const client = await launched(build, { symbolFiles: users });
      const told = client.events<{ output: string }>('output').map(({ output }) => output);
      assert(
        told.some((text) => /\/nowhere\/user\.elf.*SYMBOL_FILE_MISSING/u.test(text)),
        told.join(''),
      );
      await client.request('disconnect');
    });
  });
}
