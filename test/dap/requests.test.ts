/** Requests about frames, sources and modules on a real guest with user programs. */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { buildKernel, KERNEL_GCC, marked, type KernelBuild } from '../support/kernel/build';
import { requireTool } from '../support/tools';
import { clientOf } from './support';

type Frames = DebugProtocol.StackTraceResponse['body'];

describe('dap: frames, sources and modules of a real guest', () => {
  let build: KernelBuild;
  let client: DapClient;

  before(function () {
    requireTool(this, KERNEL_GCC);
    build = buildKernel('-O0');
  });
  const launch = async (more: object = {}): Promise<void> => {
    client = clientOf(createSession());
    const symbolFiles = [build.first, build.second].map((file) => ({ file, space: 'user' }));
    const configuration = { program: build.kernel, memory: '16M', symbolFiles, ...more };
    await client.launch(configuration, { supportsANSIStyling: true });
  };
  afterEach(() => client.request('disconnect'));

  const runTo = async (file: string, marker: string, more: object = {}): Promise<void> => {
    const { path, line } = marked(file, marker);
    await client.breakpoints(path, { line, ...more });
    await client.request('configurationDone');
    await client.event('stopped');
    await client.breakpoints(path);
  };
  const instant = async (): Promise<string> => client.evaluate('when', 'repl');

  it('restarts a frame by going back to its entry', async () => {
    await launch();
    await runTo('first.c', 'FIB', { condition: 'n == 1' });
    const frames = await client.frames();
    const depth = frames.filter(({ name }) => name === 'fib').length;
    assert(depth > 2, `${depth} frames`);
    const outer = frames[depth - 2];
    assert.equal(outer?.name, 'fib');
    const sp = await client.request<{ result: string }>('evaluate', { expression: '$sp', frameId: outer.id });
    await client.request('restartFrame', { frameId: outer.id });
    const stopped = await client.event<DebugProtocol.StoppedEvent['body']>('stopped');
    assert.equal(stopped.reason, 'restart');
    const again = await client.frames();
    assert.equal(again.filter(({ name }) => name === 'fib').length, 2);
    assert.equal(again[0]?.name, 'fib');
    assert(BigInt(await client.evaluate('$sp')) > BigInt(sp.result.split(' ')[0] ?? ''));
    const there = await instant();
    await client.request('restartFrame', { frameId: again[0].id });
    await client.event('stopped');
    assert.equal(await instant(), there, 'it stands there already');
    assert.match(there, /branch 0/u);
  });

  it('restarts the frame of a user program from within the kernel', async () => {
    await launch();
    await runTo('kernel.c', 'SUM');
    const frames = await client.frames();
    const main = frames.find(({ name }) => name === 'main');
    await client.request('restartFrame', { frameId: main?.id });
    await client.event('stopped');
    assert.equal((await client.top()).name, 'main');
    assert.equal(await client.evaluate('$priv'), '0');
    const label = frames.find(({ presentationHint }) => presentationHint === 'label');
    assert.equal(label?.canRestart, false);
  });

  it('steps into the one call that is chosen', async () => {
    await launch();
    const { path, line } = marked('first.c', 'CALLS');
    await client.breakpoints(path, line);
    await client.request('configurationDone');
    await client.event('stopped');
    const { id } = await client.top();
    const body = await client.request<{ targets: DebugProtocol.StepInTarget[] }>('stepInTargets', {
      frameId: id,
    });
    assert.deepEqual(
      body.targets.map(({ label }) => label),
      ['touch', 'fib'],
    );
    await client.move('stepIn', { targetId: body.targets[1]?.id });
    assert.equal((await client.top()).name, 'fib');
    await assert.rejects(client.request('stepIn', { threadId: 1, targetId: 99 }), /STEP_IN_TARGET/u);
  });

  it('formats rows of the stack as asked', async () => {
    await launch();
    await runTo('first.c', 'FIB');
    const top = async (format: object): Promise<string | undefined> => {
      const body = await client.request<Frames>('stackTrace', { threadId: 1, levels: 1, format });
      return body.stackFrames[0]?.name;
    };
    assert.equal(await top({ parameters: true }), 'fib(n = 5)');
    assert.equal(await top({ parameters: true, parameterTypes: true, parameterNames: true }), 'fib(int n)');
    assert.equal(await top({ parameterValues: true }), 'fib(5)');
    assert.match((await top({ module: true, line: true })) ?? '', /first\.elf!fib Line \d+$/u);
    const part = await client.request<Frames>('stackTrace', { threadId: 1, startFrame: 1, levels: 1 });
    assert.deepEqual(
      part.stackFrames.map(({ name }) => name),
      ['main'],
    );
    assert((part.totalFrames ?? 0) >= 3);
  });

  it('tells the modules, and shows instructions for a source that is not there', async () => {
    await launch({ sourceMap: { [`${__dirname.replace(/dap$/u, 'support')}/kernel`]: '/nowhere' } });
    const told = client.events<DebugProtocol.ModuleEvent['body']>('module');
    assert.deepEqual(
      told.map(({ module }) => module.name.replace(/^\d+-/u, '')),
      ['kernel.elf', 'first.elf', 'second.elf'],
    );
    const { line } = marked('first.c', 'FIB');
    await client.breakpoints('/nowhere/first.c', line);
    await client.request('configurationDone');
    await client.event('stopped');
    const { source } = await client.top();
    assert((source?.sourceReference ?? 0) > 0);
    const body = await client.request<{ content: string }>('source', {
      source,
      sourceReference: source?.sourceReference,
    });
    assert.match(body.content.split('\n')[line - 1] ?? '', /^0x1[0-9a-f]{4}: {2}.*\b(?:lw|ld|li|blt|bgt)\b/u);
    await assert.rejects(client.request('source', { sourceReference: 999 }), /SOURCE_REFERENCE/u);
  });

  it('shows threads that the kernel has switched away from', async () => {
    const threads = {
      count: '3',
      context: '&processes[$i].context',
      when: 'processes[$i].state == 1',
      name: 'processes[$i].pid',
      pageTable: '(unsigned long)processes[$i].page_table',
    };
    await launch({ threads });
    await runTo('second.c', 'COMPARE');
    const body = await client.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.deepEqual(
      body.threads.slice(1).map(({ name }) => name),
      ['thread 0 (1)', 'thread 2 (3)'],
    );
    const first = await client.frames(body.threads[1]?.id);
    assert.deepEqual(first.map(({ name }) => name).slice(0, 3), ['yield', 'timer_interrupt', 'handle_trap']);
    assert.equal(first.at(-1)?.name, 'user_start');
    await assert.rejects(client.request('next', { threadId: body.threads[1]?.id }), /THREAD/u);
  });

  it('follows registers and page table that a kernel keeps elsewhere', async () => {
    const userContext = {
      registers: '*processes[0].frame',
      pageTable: '(unsigned long)processes[0].page_table',
    };
    await launch({ userContext });
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'schedule' }] });
    await client.request('configurationDone');
    await client.event('stopped');
    const names = (await client.frames()).map(({ name }) => name);
    assert.deepEqual(names.slice(0, 1), ['schedule']);
    assert.match(names.at(-2) ?? '', /^trap: /u);
    assert.equal(names.at(-1), 'user_start', 'where the process will begin');
  });
});
