/** Variables of a compiled program on the real machine: looked into, named, paged, changed, and the same in the past. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { compileValues, GCC, lineOf, stoppedAt, VALUES_C } from './typed-guest';

type Row = DebugProtocol.Variable;

let program = '';

const rowsOf = (client: DapClient, variablesReference: number, more: object = {}): Promise<Row[]> =>
  client
    .request<DebugProtocol.VariablesResponse['body']>('variables', { variablesReference, ...more })
    .then(({ variables }) => variables);

async function scope(client: DapClient, name: string): Promise<number> {
  const found = (await client.scopes()).get(name);
  assert(found !== undefined, name);
  return found;
}

const byName = (rows: readonly Row[], name: string): Row => {
  const found = rows.find((row) => row.name === name);
  assert(found !== undefined, `${name} among ${rows.map((row) => row.name).join(', ')}`);
  return found;
};

const locals = async (client: DapClient): Promise<Row[]> => rowsOf(client, await scope(client, 'Locals'));

const shown = (rows: readonly Row[]): [string, string][] =>
  rows.map(({ name, value }) => [name, value.replaceAll(/0x[0-9a-f]{6,}/gu, '0x..')]);

describe('dap: variables of a compiled program', () => {
  let client: DapClient;
  before(function () {
    requireTool(this, GCC);
    program = compileValues('-O0');
  });
  beforeEach(async () => {
    client = await stoppedAt(program);
  });
  afterEach(() => client.request('disconnect'));

  it('are in scopes, with blocks resolved', async () => {
    const names = [...(await client.scopes()).keys()];
    assert.deepEqual(names.slice(0, 3), ['Locals', 'Globals of the file', 'Integer registers']);
    const rows = await locals(client);
    assert.deepEqual(shown(rows), [
      ['task', '0x..'],
      ['count', '4'],
      ['text', '0x.. "text"'],
      ['ratio', '0.75'],
      ['local (hidden)', '12'],
      ['letter', "101 'e'"],
      ['variable', '{0, 1, 4, 9}'],
      ['calls', '41'],
      ['copy', byName(rows, 'copy').value.replaceAll(/0x[0-9a-f]{6,}/gu, '0x..')],
      ['points', '{{x = 1, y = -1}, {x = 300, y = -300}}'],
      ['second', '0x..'],
      ['row', '0x..'],
      ['local', '123456789012'],
      ['third', '0.25'],
    ]);
    assert.match(
      byName(rows, 'copy').value,
      /^\{id = 7, name = "init", state = RUNNING, rights = READ \| EXEC, .*\.\.\.\}$/u,
    );
    assert.equal(byName(rows, 'task').type, 'task_t *');
    assert.equal(byName(rows, 'local (hidden)').evaluateName, undefined);
    const globals = await rowsOf(client, await scope(client, 'Globals of the file'));
    assert.equal(byName(globals, 'hundred').value, "100 'd'");
    assert.equal(byName(globals, 'matrix').value, '{{1, 2, 3}, {4, 5, 6}}');
  });

  it('of callers are those of their frames', async () => {
    const [, caller] = await client.frames();
    const body = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', {
      frameId: caller?.id,
    });
    const rows = await rowsOf(client, body.scopes[0]?.variablesReference ?? 0);
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['answer'],
    );
  });

  it('are looked into, and every name gives the same value again', async () => {
    const { id: frameId } = await client.top();
    let seen = 0;
    const visit = async (rows: readonly Row[], depth: number): Promise<void> => {
      for (const row of rows) {
        if (row.evaluateName !== undefined) {
          seen++;
          const args = { expression: row.evaluateName, frameId, context: 'variables' };
          const { result, type } = await client.request<{ result: string; type: string }>('evaluate', args);
          assert.deepEqual(
            [result.replace(/ \(0x[0-9a-f]+\)$/u, ''), type],
            [row.value, row.type],
            row.evaluateName,
          );
        }
        if (depth > 0 && row.variablesReference > 0)
          await visit(await rowsOf(client, row.variablesReference), depth - 1);
      }
    };
    await visit(await locals(client), 3);
    assert(seen > 100, `${seen} names`);
  });

  it('show members, of anonymous unions too, and what pointers point to', async () => {
    const rows = await locals(client);
    const task = await rowsOf(client, byName(rows, 'task').variablesReference);
    const expected: readonly [string, string][] = [
      ['id', '7'],
      ['word', '287454020'],
      ['bytes', String.raw`{68 'D', 51 '3', 34 '"', 17 '\021'}`],
      ['flags', '5'],
      ['level', '-7'],
      ['wide', '78187493520'],
      ['load', '1.5'],
      ['share', '0.1'],
      ['alive', 'true'],
    ];
    for (const [name, value] of expected) assert.equal(byName(task, name).value, value);
    assert.match(byName(task, 'handler').value, /^0x[0-9a-f]+ <twice>$/u);
    assert.match(byName(task, 'title').value, /^0x[0-9a-f]+ "the \\"first\\"\\n"$/u);
    const link = await rowsOf(client, byName(task, 'link').variablesReference);
    const next = await rowsOf(client, byName(link, 'next').variablesReference);
    assert.equal(byName(next, 'prev').evaluateName, 'task->link.next->prev');
    const second = await rowsOf(client, byName(rows, 'second').variablesReference);
    assert.deepEqual(shown(second), [
      ['x', '300'],
      ['y', '-300'],
    ]);
  });

  it('come in pages, or in chunks for clients that do not page', async () => {
    const evaluate = (expression: string) =>
      client.request<DebugProtocol.EvaluateResponse['body']>('evaluate', { expression, context: 'watch' });
    const numbers = await evaluate('numbers');
    assert.equal(numbers.indexedVariables, 300);
    const page = await rowsOf(client, numbers.variablesReference, {
      filter: 'indexed',
      start: 250,
      count: 2,
    });
    assert.deepEqual(shown(page), [
      ['[250]', '1750'],
      ['[251]', '1757'],
    ]);
    const chunks = await rowsOf(client, numbers.variablesReference);
    assert.deepEqual(
      chunks.map(({ name }) => name),
      ['[0..99]', '[100..199]', '[200..299]'],
    );
    const last = await rowsOf(client, chunks[2]?.variablesReference ?? 0);
    assert.deepEqual([last.length, last[0]?.evaluateName, last[0]?.value], [100, 'numbers[200]', '1400']);
    const slice = await evaluate('numbers[10..13],x');
    assert.equal(slice.result, '{0x46, 0x4d, 0x54}');
    assert.equal((await rowsOf(client, slice.variablesReference))[0]?.value, '0x46');
    const several = await evaluate('task,2');
    assert.equal((await rowsOf(client, several.variablesReference))[0]?.variablesReference !== 0, true);
  });

  it('are written in hexadecimal when the client says so', async () => {
    const reference = await scope(client, 'Locals');
    const rows = await rowsOf(client, reference, { format: { hex: true } });
    assert.equal(byName(rows, 'count').value, '0x4');
    assert.equal(byName(rows, 'points').value, '{{x = 0x1, y = 0xffff}, {x = 0x12c, y = 0xfed4}}');
  });

  it('are changed: numbers, fields, floats, enumerators, pointers; not text', async () => {
    const set = async (name: string, value: string, reference: number): Promise<string> =>
      (await client.request<{ value: string }>('setVariable', { variablesReference: reference, name, value }))
        .value;
    const top = await scope(client, 'Locals');
    assert.equal(await set('count', 'local - 123456789000', top), '12');
    assert.equal(await set('letter', "'Z'", top), "90 'Z'");
    assert.equal(await set('third', '1.5', top), '1.5');
    assert.equal(await set('local (hidden)', '77', top), '77');
    const { variablesReference: task } = byName(await rowsOf(client, top), 'task');
    assert.equal(await set('state', 'BLOCKED', task), 'BLOCKED');
    assert.equal(await set('rights', '3', task), 'READ | WRITE');
    assert.equal(await set('level', '-16', task), '-16');
    assert.equal(await set('flags', '7', task), '7');
    assert.equal(await set('load', '-1e-3', task), '-0.001');
    assert.equal(await set('alive', 'false', task), 'false');
    assert.match(await set('parent', '&tasks[2]', task), /^0x/u);
    assert.equal(await client.evaluate('task->parent->id', 'clipboard'), '9');
    assert.equal(await client.evaluate('tasks[0].level + tasks[0].flags', 'clipboard'), '-9');
    await assert.rejects(set('name', '"other"', task), { code: 'EXPR_NOT_ASSIGNABLE' });
    await assert.rejects(set('title', '"other"', task), { code: 'EXPR_NOT_ASSIGNABLE' });
    await assert.rejects(set('link', '5', task), { code: 'EXPR_NOT_NUMBER' });
    await assert.rejects(set('state', 'SLEEPING', task), { code: 'EXPR_UNKNOWN_SYMBOL' });
    await assert.rejects(set('nothing', '5', task), { code: 'VARIABLE_UNKNOWN' });
    assert.match(await client.evaluate('when', 'repl'), /branch 0/u);
  });

  it('are assigned in the console and by setExpression', async () => {
    const answer = (expression: string) => client.evaluate(expression, 'repl');
    assert.equal(await answer('count += 3'), '7');
    assert.equal(await answer('task->state = READY'), 'READY');
    assert.equal(await answer('points[0] = points[1]'), '{x = 300, y = -300}');
    assert.equal(await answer('matrix[1][2] <<= 4'), '96 (0x60)');
    assert.equal(await answer('$fa0 = 2.5'), '2.5');
    assert.equal(await answer('$fa0'), '2.5');
    const set = await client.request('setExpression', { expression: 'task->at.y', value: '-5' });
    assert.equal(set['value'], '-5');
    assert.equal(await answer('task->word'), '4294652740 (0xfffb3344)');
    await assert.rejects(answer('task->name = "x"'), { code: 'EXPR_NOT_ASSIGNABLE' });
    await assert.rejects(answer('twice(3)'), { code: 'EXPR_CALL' });
  });

  it('say where they are declared, and where the function is that they point to', async () => {
    const rows = await locals(client);
    const placeOf = async (locationReference: number | undefined): Promise<[string | undefined, number]> => {
      const place = await client.request<DebugProtocol.LocationsResponse['body'] & object>('locations', {
        locationReference,
      });
      return [place.source.path, place.line];
    };
    const [path, line] = await placeOf(byName(rows, 'calls').declarationLocationReference);
    assert.deepEqual([path, line], [VALUES_C, 72]);
    const task = await rowsOf(client, byName(rows, 'task').variablesReference);
    const [where] = await placeOf(byName(task, 'handler').valueLocationReference);
    assert.equal(where, VALUES_C);
    await assert.rejects(placeOf(9999), { code: 'REFERENCE_STALE' });
  });

  it('stop conditional breakpoints, and fill log messages', async () => {
    const line = lineOf('STOP');
    await client.breakpoints(VALUES_C, {
      line,
      condition: 'task->state == READY && task->parent && task->parent->name == "init" && ratio < 0',
    });
    await client.continue();
    assert.equal(await client.evaluate('task->name', 'clipboard'), '"idle"');
    await client.breakpoints(VALUES_C, {
      line: line + 1,
      logMessage: 'task {task->name} {count,x} {points[1].x:x} {nothing}',
    });
    await client.continue();
    const output = client.received.flatMap((one) =>
      one.type === 'event' && (one as DebugProtocol.Event).event === 'output'
        ? [(one as DebugProtocol.OutputEvent).body.output]
        : [],
    );
    assert(
      output.some((text) => text.startsWith('task "idle" 0x2 0x12c {there is no variable or symbol nothing')),
      output.join(''),
    );
  });

  it('are the same after stepping back', async () => {
    const before = shown(await locals(client));
    await client.next();
    await client.evaluate('count', 'repl');
    await client.stepBack();
    assert.deepEqual(shown(await locals(client)), before);
  });

  it('are marked where they have changed, for clients that show colours', async () => {
    await client.request('disconnect');
    client = await stoppedAt(program, VALUES_C, 'STOP', { supportsANSIStyling: true });
    const sink = async (): Promise<string> =>
      byName(await rowsOf(client, await scope(client, 'Globals of the file')), 'sink').value;
    const before = await sink();
    assert.match(before, /^\d+$/u);
    await client.next();
    const after = await sink();
    assert.match(after, /^\u001b\[33m-?\d+\u001b\[0m$/u);
    assert.equal(await sink(), after);
    const variablesReference = await scope(client, 'Globals of the file');
    const set = { variablesReference, name: 'sink', value: after };
    assert.match((await client.request<{ value: string }>('setVariable', set)).value, /^-?\d+$/u);
    await client.next();
    await client.stepBack();
    await client.stepBack();
    assert.equal((await sink()).replaceAll(/\u001b\[\d+m/gu, ''), before);
  });

  it('are looked at by commands of the console', async () => {
    const answer = (text: string) => client.evaluate(text, 'repl');
    assert.equal(await answer('p/x count + 12'), '0x10');
    assert.equal(await answer('p points[1]'), '{x = 300, y = -300}');
    assert.match(await answer('x/3dw &matrix[1][0]'), /^0x[0-9a-f]+( <.*>)?:\t4\t5\t6$/u);
    assert.match(await answer('x/s text'), /:\t"text"$/u);
    assert.match(await answer('x/2i $pc'), /^=> 0x[0-9a-f]+ <look\+0x[0-9a-f]+>:\t\w/u);
    assert.match(await answer('x/2xg 8'), /<cannot be read>/u);
    assert.equal(await answer('info symbol twice'), 'twice');
    assert.match(await answer('info line'), new RegExp(`^line ${lineOf('STOP')} of values\\.c`, 'u'));
    assert.match(await answer('info registers'), /^zero.*\nra .*<look\+0x[0-9a-f]+>\nsp /u);
    assert.match(await answer('info tlb'), /no translation/u);
    assert.match(await answer('info devices'), /0x10000000-0x100000ff +uart0/u);
    assert.match(await answer('info checkpoints'), /instruction 0/u);
    assert.match(await answer('help'), /x\/4xw ADDR/u);
    assert.match(await answer('bt'), /^#0 0x[0-9a-f]+ look .*\n#1 /u);
    await assert.rejects(answer('info nothing'), { code: 'COMMAND_ARGUMENT' });
    await assert.rejects(answer('p/y count'), { code: 'EXPR_FORMAT' });
    await assert.rejects(answer('x/4'), { code: 'COMMAND_ARGUMENT' });
  });

  it('are completed: members, locals, types, topics', async () => {
    const labels = async (text: string): Promise<string[]> => {
      const args = { text, column: text.length + 1 };
      const body = await client.request<DebugProtocol.CompletionsResponse['body']>('completions', args);
      return body.targets.map(({ label }) => label);
    };
    assert.deepEqual(await labels('1 + task->na'), ['name']);
    assert.deepEqual(await labels('tasks[1].link.'), ['next', 'prev']);
    assert.deepEqual(await labels('(*task).at.'), ['x', 'y']);
    assert((await labels('task->')).includes('word'));
    assert((await labels('poi')).includes('points'));
    assert((await labels('(struct poi')).includes('point'));
    assert((await labels('$mstatus.MP')).includes('MPP'));
    assert.deepEqual(await labels('info ch'), ['checkpoints']);
    assert.deepEqual(await labels('nothing.'), []);
  });
});
