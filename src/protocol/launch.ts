/**
 * The launch attributes, as a launch.json has them and as the adapter uses them: checked once, every default filled in.
 * Paths are as the client sent them, absolute or relative to `cwd` when that is given; no file is looked at here.
 */
import { userError } from '../base/errors';
import { Message, present } from './message';
import {
  DEBUG_DIRECTORIES_MAX,
  parseSymbolFile,
  parseThreads,
  parseUserContext,
  SYMBOL_FILES_MAX,
  type KernelThreadsConfiguration,
  type SymbolFileConfiguration,
  type UserContextConfiguration,
} from './symbol-files';

export type DiskFormat = 'raw' | 'qcow2';

export interface DiskConfiguration {
  readonly file: string;
  /** Absent: told from the file's first bytes. */
  readonly format?: DiskFormat;
  /** virtio-mmio slot 0 to 7; absent: from the last slot downwards. */
  readonly slot?: number;
  readonly readOnly: boolean;
}

export interface LaunchConfiguration {
  readonly program: string;
  /** `builtin`, `none`, or the path of a firmware image. */
  readonly firmware: string;
  readonly memoryBytes: number;
  readonly harts: number;
  readonly kernelArgs: string;
  readonly initrd?: string;
  readonly disks: readonly DiskConfiguration[];
  readonly stopOnEntry: boolean;
  /** Where the guest's console shows: a terminal fed by `chronovisor/consoleOutput`, or DAP output events. */
  readonly console: 'integratedTerminal' | 'debugConsole';
  /** Idle guests wait for the host's time to pass, or skip to the next timer at once. */
  readonly idle: 'wait' | 'skip';
  /** Version of the virtio-mmio transport: modern is 2, legacy is 1. */
  readonly virtio: 'modern' | 'legacy';
  /** Prefixes of source paths in the debug information, and what to put in their place. */
  readonly sourceMap: Readonly<Record<string, string>>;
  /** Symbols besides those of the program and the firmware; the first that knows an address is asked. */
  readonly symbolFiles: readonly SymbolFileConfiguration[];
  /** Where separate debug files are looked for, by build id and by name; absent: as GDB does. Absolute, or relative to cwd. */
  readonly debugDirectories?: readonly string[];
  /** Threads of the kernel that do not run now. */
  readonly threads?: KernelThreadsConfiguration;
  readonly userContext?: UserContextConfiguration;
  /** Run without stopping at breakpoints (DAP's noDebug). */
  readonly noDebug: boolean;
  readonly cwd?: string;
  /** Folder, file or device that checkpoints are saved in; absent: nothing can be saved. */
  readonly store?: string;
  /** Where to begin: name or id of a checkpoint in the store, or the path of an exported file. */
  readonly checkpoint?: string;
  /** What the guest writes to its disks is forgotten with the session, and no part of saved checkpoints' layers. */
  readonly snapshot: boolean;
  /** Where disk images are now that have moved since a checkpoint was saved, by where they were. */
  readonly relocate: Readonly<Record<string, string>>;
}

export const MEMORY_BYTES_DEFAULT = 128 * 2 ** 20;
export const MEMORY_BYTES_MIN = 16 * 2 ** 20;
export const MEMORY_BYTES_MAX = 2 * 2 ** 30;
export const HARTS_MAX = 8;
export const DISK_SLOTS = 8;

