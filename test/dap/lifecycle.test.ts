/** A session from its first message to its last, time travel and checkpoints, over the fake machine. */
import assert from 'node:assert/strict';
import { UserError } from '../../src/base/errors';
import {
  encodeBase64,
  EVENT,
  REQUEST,
  type CheckpointTree,
  type TimeEvent,
  type Timeline,
} from '../../src/protocol';
import { Session } from '../../src/dap/session';
import { op, ProgramBuilder, reg } from './program';
import { clientOf, demo, fixture, LAUNCH, MAIN, TestClock, type Fixture } from './support';

const endless = () => {
  const { s1 } = reg;
  return new ProgramBuilder()
    .func('main', MAIN)
    .line(1)
    .label('loop')
    .emit(op.addi(s1, s1, 1))
    .jump('loop')
    .build();
};

async function running(options: Parameters<typeof fixture>[1] = {}): Promise<Fixture> {
  const f = fixture(endless(), options);
  await f.client.launch(LAUNCH);
  await f.client.request('configurationDone');
  return f;
}

async function stopped(): Promise<Fixture> {
  const f = fixture(demo());
  await f.client.startStopped(LAUNCH);
  return f;
}

const commandsOf = (f: Fixture): string[] =>
  f.client.received.map((one) =>
    'event' in one ? String(one.event) : 'command' in one ? `${String(one.command)}!` : '',
  );

describe('dap: lifecycle', () => {
  it('answers before it tells', async () => {
    const f = await stopped();
    const told = commandsOf(f).filter((one) => !one.startsWith('chronovisor'));
    assert.deepEqual(told, [
      'initialize!',
      'launch!',
      'initialized',
      'module',
      'configurationDone!',
      'stopped',
    ]);
    await f.client.next();
    assert.deepEqual(
      commandsOf(f)
        .filter((one) => !one.startsWith('chronovisor'))
        .slice(6),
      ['next!', 'stopped'],
    );
  });

  it('stops at the entry, and at the end of the guest, from where it goes back', async () => {
    const f = fixture(demo());
    const entry = await f.client.startStopped(LAUNCH);
    assert.deepEqual([entry.reason, entry.threadId, entry.allThreadsStopped], ['entry', 1, true]);
    const end = await f.client.continue();
    assert.match(end.text ?? '', /guest ended: poweroff, exit code 0/u);
    const instant = f.debuggee.now;
    await f.client.stepBack('instruction');
    assert.equal(f.debuggee.now, instant - 1);
    await f.client.continue();
    await f.client.request('continue', { threadId: 1 });
    assert.deepEqual(await f.client.event('exited'), { exitCode: 0 });
    await f.client.event('terminated');
    await assert.rejects(f.client.frames(), { code: 'SESSION_ENDED' });
    await f.client.request('disconnect');
    assert.equal(f.debuggee.disposed, true);
  });

  it('pauses a running guest, and lets nobody look at it before', async () => {
    const f = await running();
    await assert.rejects(f.client.frames(), { code: 'GUEST_RUNNING' });
    const raw = await f.client.raw('readMemory', { memoryReference: '0', count: 1 });
    assert.equal(raw.message, 'notStopped');
    await f.client.request('threads');
    await f.client.request('pause', { threadId: 1 });
    const pause = await f.client.event<{ reason: string }>('stopped');
    assert.equal(pause.reason, 'pause');
    assert.equal(await f.client.where(), 'main:1');
  });

  it('restarts, running or not, in a new branch', async () => {
    const f = fixture(endless());
    await f.client.startStopped(LAUNCH);
    await f.client.next('instruction');
    await f.client.request('continue', { threadId: 1 });
    await f.client.request('restart');
    assert.equal((await f.client.event<{ reason: string }>('stopped')).reason, 'entry');
    assert.deepEqual([f.debuggee.now, f.debuggee.branch], [0, 1]);
    // Entry, step, entry: the run that was cut off is not told.
    assert.equal(f.client.events('stopped').length, 3);
  });

  it('terminates and disconnects while the guest runs', async () => {
    const f = await running();
    await f.client.request('terminate');
    await f.client.event('terminated');
    assert.equal(f.debuggee.disposed, true);
    await f.client.request('disconnect');
    const g = await running();
    let ended = false;
    g.session.onEnd(() => (ended = true));
    await g.client.request('disconnect');
    await g.client.event('terminated');
    assert.deepEqual([g.debuggee.disposed, ended], [true, true]);
    assert.equal(g.client.events('stopped').length, 0);
  });

  it('tells a failed launch by its code, and can be launched again', async () => {
    let attempts = 0;
    const clock = new TestClock();
    const host = {
      clock,
      unixTime: () => 0,
      readTextFile: async () => undefined,
      fileExists: async () => false,
    };
    const working = fixture(demo());
    const session = new Session(host, async () => {
      if (attempts++ === 0) throw new UserError('ELF_NOT_RISCV64', 'kernel is for x86-64');
      return { debuggee: working.debuggee, symbols: demo().symbols, programPath: '/src/demo.elf' };
    });
    const client = clientOf(session);
    await client.request('initialize', { adapterID: 'x' });
    await assert.rejects(client.request('launch', {}), { code: 'LAUNCH_NO_PROGRAM' });
    await assert.rejects(client.request('launch', LAUNCH), {
      code: 'ELF_NOT_RISCV64',
      text: 'kernel is for x86-64',
    });
    await client.request('launch', LAUNCH);
    await assert.rejects(client.request('launch', LAUNCH), { code: 'LAUNCHED_TWICE' });
    await assert.rejects(client.request('attach', {}), { code: 'ATTACH_NOT_SUPPORTED' });
  });
});

