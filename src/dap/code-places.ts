/** Lines and functions of all programs, as places for breakpoints: each belongs to the program that it was found in. */
import { messageOf, userError } from '../base/errors';
import { matchPaths } from '../symbols/paths';
import type { CodeAddress } from './breakpoints';
import type { GuestProgram } from './spaces';

/** Programs that know a source file best: a "main.c" of the bootloader is not the kernel's. */
function programsOf(programs: readonly GuestProgram[], file: string): readonly GuestProgram[] {
  if (programs.length === 1) return programs;
  const best = new Set(matchPaths(file, new Set(programs.flatMap(({ symbols }) => symbols.sourceFiles()))));
  return programs.filter(({ symbols }) => symbols.sourceFiles().some((one) => best.has(one)));
}

/** Where code of a line begins. */
export interface LinePlace {
  readonly line: number;
  /** Of the first place, 1-based; only where a column was asked for. */
  readonly column?: number;
  readonly addresses: readonly CodeAddress[];
}

/**
 * The line, or the next one with code, and its places in all programs that were built from the file. With a column: the code
 * of the line that begins there, or else at the next column, or at the last one before.
 */
export function codeOfLine(
  programs: readonly GuestProgram[],
  file: string,
  line: number,
  column?: number,
): LinePlace {
  const found = programsOf(programs, file)
    .map((program) => ({ program, ...program.symbols.addressesOfLine(file, line) }))
    .filter(({ addresses }) => addresses.length > 0);
  const moved = Math.min(...found.map((one) => one.line));
  if (found.length === 0) return { line, addresses: [] };
  const best = found.filter((one) => one.line === moved);
  const whole = best.flatMap(({ program, addresses }) => placed(program, addresses));
  if (column === undefined || moved !== line) return { line: moved, addresses: whole };
  const begun = columnsOf(whole);
  const columns = [...begun.keys()].sort((a, b) => a - b);
  const chosen = columns.find((one) => one >= column) ?? columns.at(-1);
  const addresses = chosen === undefined ? undefined : begun.get(chosen);
  return chosen === undefined || addresses === undefined
    ? { line, addresses: whole }
    : { line, column: chosen, addresses };
}

/** Columns at which code of a line begins, ascending; none where the compiler tells no columns. */
export function columnsOfLine(programs: readonly GuestProgram[], file: string, line: number): number[] {
  const { line: found, addresses } = codeOfLine(programs, file, line);
  return found === line ? [...columnsOf(addresses).keys()].sort((a, b) => a - b) : [];
}

/** Rows of the line table by column: the first one in each stretch of code of the line. */
function columnsOf(places: readonly CodeAddress[]): Map<number, CodeAddress[]> {
  const found = new Map<number, CodeAddress[]>();
  for (const { address, program } of places) {
    if (program === undefined) continue;
    const seen = new Set<number>();
    for (const range of program.symbols.rangesOfLineAt(address)) {
      for (let at = range.start; at < range.end;) {
        const row = program.symbols.lineAt(at);
        if (row === undefined || row.end <= at) break;
        if (row.isStmt && row.column > 0 && !seen.has(row.column)) {
          seen.add(row.column);
          const known = found.get(row.column) ?? [];
          found.set(row.column, [
            ...known,
            { address: at < address && row.end > address ? address : at, program },
          ]);
        }
        at = row.end;
      }
    }
  }
  return found;
}

/** Lines with code, ascending. */
export function linesOfFile(programs: readonly GuestProgram[], file: string): number[] {
  const lines = programsOf(programs, file).flatMap(({ symbols }) => symbols.linesOfFile(file));
  return [...new Set(lines)].sort((a, b) => a - b);
}

/** Functions of one breakpoint: a pattern for all of them is a mistake, and each costs time. */
const FUNCTIONS_MAX = 500;

/**
 * What a function breakpoint's name means when it is more than a name: `fs_*` and `?` stand for any letters, `/.../` is a regular
 * expression. Throws BREAKPOINT_PATTERN.
 */
export function patternOf(name: string): RegExp | undefined {
  const [, source, flags = ''] = /^\/(.*)\/([iu]*)$/su.exec(name) ?? [];
  if (source === undefined) {
    if (!/[*?]/u.test(name) || /\boperator\b/u.test(name)) return undefined;
    const parts = name.split(/([*?])/u).map((part) => {
      return part === '*' ? '.*' : part === '?' ? '.' : part.replace(/[.+^${}()|[\]\\]/gu, '\\$&');
    });
    return new RegExp(`^${parts.join('')}$`, 'u');
  }
  try {
    return new RegExp(source, flags.includes('u') ? flags : `${flags}u`);
  } catch (error) {
    throw userError('BREAKPOINT_PATTERN', `"${name}" is no regular expression: ${messageOf(error)}`);
  }
}

/**
 * Behind the prologues of all functions of a name or a pattern. `file.c:name` means those of one source file or of one program.
 * Throws BREAKPOINT_PATTERN, BREAKPOINT_TOO_MANY.
 */
export function codeOfFunctions(programs: readonly GuestProgram[], text: string): readonly CodeAddress[] {
  const [, file, inFile] = /^([^:/]+(?:\/[^:/]+)*\.\w+):([^:].*)$/u.exec(text) ?? [];
  const name = inFile ?? text;
  const pattern = patternOf(name);
  const found = programs.flatMap((program) => {
    const names = pattern === undefined ? [name] : functionsMatching(program, pattern);
    return names.flatMap((one) => placed(program, program.symbols.breakpointAddressesOf(one)));
  });
  if (found.length > FUNCTIONS_MAX) {
    throw userError(
      'BREAKPOINT_TOO_MANY',
      `"${text}" means ${found.length} functions, more than ${FUNCTIONS_MAX}; make the pattern narrower`,
    );
  }
  const unique = found.filter(
    ({ address, program }, index) =>
      found.findIndex((one) => one.address === address && one.program === program) === index,
  );
  return file === undefined ? unique : unique.filter((one) => isOfFile(one, file));
}

const functionsMatching = ({ symbols }: GuestProgram, pattern: RegExp): string[] =>
  symbols
    .symbolsMatching(pattern, FUNCTIONS_MAX + 1)
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name);

function isOfFile({ address, program }: CodeAddress, file: string): boolean {
  const source = program?.symbols.lineAt(address)?.file ?? '';
  return [source, program?.path ?? ''].some((path) => path === file || path.endsWith(`/${file}`));
}

const placed = (program: GuestProgram, addresses: readonly bigint[]): CodeAddress[] =>
  addresses.map((address) => ({ address, program }));
