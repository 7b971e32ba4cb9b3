/** Stepping in both directions, over the fake machine. */
import assert from 'node:assert/strict';
import { demo, fixture, LAUNCH, MAIN, type Fixture } from './support';
import { op, ProgramBuilder, reg, type Program } from './program';

/** Stopped at the beginning of main's line 10, behind the prologue. */
async function atMain(
  program: Program = demo(),
  options: Parameters<typeof fixture>[1] = {},
): Promise<Fixture> {
  const f = fixture(program, options);
  await f.client.launch(LAUNCH);
  await f.client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'main' }] });
  await f.client.request('configurationDone');
  const stopped = await f.client.event<{ reason: string }>('stopped');
  assert.equal(stopped.reason, 'function breakpoint');
  return f;
}

const path = async ({ client }: Fixture, step: () => Promise<unknown>, count: number): Promise<string[]> => {
  const seen: string[] = [];
  for (let at = 0; at < count; at++) {
    await step();
    seen.push(await client.where());
  }
  return seen;
};

describe('dap: stepping forwards', () => {
  it('steps over calls, line by line', async () => {
    const f = await atMain();
    assert.equal(await f.client.where(), 'main:10');
    const lines = await path(f, () => f.client.next(), 9);
    const expected = [12, 13, 12, 13, 12, 13, 14, 15, 16].map((line) => `main:${line}`);
    assert.deepEqual(lines, expected);
  });

  it('steps into a function with lines, and out again to the middle of the call', async () => {
    const f = await atMain();
    await f.client.next();
    await f.client.stepIn();
    assert.equal(await f.client.where(), 'add:3');
    assert.equal((await f.client.frames()).length >= 2, true);
    await f.client.stepOut();
    assert.equal(await f.client.where(), 'main:12');
    assert.equal(f.debuggee.hart(0).pc, demo().at('afterAdd'));
    await f.client.next();
    assert.equal(await f.client.where(), 'main:13');
  });

  it('runs through a function without lines when stepping in', async () => {
    const f = await atMain();
    await f.client.breakpoints(MAIN, 14);
    await f.client.continue();
    assert.equal(await f.client.where(), 'main:14');
    await f.client.stepIn();
    assert.equal(await f.client.where(), 'main:15');
  });

  it('ends a step at a breakpoint inside of what it steps over', async () => {
    const f = await atMain();
    await f.client.next();
    const [breakpoint] = await f.client.breakpoints('/src/add.c', 4);
    const stopped = await f.client.next();
    assert.equal(stopped.reason, 'breakpoint');
    assert.deepEqual(stopped.hitBreakpointIds, [breakpoint?.id]);
    assert.equal(await f.client.where(), 'add:4');
  });

  it('steps by instruction, over calls too', async () => {
    const f = await atMain();
    await f.client.next();
    const pc = () => f.debuggee.hart(0).pc;
    await f.client.stepIn('instruction');
    await f.client.next('instruction');
    await f.client.next('instruction');
    assert.equal(pc(), demo().at('afterAdd'));
    await f.client.stepBack('instruction');
    assert.equal(await f.client.where(), 'add:5');
  });

  it('runs through interrupts', async () => {
    const plain = await atMain();
    const begin = plain.debuggee.now;
    const f = await atMain(demo(), { interruptsAt: [begin + 1, begin + 4, begin + 6, begin + 20] });
    const lines = await path(f, () => f.client.next(), 4);
    assert.deepEqual(lines, ['main:12', 'main:13', 'main:12', 'main:13']);
  });

  it('goes instruction by instruction where there are no lines', async () => {
    const f = fixture(demo());
    await f.client.startStopped(LAUNCH);
    assert.equal(await f.client.where(), '_start');
    await f.client.next();
    assert.equal(f.debuggee.now, 1);
  });

  it('pauses a step that does not end', async () => {
    const program = new ProgramBuilder().func('main', MAIN).line(1).label('here').jump('here').build();
    const f = fixture(program);
    await f.client.startStopped(LAUNCH);
    await f.client.request('next', { threadId: 1 });
    await f.client.request('pause', { threadId: 1 });
    const stopped = await f.client.event<{ reason: string }>('stopped');
    assert.equal(stopped.reason, 'pause');
  });

  it('refuses to step out of the outermost frame', async () => {
    const f = fixture(demo());
    await f.client.startStopped(LAUNCH);
    await assert.rejects(f.client.stepOut(), { code: 'STEP_OUT_NO_CALLER' });
    assert.equal(await f.client.where(), '_start');
  });
});

