/** The command line's arguments: parsed with node:util, checked into settings. */
import { parseArgs } from 'node:util';
import { messageOf, userError } from '../base/errors';
import type { GuestSettings } from '../dap/guest';
import {
  HARTS_MAX,
  MEMORY_BYTES_MAX,
  MEMORY_BYTES_MIN,
  parseDisk,
  parseSizeBytes,
  type GivenSettings,
} from '../protocol';

/** `--type 'AFTER=TEXT'`. */
export interface Typing {
  readonly after: Uint8Array;
  readonly text: Uint8Array;
}

export interface RunOptions {
  readonly settings: GuestSettings;
  readonly typings: readonly Typing[];
  readonly exitOn: Uint8Array | undefined;
  readonly maxInstructions: number | undefined;
  readonly json: boolean;
  readonly saving: SavingOptions;
}

export interface SavingOptions {
  /** Settings that the command line named; the others follow the checkpoint to begin with. */
  readonly given: GivenSettings;
  readonly store: string | undefined;
  readonly maxBytes: number | undefined;
  /** Name, id or file of the checkpoint to begin with. */
  readonly from: string | undefined;
  /** The same, of which the disks alone are taken: the guest begins with power-on. */
  readonly disksFrom: string | undefined;
  /** Where disk images are now that have moved, by where they were. */
  readonly relocated: Readonly<Record<string, string>>;
  /** Instants, rising. */
  readonly checkpointAt: readonly number[];
  /** Name of a checkpoint at the end. */
  readonly saveOnExit: string | undefined;
  /** Name of a snapshot of the disks alone at the end. */
  readonly saveDisksOnExit: string | undefined;
}

/** Some of Node's messages have several lines. */
export const usage = (message: string): Error =>
  userError('USAGE', `${message.replaceAll('\n', ' ')} (chronovisor --help shows the options)`);

/** What an option's own parser refuses is wrong usage here. */
function parsed<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw usage(`${option}: ${messageOf(error)}`);
  }
}

export function parseRun(args: readonly string[]): RunOptions {
  const { values, positionals } = parse(args);
  const [program = '', ...rest] = positionals;
  if (program === '' && values.from === undefined && values['disks-from'] === undefined)
    throw usage('run: give the program to run');
  if (rest.length > 0) throw usage(`run: one program only, not also "${rest.join(' ')}"`);
  const disks = (values.disk ?? []).map(disk);
  return {
    settings: {
      program,
      firmware: values.firmware ?? 'builtin',
      memoryBytes: memoryBytes(values.memory ?? '128M'),
      harts: harts(values.harts ?? '1'),
      kernelArgs: values.append ?? '',
      disks,
      idle: idle(values.idle ?? 'skip'),
      virtio: virtio(values.virtio ?? 'modern'),
      ...(values.initrd === undefined ? {} : { initrd: values.initrd }),
    },
    typings: (values.type ?? []).map(typing),
    exitOn: values['exit-on'] === undefined ? undefined : new TextEncoder().encode(values['exit-on']),
    maxInstructions:
      values['max-instructions'] === undefined
        ? undefined
        : count('--max-instructions', values['max-instructions']),
    json: values.json ?? false,
    saving: saving(values, {
      ...(program === '' ? {} : { program }),
      ...(values.firmware === undefined ? {} : { firmware: values.firmware }),
      ...(values.memory === undefined ? {} : { memoryBytes: memoryBytes(values.memory) }),
      ...(values.harts === undefined ? {} : { harts: harts(values.harts) }),
      ...(values.append === undefined ? {} : { kernelArgs: values.append }),
      ...(values.initrd === undefined ? {} : { initrd: values.initrd }),
      ...(values.virtio === undefined ? {} : { virtio: virtio(values.virtio) }),
      ...(values.disk === undefined ? {} : { disks }),
    }),
  };
}

function saving(values: ReturnType<typeof parse>['values'], given: GivenSettings): SavingOptions {
  const { store, from, snapshot } = values;
  const checkpointAt = (values['checkpoint-at'] ?? [])
    .flatMap((list) => list.split(','))
    .map((text) => count('--checkpoint-at', text))
    .sort((a, b) => a - b);
  const saveOnExit = values['save-on-exit'];
  const disksFrom = values['disks-from'];
  const saveDisksOnExit = values['save-disks-on-exit'];
  if (from !== undefined && disksFrom !== undefined)
    throw usage('run: --from has the disks already: leave --disks-from out');
  const saves = checkpointAt.length > 0 || saveOnExit !== undefined || saveDisksOnExit !== undefined;
  if (saves && store === undefined) throw usage('run: say with --store where checkpoints are to be saved');
  if (saves && snapshot === true) {
    throw usage(
      'run: --snapshot forgets what the guest writes to its disks, and a saved checkpoint keeps it',
    );
  }
  if (saveOnExit === '') throw usage('--save-on-exit: give the checkpoint a name');
  if (saveDisksOnExit === '') throw usage('--save-disks-on-exit: give the snapshot a name');
  if (values['store-max'] !== undefined && store === undefined) throw usage('--store-max belongs to --store');
  return {
    given,
    store,
    maxBytes: values['store-max'] === undefined ? undefined : storeBytes(values['store-max']),
    from,
    disksFrom,
    relocated: Object.fromEntries((values.relocate ?? []).map(relocation)),
    checkpointAt: [...new Set(checkpointAt)],
    saveOnExit,
    saveDisksOnExit,
  };
}

