/** `info TOPIC` of the debug console: what QEMU's monitor and gdb tell under these names. */
import { userError } from '../base/errors';
import { dereferenced } from '../inspect/children';
import { registerIndex } from '../inspect/registers';
import { integerRegisterNames } from '../isa/registers';
import type { Console } from './console-commands';
import { deviceLines } from './console-devices';
import { compileValue, type Scope } from './expressions';
import { wordText } from './format';
import { mappings, ranges, type Mapping } from './page-list';
import { privilegeName, registersOf, type RegisterGroup, type RegisterRow } from './registers';
import { baseName, hexAddress, symbolicName, whereabouts } from './symbol-lookup';

type Topic = (console: Console, rest: string) => string;

const TOPICS: Readonly<Record<string, Topic>> = {
  registers,
  mem: (console) => mapped(console, ranges),
  tlb: (console) => mapped(console, (all) => all),
  devices,
  symbol,
  line,
  checkpoints,
};

export const INFO_TOPICS: readonly string[] = Object.keys(TOPICS);

const ROWS_MAX = 500;

export function infoCommand(console: Console, text: string): string {
  const [word = '', ...rest] = text.split(/\s+/u);
  const topic =
    INFO_TOPICS.find((one) => one === word) ?? INFO_TOPICS.find((one) => word !== '' && one.startsWith(word));
  const run = topic === undefined ? undefined : TOPICS[topic];
  if (run !== undefined) return run(console, rest.join(' '));
  throw userError('COMMAND_ARGUMENT', `info knows ${INFO_TOPICS.join(', ')}; write one of them behind it`);
}

/** True for text that goes on an expression: `* 2`, `- 1`; not for `*pointer`. */
export const cutOperator = (text: string): boolean => /^(?:[-+*/%&|^<>=!?.[]+\s|[/%|^<>=?.[])/u.test(text);

const GROUPS: Readonly<Record<string, readonly RegisterGroup[]>> = {
  '': ['integer'],
  all: ['integer', 'float', 'machine', 'supervisor', 'user'],
  float: ['float'],
  csr: ['machine', 'supervisor', 'user'],
};

/** `info registers`, of a group (float, csr, all), or by their names. */
function registers({ scope }: Console, rest: string): string {
  const frame = scope.isTop ? undefined : scope.frame;
  const rowsOf = (groups: readonly RegisterGroup[]): RegisterRow[] =>
    groups.flatMap((group) => registersOf(group, scope.view, frame));
  const group = GROUPS[rest];
  const rows = group === undefined ? named(rowsOf(GROUPS['all'] ?? []), rest) : rowsOf(group);
  const width = Math.max(...rows.map(({ name }) => name.length)) + 1;
  const texts = rows.map(({ name, text, value, isAddress }) => {
    const where = value === undefined || !isAddress ? undefined : symbolicName(scope.symbols, value);
    return `${name.padEnd(width)} ${text}${where === undefined ? '' : ` <${where}>`}`;
  });
  return rest === ''
    ? [...texts, `mode  ${privilegeName(scope.view.privilege)}`].join('\n')
    : texts.join('\n');
}

function named(rows: readonly RegisterRow[], text: string): RegisterRow[] {
  return text.split(/[\s,]+/u).map((word) => {
    const name = word.replace(/^\$/u, '');
    const index = registerIndex(name);
    const usual = index === undefined ? name : integerRegisterNames[index];
    const found = rows.find((row) => row.name === usual);
    if (found !== undefined) return found;
    throw userError(
      'COMMAND_ARGUMENT',
      `there is no register ${name}; there are a0, fa0, mstatus and so on, and the groups float, csr and all`,
    );
  });
}

function mapped(
  { context, scope }: Console,
  arrange: (all: readonly Mapping[]) => readonly Mapping[],
): string {
  const all = mappings(context.debuggee, scope.view);
  if (all === undefined) return 'no translation: satp is 0 (Bare), all addresses are physical';
  const rows = arrange(all).slice(0, ROWS_MAX);
  const text = rows.map(({ address, physical, sizeBytes, flags }) =>
    [wordText(address), wordText(physical), `0x${sizeBytes.toString(16)}`.padStart(12), flags].join(' '),
  );
  const more = arrange(all).length - rows.length;
  const head = `${'virtual'.padEnd(18)} ${'physical'.padEnd(18)} ${'size'.padStart(12)} flags`;
  return [head, ...text, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function devices({ context: { debuggee } }: Console): string {
  return deviceLines(debuggee.devices()).join('\n');
}

function addressOf(scope: Scope, text: string, command: string): bigint {
  if (text === '') throw userError('COMMAND_ARGUMENT', `${command} needs an address or a name behind it`);
  const value = dereferenced(compileValue(text)(scope));
  const { kind } = value.plain;
  const place = kind === 'function' || kind === 'array' || kind === 'struct' ? value.address : undefined;
  const number = place ?? value.number();
  if (typeof number === 'bigint') return BigInt.asUintN(64, number);
  throw userError('COMMAND_ARGUMENT', `${text} is no address`);
}

function symbol({ scope }: Console, rest: string): string {
  const address = addressOf(scope, rest, 'info symbol');
  return symbolicName(scope.symbols, address) ?? `no symbol holds ${hexAddress(address)}`;
}

function line({ scope }: Console, rest: string): string {
  const address =
    rest === '' ? (scope.frame?.lookupPc ?? scope.view.pc) : addressOf(scope, rest, 'info line');
  const row = scope.symbols.lineAt(address);
  if (row === undefined) return `no line is known for ${hexAddress(address)}`;
  return `line ${row.line} of ${baseName(row.file)} (${row.file}): ${whereabouts(scope.symbols, address) ?? ''} at ${hexAddress(address)}`;
}

function checkpoints({ context }: Console): string {
  const { debuggee } = context;
  const current = debuggee.currentCheckpoint;
  const rows = debuggee.checkpoints().map(({ id, name, instret, branch, automatic, saved }) => {
    const what = name ?? (automatic ? 'automatic' : 'unnamed');
    const mark = id === current ? '*' : ' ';
    return `${mark} ${id}  instruction ${instret}, branch ${branch}  ${what}${saved === undefined ? '' : ', saved'}`;
  });
  return rows.length === 0 ? 'there are no checkpoints' : rows.join('\n');
}
