/** Words of an expression: numbers, characters, strings, names, registers, marks. Throws EXPR_SYNTAX with the column. */
import { userError } from '../base/errors';
import type { Scalar } from './value';

/** Of a literal; C's names are given to them by the evaluator. */
export type LiteralType =
  'int' | 'uint' | 'long' | 'ulong' | 'longLong' | 'ulongLong' | 'float' | 'double' | 'longDouble' | 'char';

export type Token =
  | {
      readonly kind: 'number';
      readonly value: Scalar;
      readonly type: LiteralType;
      readonly text: string;
      readonly column: number;
    }
  | { readonly kind: 'string'; readonly bytes: Uint8Array; readonly text: string; readonly column: number }
  /** `quoted`: gdb's way to write names that are no words: 'file.c'::x, 'core::fmt::Write<u8>'. */
  | { readonly kind: 'name' | 'register' | 'mark' | 'end'; readonly text: string; readonly column: number };

const MARKS =
  '<<=|>>=|\\.\\.=?|<<|>>|&&|\\|\\||->|\\+\\+|--|[-+*/%&|^]=|[=!<>]=|[-+*/%&|^~!<>?:()[\\]{}.,=@]';
/** Names with the `::` within them; a leading one is dropped. */
const NAME = '(?:::)?[A-Za-z_]\\w*(?:::~?[A-Za-z_]\\w*)*';
const TOKEN = new RegExp(
  [
    '\\s*(?:',
    '(0[xX][0-9a-fA-F_]*[uUlL]*|0[bB][01_]+[uUlL]*|(?:\\d[\\d_]*\\.(?!\\.)\\d*|\\.\\d+|\\d[\\d_]*)(?:[eE][-+]?\\d+)?[uUlLfF]*)',
    "|('(?:\\\\x[0-9a-fA-F]{1,2}|\\\\[0-7]{1,3}|\\\\.|[^'\\\\])')",
    `|'([^'\\\\]{2,})'((?:::[A-Za-z_]\\w*)*)`,
    '|"((?:\\\\.|[^"\\\\])*)"',
    `|(${NAME})`,
    '|\\$([A-Za-z_]\\w*)',
    `|(${MARKS})`,
    ')',
  ].join(''),
  'uy',
);

/** Far more than anybody writes. */
const TEXT_MAX = 20_000;

export const syntax = (what: string, column: number): Error =>
  userError(
    'EXPR_SYNTAX',
    `${what} at column ${column}; write "help" in the debug console for what can be written`,
  );

export function tokenize(text: string): Token[] {
  if (text.length > TEXT_MAX) throw userError('EXPR_TOO_DEEP', 'the expression is too long; split it');
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  for (;;) {
    const rest = text.slice(pattern.lastIndex);
    const column = pattern.lastIndex + (rest.length - rest.trimStart().length) + 1;
    if (rest.trim() === '') return [...tokens, { kind: 'end', text: '', column }];
    const last = tokens.at(-1);
    // `pair.0.1`: fields of Rust tuples are no fractions.
    const isBehind = last?.kind === 'name' || last?.text === ')' || last?.text === ']';
    const field = (last?.text === '.' ? /^\s*(\d+)/u : isBehind ? /^\.(\d+)/u : /^$/u).exec(rest);
    if (field !== null) {
      if (isBehind) tokens.push({ kind: 'mark', text: '.', column });
      tokens.push({ kind: 'name', text: field[1] ?? '', column });
      pattern.lastIndex += field[0].length;
      continue;
    }
    const match = pattern.exec(text);
    const named = match?.[NAME_GROUP] === undefined ? undefined : templateName(text, pattern.lastIndex);
    if (match !== null && named !== undefined) {
      const name = `${match[NAME_GROUP] ?? ''}${named.text}`.replace(/^::/u, '');
      tokens.push({ kind: 'name', text: name, column });
      pattern.lastIndex = named.end;
      continue;
    }
    if (match === null) throw syntax(`'${text.charAt(column - 1)}' is not understood`, column);
    tokens.push(tokenOf(match, column));
  }
}

/** Of TOKEN: names. */
const NAME_GROUP = 6;
/** What can stand behind the arguments of a template and not behind a comparison: `::x`, `*)`, `)`, `(*)`, the end. */
const BEHIND_TEMPLATE =
  /\s*(?:::~?[A-Za-z_]|(?:[*&\s]|\b(?:const|volatile)\b)*(?:[),}\]]|$|\[|\(\s*\*+\s*\)))/uy;
const MEMBER_OF_TEMPLATE = /\s*((?:::~?[A-Za-z_]\w*)+)/uy;
/** Nobody writes more by hand. */
const TEMPLATE_MAX = 1000;

/** `<int, 4>::made` behind a name; undefined where `<` compares. */
function templateName(
  text: string,
  start: number,
): { readonly text: string; readonly end: number } | undefined {
  const end = templateEnd(text, start);
  if (end === undefined) return undefined;
  MEMBER_OF_TEMPLATE.lastIndex = end;
  const member = MEMBER_OF_TEMPLATE.exec(text);
  if (member === null) return { text: text.slice(start, end).trimStart(), end };
  const behind = MEMBER_OF_TEMPLATE.lastIndex;
  const rest = templateName(text, behind);
  return {
    text: `${text.slice(start, end).trimStart()}${member[1] ?? ''}${rest?.text ?? ''}`,
    end: rest?.end ?? behind,
  };
}