function relocation(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw usage(`--relocate ${text}: write it like OLD=NEW`);
  return [text.slice(0, at), text.slice(at + 1)];
}

const storeBytes = (text: string): number => parsed('--store-max', () => parseSizeBytes(text));

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        firmware: { type: 'string' },
        memory: { type: 'string' },
        harts: { type: 'string' },
        disk: { type: 'string', multiple: true },
        append: { type: 'string' },
        initrd: { type: 'string' },
        type: { type: 'string', multiple: true },
        'exit-on': { type: 'string' },
        'max-instructions': { type: 'string' },
        idle: { type: 'string' },
        virtio: { type: 'string' },
        json: { type: 'boolean' },
        store: { type: 'string' },
        'store-max': { type: 'string' },
        'checkpoint-at': { type: 'string', multiple: true },
        'save-on-exit': { type: 'string' },
        'save-disks-on-exit': { type: 'string' },
        from: { type: 'string' },
        'disks-from': { type: 'string' },
        snapshot: { type: 'boolean' },
        relocate: { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    throw usage(`run: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function memoryBytes(text: string): number {
  const bytes = parsed('--memory', () => parseSizeBytes(text));
  if (bytes < MEMORY_BYTES_MIN || bytes > MEMORY_BYTES_MAX || bytes % 4096 !== 0) {
    throw usage(`--memory ${text}: it must be from 16M to 2G, in whole pages`);
  }
  return bytes;
}

function harts(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > HARTS_MAX) {
    throw usage(`--harts ${text}: it must be from 1 to ${String(HARTS_MAX)}`);
  }
  return value;
}

function idle(text: string): 'skip' | 'wait' {
  if (text === 'skip' || text === 'wait') return text;
  throw usage(`--idle ${text}: it is skip or wait`);
}

function virtio(text: string): 'modern' | 'legacy' {
  if (text === 'modern' || text === 'legacy') return text;
  throw usage(`--virtio ${text}: it is modern or legacy`);
}

function count(option: string, text: string): number {
  const value = text.trim() === '' ? NaN : Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 0) throw usage(`${option} ${text}: give a whole number`);
  return value;
}

/** FILE[,format=raw|qcow2][,slot=N][,readonly] */
function disk(text: string) {
  const [file = '', ...rest] = text.split(',');
  const fields: Record<string, unknown> = { file, readOnly: false };
  for (const part of rest) {
    const [key = '', value] = part.split('=', 2);
    if (key === 'format') fields.format = value;
    else if (key === 'slot') fields.slot = Number(value);
    else if (key === 'readonly' && value === undefined) fields.readOnly = true;
    else throw usage(`--disk: "${part}" is not format=raw|qcow2, slot=N or readonly`);
  }
  if (file === '') throw usage('--disk: give the file of the image');
  return parsed('--disk', () => parseDisk(fields));
}

/** AFTER=TEXT, both with \n, \t, \r, \\ and \xNN; an "=" in AFTER is written \x3d. */
function typing(text: string): Typing {
  const split = text.indexOf('=');
  if (split < 0) throw usage(`--type ${text}: write AFTER=TEXT; AFTER may be empty`);
  return { after: unescape(text.slice(0, split)), text: unescape(text.slice(split + 1)) };
}

function unescape(text: string): Uint8Array {
  const bytes: number[] = [];
  const plain = new TextEncoder();
  const pattern = /\\x([0-9a-fA-F]{2})|\\([ntr\\])|([^\\]+|\\)/g;
  for (const [, hex, letter, other] of text.matchAll(pattern)) {
    if (hex !== undefined) bytes.push(parseInt(hex, 16));
    else if (letter !== undefined) bytes.push({ n: 10, t: 9, r: 13, '\\': 92 }[letter] ?? 92);
    else bytes.push(...plain.encode(other));
  }
  return Uint8Array.from(bytes);
}
