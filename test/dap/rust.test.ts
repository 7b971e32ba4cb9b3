/**
 * The corpus's kernel in Rust, debugged as a person would: breakpoints by line and by function, names of frames, values as
 * Rust writes them, stepping both ways. Whether values are right is for GDB to say: test/corpus/rust.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defined } from '../../src/base/errors';
import { createSession } from '../../src/host/adapter';
import { GCC } from '../corpus/builds';
import { built, LD, UNOPTIMISED } from '../corpus/rust/rust-builds';
import { requireRust, rustTools } from '../corpus/rust/rust-library';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { clientOf } from './support';

type Row = DebugProtocol.Variable;

const source = (name: string): string => join(__dirname, '../corpus/rust/sources', name);

/** Children looked into at most below one variable, and how deep. */
const ROWS_MAX = 60;
const DEPTH_MAX = 4;

describe('dap: a kernel in Rust', function () {
  this.timeout(120_000);
  let program = '';
  let client: DapClient;

  before(async function () {
    requireTool(this, GCC, LD);
    requireRust(this);
    program = (await built(UNOPTIMISED, defined(rustTools()))).elf;
  });
  beforeEach(async () => {
    client = clientOf(createSession());
    await client.launch({ program, firmware: 'none', memory: '16M' });
  });
  afterEach(() => client.request('disconnect'));

  const lineOf = (file: string, text: string): number =>
    readFileSync(source(file), 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1;
  const stopAt = async (file: string, text: string): Promise<void> => {
    await client.breakpoints(source(file), lineOf(file, text));
    await client.request('configurationDone');
    await client.event('stopped');
  };
  const locals = async (): Promise<Row[]> => client.variables(defined((await client.scopes()).get('Locals')));
  const evaluate = async (expression: string): Promise<DebugProtocol.EvaluateResponse['body']> =>
    client.request('evaluate', { expression, frameId: (await client.top()).id, context: 'watch' });
  const shown = async (names: string): Promise<string> => {
    const rows = await locals();
    const value = (name: string): string => rows.findLast((row) => row.name === name)?.value ?? 'missing';
    return names
      .split(' ')
      .map((name) => `${name} = ${value(name).replaceAll(/0x[0-9a-f]{6,}/gu, '0x..')}`)
      .join('; ');
  };

  it('shows values as Rust writes them', async () => {
    await stopAt('structs.rs', '(length + swapped.x) as u64');
    assert.equal(
      await shown('point pair tuple mixed meters marker'),
      "point = Point { x: 10, y: -6 }; pair = Pair(7, 1099511627776); tuple = (7, 'q', -7); " +
        'mixed = ((7, true), [7, 7], ()); meters = Meters(7.5); marker = Marker',
    );
    await client.breakpoints(source('enums.rs'), lineOf('enums.rs', 'unwrap(generic) + unwrap(failed)'));
    await client.continue();
    assert.equal(
      await shown('some none pair good bad text no_text letter truth generic failed'),
      'some = Some(7); none = None; pair = Some((7, 2)); good = Ok(7); bad = Err(Point { x: 1, y: 7 }); ' +
        'text = Some("text"); no_text = None; letter = Some(\'z\'); truth = Some(false); ' +
        'generic = Good(5); failed = Bad { error: -1 }',
    );
    await client.breakpoints(source('heap.rs'), lineOf('heap.rs', 'let doubled'));
    await client.continue();
    assert.equal(
      await shown('numbers empty points nested bytes'),
      'numbers = [7, 8, 9, 10]; empty = []; points = [Point { x: 1, y: 2 }, Point { x: 3, y: 7 }]; ' +
        'nested = [[1, 2], [], [7]]; bytes = [65, 65, 65]',
    );
    await client.breakpoints(source('heap.rs'), lineOf('heap.rs', 'Rc::strong_count(&leaf)'));
    await client.continue();
    assert.match(await shown('shared other'), /^shared = Arc\(7\); other = Arc\(7\)$/u);
    assert.equal((await evaluate('leaf.name')).result, '"leaf"');
    await client.breakpoints(source('places.rs'), lineOf('places.rs', 'sink(tuple.0.x as u64'));
    await client.continue();
    assert.equal(
      await shown('once twice thrice tuple'),
      'once = &7; twice = &&7; thrice = &&&7; tuple = (&Point { x: 10, y: 7 }, &7)',
    );
  });

  it('gives every row an expression that evaluates to it', async () => {
    const places = [
      'structs.rs:let depth = depth_of',
      'enums.rs:unwrap(generic) + unwrap(failed)',
      'enums.rs:function.map_or(0',
      'enums.rs:sum(&tree) +',
      'slices.rs:sink((head[0].x',
      'slices.rs:letters(part)',
      'heap.rs:let doubled',
      'heap.rs:Rc::strong_count(&leaf)',
      'generics.rs:total + written(salt)',
      'closures.rs:counted + once',
      'places.rs:locked + pointer.load',
      'statics.rs:total + counted()',
    ];
    let count = 0;
    const look = async (row: Row, depth: number, isReached: boolean): Promise<void> => {
      count++;
      assert.equal(row.evaluateName !== undefined, isReached, row.name);
      if (row.evaluateName !== undefined) {
        const again = await evaluate(row.evaluateName);
        const plain = again.result.replace(/^(-?\d+) \(0x[0-9a-f]+\)$/u, '$1');
        assert.equal(plain, row.value, row.evaluateName);
        assert.equal(again.type, row.type, row.evaluateName);
      }
      if (row.variablesReference === 0 || depth === DEPTH_MAX) return;
      const inner = await client.variables(row.variablesReference);
      for (const one of inner.slice(0, ROWS_MAX)) await look(one, depth + 1, isReached);
    };
    for (const [index, place] of places.entries()) {
      const file = place.slice(0, place.indexOf(':'));
      const text = place.slice(file.length + 1);
      const line = lineOf(file, text);
      assert(line > 0, place);
      await client.breakpoints(source(file), line);
      if (index > 0) await client.continue();
      else {
        await client.request('configurationDone');
        await client.event('stopped');
      }
      assert.equal((await client.top()).line, line, place);
      // What an inner variable hides has no expression, nor what is in it.
      for (const row of await locals()) await look(row, 0, !row.name.includes('(hidden'));
      await client.breakpoints(source(file));
    }
    assert(count > 400, `${count} rows`);
  });

  it('evaluates expressions in the way of Rust', async () => {
    await stopAt('enums.rs', 'unwrap(generic) + unwrap(failed)');
    const results: Record<string, string> = {
      'pair.0.1': '2',
      'good == Ok': '1',
      'none == None': '1',
      'some == None': '0',
      'bad.0.y as u8 + 1': '8',
      'salt as u64 * 2': '14 (0xe)',
      '0x1_000 as u16': '4096 (0x1000)',
      '(u8)salt': '7',
      'corpus::statics::PRIMES[1..3]': '[3, 5]',
      'corpus::statics::COUNTER': '5',
      'corpus::statics::inner::NAME': '"inner"',
      '*&salt': '7',
    };
    for (const [expression, result] of Object.entries(results))
      assert.equal((await evaluate(expression)).result, result, expression);
  });

  it('stops in functions by their paths, and at changes of statics', async () => {
    const names = [
      'corpus::flow::disk::queue::push',
      'corpus::structs::Point::shift',
      'corpus::generics::{impl#0}::reset',
    ];
    const body = await client.request<DebugProtocol.SetFunctionBreakpointsResponse['body']>(
      'setFunctionBreakpoints',
      {
        breakpoints: names.map((name) => ({ name })),
      },
    );
    assert.deepEqual(
      body.breakpoints.map(({ verified }) => verified),
      [true, true, true],
    );
    await client.request('configurationDone');
    await client.event('stopped');
    assert.deepEqual(
      (await client.frames()).slice(0, 4).map(({ name }) => name),
      ['corpus::structs::Point::shift', 'corpus::structs::plain', 'corpus::structs::structs', 'corpus::main'],
    );
    await client.request('setFunctionBreakpoints', { breakpoints: [] });
    const info = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>(
      'dataBreakpointInfo',
      {
        name: 'corpus::statics::COUNTER',
        frameId: (await client.top()).id,
      },
    );
    await client.request('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'write' }],
    });
    await client.continue();
    assert.equal((await client.top()).name, 'corpus::statics::statics');
  });

  it('steps into closures and traits, back again, and out', async () => {
    await stopAt('generics.rs', 'let reset = device.reset(value);');
    await client.stepIn();
    assert.equal((await client.top()).name, 'corpus::generics::{impl#0}::reset');
    await client.stepOut();
    await client.stepBack();
    const { name, line } = await client.top();
    assert.equal(name, 'corpus::generics::through');
    assert.equal(line, lineOf('generics.rs', 'let reset = device.reset(value);'));
  });

  it('names what has no debug information', async () => {
    await stopAt('generics.rs', 'sink(self.written as u64);');
    const names = (await client.frames()).map((frame) => frame.name);
    assert(names.includes('core::fmt::write'), names.join(' < '));
  });
});
