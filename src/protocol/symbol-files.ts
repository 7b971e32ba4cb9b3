/** The launch attributes about symbols besides those of the program: files, the programs of users, threads. */
import { userError } from '../base/errors';
import { Message, present } from './message';

/** A file with symbols, and the code that it describes. */
export interface SymbolFileConfiguration {
  readonly file: string;
  /** `kernel`: code of S- and M-mode; `user`: a program in U-mode, told by its contents in memory. */
  readonly space: 'kernel' | 'user';
  /** Guest address of the file's first byte of code or data. */
  readonly address?: bigint;
  /** Load bias: added to every address of the file. */
  readonly offset?: bigint;
  /** Object files (kernel modules) have no addresses: those of their sections, by name. */
  readonly sections?: Readonly<Record<string, bigint>>;
  /** User programs: true (not 0) while such a process runs; looks at the kernel's variables. */
  readonly process?: string;
}

/** Where a kernel keeps its threads that do not run, to be shown as threads of their own. */
export interface KernelThreadsConfiguration {
  /** How many there are at most. */
  readonly count: string;
  /** The address of what switching saves: `&proc[$i].context`. 0 or false: no such thread now. */
  readonly context: string;
  /** True (not 0) for those that have a saved context now. */
  readonly when?: string;
  readonly name?: string;
  /** As in userContext, of the thread's process. */
  readonly pageTable?: string;
}

/** Where a kernel keeps the registers of the program that it has interrupted, if not on its stack. */
export interface UserContextConfiguration {
  /** A struct whose members are called like registers: `*myproc()->trapframe` is not possible, `*cpus[0].proc->trapframe` is. */
  readonly registers: string;
  /** The value of satp, or the physical address of the root page table, while the program runs. */
  readonly pageTable?: string;
}

/** More files than this are a mistake in a generated launch.json. */
export const SYMBOL_FILES_MAX = 256;
/** Directories of debug files, likewise. */
export const DEBUG_DIRECTORIES_MAX = 64;

export function parseSymbolFile(value: unknown): SymbolFileConfiguration {
  const message = new Message('symbolFiles', value);
  const space = message.optionalWord('space', ['kernel', 'user']) ?? 'kernel';
  const address = addressOf(message, 'address');
  const offset = addressOf(message, 'offset');
  const sections = sectionsOf(message.field('sections'));
  const process = message.optionalText('process');
  if (address !== undefined && offset !== undefined) {
    throw userError('SYMBOL_FILE_PLACE', 'symbolFiles: give "address" or "offset", not both');
  }
  if (sections !== undefined && (address !== undefined || offset !== undefined)) {
    throw userError(
      'SYMBOL_FILE_PLACE',
      'symbolFiles: "sections" say where the file is: leave "address" and "offset" out',
    );
  }
  if (process !== undefined && space !== 'user') {
    throw userError('SYMBOL_FILE_PROCESS', 'symbolFiles: "process" is for files with "space": "user"');
  }
  return { file: message.text('file'), space, ...present({ address, offset, sections, process }) };
}

/** `{ ".text": "0xffffffff01000000" }`, as /sys/module/NAME/sections of Linux has them. Empty: none given. */
function sectionsOf(value: unknown): Readonly<Record<string, bigint>> | undefined {
  if (value === undefined || value === null) return undefined;
  const message = new Message('symbolFiles: sections', value);
  const found = Object.keys(value).flatMap((name) => {
    const address = addressOf(message, name);
    return address === undefined ? [] : [[name, BigInt.asUintN(64, address)] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** A number, or a text like `0x1000` or `-4096`. */
function addressOf(message: Message, key: string): bigint | undefined {
  const value = message.field(key);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  const text = typeof value === 'string' ? value.trim() : '';
  const [, minus = '', digits = ''] = /^(-?)(0x[0-9a-f]{1,16}|\d{1,20})$/iu.exec(text) ?? [];
  if (digits === '') throw message.wrong(key, 'an address like "0x80200000"', value);
  return minus === '' ? BigInt(digits) : -BigInt(digits);
}

export function parseThreads(value: unknown): KernelThreadsConfiguration {
  const message = new Message('threads', value);
  const count = message.field('count');
  const name = message.optionalText('name');
  const when = message.optionalText('when');
  const pageTable = message.optionalText('pageTable');
  return {
    count: typeof count === 'number' ? String(count) : message.text('count'),
    context: message.text('context'),
    ...present({ name, when, pageTable }),
  };
}

export function parseUserContext(value: unknown): UserContextConfiguration {
  const message = new Message('userContext', value);
  return {
    registers: message.text('registers'),
    ...present({ pageTable: message.optionalText('pageTable') }),
  };
}
