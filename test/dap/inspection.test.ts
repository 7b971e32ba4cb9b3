/** Looking at a stopped guest, and changing it. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';
import { reg } from './program';
import { ADD, demo, fixture, LAUNCH, TOTAL, type Fixture } from './support';

async function inAdd(options: Parameters<typeof fixture>[1] = {}, launch: object = {}): Promise<Fixture> {
  const f = fixture(demo(), options);
  await f.client.launch({ ...LAUNCH, ...launch });
  await f.client.breakpoints(ADD, 4);
  await f.client.request('configurationDone');
  await f.client.event('stopped');
  return f;
}

describe('dap: stack', () => {
  it('shows functions, lines and addresses, in pages', async () => {
    const { client, debuggee } = await inAdd();
    const frames = await client.frames();
    const shown = frames.slice(0, 2).map(({ name, line, source }) => [name, line, source?.path]);
    assert.deepEqual(shown, [
      ['add', 4, ADD],
      ['main', 12, '/src/main.c'],
    ]);
    assert.equal(frames[0]?.instructionPointerReference, `0x${debuggee.hart(0).pc.toString(16)}`);
    const page = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', {
      threadId: 1,
      startFrame: 1,
      levels: 1,
    });
    assert.deepEqual(
      page.stackFrames.map(({ name, id }) => [name, id]),
      [['main', frames[1]?.id]],
    );
    assert.equal(page.totalFrames, frames.length);
  });

  it('marks sources that are not there, and maps those that are elsewhere', async () => {
    const files = { '/home/me/add.c': 'text' };
    const { client } = await inAdd({ files }, { sourceMap: { '/src': '/home/me' } });
    const [add, main] = await client.frames();
    assert.deepEqual(add?.source, { name: 'add.c', path: '/home/me/add.c' });
    assert.equal(main?.source?.presentationHint, 'deemphasize');
    const [breakpoint] = await client.breakpoints('/home/me/add.c', 3);
    assert.equal(breakpoint?.verified, true);
    const source = await client.request('source', { source: { path: '/home/me/add.c' }, sourceReference: 0 });
    assert.deepEqual(source, { content: 'text' });
    await assert.rejects(client.request('source', { source: { path: '/no' }, sourceReference: 0 }), {
      code: 'SOURCE_NOT_FOUND',
    });
  });

  it('counts lines from 0 for clients that do', async () => {
    const f = fixture(demo());
    await f.client.launch(LAUNCH, { linesStartAt1: false });
    const [breakpoint] = await f.client.breakpoints(ADD, 3);
    assert.equal(breakpoint?.line, 3);
    await f.client.request('configurationDone');
    await f.client.event('stopped');
    assert.equal((await f.client.top()).line, 3);
    assert.equal(await f.client.evaluate('$pc').then((text) => text.includes('<add')), true);
  });

  it('names the harts', async () => {
    const { client, debuggee } = await inAdd({ harts: 2 });
    debuggee.hart(1).waiting = true;
    const { threads } = await client.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.deepEqual(threads, [
      { id: 1, name: 'hart 0 (M-mode, running)' },
      { id: 2, name: 'hart 1 (M-mode, waiting)' },
    ]);
    await assert.rejects(client.frames(3), { code: 'THREAD_UNKNOWN' });
  });
});

describe('dap: variables', () => {
  it('are the registers, and CSRs with their fields', async () => {
    const { client } = await inAdd();
    const scopes = await client.scopes();
    assert.deepEqual(
      [...scopes.keys()],
      ['Integer registers', 'Floating point', 'CSRs: Machine', 'CSRs: Supervisor', 'CSRs: User'],
    );
    const integer = await client.variables(scopes.get('Integer registers') ?? 0);
    assert.equal(integer.length, 33);
    assert.equal(integer[10]?.name, 'a0');
    assert.match(integer[10].value, /^0x[0-9a-f]{16}$/u);
    const page = await client.variables(scopes.get('Integer registers') ?? 0, { start: 10, count: 2 });
    assert.deepEqual(
      page.map(({ name }) => name),
      ['a0', 'a1'],
    );
    const machine = await client.variables(scopes.get('CSRs: Machine') ?? 0);
    const mstatus = machine.find(({ name }) => name === 'mstatus');
    assert(mstatus !== undefined);
    const fields = await client.variables(mstatus.variablesReference);
    assert(fields.some(({ name }) => name === 'MPP'));
  });

  it('can be set, with masks and in one field', async () => {
    const { client, debuggee } = await inAdd();
    const scopes = await client.scopes();
    const set = (variablesReference: number, name: string, value: string) =>
      client.request<{ value: string }>('setVariable', { variablesReference, name, value });
    const integer = scopes.get('Integer registers') ?? 0;
    assert.equal((await set(integer, 'a0', '$a1 + 0x10')).value, '0x0000000000000010');
    assert.equal(debuggee.hart(0).x(reg.a0), 0x10n);
    await client.event('invalidated');
    await assert.rejects(set(integer, 'zero', '1'), { code: 'READ_ONLY' });
    await assert.rejects(set(integer, 'q0', '1'), { code: 'VARIABLE_UNKNOWN' });
    await assert.rejects(set(integer, 'a0', 'one'), { code: 'EXPR_UNKNOWN_SYMBOL' });
    const float = scopes.get('Floating point') ?? 0;
    assert.equal((await set(float, 'fa0', '1.5')).value, '1.5 (0x3ff8000000000000)');
    assert.equal((await set(float, 'fa0', '-0.5f')).value, '-0.5f (0xffffffffbf000000)');
    const machine = await client.variables(scopes.get('CSRs: Machine') ?? 0);
    const mstatus = machine.find(({ name }) => name === 'mstatus')?.variablesReference ?? 0;
    assert.equal((await set(mstatus, 'MPP', '3')).value, 'M (3)');
    assert.equal(debuggee.hart(0).csr(0x300), 0x1800n);
    await assert.rejects(set(mstatus, 'MPP', '4'), { code: 'FIELD_RANGE' });
  });

  it('of outer frames are what can be known of them, and their pc is read-only', async () => {
    const { client } = await inAdd();
    const [, main] = await client.frames();
    const body = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId: main?.id });
    const reference = body.scopes[0]?.variablesReference ?? 0;
    const registers = await client.variables(reference);
    assert.equal(
      registers.find(({ name }) => name === 'pc')?.value,
      `0x${demo().at('afterAdd').toString(16).padStart(16, '0')}`,
    );
    assert(registers.some(({ value }) => value === 'unavailable'));
    const args = { variablesReference: reference, name: 'pc', value: '2' };
    await assert.rejects(client.request('setVariable', args), { code: 'FRAME_NOT_TOP' });
  });

  it('of an earlier stop are refused', async () => {
    const { client } = await inAdd();
    const scopes = await client.scopes();
    const { id } = await client.top();
    await client.next();
    await assert.rejects(client.variables(scopes.get('Integer registers') ?? 0), { code: 'REFERENCE_STALE' });
    await assert.rejects(client.request('scopes', { frameId: id }), { code: 'REFERENCE_STALE' });
  });
});

describe('dap: expressions', () => {
  it('are evaluated in frames, and shown both ways', async () => {
    const { client } = await inAdd();
    const [add, main] = await client.frames();
    const evaluate = async (expression: string, more: object = {}): Promise<string> =>
      (await client.request<{ result: string }>('evaluate', { expression, ...more })).result;
    assert.equal(await evaluate('$a1 + 100'), '100 (0x64)');
    assert.equal(await evaluate('$a1 + 100', { format: { hex: true } }), '0x64');
    assert.equal(await evaluate('&total'), `0x${TOTAL.toString(16)}`);
    assert.match(await evaluate('$pc', { frameId: add?.id }), /<add\+0x/u);
    assert.match(await evaluate('$pc', { frameId: main?.id }), /<main\+0x/u);
    await assert.rejects(evaluate('$a0', { frameId: main?.id }), { code: 'REGISTER_LOST' });
    await assert.rejects(evaluate('1 +'), { code: 'EXPR_SYNTAX' });
  });

  it('assign in the debug console only', async () => {
    const { client, debuggee } = await inAdd();
    assert.equal(await client.evaluate('$a0 = 7', 'repl'), '7');
    assert.equal(debuggee.hart(0).x(reg.a0), 7n);
    assert.equal(await client.evaluate('*(u32*)0x40001004 = 0x11223344', 'repl'), '287454020 (0x11223344)');
    assert.deepEqual(await client.event('memory'), { memoryReference: '0x40001004', offset: 0, count: 4 });
    await assert.rejects(client.evaluate('$a0 = 8'), { code: 'EXPR_SYNTAX' });
    await assert.rejects(client.evaluate('3 = 8', 'repl'), { code: 'EXPR_NOT_ASSIGNABLE' });
    await assert.rejects(client.evaluate('$mhartid = 8', 'repl'), { code: 'CSR_READ_ONLY' });
    const set = await client.request('setExpression', { expression: '$a0', value: '9' });
    assert.equal(set['value'], '9');
    assert.match(await client.evaluate('when', 'repl'), /instruction \d+ of branch 0/u);
    assert.match(await client.evaluate('help', 'repl'), /Assignments/u);
    assert.match(await client.evaluate('bt', 'repl'), /#1 0x[0-9a-f]+ main/u);
  });

  it('are completed', async () => {
    const { client } = await inAdd();
    const labels = async (text: string): Promise<string[]> => {
      const args = { text, column: text.length + 1 };
      const body = await client.request<DebugProtocol.CompletionsResponse['body']>('completions', args);
      return body.targets.map(({ label }) => label);
    };
    assert.deepEqual(await labels('1 + $a1'), ['$a1']);
    assert.deepEqual(await labels('tot'), ['total']);
    assert.deepEqual(await labels('whe'), ['when']);
  });
});

describe('dap: memory and code', () => {
  it('reads and writes bytes, up to where memory ends', async () => {
    const { client, debuggee } = await inAdd();
    const data = Buffer.from([1, 2, 3]).toString('base64');
    await client.request('writeMemory', { memoryReference: '0x40001010', offset: -16, data });
    assert.deepEqual(debuggee.hart(0).readMemory(TOTAL, 3), Uint8Array.of(1, 2, 3));
    const read = await client.request('readMemory', { memoryReference: '0x40001000', count: 3 });
    assert.deepEqual(read, { address: '0x40001000', data });
    const end = await client.request('readMemory', { memoryReference: '0x4001fffe', count: 8 });
    assert.deepEqual([end['data'], end['unreadableBytes']], ['AAA=', 6]);
    assert.deepEqual(await client.request('readMemory', { memoryReference: '0', count: 4 }), {
      address: '0x0',
      unreadableBytes: 4,
    });
    const beyond = { memoryReference: '0x4001fffe', data: 'AQIDBA==' };
    await assert.rejects(client.request('writeMemory', beyond), { code: 'MEMORY_WRITE' });
    assert.deepEqual(await client.request('writeMemory', { ...beyond, allowPartial: true }), {
      bytesWritten: 2,
    });
  });

  it('disassembles forwards and backwards', async () => {
    const { client } = await inAdd();
    const start = demo().at('afterAdd');
    const memoryReference = `0x${start.toString(16)}`;
    const read = async (more: object): Promise<DebugProtocol.DisassembledInstruction[]> => {
      const args = { memoryReference, instructionCount: 3, ...more };
      return (
        await client.request<NonNullable<DebugProtocol.DisassembleResponse['body']>>('disassemble', args)
      ).instructions;
    };
    const [move, add] = await read({});
    assert.equal(move?.instruction, 'mv s1, a0');
    assert.equal(move.location?.path, '/src/main.c');
    assert.equal(add?.line, 13);
    const before = await read({ instructionOffset: -2 });
    assert.match(before[1]?.instruction ?? '', /^jal 0x[0-9a-f]+ <add>$/u);
    assert.equal(BigInt(before[2]?.address ?? 0), start);
    const edge = await read({ memoryReference: '0x40000000', instructionOffset: -2 });
    assert.deepEqual(
      edge.map(({ presentationHint }) => presentationHint),
      ['invalid', 'invalid', undefined],
    );
    assert.equal((await read({ instructionOffset: -200, instructionCount: 300 })).length, 300);
  });

  it('goes to lines without executing', async () => {
    const { client, debuggee } = await inAdd();
    const args = { source: { path: ADD }, line: 3 };
    const { targets } = await client.request<DebugProtocol.GotoTargetsResponse['body']>('gotoTargets', args);
    assert.equal(targets.length, 1);
    const before = debuggee.now;
    const stopped = await client.move('goto', { targetId: targets[0]?.id });
    assert.equal(stopped.reason, 'goto');
    assert.equal(await client.where(), 'add:3');
    assert.equal(debuggee.now, before);
    await assert.rejects(client.move('goto', { targetId: 99 }), { code: 'GOTO_TARGET' });
  });
});
