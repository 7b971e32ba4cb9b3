/** Breakpoints of every kind on a real guest: a kernel with user programs. In both directions, and only where they are meant. */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { buildKernel, KERNEL_GCC, marked, type KernelBuild } from '../support/kernel/build';
import { requireTool } from '../support/tools';
import { clientOf } from './support';

type Breakpoint = DebugProtocol.Breakpoint;
type Stopped = DebugProtocol.StoppedEvent['body'];

describe('dap: kinds of breakpoints', () => {
  let build: KernelBuild;
  let client: DapClient;

  before(function () {
    requireTool(this, KERNEL_GCC);
    build = buildKernel('-O0');
  });
  beforeEach(async () => {
    client = clientOf(createSession());
    const users = [build.first, build.second].map((file) => ({ file, space: 'user' }));
    await client.launch({ program: build.kernel, memory: '16M', symbolFiles: users });
  });
  afterEach(() => client.request('disconnect'));

  const start = async (): Promise<Stopped> => {
    await client.request('configurationDone');
    return client.event<Stopped>('stopped');
  };
  const functions = async (...breakpoints: object[]): Promise<Breakpoint[]> => {
    const body = await client.request<{ breakpoints: Breakpoint[] }>('setFunctionBreakpoints', {
      breakpoints,
    });
    return body.breakpoints;
  };
  const traps = async (...filterOptions: object[]): Promise<void> => {
    await client.request('setExceptionBreakpoints', { filters: [], filterOptions });
  };
  const clear = async (...markers: [string, string][]): Promise<void> => {
    await functions();
    for (const [file] of markers) await client.breakpoints(marked(file, '').path);
  };
  const at = async (file: string, marker: string, more: object = {}): Promise<Breakpoint | undefined> => {
    const { path, line } = marked(file, marker);
    const [breakpoint] = await client.breakpoints(path, { line, ...more });
    return breakpoint;
  };
  const instant = async (): Promise<number> =>
    Number(/instruction ([\d,]+)/u.exec(await client.evaluate('when', 'repl'))?.[1]?.replaceAll(',', ''));

  it('sets function breakpoints by pattern and by file', async () => {
    const [glob, regex, inFile, inProgram, wrong, none] = await functions(
      { name: 'set_*' },
      { name: '/^(page_fault|sum_of)$/' },
      { name: 'second.c:main' },
      { name: 'kernel.elf:handle_trap' },
      { name: '/(/' },
      { name: 'no_such*' },
    );
    assert.equal(glob?.verified, true);
    assert.match(regex?.message ?? '', /in 2 places/u);
    assert.equal(inFile?.verified, true);
    assert.equal(inProgram?.verified, false);
    assert.match(wrong?.message ?? '', /regular expression/u);
    assert.match(none?.message ?? '', /no function matches/u);
    await start();
    assert.equal((await client.top()).name, 'set_timer');
    await functions({ name: 'second.c:main' });
    await client.continue();
    assert.equal((await client.top()).name, 'main');
    assert.equal((await client.top()).source?.name, 'second.c');
  });

  it('stops at each of several statements of one line by column', async () => {
    const { path, line } = marked('first.c', 'FIB');
    const body = await client.request<{ breakpoints: DebugProtocol.BreakpointLocation[] }>(
      'breakpointLocations',
      {
        source: { path },
        line,
      },
    );
    const columns = body.breakpoints.flatMap(({ column }) => (column === undefined ? [] : [column]));
    assert(columns.length >= 2, `columns ${columns.join()}`);
    const set = await client.breakpoints(path, ...columns.map((column) => ({ line, column })));
    assert.deepEqual(
      set.map(({ column }) => column),
      columns,
    );
    assert.equal(new Set(set.map(({ instructionReference }) => instructionReference)).size, columns.length);
  });

  it('tells truly where a breakpoint is: moved, or nowhere', async () => {
    const { path } = marked('first.c', 'FIB');
    const [moved, far] = await client.breakpoints(path, 1, 9999);
    assert.equal(moved?.verified, true);
    assert((moved.line ?? 0) > 1);
    assert.match(moved.message ?? '', /moved to line/u);
    assert.equal(far?.verified, false);
    assert.match(far.message ?? '', /symbolFiles/u);
  });

  it('takes a one-shot breakpoint away with its first hit', async () => {
    const breakpoint = await at('first.c', 'ROUND', { mode: 'once' });
    const stopped = await start();
    assert.deepEqual(stopped.hitBreakpointIds, [breakpoint?.id]);
    const removed = await client.event<DebugProtocol.BreakpointEvent['body']>('breakpoint');
    assert.deepEqual([removed.reason, removed.breakpoint.id], ['removed', breakpoint?.id]);
    assert.equal((await client.continue()).reason, 'exited');
    await at('first.c', 'ROUND', { hitCondition: 'once, =2' });
    assert.equal((await client.reverseContinue()).reason, 'beginning');
    await client.continue();
    assert.equal((await client.top()).source?.name, 'first.c');
    assert.equal((await client.continue()).reason, 'exited');
  });

  it('waits for another breakpoint, in both directions', async () => {
    await at('first.c', 'ROUND');
    await start();
    const plain = await instant();
    await at('first.c', 'ROUND', { hitCondition: 'after sum_of' });
    const [trigger] = await functions({ name: 'sum_of', logMessage: 'sum', hitCondition: '=2' });
    assert.equal(trigger?.verified, true);
    assert.equal((await client.continue()).reason, 'breakpoint');
    const first = await instant();
    assert(first > plain);
    assert.equal((await client.reverseContinue()).reason, 'beginning', 'there is nothing before');
    assert.equal((await client.continue()).reason, 'breakpoint');
    assert.equal(await instant(), first);
    await functions();
    assert.equal((await client.continue()).reason, 'exited', 'nobody else sets it free');
  });

  it('holds on one hart, in one mode, or for one condition', async () => {
    await at('first.c', 'ROUND', { hitCondition: 'hart 1' });
    assert.equal((await start()).reason, 'exited');
    await at('first.c', 'ROUND', { mode: 'kernel' });
    assert.equal((await client.reverseContinue()).reason, 'beginning');
    await at('first.c', 'ROUND', { mode: 'user', hitCondition: 'hart 0, %2' });
    assert.equal((await client.continue()).reason, 'breakpoint');
  });

  it('watches a variable of a user program, and tells old and new values', async () => {
    await at('first.c', 'ROUND');
    await start();
    await clear(['first.c', 'ROUND']);
    const { id } = await client.top();
    const info = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>(
      'dataBreakpointInfo',
      {
        name: 'total',
        frameId: id,
      },
    );
    assert.match(info.dataId ?? '', /@2$/u);
    await client.request('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'write' }],
    });
    const first = await client.continue();
    assert.match(first.text ?? '', /^total written: 0 → 5; 8 bytes at 0x/u);
    const second = await client.continue();
    const texts = [first.text ?? '', second.text ?? ''].map(
      (text) => /written: (.*);/u.exec(text)?.[1] ?? '',
    );
    assert.equal(texts[1]?.split(' → ')[0], texts[0]?.split(' → ')[1]);
    const back = await client.reverseContinue();
    assert.equal(/written: (.*);/u.exec(back.text ?? '')?.[1], texts[0], 'backwards it is the same access');
    assert.equal(await client.evaluate('*(unsigned long *)&total'), '0');
    assert.equal((await client.top()).source?.name, 'first.c');
  });

  it('watches physical memory, by whichever address it is reached', async () => {
    const breakpoints = [{ name: 'system_calls' }];
    await functions({ name: 'kernel_main' });
    await start();
    await functions();
    const [breakpoint] = breakpoints;
    const info = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>(
      'dataBreakpointInfo',
      {
        name: breakpoint?.name,
        mode: 'physical',
      },
    );
    assert.match(info.dataId ?? '', /^p0x80/u);
    await client.request('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'readWrite', condition: 'system_calls == 3' }],
    });
    const stopped = await client.continue();
    assert.match(stopped.text ?? '', /^system_calls (?:read: 3|written: 2 → 3);/u);
    // Memory of a user program, from its physical side: no virtual address of it is known.
    await at('first.c', 'ROUND');
    await client.request('setDataBreakpoints', { breakpoints: [] });
    await client.continue();
    await clear(['first.c', 'ROUND']);
    const total = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>(
      'dataBreakpointInfo',
      {
        name: 'total',
        frameId: (await client.top()).id,
        mode: 'physical',
      },
    );
    await client.request('setDataBreakpoints', {
      breakpoints: [{ dataId: total.dataId, accessType: 'write' }],
    });
    const written = await client.continue();
    assert.match(written.text ?? '', /^total written: \d+ → \d+/u);
    assert.equal((await client.top()).source?.name, 'first.c');
  });

  it('stops before traps by cause and mode', async () => {
    await traps({ filterId: 'traps', condition: 'from U cause 8 if $a7 == 4' });
    const stopped = await start();
    assert.equal(stopped.reason, 'exception');
    assert.equal(await client.evaluate('$a7'), '4');
    assert.equal(await client.evaluate('$priv'), '0');
    await traps({ filterId: 'traps', condition: 'from S cause load_page_fault, store_page_fault' });
    await client.continue();
    assert.equal((await client.top()).name, 'sum_of');
    await traps({ filterId: 'traps', condition: 'from U cause interrupt5' });
    assert.match((await client.continue()).text ?? '', /Supervisor timer interrupt/u);
  });

  it('stops before each change of privilege, the same ones in both directions', async () => {
    await at('second.c', 'COMPARE');
    await start();
    await clear(['second.c', 'COMPARE']);
    await traps({ filterId: 'privilege' });
    const seen: string[] = [];
    for (let stops = 0; stops < 6; stops++) {
      await client.continue();
      seen.push(`${await client.evaluate('$priv')}@${await instant()}`);
    }
    const modes = seen.map((one) => one[0]).join('');
    assert.match(modes, /^(?:01)+$/u);
    const back: string[] = [];
    for (let stops = 0; stops < 5; stops++) {
      await client.reverseContinue();
      back.push(`${await client.evaluate('$priv')}@${await instant()}`);
    }
    assert.deepEqual(back, seen.slice(0, -1).reverse());
    await traps({ filterId: 'trap_return', condition: 'to U' });
    const stopped = await client.continue();
    assert.equal(stopped.text, 'Return from trap');
    assert.equal(await client.evaluate('$priv'), '1');
    await client.next('instruction');
    assert.equal(await client.evaluate('$priv'), '0');
  });

  it('offers its modes, and refuses what it does not understand', async () => {
    const [a, b, c] = await functions(
      { name: 'yield', hitCondition: 'twice' },
      { name: 'yield', hitCondition: '=1, =2' },
      { name: 'yield', hitCondition: 'hart x' },
    );
    for (const one of [a, b, c]) assert.equal(one?.verified, false);
    const body = await client.request<{ breakpoints: Breakpoint[] }>('setExceptionBreakpoints', {
      filters: [],
      filterOptions: [
        { filterId: 'traps', condition: 'from X' },
        { filterId: 'traps', condition: 'from U and more' },
      ],
    });
    assert.deepEqual(
      body.breakpoints.map(({ verified }) => verified),
      [false, false],
    );
  });
});
