/**
 * Thread-local variables of two harts, whose blocks tp points to. The judge is the program: it has stored their addresses and
 * values in plain variables (GDB finds none without the thread library of a hosted program).
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { requireTool } from '../support/tools';
import { clientOf } from './support';
import { GCC, lineOf } from './typed-guest';

const guest = join(__dirname, 'guest');
const THREADS_C = join(guest, 'threads.c');
const OTHER_C = join(guest, 'threads-other.c');
const GNU_LD = 'riscv64-unknown-elf-ld';
const CLANG = ['clang', '--target=riscv64-unknown-elf', '-mno-relax'];

interface Build {
  readonly compiler: readonly string[];
  readonly linker: string;
  readonly flags: readonly string[];
}
const BUILDS: readonly Build[] = [
  { compiler: [GCC], linker: GNU_LD, flags: ['-O0', '-gdwarf-5'] },
  { compiler: [GCC], linker: GNU_LD, flags: ['-O1', '-gdwarf-4'] },
  { compiler: CLANG, linker: 'ld.lld', flags: ['-O0', '-gdwarf-4'] },
  { compiler: CLANG, linker: 'ld.lld', flags: ['-O1', '-gdwarf-5'] },
  { compiler: CLANG, linker: GNU_LD, flags: ['-O0', '-gdwarf-5'] },
];

function compile({ compiler, linker, flags }: Build): string {
  const folder = mkdtempSync(join(tmpdir(), 'threads-'));
  const [tool = '', ...target] = compiler;
  const common = [...target, '-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany', '-ffreestanding', ...flags];
  const objects = [
    ['start', join(guest, 'threads.S')] as const,
    ['threads', THREADS_C],
    ['other', OTHER_C],
  ].map(([name = '', source = '']) => {
    const object = join(folder, `threads-${name}.o`);
    execFileSync(tool, [...common, '-c', source, '-o', object]);
    return object;
  });
  const path = join(folder, 'threads.elf');
  const quiet = linker === GNU_LD ? ['--no-warn-rwx-segments'] : [];
  execFileSync(linker, [...quiet, '-T', join(guest, 'threads.ld'), ...objects, '-o', path]);
  return path;
}

/** Two harts: the first one is at the marked line, the second one waits. */
async function stopped(program: string): Promise<DapClient> {
  const client = clientOf(createSession());
  await client.launch({ program, firmware: 'none', memory: '16M', harts: 2 });
  await client.breakpoints(THREADS_C, lineOf('STOP', THREADS_C), lineOf('AFTER', THREADS_C));
  await client.breakpoints(OTHER_C, lineOf('OTHER', OTHER_C));
  await client.request('configurationDone');
  await client.event('stopped');
  return client;
}

async function read(client: DapClient, hart: number, expression: string): Promise<string> {
  const { id: frameId } = await client.top(hart + 1);
  const args = { expression, frameId, context: 'clipboard' };
  return (await client.request<{ result: string }>('evaluate', args)).result;
}

const NAMES = ['counter', 'place', 'table', 'hidden'];

async function agree(client: DapClient, hart: number): Promise<string[]> {
  const values: string[] = [];
  for (const name of NAMES) {
    const value = await read(client, hart, name);
    assert.equal(value, await read(client, hart, `seen[${hart}].${name}`), `${name} of hart ${hart}`);
    const place = await read(client, hart, `(long)&${name} == (long)seen[${hart}].${name}At`);
    assert.equal(place, '1', `where ${name} of hart ${hart} is`);
    values.push(value);
  }
  return values;
}

async function set(client: DapClient, name: string, value: string): Promise<void> {
  const { id: frameId } = await client.top();
  const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
  for (const { variablesReference } of scopes) {
    if (!(await client.variables(variablesReference)).some((one) => one.name === name)) continue;
    await client.request('setVariable', { variablesReference, name, value });
    return;
  }
  assert.fail(`${name} is in a scope`);
}

describe('dap: thread-local variables', () => {
  for (const build of BUILDS) {
    const { compiler, linker, flags } = build;
    it(`are those of the hart (${[compiler[0], linker, ...flags].join(' ')})`, async function () {
      this.timeout(20_000);
      requireTool(this, compiler[0] ?? '', linker);
      const client = await stopped(compile(build));
      assert.deepEqual(await agree(client, 0), ['8', '{x = 1, y = -2}', '{0, 100, 0}', '40']);
      assert.deepEqual(await agree(client, 1), ['9', '{x = 11, y = -2}', '{0, 101, 0}', '42']);

      await set(client, 'counter', '1234');
      await set(client, 'hidden', '56');
      const { id: frameId } = await client.top();
      await client.request('evaluate', { expression: 'table[2] = -5', frameId, context: 'repl' });
      await client.continue();
      assert.equal(await read(client, 0, 'hidden'), '91', 'of the other file');
      assert.equal(await read(client, 0, '(long)&hidden == (long)otherAt'), '1');

      await client.continue();
      assert.deepEqual(await agree(client, 0), ['1234', '{x = 1, y = -2}', '{0, 100, -5}', '56']);
      assert.deepEqual((await agree(client, 1))[0], '9');
      await client.request('disconnect');
    });
  }
});