describe('dap: time', () => {
  it('goes to an instant, and says where it is', async () => {
    const f = await stopped();
    await f.client.continue();
    const { end } = f.debuggee;
    await f.client.request(REQUEST.seek, { instret: 10 });
    const stop = await f.client.event<{ reason: string }>('stopped');
    assert.equal(stop.reason, 'goto');
    assert.equal(f.debuggee.now, 10);
    assert.deepEqual(await f.client.event<TimeEvent>(EVENT.time, ({ now }) => now === 10), {
      now: 10,
      end,
      live: false,
    });
    const timeline = await f.client.request<Timeline>(REQUEST.timeline);
    assert.deepEqual(timeline, { begin: 0, end, now: 10, checkpoints: [] });
    await assert.rejects(f.client.request(REQUEST.seek, { instret: end + 1 }), { code: 'SEEK_RANGE' });
    await assert.rejects(f.client.request(REQUEST.seek, { instret: -1 }), { code: 'PROTOCOL_FIELD' });
  });

  it('begins a branch where the past is changed', async () => {
    const f = await stopped();
    await f.client.continue();
    await f.client.request(REQUEST.seek, { instret: 10 });
    await f.client.event('stopped');
    await f.client.evaluate('$a0 = 1', 'repl');
    assert.equal(f.debuggee.branch, 1);
    assert.match(await f.client.evaluate('when', 'repl'), /instruction 10 of branch 1 .*live/u);
  });

  it('keeps a tree of checkpoints', async () => {
    const f = await stopped();
    const { id } = await f.client.request<{ id: string }>(REQUEST.takeCheckpoint, { name: 'entry' });
    await f.client.event(EVENT.checkpointsChanged);
    await f.client.breakpoints(MAIN, 13);
    await f.client.continue();
    const second = await f.client.request<{ id: string }>(REQUEST.takeCheckpoint, {});
    const tree = await f.client.request<CheckpointTree>(REQUEST.checkpoints);
    const shown = tree.nodes.map(({ name, where, isCurrent, parent }) => [name, where, isCurrent, parent]);
    assert.deepEqual(shown, [
      ['entry', '_start', false, undefined],
      [undefined, 'main (main.c:13)', true, id],
    ]);
    await f.client.request(REQUEST.renameCheckpoint, { id: second.id, name: 'loop' });
    await f.client.request(REQUEST.restoreCheckpoint, { id });
    assert.equal((await f.client.event<{ reason: string }>('stopped')).reason, 'restore');
    assert.equal(f.debuggee.now, 0);
    await f.client.request(REQUEST.deleteCheckpoint, { id: second.id });
    await assert.rejects(f.client.request(REQUEST.restoreCheckpoint, { id: second.id }), {
      code: 'CHECKPOINT_UNKNOWN',
    });
    const left = await f.client.request<CheckpointTree>(REQUEST.checkpoints);
    assert.deepEqual(
      left.nodes.map(({ name, isCurrent }) => [name, isCurrent]),
      [['entry', true]],
    );
    // A restore that failed has told where the guest stands, and it can go on.
    await f.client.event('stopped');
    assert.equal((await f.client.continue()).reason, 'breakpoint');
  });

  it('goes elsewhere from a running guest, and takes checkpoints of it', async () => {
    const f = await running();
    const { id } = await f.client.request<{ id: string }>(REQUEST.takeCheckpoint, {});
    await f.client.request(REQUEST.restoreCheckpoint, { id });
    const stop = await f.client.event<{ reason: string }>('stopped');
    assert.equal(stop.reason, 'restore');
    assert.equal(f.client.events('stopped').length, 1);
  });

  it('shows progress of what takes long, and can be cancelled', async () => {
    const f = await running();
    await f.client.request('pause', { threadId: 1 });
    await f.client.event('stopped');
    while (f.debuggee.end < 300) await f.client.move('next', { granularity: 'instruction' });
    const at = f.debuggee.now;
    f.clock.tick = 400;
    const seek = f.client.raw(REQUEST.seek, { instret: at - 1 });
    const start = await f.client.event<{ progressId: string; cancellable: boolean }>('progressStart');
    assert.equal(start.cancellable, true);
    await f.client.request('cancel', { progressId: start.progressId });
    assert.equal((await seek).success, true);
    assert.equal((await f.client.event<{ reason: string }>('stopped')).reason, 'pause');
    await f.client.event('progressEnd');
    await assert.rejects(f.client.request('cancel', { progressId: start.progressId }), {
      code: 'NOTHING_TO_CANCEL',
    });
  });

  it('carries the console both ways', async () => {
    const { zero, t0, t1 } = reg;
    const program = new ProgramBuilder()
      .func('main')
      .emit(
        op.lui(t0, 0x10000),
        op.addi(t1, zero, 0x68),
        op.sw(t1, t0, 0),
        op.addi(t1, zero, 0x69),
        op.sw(t1, t0, 0),
      )
      .emit(op.lui(t0, 0x100), op.sw(zero, t0, 0))
      .build();
    const f = fixture(program);
    await f.client.startStopped({ ...LAUNCH, console: 'debugConsole' });
    await f.client.request(REQUEST.consoleInput, { text: encodeBase64(Uint8Array.of(0x6c, 0x73)) });
    await f.client.continue();
    assert.deepEqual(f.debuggee.input, ['ls']);
    const events = f.client.events<{ data: string }>(EVENT.consoleOutput).map(({ data }) => data);
    assert.deepEqual(events, ['aA==', 'aQ==']);
    const outputs = f.client.events<{ category: string; output: string }>('output');
    assert.deepEqual(
      outputs.map(({ output }) => output),
      ['h', 'i'],
    );
    const history = await f.client.request<{ data: string }>(REQUEST.consoleHistory);
    assert.equal(history.data, 'aGk=');
    await assert.rejects(f.client.request(REQUEST.consoleInput, { text: '?' }), { code: 'PROTOCOL_BASE64' });
  });
});
