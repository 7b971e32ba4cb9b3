/** Commands of the debug console on the real machine: devices as they are at the instant, registers, formats as in GDB. */
import assert from 'node:assert/strict';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { gdbOnQemu } from './gdb';
import { compileValues, GCC, lineOf, stoppedAt } from './typed-guest';

describe('dap: commands of the debug console', () => {
  let client: DapClient;
  let program = '';
  before(function () {
    requireTool(this, GCC, 'gdb-multiarch', 'qemu-system-riscv64');
    program = compileValues('-O0');
  });
  beforeEach(async () => {
    client = await stoppedAt(program);
  });
  afterEach(() => client.request('disconnect'));
  const answer = (text: string): Promise<string> => client.evaluate(text, 'repl');

  it('show the devices that there are, and how they stand, in the past as well', async () => {
    const before = await answer('info devices');
    const names = before.split('\n').map((row) => row.split(/\s+/u)[1]);
    for (const name of ['rtc', 'clint', 'plic', 'uart0', 'virtio0']) assert(names.includes(name), name);
    assert.match(before, /0x10000000-0x100000ff +uart0 .*interrupts enabled: none; 0 bytes received/u);
    assert.match(before, /clint .*hart 0: timer off/u);
    await client.next();
    await client.stepBack();
    assert.equal(await answer('info devices'), before);
  });

  it('show registers by group and by name', async () => {
    assert.match(await answer('info registers sp $x10'), /^sp +0x[0-9a-f]{16}.*\na0 +0x[0-9a-f]{16}/u);
    assert.match(await answer('info registers mstatus'), /^mstatus +0x[0-9a-f]{16}$/u);
    assert.match(await answer('info registers float'), /^ft0 /u);
    assert.match(await answer('info registers csr'), /\nmtvec /u);
    await assert.rejects(answer('info registers q7'), { code: 'COMMAND_ARGUMENT' });
  });

  it('write memory and values in the formats of GDB, with the same numbers', async function () {
    this.timeout(60_000);
    const commands = [
      ...[
        'x/8xb numbers',
        'x/4xh numbers',
        'x/3dw matrix',
        'x/2xg &longest',
        'x/2ug tasks',
        'x/4cb words[1]',
      ],
      ...['x/2ob task->name', 'x/3tb &numbers[2]', 'x/fg &tasks[0].load', 'x/s words[2]'],
      ...[
        'p/x count',
        'p/d big',
        'p/u small',
        'p/o local',
        'p/t count',
        'p/c letter',
        'p/x matrix',
        'p/d points',
      ],
      ...['p/x task->at', 'p/a task->handler', 'p/x small'],
    ];
    const python = commands.map(
      (text) => `python import json; print("SAYS " + json.dumps(gdb.execute("${text}", to_string=True)))`,
    );
    const theirs = await gdbOnQemu(
      program,
      [`tbreak values.c:${lineOf('STOP')}`, 'continue', ...python],
      'SAYS ',
    );
    const differing: string[] = [];
    for (const [index, command] of commands.entries()) {
      const ours = numbersOf(await answer(command));
      const expected = numbersOf(JSON.parse(theirs[index] ?? '""') as string);
      if (ours !== expected) differing.push(`${command}: ours ${ours}, GDB's ${expected}`);
    }
    assert.deepEqual(differing, []);
  });
});

/** Values alone: no addresses before them, no names, no layout. */
function numbersOf(text: string): string {
  return text
    .replaceAll(/\$\d+ = /gu, '')
    .replaceAll(/0x[0-9a-f]+(?: <[^>]*>)?:/gu, '')
    .replaceAll(/ <[^>]*>/gu, '')
    .replaceAll(/\b0b(?=[01])/gu, '')
    .replaceAll(/\b0+(?=\d)/gu, '')
    .replaceAll(/\b0x0*(?=[0-9a-f])/gu, '0x')
    .replaceAll(/\s+/gu, ' ')
    .trim();
}
