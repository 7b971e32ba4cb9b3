/**
 * Registers that a kernel keeps in its memory: of the program that it serves (launch attribute `userContext`), and of threads
 * that do not run (`threads`). Both are expressions of the user over the kernel's variables; members of the structs are
 * called as the registers are.
 */
import { UserError } from '../base/errors';
import { floatRegisterNames, integerRegisterNames } from '../isa/registers';
import type { InterruptedContext } from '../inspect/unwind';
import type { KernelThreadsConfiguration } from '../protocol';
import type { SessionContext } from './context';
import { compile, type Compiled, type Scope } from './expressions';
import { kernelView } from './process-match';

/** Names that kernels give to the address at which a program was interrupted. */
const PC_NAMES = ['epc', 'sepc', 'pc', 'mepc'];
const CAUSE_NAMES = ['cause', 'scause'];
/** More threads than anybody looks through. */
const THREADS_MAX = 256;

/** A thread that does not run. */
export interface SavedThread {
  readonly index: number;
  readonly name: string;
}

export class SavedContexts {
  private readonly compiled = new Map<string, Compiled | undefined>();

  constructor(private readonly context: SessionContext) {}

  /** The program that the hart's kernel has interrupted; undefined where there is none, or nothing is known of it. */
  userOf(hart: number): InterruptedContext | undefined {
    const { userContext } = this.context.guest.configuration;
    if (userContext === undefined) return undefined;
    const read = (name: string): bigint | undefined => this.value(`(${userContext.registers}).${name}`, hart);
    const pc = firstOf(PC_NAMES, read);
    if (pc === undefined || read('sp') === undefined) return undefined;
    const cause = firstOf(CAUSE_NAMES, read);
    return { pc, registers: registersBy(read), ...(cause === undefined ? {} : { cause }) };
  }

  /** What satp is while the program runs that a hart's kernel has interrupted. */
  pageTableOf(hart: number): bigint | undefined {
    const pageTable = this.context.guest.configuration.userContext?.pageTable;
    return pageTable === undefined ? undefined : this.value(pageTable, hart);
  }

  /** The same of a thread that does not run. */
  pageTableOfThread(index: number): bigint | undefined {
    const pageTable = this.context.guest.configuration.threads?.pageTable;
    return pageTable === undefined ? undefined : this.value(inst(pageTable, index), 0);
  }

  /** Those that have a context now. */
  threads(): SavedThread[] {
    const { threads } = this.context.guest.configuration;
    if (threads === undefined) return [];
    const count = Number(this.value(threads.count, 0) ?? 0n);
    return Array.from({ length: Math.min(count, THREADS_MAX) }, (_, index) => index)
      .filter((index) => this.contextOf(index) !== undefined)
      .map((index) => ({ index, name: this.nameOf(index, threads) }));
  }

  contextOf(index: number): InterruptedContext | undefined {
    const { threads } = this.context.guest.configuration;
    if (threads === undefined) return undefined;
    if (threads.when !== undefined && !this.value(inst(threads.when, index), 0)) return undefined;
    const place = inst(threads.context, index);
    if (!this.value(place, 0)) return undefined;
    const read = (name: string): bigint | undefined => this.value(`(${place})->${name}`, 0);
    const pc = read('ra');
    const sp = read('sp');
    return pc === undefined || pc === 0n || sp === undefined
      ? undefined
      : { pc, registers: registersBy(read) };
  }

  private nameOf(index: number, { name }: KernelThreadsConfiguration): string {
    const value = name === undefined ? undefined : this.value(inst(name, index), 0);
    return value === undefined ? `thread ${index}` : `thread ${index} (${value})`;
  }

  private value(text: string, hart: number): bigint | undefined {
    try {
      let compiled = this.compiled.get(text);
      if (!this.compiled.has(text)) this.compiled.set(text, (compiled = compileOrNothing(text)));
      return compiled?.(this.scope(hart));
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  private scope(hart: number): Scope {
    const { debuggee, spaces } = this.context;
    return { view: kernelView(debuggee, hart), symbols: spaces.kernel, isTop: true };
  }
}

const inst = (text: string, index: number): string => text.replace(/\$i\b/gu, String(index));

function compileOrNothing(text: string): Compiled | undefined {
  try {
    return compile(text);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const firstOf = (
  names: readonly string[],
  read: (name: string) => bigint | undefined,
): bigint | undefined => {
  for (const name of names) {
    const value = read(name);
    if (value !== undefined) return value;
  }
  return undefined;
};

const registersBy = (read: (name: string) => bigint | undefined): (bigint | undefined)[] => [
  ...integerRegisterNames.map((name, index) =>
    index === 0 ? 0n : (read(name) ?? read(`x${index}`) ?? (name === 's0' ? read('fp') : undefined)),
  ),
  ...floatRegisterNames.map((name) => read(name)),
];