describe('dap: stepping back', () => {
  it('is the way forwards, backwards', async () => {
    const f = await atMain();
    const there = ['main:10', ...(await path(f, () => f.client.next(), 9))];
    const instants: number[] = [];
    const back: string[] = [];
    for (let at = 0; at < 9; at++) {
      await f.client.stepBack();
      back.push(await f.client.where());
      instants.push(f.debuggee.now);
    }
    assert.deepEqual(back, there.slice(0, -1).reverse());
    assert.deepEqual(
      instants,
      [...instants].sort((a, b) => b - a),
    );
  });

  it('goes to the line of the call from the first line of a function', async () => {
    const f = await atMain();
    await f.client.next();
    const call = f.debuggee.now;
    await f.client.stepIn();
    await f.client.stepBack();
    assert.equal(await f.client.where(), 'main:12');
    assert.equal(f.debuggee.now, call);
  });

  it('goes to the beginning of the line from its middle', async () => {
    const f = await atMain();
    await f.client.next();
    const begin = f.debuggee.now;
    await f.client.stepIn();
    await f.client.stepOut();
    await f.client.stepBack();
    assert.equal(f.debuggee.now, begin);
  });

  it('goes back over interrupts', async () => {
    const begin = (await atMain()).debuggee.now;
    const f = await atMain(demo(), { interruptsAt: [begin + 1, begin + 4, begin + 6, begin + 20] });
    await path(f, () => f.client.next(), 4);
    const lines = await path(f, () => f.client.stepBack(), 4);
    assert.deepEqual(lines, ['main:12', 'main:13', 'main:12', 'main:10']);
  });

  it('finds the steps of its hart among those of others', async () => {
    const f = fixture(demo(), { harts: 3 });
    await f.client.launch(LAUNCH);
    await f.client.breakpoints(MAIN, { line: 14, condition: '$mhartid == 1' });
    await f.client.request('configurationDone');
    assert.equal((await f.client.event<{ threadId: number }>('stopped')).threadId, 2);
    const lines: string[] = [];
    for (let at = 0; at < 3; at++) {
      const stopped = await f.client.move('stepBack', { threadId: 2 });
      assert.equal(stopped.threadId, 2);
      lines.push(await f.client.where(2));
    }
    assert.deepEqual(lines, ['main:13', 'main:12', 'main:13']);
    await f.client.move('next', { threadId: 2 });
    assert.equal(await f.client.where(2), 'main:12');
  });

  it('stops at the beginning of the recording, clearly', async () => {
    const program = new ProgramBuilder()
      .func('main', MAIN)
      .line(1)
      .emit(op.addi(5, 0, 1), op.addi(5, 5, 1))
      .line(2)
      .emit(op.addi(5, 5, 1), op.illegal())
      .build();
    const f = fixture(program);
    await f.client.startStopped(LAUNCH);
    await f.client.next();
    assert.equal(await f.client.where(), 'main:2');
    assert.equal((await f.client.stepBack()).reason, 'step');
    const stopped = await f.client.stepBack();
    assert.equal(stopped.text, 'beginning of recording');
    assert.equal(f.debuggee.now, 0);
    assert.equal((await f.client.stepBack('instruction')).text, 'beginning of recording');
    assert.equal((await f.client.reverseContinue()).text, 'beginning of recording');
  });

  it('jumps over calls that are too long to be walked', async () => {
    const { zero, sp, a1, a2 } = reg;
    const program = new ProgramBuilder()
      .func('main', MAIN)
      .line(1)
      .emit(op.lui(sp, 0x40010))
      .line(2)
      .emit(op.addi(a1, zero, 1))
      .call('long')
      .line(3)
      .emit(op.addi(a1, zero, 2))
      .line(4)
      .label('end')
      .jump('end')
      .func('long')
      .emit(op.lui(a2, 1))
      .label('spin')
      .emit(op.addi(a2, a2, -1))
      .blt(zero, a2, 'spin')
      .emit(op.ret())
      .build();
    const f = fixture(program);
    await f.client.startStopped(LAUNCH);
    await f.client.next();
    const before = f.debuggee.now;
    await f.client.next();
    assert.equal(await f.client.where(), 'main:3');
    assert(f.debuggee.now > 8000);
    await f.client.stepBack();
    assert.equal(await f.client.where(), 'main:2');
    assert.equal(f.debuggee.now, before);
  });
});
