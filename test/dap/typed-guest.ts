/** The compiled guest of values, on the real machine; and GDB on QEMU at the same stop, as the judge of expressions. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { clientOf } from './support';

export const GCC = 'riscv64-unknown-elf-gcc';
const sources = join(__dirname, 'guest');
export const VALUES_C = join(sources, 'values.c');
export const CLASSES_CPP = join(sources, 'classes.cpp');

/** 1-based line of a `#NAME` in the source. */
export const lineOf = (marker: string, source = VALUES_C): number =>
  readFileSync(source, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(`#${marker}`)) + 1;

export const compileValues = (...flags: string[]): string => compileGuest(VALUES_C, GCC, flags);

export function compileGuest(source: string, compiler: string, flags: readonly string[]): string {
  const path = join(mkdtempSync(join(tmpdir(), 'values-')), 'values.elf');
  const layout = ['-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany', '-Wl,-n', '-Wl,-Ttext=0x80000000'];
  const plain = [
    '-nostdlib',
    '-nostartfiles',
    '-ffreestanding',
    '-g',
    '-Wl,--no-warn-rwx-segments,--no-relax',
  ];
  const files = [join(sources, 'start.S'), source];
  execFileSync(compiler, [...layout, ...plain, ...flags, ...files, '-o', path]);
  return path;
}

/** Stopped at the marked line for the first time. */
export async function stoppedAt(
  program: string,
  source = VALUES_C,
  marker = 'STOP',
  traits: object = {},
): Promise<DapClient> {
  const client = clientOf(createSession());
  await client.launch({ program, firmware: 'none', memory: '16M' }, traits);
  await client.breakpoints(source, lineOf(marker, source));
  await client.request('configurationDone');
  await client.event('stopped');
  return client;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What GDB prints for each expression at the marked line; `error: ...` where it refuses. */
export async function printsOfGdb(
  program: string,
  expressions: readonly string[],
  source = VALUES_C,
  marker = 'STOP',
): Promise<string[]> {
  const port = await freePort();
  const machine = ['-M', 'virt', '-bios', 'none', '-display', 'none', '-serial', 'null', '-monitor', 'none'];
  const gdbServer = ['-S', '-gdb', `tcp:127.0.0.1:${port}`];
  const qemu = spawn('qemu-system-riscv64', [...machine, '-kernel', program, ...gdbServer], {
    stdio: 'ignore',
  });
  try {
    const script = join(mkdtempSync(join(tmpdir(), 'gdb-')), 'commands');
    const settings = ['pagination off', 'confirm off', 'tcp connect-timeout 20', 'print null-stop on'];
    const python = [
      'python',
      'import json',
      `for text in json.loads(${JSON.stringify(JSON.stringify(expressions))}):`,
      '  try:',
      '    value = gdb.parse_and_eval(text)',
      '    if value.type.code == gdb.TYPE_CODE_REF: value = value.referenced_value()',
      '    print("VALUE " + json.dumps(value.format_string(symbols=False, max_elements=0, repeat_threshold=0)))',
      '  except Exception as error:',
      '    print("VALUE " + json.dumps("error: " + str(error)))',
      'end',
    ];
    const start = [
      `target remote 127.0.0.1:${port}`,
      `tbreak ${basename(source)}:${lineOf(marker, source)}`,
      'continue',
    ];
    writeFileSync(
      script,
      [...settings.map((one) => `set ${one}`), ...start, ...python, 'disconnect'].join('\n'),
    );
    const run = promisify(execFile);
    const arguments_ = ['-q', '-nx', '-batch', '-x', script, program];
    const { stdout } = await run('gdb-multiarch', arguments_, { timeout: 30_000 });
    const lines = stdout.split('\n').filter((line) => line.startsWith('VALUE '));
    return lines.map((line) => JSON.parse(line.slice(6)) as string);
  } finally {
    qemu.kill();
  }
}