export function parseLaunch(value: unknown): LaunchConfiguration {
  const message = new Message('launch', value);
  const program = message.optionalText('program') ?? '';
  const checkpoint = textOrNothing(message, 'checkpoint');
  // A checkpoint says itself which program it is of.
  if (program === '' && checkpoint === undefined) {
    throw userError(
      'LAUNCH_NO_PROGRAM',
      'launch: "program" is missing; give the path of the RISC-V ELF to debug',
    );
  }
  const harts = message.optionalCount('harts') ?? 1;
  if (harts < 1 || harts > HARTS_MAX) throw message.wrong('harts', `1 to ${String(HARTS_MAX)}`, harts);
  return {
    program,
    firmware: message.optionalText('firmware') ?? 'builtin',
    memoryBytes: memoryBytesOf(message),
    harts,
    kernelArgs: message.optionalText('kernelArgs') ?? '',
    disks: message.optionalList('disks', parseDisk) ?? [],
    stopOnEntry: message.optionalFlag('stopOnEntry') ?? false,
    console: message.optionalWord('console', ['integratedTerminal', 'debugConsole']) ?? 'integratedTerminal',
    idle: message.optionalWord('idle', ['wait', 'skip']) ?? 'wait',
    virtio: message.optionalWord('virtio', ['modern', 'legacy']) ?? 'modern',
    sourceMap: parsePaths('sourceMap', message.field('sourceMap')),
    relocate: parsePaths('relocate', message.field('relocate')),
    symbolFiles: symbolFilesOf(message),
    noDebug: message.optionalFlag('noDebug') ?? false,
    snapshot: message.optionalFlag('snapshot') ?? false,
    ...present({
      initrd: message.optionalText('initrd'),
      cwd: message.optionalText('cwd'),
      store: textOrNothing(message, 'store'),
      checkpoint,
      debugDirectories: debugDirectoriesOf(message),
      threads: partOf(message, 'threads', parseThreads),
      userContext: partOf(message, 'userContext', parseUserContext),
    }),
  };
}

function symbolFilesOf(message: Message): SymbolFileConfiguration[] {
  const files = message.optionalList('symbolFiles', parseSymbolFile) ?? [];
  if (files.length <= SYMBOL_FILES_MAX) return files;
  throw message.wrong('symbolFiles', `a list of at most ${String(SYMBOL_FILES_MAX)} files`, files);
}

function debugDirectoriesOf(message: Message): string[] | undefined {
  const wrong = (item: unknown): never => {
    throw message.wrong('debugDirectories', 'a list of directories', item);
  };
  const found = message.optionalList('debugDirectories', (item) =>
    typeof item === 'string' && item !== '' ? item : wrong(item),
  );
  if (found === undefined || found.length <= DEBUG_DIRECTORIES_MAX) return found;
  throw message.wrong(
    'debugDirectories',
    `a list of at most ${String(DEBUG_DIRECTORIES_MAX)} directories`,
    found,
  );
}

function partOf<T>(message: Message, key: string, parse: (value: unknown) => T): T | undefined {
  const value = message.field(key);
  return value === undefined ? undefined : parse(value);
}

/** An empty text counts as absent: so a variable of launch.json can say that there is none. */
function textOrNothing(message: Message, key: string): string | undefined {
  const text = message.optionalText(key);
  return text === '' ? undefined : text;
}

export function parseDisk(value: unknown): DiskConfiguration {
  const message = new Message('disk', value);
  const slot = message.optionalCount('slot');
  if (slot !== undefined && slot >= DISK_SLOTS) throw message.wrong('slot', '0 to 7', slot);
  return {
    file: message.text('file'),
    readOnly: message.optionalFlag('readOnly') ?? false,
    ...present({ format: message.optionalWord('format', ['raw', 'qcow2']), slot }),
  };
}

/** Bytes from `128M`, `1G`, `65536K` or a plain number of bytes (K, M, G are powers of 1024). */
export function parseSizeBytes(text: string): number {
  const [, digits = '', unit = ''] = /^\s*(\d{1,15})\s*([kmg]?)i?b?\s*$/iu.exec(text) ?? [];
  if (digits === '') throw userError('LAUNCH_SIZE', `"${text}" is no size; write it like 128M or 1G`);
  return Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
}

function memoryBytesOf(message: Message): number {
  const value = message.field('memory');
  if (value === undefined) return MEMORY_BYTES_DEFAULT;
  if (typeof value !== 'string' && typeof value !== 'number')
    throw message.wrong('memory', 'a size like "128M"', value);
  const bytes = parseSizeBytes(String(value));
  if (bytes >= MEMORY_BYTES_MIN && bytes <= MEMORY_BYTES_MAX) return bytes;
  throw userError('LAUNCH_MEMORY', `launch: "memory" is ${String(value)}; it must be from 16M to 2G`);
}

function parsePaths(name: string, value: unknown): Readonly<Record<string, string>> {
  const message = new Message(name, value);
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  return Object.fromEntries(keys.map((key) => [key, message.text(key)]));
}
