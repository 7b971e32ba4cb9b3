/** The whole adapter over the real machine and a compiled program; GDB with QEMU says where steps must end. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { stepsOfGdb } from './gdb';
import { clientOf } from './support';

const GCC = 'riscv64-unknown-elf-gcc';
const sources = join(__dirname, 'guest');
const mainC = join(sources, 'main.c');

function compile(folder: string, ...flags: string[]): string {
  const path = join(folder, `guest${flags.join('')}.elf`);
  const layout = ['-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany', '-Wl,-n', '-Wl,-Ttext=0x80000000'];
  const plain = ['-nostdlib', '-nostartfiles', '-ffreestanding', '-g', '-Wl,--no-warn-rwx-segments'];
  execFileSync(GCC, [...layout, ...plain, ...flags, join(sources, 'start.S'), mainC, '-o', path]);
  return path;
}

/** Stopped at the beginning of a function. */
async function at(from: string, program: string): Promise<DapClient> {
  const client = clientOf(createSession());
  await client.launch({ program, firmware: 'none', memory: '16M' });
  await client.request('setFunctionBreakpoints', { breakpoints: [{ name: from }] });
  await client.request('configurationDone');
  await client.event('stopped');
  await client.request('setFunctionBreakpoints', { breakpoints: [] });
  return client;
}

/** Each hart counts in s0. */
const COUNTING = `
    .globl _start
_start:
    li s0, 0
1:  addi s0, s0, 1
    j 1b
`;

const instant = async (client: DapClient): Promise<number> =>
  Number(/instruction (\d+)/u.exec(await client.evaluate('when', 'repl'))?.[1]);

