/**
 * What stands in for a source file that is not on this machine: a text with as many lines, in which each line with code shows
 * its instructions. So the editor's marks (where it stands, breakpoints) are on the right lines.
 */
import { disassemble } from '../isa/disassembler';
import type { HartView } from '../timetravel/api';
import { codeOfLine, linesOfFile } from './code-places';
import { readInstruction } from './control-flow';
import type { GuestProgram } from './spaces';
import { symbolicName } from './symbol-lookup';

/** Longer files are generated ones. */
const LINES_MAX = 20_000;
const INSTRUCTIONS_PER_LINE_MAX = 12;

export function sourceListing(programs: readonly GuestProgram[], file: string, view: HartView): string {
  const lines = linesOfFile(programs, file).filter((line) => line <= LINES_MAX);
  const text = new Map(lines.map((line) => [line, instructionsOf(programs, file, line, view)]));
  const head = `${file} is not on this machine (launch attribute "sourceMap"). Lines with code show their instructions.`;
  const count = lines.at(-1) ?? 1;
  return Array.from({ length: count }, (_, index) => {
    const line = text.get(index + 1) ?? '';
    return index === 0 ? [head, line].filter((part) => part !== '').join('   ') : line;
  }).join('\n');
}

function instructionsOf(
  programs: readonly GuestProgram[],
  file: string,
  line: number,
  view: HartView,
): string {
  const [first] = codeOfLine(programs, file, line).addresses;
  if (first?.program === undefined) return '';
  const { symbols } = first.program;
  const [range] = symbols.rangesOfLineAt(first.address);
  const shown: string[] = [];
  for (let at = first.address; range !== undefined && at < range.end;) {
    const word = readInstruction(view, at);
    if (word === undefined || shown.length >= INSTRUCTIONS_PER_LINE_MAX) {
      shown.push(word === undefined ? 'not in memory now' : '...');
      break;
    }
    const { text, length } = disassemble(word, at, { symbolize: (target) => symbolicName(symbols, target) });
    shown.push(text);
    at += BigInt(length);
  }
  return `0x${first.address.toString(16)}:  ${shown.join(';  ')}`;
}