function templateEnd(text: string, start: number): number | undefined {
  const [head = ''] = /^\s*/u.exec(text.slice(start, start + TEMPLATE_MAX)) ?? [];
  let open = 0;
  for (let at = start + head.length; at < Math.min(text.length, start + TEMPLATE_MAX); at++) {
    const mark = text.charAt(at);
    if (mark === '<') open++;
    else if (mark === '>' && text.charAt(at - 1) !== '-') open--;
    else if (!/[\w\s:,*&()[\]'-]/u.test(mark) || open === 0) return undefined;
    if (open === 0) {
      BEHIND_TEMPLATE.lastIndex = at + 1;
      return BEHIND_TEMPLATE.test(text) ? at + 1 : undefined;
    }
  }
  return undefined;
}

function tokenOf(match: RegExpExecArray, column: number): Token {
  const [, number, char, quotedName, behind = '', string, name, register, mark] = match;
  if (number !== undefined) return numberToken(number, column);
  if (char !== undefined) {
    const [code = 0] = unescape(char.slice(1, -1), column);
    return { kind: 'number', value: BigInt(code), type: 'char', text: char, column };
  }
  if (quotedName !== undefined) return { kind: 'name', text: `${quotedName}${behind}`, column };
  if (string !== undefined)
    return { kind: 'string', bytes: Uint8Array.from(unescape(string, column)), text: '"', column };
  if (name !== undefined) return { kind: 'name', text: name.replace(/^::/u, ''), column };
  if (register !== undefined) return { kind: 'register', text: register, column };
  return { kind: 'mark', text: mark ?? '', column };
}

function numberToken(text: string, column: number): Token {
  const isHex = /^0x/iu.test(text);
  const isBased = isHex || /^0b/iu.test(text);
  const [, digits = '', suffix = ''] = /^(0[xX][0-9a-fA-F_]*|0[bB][01_]+|.*?)([uUlLfF]*)$/u.exec(text) ?? [];
  const plain = digits.replaceAll('_', '');
  const head = { kind: 'number', text, column } as const;
  if (!isBased && (/[.eE]/u.test(plain) || /^f$/iu.test(suffix))) {
    if (!/^[fFlL]?$/u.test(suffix)) throw syntax(`'${suffix}' cannot end a floating point number`, column);
    return { ...head, value: Number(plain), type: FLOATING[suffix.toLowerCase()] ?? 'double' };
  }
  // As in C a leading zero alone would mean octal; nobody debugging expects that, so it is refused.
  if (/^0\d/u.test(plain)) throw syntax(`'${plain}' looks octal (write it without the leading zero)`, column);
  if (/^0[xb]$/iu.test(plain)) throw syntax('digits are missing', column);
  if (!/^(?:u?l{0,2}|l{1,2}u)$/iu.test(suffix)) throw syntax(`'${suffix}' cannot end a number`, column);
  const value = BigInt(plain);
  if (value >= 1n << 64n) throw syntax(`'${plain}' needs more than 64 bits`, column);
  return { ...head, value, type: integerType(value, suffix.toLowerCase(), isBased) };
}

const FLOATING: Readonly<Record<string, LiteralType>> = { f: 'float', l: 'longDouble' };

/** C11, 6.4.4.1: the first type that the number fits into; only numbers with a base try the unsigned ones. */
function integerType(value: bigint, suffix: string, isBased: boolean): LiteralType {
  const isUnsigned = suffix.includes('u');
  if (!suffix.includes('l')) {
    if (!isUnsigned && value < 1n << 31n) return 'int';
    if ((isUnsigned || isBased) && value < 1n << 32n) return 'uint';
  }
  const isLongest = suffix.includes('ll');
  if (isUnsigned || value >= 1n << 63n) return isLongest ? 'ulongLong' : 'ulong';
  return isLongest ? 'longLong' : 'long';
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11, e: 27 };

/** The bytes of a string; of a character beyond ASCII alone its code point. */
function unescape(text: string, column: number): number[] {
  const codes: number[] = [];
  for (const [part] of text.matchAll(/\\x[0-9a-fA-F]{1,2}|\\[0-7]{1,3}|\\.|[^\\]/gsu)) {
    if (!part.startsWith('\\')) codes.push(...(part === text ? [part.codePointAt(0) ?? 0] : utf8(part)));
    else if (/^\\x./u.test(part)) codes.push(Number.parseInt(part.slice(2), 16));
    else if (/^\\\d/u.test(part)) codes.push(Number.parseInt(part.slice(1), 8) & 255);
    else {
      const letter = part.slice(1);
      const code = ESCAPES[letter] ?? ('\\\'"?'.includes(letter) ? letter.charCodeAt(0) : undefined);
      if (code === undefined) throw syntax(`'${part}' is no known character`, column);
      codes.push(code);
    }
  }
  return codes;
}

function utf8(character: string): number[] {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return [code];
  const tail = (shift: number): number => 0x80 | ((code >> shift) & 0x3f);
  if (code < 0x800) return [0xc0 | (code >> 6), tail(0)];
  if (code < 0x10000) return [0xe0 | (code >> 12), tail(6), tail(0)];
  return [0xf0 | (code >> 18), tail(12), tail(6), tail(0)];
}