describe('dap: a compiled guest on the real machine', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'dap-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  // Where GDB is not the model: in optimised code it skips prologues by guessing when it steps into a function (a breakpoint
  // there it sets at the entry, and so do we), and it shows inlined code as calls.
  const scripts = [
    { name: 'over calls', from: 'main', commands: Array.from({ length: 22 }, () => 'next') },
    { name: 'into calls', from: 'main', commands: Array.from({ length: 60 }, () => 'step') },
    { name: 'out of calls', from: 'fib', commands: ['step', 'step', 'step', 'finish', 'step', 'step'] },
    {
      name: 'to the end of calls',
      from: 'add',
      commands: ['finish', 'next', 'next', 'next', 'step', 'finish', 'step'],
    },
  ];
  for (const level of ['-O0', '-Og', '-O1']) {
    for (const { name, from, commands } of scripts) {
      if (level === '-O1' || (level === '-Og' && name !== 'over calls')) continue;
      it(`steps ${name} to where GDB does (${level})`, async function () {
        requireTool(this, GCC, 'gdb-multiarch', 'qemu-system-riscv64');
        const program = compile(folder, level);
        const expected = await stepsOfGdb(program, from, commands);
        assert.equal(expected.length, commands.length, 'GDB got through');
        const client = await at(from, program);
        const seen: string[] = [];
        for (const command of commands) {
          await (command === 'next'
            ? client.next()
            : command === 'step'
              ? client.stepIn()
              : client.stepOut());
          seen.push(await client.where());
        }
        assert.equal(seen.join(' '), expected.join(' '));
        await client.request('disconnect');
      });
    }

    it(`steps back along the way it came (${level})`, async function () {
      requireTool(this, GCC);
      const client = await at('main', compile(folder, level));
      const there: [string, number][] = [[await client.where(), await instant(client)]];
      for (let at = 0; at < 20; at++) {
        await client.next();
        there.push([await client.where(), await instant(client)]);
      }
      const back: [string, number][] = [];
      for (let at = 0; at < 20; at++) {
        await client.stepBack();
        back.push([await client.where(), await instant(client)]);
      }
      const path = (steps: [string, number][]): string => steps.map((step) => step.join('@')).join(' ');
      assert.equal(path(back), path(there.slice(0, -1).reverse()));
      await client.request('disconnect');
    });
  }

  it('lets one hart go on alone, and all of them again after it', async function () {
    requireTool(this, GCC);
    const source = join(folder, 'counting.S');
    const elf = join(folder, 'counting.elf');
    writeFileSync(source, COUNTING);
    execFileSync(GCC, [
      '-march=rv64gc',
      '-mabi=lp64d',
      '-nostdlib',
      '-Wl,-n,-Ttext=0x80000000',
      source,
      '-o',
      elf,
    ]);
    const client = clientOf(createSession());
    await client.launch({ program: elf, firmware: 'none', memory: '16M', harts: 2, stopOnEntry: true });
    await client.request('configurationDone');
    await client.event('stopped');
    const counted = async (): Promise<number[]> => {
      const frames = [await client.top(1), await client.top(2)];
      const values = frames.map(({ id: frameId }) =>
        client.request<{ result: string }>('evaluate', { expression: '$s0', context: 'watch', frameId }),
      );
      return (await Promise.all(values)).map(({ result }) => Number.parseInt(result, 10));
    };
    const breakpoint = { instructionReference: '0x80000002', hitCondition: '%30000' };
    await client.request('setInstructionBreakpoints', { breakpoints: [breakpoint] });

    const { allThreadsContinued } = await client.request<{ allThreadsContinued: boolean }>('continue', {
      threadId: 2,
      singleThread: true,
    });
    assert.equal(allThreadsContinued, false);
    assert.equal((await client.event<{ threadId: number }>('stopped')).threadId, 2);
    assert.deepEqual(await counted(), [0, 29_999]);
    const there = await instant(client);
    const steps = [
      ['next', 2],
      ['stepIn', 1],
    ] as const;
    for (const [command, threadId] of steps) {
      await client.move(command, { threadId, singleThread: true, granularity: 'instruction' });
      assert.equal((await counted())[1], 30_000, command);
    }
    assert.equal(await instant(client), there + 2);

    await client.continue();
    const [first = 0, second = 0] = await counted();
    assert(first > 0 && second > 30_000, `all go on: ${first}, ${second}`);
    await client.stepBack();
    await client.move('reverseContinue', { threadId: 1, singleThread: true });
    assert.deepEqual(await counted(), [0, 29_999], 'the past is as it was');
    await client.request('disconnect');
  });

  it('finds who wrote a variable, in the past, and tries another future', async function () {
    requireTool(this, GCC);
    const client = await at('main', compile(folder, '-O0'));
    const end = await client.continue();
    assert.equal(end.reason, 'exited');
    const info = await client.request<{ dataId: string }>('dataBreakpointInfo', { name: 'total' });
    const breakpoints = [{ dataId: info.dataId, accessType: 'write' }];
    await client.request('setDataBreakpoints', { breakpoints });
    const stopped = await client.reverseContinue();
    assert.equal(stopped.reason, 'data breakpoint');
    assert.match(await client.where(), /^main:/u);
    await client.request('setDataBreakpoints', { breakpoints: [] });
    const [breakpoint] = await client.breakpoints(mainC, { line: 21, condition: '$sp > 0' });
    assert.equal(breakpoint?.verified, true);
    await client.reverseContinue();
    const frames = await client.frames();
    assert(frames.filter(({ name }) => name === 'fib').length > 1);
    assert.equal(frames.at(-1)?.name, '_start');
    await client.evaluate('total = 7', 'repl');
    assert.match(await client.evaluate('when', 'repl'), /branch 1 /u);
    await client.request('disconnect');
  });

  it('steps into the handler of an environment call, and back out of it', async function () {
    requireTool(this, GCC);
    const client = await at('main', compile(folder, '-O0'));
    const [breakpoint] = await client.breakpoints(mainC, 34);
    assert.equal(breakpoint?.verified, true);
    await client.continue();
    const call = await instant(client);
    await client.stepIn();
    assert.match(await client.where(), /^trap:/u);
    await client.stepBack();
    assert.deepEqual([await client.where(), await instant(client)], ['main:34', call]);
    await client.next();
    assert.equal(await client.where(), 'main:35');
    await client.request('disconnect');
  });
});
