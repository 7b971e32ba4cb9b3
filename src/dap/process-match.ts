/**
 * The expression `process` of a user program's symbol file: whether the process that runs is one of that program. It is
 * evaluated over the variables of the kernel, while the hart is in U-mode. The kernel's memory is read as the page table in
 * use maps it; where it maps nothing, at the physical address, which suits kernels that leave their own page table behind and
 * are mapped one to one (xv6).
 */
import { physAddr } from '../base/brand';
import { messageOf } from '../base/errors';
import type { Debuggee, HartView } from '../timetravel/api';
import type { Symbols } from '../symbols/symbols';
import { compile, type Compiled } from './expressions';
import type { GuestProgram } from './spaces';

/** The test for Spaces. What is wrong with an expression is told once; its program then does not count as running. */
export function isProcessOf(
  { debuggee, symbols }: { readonly debuggee: Debuggee; readonly symbols: Symbols },
  warn: (text: string) => void,
): (program: GuestProgram, hart: number) => boolean {
  const compiled = new Map<string, Compiled>();
  const told = new Set<string>();
  return ({ path, process = '' }, hart) => {
    try {
      const condition = compiled.get(process) ?? compile(process);
      compiled.set(process, condition);
      return condition({ view: kernelView(debuggee, hart), symbols, isTop: true }) !== 0n;
    } catch (error) {
      const text = `"process" of ${path}: ${messageOf(error)}`;
      if (!told.has(text)) warn(text);
      told.add(text);
      return false;
    }
  };
}

/** A hart with the memory as its kernel sees it. */
export function kernelView(debuggee: Debuggee, hart: number): HartView {
  const view = debuggee.hart(hart);
  return {
    id: hart,
    pc: view.pc,
    privilege: 1,
    waiting: view.waiting,
    x: (index) => view.x(index),
    f: (index) => view.f(index),
    csr: (number) => view.csr(number),
    translate: (address) => view.translate(address) ?? physAddr(address),
    readMemory: (address, length) =>
      view.readMemory(address, length) ?? debuggee.readPhysical(physAddr(address), length),
  };
}
