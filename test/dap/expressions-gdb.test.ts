/** Expressions on a compiled program: what GDB prints at the same stop, for all that means the same to both. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { requireTool } from '../support/tools';
import { BY_THE_STANDARD, CLASSES, METHOD, NAMES, NESTED, REFUSED, SAME } from './judged-expressions';
import {
  CLASSES_CPP,
  compileGuest,
  compileValues,
  GCC,
  printsOfGdb,
  stoppedAt,
  VALUES_C,
} from './typed-guest';

const NAMES_CPP = join(__dirname, 'guest', 'names.cpp');
const GXX = 'riscv64-unknown-elf-g++';

/** The same words for the same values: names behind addresses are left out, floats are rounded, flags are sorted out. */
function plainText(text: string): string {
  return (
    text
      .replaceAll(/ <[^>"]*>/gu, '')
      .replaceAll('unknown: ', '')
      // In C++ GDB writes where an enumerator is from, and comparisons are of type bool.
      .replaceAll(/\b(?:\w+(?:<[^>"]*>)?::)+/gu, '')
      .replaceAll(/, static \w+ = ?[^,}]*|\bstatic \w+ = ?[^,}]*, /gu, '')
      .replace(/^true$/u, '1')
      .replace(/^false$/u, '0')
      .replaceAll(/\((\w+(?: \| \w+)+)\)/gu, '$1')
      .replaceAll(/nan\(0x[0-9a-f]+\)/gu, 'nan')
      .replaceAll(/\{[^{}]*\)\} (?=0x)/gu, '')
      .replaceAll(/-?\d+\.\d+(?:e[+-]?\d+)?|-?\d+e[+-]?\d+/gu, (number) => Number(number).toPrecision(6))
  );
}

interface Guest {
  readonly program: string;
  readonly source: string;
  readonly marker: string;
}

/** Expressions that are not what GDB says, in words. */
async function differences(
  { program, source, marker }: Guest,
  expressions: readonly string[],
): Promise<string[]> {
  const expected = await printsOfGdb(program, expressions, source, marker);
  assert.equal(expected.length, expressions.length, 'GDB answered all');
  const client = await stoppedAt(program, source, marker);
  const frameId = (await client.top()).id;
  const differing: string[] = [];
  for (const [index, expression] of expressions.entries()) {
    const theirs = plainText(expected[index] ?? '');
    const ours = await client
      .request<{ result: string }>('evaluate', { expression, frameId, context: 'clipboard' })
      .then(({ result }) => plainText(result))
      .catch((error: unknown) => `error: ${String(error)}`);
    const isOut =
      theirs.startsWith('error: value has been optimized out') || theirs.includes('<optimized out>');
    const isSame = theirs.startsWith('error:') ? ours.startsWith('error:') : ours === theirs;
    if (!isSame && !(isOut && ours.includes('optimized out'))) {
      differing.push(`${expression}: ours ${ours}, GDB's ${theirs}`);
    }
  }
  await client.request('disconnect');
  return differing;
}

describe('dap: expressions on a compiled program', () => {
  for (const flags of [['-O0'], ['-O0', '-gdwarf-4'], ['-Og']]) {
    it(`are what GDB says (${flags.join(' ')})`, async function () {
      this.timeout(60_000);
      requireTool(this, GCC, 'gdb-multiarch', 'qemu-system-riscv64');
      const guest = { program: compileValues(...flags), source: VALUES_C, marker: 'STOP' };
      assert.deepEqual(await differences(guest, [...SAME, ...REFUSED]), []);
    });
  }

  for (const [marker, expressions] of [
    ['STOP', CLASSES],
    ['NESTED', NESTED],
  ] as const) {
    it(`are what GDB says in C++ (at ${marker})`, async function () {
      this.timeout(60_000);
      requireTool(this, GXX, 'gdb-multiarch', 'qemu-system-riscv64');
      const program = compileGuest(CLASSES_CPP, GXX, ['-O0', '-fno-exceptions', '-fno-rtti']);
      assert.deepEqual(await differences({ program, source: CLASSES_CPP, marker }, expressions), []);
    });
  }

  for (const [marker, expressions] of [
    ['STOP', NAMES],
    ['STEP', METHOD],
  ] as const) {
    for (const version of ['-gdwarf-5', '-gdwarf-4']) {
      it(`have the names of C++ (at ${marker}, ${version})`, async function () {
        this.timeout(60_000);
        requireTool(this, GXX, 'gdb-multiarch', 'qemu-system-riscv64');
        const flags = ['-O0', '-std=c++17', '-fno-exceptions', '-fno-rtti', version];
        const program = compileGuest(NAMES_CPP, GXX, flags);
        assert.deepEqual(await differences({ program, source: NAMES_CPP, marker }, expressions), []);
      });
    }
  }

  it('follow the standard where GDB does not', async function () {
    requireTool(this, GCC);
    const client = await stoppedAt(compileValues('-O0'));
    for (const [expression, value] of BY_THE_STANDARD) {
      assert.equal(await client.evaluate(expression, 'clipboard'), value);
    }
    await client.request('disconnect');
  });
});
