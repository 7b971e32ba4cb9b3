/** The compiled guest of values, on the real machine; and GDB on QEMU at the same stop, as the judge of expressions. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import type { DapClient } from '../support/dap-client';
import { gdbOnQemu } from './gdb';
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

/** What GDB prints for each expression at the marked line; `error: ...` where it refuses. */
export async function printsOfGdb(
  program: string,
  expressions: readonly string[],
  source = VALUES_C,
  marker = 'STOP',
): Promise<string[]> {
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
    'set print null-stop on',
    `tbreak ${basename(source)}:${lineOf(marker, source)}`,
    'continue',
  ];
  const lines = await gdbOnQemu(program, [...start, ...python], 'VALUE ');
  return lines.map((line) => JSON.parse(line) as string);
}
