/** Lines and functions of all programs, as places for breakpoints: each belongs to the program that it was found in. */
import { matchPaths } from '../symbols/paths';
import type { CodeAddress } from './breakpoints';
import type { GuestProgram } from './spaces';

/** Programs that know a source file best: a "main.c" of the bootloader is not the kernel's. */
function programsOf(programs: readonly GuestProgram[], file: string): readonly GuestProgram[] {
  if (programs.length === 1) return programs;
  const best = new Set(matchPaths(file, new Set(programs.flatMap(({ symbols }) => symbols.sourceFiles()))));
  return programs.filter(({ symbols }) => symbols.sourceFiles().some((one) => best.has(one)));
}

/** The line, or the next one with code, and its places in all programs that were built from the file. */
export function codeOfLine(
  programs: readonly GuestProgram[],
  file: string,
  line: number,
): { readonly line: number; readonly addresses: readonly CodeAddress[] } {
  const found = programsOf(programs, file)
    .map((program) => ({ program, ...program.symbols.addressesOfLine(file, line) }))
    .filter(({ addresses }) => addresses.length > 0);
  const moved = Math.min(...found.map((one) => one.line));
  if (found.length === 0) return { line, addresses: [] };
  const best = found.filter((one) => one.line === moved);
  return { line: moved, addresses: best.flatMap(({ program, addresses }) => placed(program, addresses)) };
}

/** Lines with code, ascending. */
export function linesOfFile(programs: readonly GuestProgram[], file: string): number[] {
  const lines = programsOf(programs, file).flatMap(({ symbols }) => symbols.linesOfFile(file));
  return [...new Set(lines)].sort((a, b) => a - b);
}

/** Behind the prologues of all functions of a name. */
export function codeOfFunction(programs: readonly GuestProgram[], name: string): readonly CodeAddress[] {
  return programs.flatMap((program) => placed(program, program.symbols.breakpointAddressesOf(name)));
}

const placed = (program: GuestProgram, addresses: readonly bigint[]): CodeAddress[] =>
  addresses.map((address) => ({ address, program }));
