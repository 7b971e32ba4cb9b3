/** C's arithmetic, judged by GDB: random expressions over a program's variables have the same value and the same type. */
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { floatToBits } from '../../src/inspect/floats';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { gdbOnQemu } from './gdb';
import { expressions } from './random-expressions';
import { compileGuest, GCC, lineOf, stoppedAt } from './typed-guest';

const NUMBERS_C = join(__dirname, 'guest', 'numbers.c');
const COUNT = Number(process.env['CHRONOVISOR_EXPRESSIONS'] ?? 800);
const SEED = Number(process.env['CHRONOVISOR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

/** Type and bits; or that there is none. */
type Answer = readonly [type: string, bits: string] | string;

const FLOAT_BYTES: Readonly<Record<string, number>> = { float: 4, double: 8 };

async function gdbSays(program: string, texts: readonly string[]): Promise<Answer[]> {
  const python = [
    'python',
    'import json',
    `for text in json.loads(${JSON.stringify(JSON.stringify(texts))}):`,
    '  try:',
    '    value = gdb.parse_and_eval(text)',
    '    if value.type.code in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC):',
    '      bits = hex(int(value.address))',
    '    else:',
    '      bits = hex(int(value.format_string(format="z", raw=True, symbols=False), 16))',
    '    print("VALUE " + json.dumps([str(value.type), bits]))',
    '  except gdb.error as error:',
    '    print("VALUE " + json.dumps("error: " + str(error)))',
    'end',
  ];
  const start = [`tbreak numbers.c:${lineOf('STOP', NUMBERS_C)}`, 'continue'];
  const lines = await gdbOnQemu(program, [...start, ...python], 'VALUE ');
  return lines.map((line) => JSON.parse(line) as Answer);
}

/** What compilers write in the debug information, and what people and GDB write. */
const usual = (type: string): string =>
  type
    .replaceAll(/\blong long unsigned int\b/gu, 'unsigned long long')
    .replaceAll(/\b(long long|long|short) int\b/gu, '$1')
    .replaceAll(/\b(long|short) unsigned int\b/gu, 'unsigned $1');

async function weSay(client: DapClient, expression: string): Promise<Answer> {
  const ask = (text: string) =>
    client.request<{ result: string; type: string; memoryReference?: string }>('evaluate', {
      expression: text,
      context: 'clipboard',
    });
  try {
    const { result, type: written, memoryReference } = await ask(expression);
    const type = usual(written);
    const float = FLOAT_BYTES[type];
    if (float !== undefined)
      return [
        type,
        `0x${(floatToBits(Number(result.replace('nan', 'NaN').replace('inf', 'Infinity')), float) ?? 0n).toString(16)}`,
      ];
    if (/[\])]$/u.test(type) && !type.includes('(*')) return [type, memoryReference ?? ''];
    const hexadecimal = (await ask(`(${expression}),x`)).result;
    return [type, hexadecimal.split(' ')[0] ?? ''];
  } catch {
    return 'error';
  }
}

/** What GDB refuses although C has it, and what the expression then has in it. */
const UNABLE = [
  // In sizeof and behind && and ? only types are looked at, and then it cannot tell where an element is.
  [/\(&/u, 'Attempt to take address of value not located in memory.'],
  // Of two of type _Bool; to C they are promoted to int (6.3.1.1).
  [/_Bool|yes|no/u, 'Invalid operation on booleans.'],
] as const;

/** GDB negates by subtracting from 0, so that -0 is 0 to it; and it gives what is no number a sign. */
const sameZero = (answer: string): string =>
  answer
    .replace(/^(float|double),0x80*$/u, '$1,0x0')
    .replace(/^float,0x[7f]f[89a-f]\w*$/u, 'float,nan')
    .replace(/^double,0x[7f]ff[89a-f]\w*$/u, 'double,nan');

describe('dap: random expressions on a compiled program', () => {
  it(`have GDB's values and types (seed ${SEED})`, async function () {
    this.timeout(60_000);
    requireTool(this, GCC, 'gdb-multiarch', 'qemu-system-riscv64');
    const program = compileGuest(NUMBERS_C, GCC, ['-O0']);
    const texts = [...new Set(fc.sample(expressions, { numRuns: COUNT, seed: SEED }))];
    const theirs = await gdbSays(program, texts);
    assert.equal(theirs.length, texts.length, 'GDB answered all');
    const client = await stoppedAt(program, NUMBERS_C);
    const differing: string[] = [];
    let accepted = 0;
    for (const [index, text] of texts.entries()) {
      const ours = await weSay(client, text);
      const expected = theirs[index] ?? 'error';
      if (sameZero(String(ours)) === sameZero(String(expected))) continue;
      const isRefused = String(expected).includes('Division by zero') && ours === 'error';
      const isUnable = UNABLE.some(([part, message]) => part.test(text) && expected === `error: ${message}`);
      if (isRefused || isUnable) accepted++;
      else differing.push(`${text}: ours ${String(ours)}, GDB's ${String(expected)}`);
    }
    await client.request('disconnect');
    assert.deepEqual(differing, []);
    assert(accepted < texts.length / 10, `${accepted} of ${texts.length} have no value`);
  });
});
