/** Breakpoints of every kind, forwards and backwards, over the fake machine. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';
import { op, ProgramBuilder, reg } from './program';
import { ADD, demo, fixture, LAUNCH, MAIN, TOTAL, type Fixture } from './support';

type Body = DebugProtocol.SetBreakpointsResponse['body'];

/** Launched, not running yet. */
async function launched(options: Parameters<typeof fixture>[1] = {}): Promise<Fixture> {
  const f = fixture(demo(), options);
  await f.client.launch(LAUNCH);
  return f;
}

const start = async ({ client }: Fixture): Promise<DebugProtocol.StoppedEvent['body']> => {
  await client.request('configurationDone');
  return client.event('stopped');
};

describe('dap: source breakpoints', () => {
  it('are verified where there is code, and moved to it', async () => {
    const { client } = await launched();
    const [here, moved, none] = await client.breakpoints(MAIN, 13, 11, 99);
    assert.deepEqual([here?.verified, here?.line], [true, 13]);
    assert.deepEqual([moved?.verified, moved?.line], [true, 12]);
    assert.equal(none?.verified, false);
    assert.match(none.message ?? '', /no code for this line/u);
    assert.deepEqual(await client.breakpoints('/src/nothing.c', 1).then(([one]) => one?.verified), false);
  });

  it('stop forwards and backwards, not where the guest stands', async () => {
    const f = await launched();
    const [breakpoint] = await f.client.breakpoints(MAIN, 13);
    const stopped = await start(f);
    assert.equal(stopped.reason, 'breakpoint');
    assert.deepEqual(stopped.hitBreakpointIds, [breakpoint?.id]);
    const instants = [f.debuggee.now];
    for (let at = 0; at < 2; at++) {
      await f.client.continue();
      instants.push(f.debuggee.now);
    }
    assert.deepEqual(
      instants,
      [...new Set(instants)].sort((a, b) => a - b),
    );
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, instants[1]);
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, instants[0]);
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, 0);
  });

  it('keep their ids while they stay', async () => {
    const { client } = await launched();
    const [first] = await client.breakpoints(MAIN, 13);
    const [added, again] = await client.breakpoints(MAIN, 12, 13);
    assert.equal(again?.id, first?.id);
    assert.notEqual(added?.id, first?.id);
  });

  it('ask their condition in the past as in the present', async () => {
    const f = await launched();
    await f.client.breakpoints(MAIN, { line: 13, condition: '$s2 == 1' });
    await start(f);
    assert.equal(await f.client.evaluate('$s2'), '1');
    const instant = f.debuggee.now;
    await f.client.continue();
    assert.notEqual(f.debuggee.exited, undefined);
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, instant);
  });

  it('say what is wrong with a condition, and stop where one cannot be answered', async () => {
    const f = await launched();
    const [bad, count, ok] = await f.client.breakpoints(
      MAIN,
      { line: 12, condition: '1 +' },
      { line: 12, hitCondition: 'often' },
      { line: 13, condition: '*(u64*)0 == 1' },
    );
    assert.deepEqual([bad?.verified, count?.verified, ok?.verified], [false, false, true]);
    assert.match(bad?.message ?? '', /ends too early/u);
    assert.match(count?.message ?? '', /no hit condition/u);
    await start(f);
    assert.equal(await f.client.where(), 'main:13');
    const outputs = f.client.events<{ output: string }>('output').map(({ output }) => output);
    assert(outputs.some((text) => text.includes('cannot be read')));
  });

  it('count their hits by time', async () => {
    const f = await launched();
    await f.client.breakpoints(MAIN, { line: 13, hitCondition: '=2' });
    await start(f);
    assert.equal(await f.client.evaluate('$s2'), '1');
    const second = f.debuggee.now;
    await f.client.continue();
    // Back over the third hit, which is not the second.
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, second);
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, 0);
    // The same hits again are the same hits.
    await f.client.continue();
    assert.equal(f.debuggee.now, second);
  });

  it('understand every hit condition', async () => {
    const hits: Record<string, number[]> = {
      '2': [1, 2],
      '>=3': [2],
      '>1': [1, 2],
      '<2': [0],
      '<=2': [0, 1],
      '%2': [1],
      '==3': [2],
    };
    for (const [hitCondition, expected] of Object.entries(hits)) {
      const f = await launched();
      await f.client.breakpoints(MAIN, { line: 13, hitCondition });
      const seen: number[] = [];
      await f.client.request('configurationDone');
      for (;;) {
        await f.client.event('stopped');
        if (f.debuggee.exited !== undefined) break;
        seen.push(Number(f.debuggee.hart(0).x(reg.s2)));
        await f.client.request('continue', { threadId: 1 });
      }
      assert.deepEqual(seen, expected, hitCondition);
    }
  });

  it('print log messages forwards only, and never stop', async () => {
    const f = await launched();
    await f.client.breakpoints(MAIN, { line: 13, logMessage: 'i={$s2} count={$s1 + 1:x}{' });
    await start(f);
    const logged = () =>
      f.client
        .events<{ output: string }>('output')
        .map(({ output }) => output)
        .filter((one) => one.startsWith('i='));
    assert.deepEqual(logged(), ['i=0 count=0x1{\n', 'i=1 count=0x2{\n', 'i=2 count=0x4{\n']);
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, 0);
    assert.equal(logged().length, 3);
  });

  it('can be set while the guest runs', async () => {
    const { s1, zero } = reg;
    const program = new ProgramBuilder()
      .func('main', MAIN)
      .line(1)
      .label('loop')
      .emit(op.addi(s1, s1, 1))
      .line(2)
      .emit(op.addi(zero, zero, 0))
      .jump('loop')
      .build();
    const f = fixture(program);
    await f.client.launch(LAUNCH);
    await f.client.request('configurationDone');
    await f.client.breakpoints(MAIN, 2);
    const stopped = await f.client.event<{ reason: string }>('stopped');
    assert.equal(stopped.reason, 'breakpoint');
  });

  it('may come before the launch, and are verified then', async () => {
    const f = fixture(demo());
    await f.client.request('initialize', { adapterID: 'x' });
    const [pending] = await f.client.breakpoints(MAIN, 13);
    assert.equal(pending?.verified, false);
    await f.client.request('launch', LAUNCH);
    const told = await f.client.event<{ breakpoint: DebugProtocol.Breakpoint }>('breakpoint');
    assert.deepEqual([told.breakpoint.id, told.breakpoint.verified], [pending.id, true]);
    assert.equal((await start(f)).reason, 'breakpoint');
  });

  it('do not stop with noDebug; the end of the guest is the end of the session', async () => {
    const f = fixture(demo());
    await f.client.launch({ ...LAUNCH, noDebug: true });
    await f.client.breakpoints(MAIN, 13);
    await f.client.request('configurationDone');
    assert.deepEqual(await f.client.event('exited'), { exitCode: 0 });
    await f.client.event('terminated');
  });
});

