/** `x/FMT ADDR` of the debug console: memory as gdb writes it. Sizes and formats stay as they were said last. */
import { userError } from '../base/errors';
import { floatFromBits, floatNumberText } from '../inspect/floats';
import { quoted, readCString } from '../inspect/strings';
import { integerText, type FormatLetter } from '../inspect/value-text';
import { instructionLength } from '../isa/decoder';
import { disassemble } from '../isa/disassembler';
import { readInstruction } from './control-flow';
import { compile, expressionContext, type Scope } from './expressions';
import { hexAddress, symbolicName } from './symbol-lookup';
import { letterOf } from './values';

type Size = 1 | 2 | 4 | 8;

const SIZES: Readonly<Record<string, Size>> = { b: 1, h: 2, w: 4, g: 8 };
const COUNT_MAX = 10_000;
const ROW_BYTES = 16;
const TEXT_MAX = 1000;

interface Format {
  readonly count: number;
  /** i: instructions; f: floating point numbers. */
  readonly letter: FormatLetter | 'i' | 'f';
  readonly size: Size | undefined;
}

/** Throws UserError for a format or an address that is none. Memory that cannot be read is said in its row. */
export function examine(scope: Scope, text: string): string {
  const [, letters = '', expression = ''] = /^(?:\/(\w*))?\s*(.*)$/su.exec(text) ?? [];
  if (expression === '') throw userError('COMMAND_ARGUMENT', 'x needs an address: x/8xw $sp');
  const format = parseFormat(letters);
  const address = compile(expression)(scope);
  if (format.letter === 'i') return instructions(scope, address, format.count);
  if (format.letter === 's') return strings(scope, address, format.count);
  return numbers(scope, address, format);
}

function parseFormat(text: string): Format {
  const [, digits = '', letters = ''] = /^(\d*)([a-zA-Z]*)$/u.exec(text) ?? [];
  let format: Format = {
    count: digits === '' ? 1 : Math.min(Number(digits), COUNT_MAX),
    letter: 'x',
    size: undefined,
  };
  for (const one of letters) {
    const size = SIZES[one];
    if (size !== undefined) {
      format = { ...format, size };
      continue;
    }
    const letter = one === 'i' || one === 'f' ? one : letterOf(one);
    if (letter === undefined) {
      throw userError(
        'EXPR_FORMAT',
        `"${one}" is no format; write a count, one of x d u o t a c f s i, and one of b h w g`,
      );
    }
    format = { ...format, letter };
  }
  return format;
}

const label = (scope: Scope, address: bigint): string => {
  const name = symbolicName(scope.symbols, address);
  return `${hexAddress(address)}${name === undefined ? '' : ` <${name}>`}:`;
};

function numbers(scope: Scope, start: bigint, { count, letter, size: given }: Format): string {
  const size = given ?? (letter === 'c' ? 1 : letter === 'a' || letter === 'f' ? 8 : 4);
  const perRow = letter === 'a' ? 2 : Math.max(1, Math.min(8, ROW_BYTES / size));
  const rows: string[] = [];
  for (let done = 0; done < count; done += perRow) {
    const at = BigInt.asUintN(64, start + BigInt(done * size));
    const here = Math.min(perRow, count - done);
    const bytes = scope.view.readMemory(at, here * size);
    const texts: string[] = [];
    for (let index = 0; index < here; index++) {
      const part = bytes?.subarray(index * size, (index + 1) * size);
      if (part?.length !== size) break;
      texts.push(numberText(scope, part, size, letter));
    }
    if (texts.length < here) texts.push('<cannot be read>');
    rows.push([label(scope, at), ...texts].join('\t'));
    if (texts.length < here || bytes === undefined) break;
  }
  return rows.join('\n');
}

function numberText(scope: Scope, bytes: Uint8Array, size: Size, letter: Format['letter']): string {
  const bits = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  if (letter === 'f') {
    const number = floatFromBits(bits, size);
    return number === undefined ? hexAddress(bits) : floatNumberText(number, size);
  }
  if (letter === 'x') return `0x${bits.toString(16).padStart(2 * size, '0')}`;
  if (letter === 'i') return hexAddress(bits);
  return integerText(bits, 8 * size, letter, (address) => symbolicName(scope.symbols, address));
}

function strings(scope: Scope, start: bigint, count: number): string {
  const { frame } = expressionContext(scope);
  const rows: string[] = [];
  let at = start;
  for (let index = 0; index < count && frame !== undefined; index++) {
    const text = readCString(frame, at, TEXT_MAX);
    rows.push(
      `${label(scope, at)}\t${text === undefined ? '<cannot be read>' : quoted(text.bytes, text.isWhole)}`,
    );
    if (text === undefined) break;
    at = BigInt.asUintN(64, at + BigInt(text.bytes.length + (text.isWhole ? 1 : 0)));
  }
  return rows.join('\n');
}

function instructions(scope: Scope, start: bigint, count: number): string {
  const rows: string[] = [];
  let at = start & ~1n;
  for (let index = 0; index < count; index++) {
    const word = readInstruction(scope.view, at);
    if (word === undefined) {
      rows.push(`   ${label(scope, at)}\t<cannot be read>`);
      break;
    }
    const mark = at === (scope.frame?.pc ?? scope.view.pc) ? '=> ' : '   ';
    const { text } = disassemble(word, at, { symbolize: (address) => symbolicName(scope.symbols, address) });
    rows.push(`${mark}${label(scope, at)}\t${text}`);
    at = BigInt.asUintN(64, at + BigInt(instructionLength(word)));
  }
  return rows.join('\n');
}
