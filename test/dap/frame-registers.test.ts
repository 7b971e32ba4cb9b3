/** Variables of outer frames that lie in registers are changed where those are kept; GDB's run with the same changes agrees. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { gdbOnQemu } from './gdb';
import { compileGuest, GCC, lineOf, stoppedAt } from './typed-guest';

const FRAMES_C = join(__dirname, 'guest', 'frames.c');

/** Frame, variable and its new value; at the stop in inner(). */
type Change = readonly [frame: number, name: string, value: string];
const JUDGED: readonly Change[] = [
  [1, 'kept', '1000'],
  [2, 'far', '123456789012'],
];
/** Saved by inner(), not by middle(): GDB 13 writes the hart's register, which inner() then restores; nothing has changed. */
const OURS: readonly Change[] = [
  [2, 'base', '-7'],
  [2, 'weight', '1.5'],
];
const ENDS: readonly (readonly [string, readonly string[]])[] = [
  ['MIDDLE', ['back', 'kept']],
  ['OUTER', ['given', 'share']],
];

async function set(client: DapClient, frame: number, name: string, value: string): Promise<string> {
  const { id: frameId } = (await client.frames())[frame] ?? {};
  const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
  const variablesReference = scopes[0]?.variablesReference;
  const args = { variablesReference, name, value };
  return (await client.request<{ value: string }>('setVariable', args)).value;
}

async function read(client: DapClient, frame: number, expression: string): Promise<string> {
  const { id: frameId } = (await client.frames())[frame] ?? {};
  const args = { expression, frameId, context: 'clipboard' };
  return (await client.request<{ result: string }>('evaluate', args)).result;
}

async function ends(client: DapClient): Promise<string[]> {
  const found: string[] = [];
  for (const [marker, names] of ENDS) {
    await client.breakpoints(FRAMES_C, lineOf(marker, FRAMES_C));
    await client.continue();
    for (const name of names) found.push(await read(client, 0, name));
  }
  return found;
}

function gdbSays(program: string): Promise<string[]> {
  const at = (marker: string): string => `tbreak frames.c:${lineOf(marker, FRAMES_C)}`;
  const print = (name: string): string => `python print("SAYS " + str(gdb.parse_and_eval("${name}")))`;
  const changes = JUDGED.flatMap(([frame, name, value]) => [`frame ${frame}`, `set var ${name} = ${value}`]);
  const stops = ENDS.flatMap(([marker, names]) => [at(marker), 'continue', ...names.map(print)]);
  return gdbOnQemu(program, [at('INNER'), 'continue', ...changes, ...stops], 'SAYS ');
}

describe('dap: registers of outer frames', () => {
  for (const flags of [['-O1'], ['-O1', '-fno-omit-frame-pointer']]) {
    it(`are changed where they are kept, as by GDB (${flags.join(' ')})`, async function () {
      this.timeout(20_000);
      requireTool(this, GCC, 'gdb-multiarch', 'qemu-system-riscv64');
      const program = compileGuest(FRAMES_C, GCC, flags);
      const client = await stoppedAt(program, FRAMES_C, 'INNER');
      for (const [frame, name, value] of JUDGED) {
        assert.equal(await set(client, frame, name, value), value);
        assert.equal(await read(client, frame, name), value);
      }
      const ours = await ends(client);
      await client.request('disconnect');
      assert.deepEqual(ours, await gdbSays(program));
    });
  }

  it('are changed where a function farther in has saved them', async function () {
    requireTool(this, GCC);
    const client = await stoppedAt(compileGuest(FRAMES_C, GCC, ['-O2']), FRAMES_C, 'INNER');
    for (const [frame, name, value] of [...JUDGED, ...OURS]) {
      assert.equal(await set(client, frame, name, value), value);
    }
    for (const [frame, name, value] of [...JUDGED, ...OURS])
      assert.equal(await read(client, frame, name), value);
    // given = base + far and share = weight * 2.
    assert.deepEqual((await ends(client)).slice(2, 4), ['123456789005', '3']);
    await client.request('disconnect');
  });

  it('are changed by their names and in the list of registers; the pc is not', async function () {
    requireTool(this, GCC);
    const client = await stoppedAt(compileGuest(FRAMES_C, GCC, ['-O2']), FRAMES_C, 'INNER');
    const { id: frameId } = (await client.frames())[2] ?? {};
    const evaluate = (expression: string) =>
      client.request<{ result: string }>('evaluate', { expression, frameId, context: 'repl' });
    const top = await read(client, 0, '$s1');
    assert.equal((await evaluate('$s1 = 77')).result, '77 (0x4d)');
    assert.equal(await read(client, 2, '$s1'), '77');
    assert.equal(await read(client, 0, '$s1'), top === '77' ? '77' : top);
    await assert.rejects(evaluate('$pc = 0x80000000'), { code: 'FRAME_NOT_TOP' });
    await assert.rejects(evaluate('$t0 = 1'), { code: 'FRAME_REGISTER' });
    const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
    const integer = scopes.find(({ name }) => name === 'Integer registers')?.variablesReference;
    const args = { variablesReference: integer, name: 's1', value: '78' };
    assert.equal((await client.request<{ value: string }>('setVariable', args)).value, '0x000000000000004e');
    await client.request('disconnect');
  });

  it('are told from others that have the same value', async function () {
    requireTool(this, GCC);
    const client = await stoppedAt(compileGuest(FRAMES_C, GCC, ['-O2']), FRAMES_C, 'INNER');
    const names = ['base', 'far'];
    for (const name of names) await set(client, 2, name, '1000');
    for (const [changed, other] of [names, names.toReversed()]) {
      await set(client, 2, changed ?? '', '-7');
      assert.equal(await read(client, 2, changed ?? ''), '-7');
      assert.equal(await read(client, 2, other ?? ''), '1000');
      await set(client, 2, changed ?? '', '1000');
    }
    await client.request('disconnect');
  });

  it('are changed in the hart where nobody has saved them, and refused where more would change', async function () {
    requireTool(this, GCC);
    const client = await stoppedAt(compileGuest(FRAMES_C, GCC, ['-O2']), FRAMES_C, 'INNER');
    const { id: frameId } = (await client.frames())[2] ?? {};
    const evaluate = (expression: string) =>
      client.request<{ result: string }>('evaluate', { expression, frameId, context: 'repl' });
    for (const register of ['$s9', '$fs9']) {
      await evaluate(`${register} = 5`);
      for (const frame of [0, 2]) assert.equal(await read(client, frame, register), '5');
    }
    const frames = await client.frames();
    // What the frame's pc and its stack are found by.
    for (const change of ['$ra = $ra + 2', '$ra = 0x80000000', '$sp = $sp + 16']) {
      await assert.rejects(evaluate(change), { code: 'FRAME_REGISTER' });
    }
    assert.deepEqual(await client.frames(), frames);
    await client.request('disconnect');
  });
});