describe('dap: other breakpoints', () => {
  it('on functions and instructions', async () => {
    const f = await launched();
    const functions = await f.client.request<Body>('setFunctionBreakpoints', {
      breakpoints: [{ name: 'add' }, { name: 'nothing' }],
    });
    assert.deepEqual(
      functions.breakpoints.map(({ verified }) => verified),
      [true, false],
    );
    const address = demo().at('afterAdd');
    const instructionReference = `0x${(address - 4n).toString(16)}`;
    const body = await f.client.request<Body>('setInstructionBreakpoints', {
      breakpoints: [
        { instructionReference, offset: 4 },
        { instructionReference, offset: 1 },
      ],
    });
    assert.deepEqual(
      body.breakpoints.map(({ verified }) => verified),
      [true, false],
    );
    assert.equal((await start(f)).reason, 'function breakpoint');
    assert.equal(await f.client.where(), 'add:3');
    assert.equal((await f.client.continue()).reason, 'instruction breakpoint');
    assert.equal(f.debuggee.hart(0).pc, address);
  });

  it('on data: written, forwards and backwards', async () => {
    const f = fixture(demo());
    await f.client.startStopped(LAUNCH);
    const info = await f.client.request<DebugProtocol.DataBreakpointInfoResponse['body']>(
      'dataBreakpointInfo',
      {
        name: 'total',
      },
    );
    assert.equal(info.dataId, `0x${TOTAL.toString(16)}/8`);
    const other = { name: '0x40001000', asAddress: true, bytes: 4 };
    const bytes = await f.client.request<typeof info>('dataBreakpointInfo', other);
    assert.equal(bytes.dataId, `0x${TOTAL.toString(16)}/4`);
    const none = await f.client.request<typeof info>('dataBreakpointInfo', { name: '$a0' });
    assert.equal(none.dataId, null);
    await f.client.request('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'write' }],
    });
    const stopped = await f.client.continue();
    assert.equal(stopped.reason, 'data breakpoint');
    assert.equal(await f.client.evaluate('total'), '3');
    const instant = f.debuggee.now;
    await f.client.continue();
    await f.client.reverseContinue();
    assert.equal(f.debuggee.now, instant);
  });

  it('on traps, with a condition and what is known about them', async () => {
    const { a7, zero, t0 } = reg;
    const program = new ProgramBuilder()
      .func('main', MAIN)
      .line(1)
      .la(t0, 'trap')
      .emit(op.csrrw(zero, 0x305, t0))
      .line(2)
      .emit(op.addi(a7, zero, 1), op.ecall(), op.addi(a7, zero, 93), op.ecall())
      .func('trap')
      .emit(op.csrrs(t0, 0x341, zero), op.addi(t0, t0, 4), op.csrrw(zero, 0x341, t0), op.mret())
      .build();
    const f = fixture(program);
    const capabilities = await f.client.launch(LAUNCH);
    const filters = capabilities.exceptionBreakpointFilters?.map(({ filter }) => filter) ?? [];
    for (const one of ['faults', 'interrupts', 'load_page_fault', 'machine_timer'])
      assert(filters.includes(one), one);
    const body = await f.client.request<Body>('setExceptionBreakpoints', {
      filters: ['nothing'],
      filterOptions: [{ filterId: 'ecall_from_m', condition: '$a7 == 93' }],
    });
    assert.deepEqual(
      body.breakpoints.map(({ verified }) => verified),
      [false, true],
    );
    const stopped = await start(f);
    assert.equal(stopped.reason, 'exception');
    assert.equal(f.debuggee.hart(0).x(a7), 93n);
    const info = await f.client.request<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', {
      threadId: 1,
    });
    assert.equal(info.exceptionId, 'ecall_from_m');
    assert.match(info.description ?? '', /Environment call from M-mode \(cause 11\) at main\+0x/u);
  });

  it('are known by place: locations of a file', async () => {
    const { client } = await launched();
    const body = await client.request<DebugProtocol.BreakpointLocationsResponse['body']>(
      'breakpointLocations',
      {
        source: { path: ADD },
        line: 1,
        endLine: 4,
      },
    );
    assert.deepEqual(
      body.breakpoints.map(({ line }) => line),
      [2, 3, 4],
    );
  });
});
