/** The grammar of watch, condition and log expressions: a C-like expression without assignment, parsed once. */
import { userError } from '../base/errors';

/** An integer type, or a pointer to one (`to`; 'void' has no size). */
export type ValueType =
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'void' }
  | { readonly kind: 'pointer'; readonly to: ValueType };

export type UnaryOperator = '-' | '+' | '~' | '!' | '*' | '&';
export type BinaryOperator =
  | ('+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^')
  | ('==' | '!=' | '<' | '>' | '<=' | '>=' | '&&' | '||');

export type Expression =
  | { readonly kind: 'literal'; readonly value: bigint; readonly signed: boolean }
  | { readonly kind: 'register' | 'symbol'; readonly name: string }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | { readonly kind: 'cast'; readonly type: ValueType; readonly operand: Expression }
  | { readonly kind: 'index'; readonly base: Expression; readonly index: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'conditional';
      readonly test: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    };

/** Throws EXPR_SYNTAX, EXPR_TOO_DEEP or EXPR_UNKNOWN_TYPE, naming the column. */
export const parseExpression = (text: string): Expression => new Parser(tokenize(text)).whole();

interface Token {
  readonly kind: 'number' | 'char' | 'name' | 'register' | 'mark' | 'end';
  readonly text: string;
  /** 1-based. */
  readonly column: number;
}

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F_]+[uUlL]*|0[bB][01_]+[uUlL]*|\d[\d_]*[uUlL]*)|('(?:\\x[0-9a-fA-F]{1,2}|\\.|[^'\\])')|([A-Za-z_][\w.]*)|\$([A-Za-z_]\w*)|(<<|>>|&&|\|\||[=!<>]=|[-+*/%&|^~!<>?:()[\]]))/uy;

const syntax = (what: string, column: number): Error =>
  userError('EXPR_SYNTAX', `${what} at column ${column}; see the expressions page for what can be written`);

const tokenize = (text: string): Token[] => {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  for (;;) {
    const rest = text.slice(pattern.lastIndex);
    const column = pattern.lastIndex + (rest.length - rest.trimStart().length) + 1;
    if (rest.trim() === '') return [...tokens, { kind: 'end', text: '', column }];
    const match = pattern.exec(text);
    if (match === null) throw syntax(`'${text.charAt(column - 1)}' is not understood`, column);
    const [, number, char, name, register, mark] = match;
    if (number !== undefined) tokens.push({ kind: 'number', text: number, column });
    else if (char !== undefined) tokens.push({ kind: 'char', text: char, column });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, column });
    else if (register !== undefined) tokens.push({ kind: 'register', text: register, column });
    else tokens.push({ kind: 'mark', text: mark ?? '', column });
  }
};

/** From the loosest to the tightest, as in C. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const UNARY: readonly UnaryOperator[] = ['-', '+', '~', '!', '*', '&'];

/** Nesting allowed: far more than anybody writes, far less than the stack holds. */
const MAX_DEPTH = 100;
/** Operators in one expression: chains nest to the left when they are evaluated. */
const MAX_TOKENS = 1000;

class Parser {
  private position = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {
    if (tokens.length > MAX_TOKENS) throw userError('EXPR_TOO_DEEP', 'the expression is too long; split it');
  }

  whole(): Expression {
    if (this.tokens.length === 1) throw syntax('an expression is missing', 1);
    const expression = this.conditional();
    if (this.next.kind !== 'end') throw syntax(`'${this.next.text}' is not expected`, this.next.column);
    return expression;
  }

  private get next(): Token {
    return this.tokens[this.position] ?? { kind: 'end', text: '', column: 0 };
  }

  private nested(parse: () => Expression): Expression {
    if (++this.depth > MAX_DEPTH)
      throw userError('EXPR_TOO_DEEP', 'the expression is nested too deeply; split it');
    const expression = parse();
    this.depth--;
    return expression;
  }

  private conditional(): Expression {
    return this.nested(() => {
      const test = this.binary(0);
      if (!this.accept('?')) return test;
      const yes = this.conditional();
      this.expect(':');
      return { kind: 'conditional', test, yes, no: this.conditional() };
    });
  }

  private binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = operators.find((one) => this.accept(one));
      if (operator === undefined) return left;
      left = { kind: 'binary', operator, left, right: this.binary(level + 1) };
    }
  }

  private unary(): Expression {
    return this.nested(() => {
      const operator = UNARY.find((one) => this.accept(one));
      if (operator !== undefined) return { kind: 'unary', operator, operand: this.unary() };
      if (this.next.text === '(' && this.startsType(this.tokens[this.position + 1])) {
        this.position++;
        const type = this.type();
        this.expect(')');
        return { kind: 'cast', type, operand: this.unary() };
      }
      return this.postfix();
    });
  }

  private postfix(): Expression {
    let base = this.primary();
    while (this.accept('[')) {
      const index = this.conditional();
      this.expect(']');
      base = { kind: 'index', base, index };
    }
    return base;
  }

  private primary(): Expression {
    const token = this.next;
    this.position++;
    switch (token.kind) {
      case 'number':
        return literal(token);
      case 'char':
        return { kind: 'literal', value: BigInt(charCode(token)), signed: true };
      case 'register':
        return { kind: 'register', name: token.text };
      case 'name':
        return { kind: 'symbol', name: token.text };
      case 'mark': {
        if (token.text !== '(') throw syntax(`'${token.text}' is not expected`, token.column);
        const inner = this.conditional();
        this.expect(')');
        return inner;
      }
      case 'end':
        throw syntax('the expression ends too early', token.column);
    }
  }

  private startsType(token: Token | undefined): boolean {
    return token?.kind === 'name' && (Object.hasOwn(TYPES, token.text) || TYPE_WORDS.has(token.text));
  }

  private type(): ValueType {
    const words: string[] = [];
    const { column } = this.next;
    while (this.next.kind === 'name') words.push(this.tokens[this.position++]?.text ?? '');
    let type = typeOf(words);
    if (type === undefined)
      throw userError(
        'EXPR_UNKNOWN_TYPE',
        `'${words.join(' ')}' at column ${column} is no known type; use u8 to u64, i8 to i64 or C's names`,
      );
    while (this.accept('*')) type = { kind: 'pointer', to: type };
    return type;
  }

  private accept(mark: string): boolean {
    if (this.next.kind !== 'mark' || this.next.text !== mark) return false;
    this.position++;
    return true;
  }

  private expect(mark: string): void {
    if (!this.accept(mark)) throw syntax(`'${mark}' is missing`, this.next.column);
  }
}

const literal = (token: Token): Expression => {
  const [, digits = '', suffix = ''] = /^(0[xX][0-9a-fA-F_]+|[^uUlL]+)([uUlL]*)$/.exec(token.text) ?? [];
  const plain = digits.replaceAll('_', '');
  // As in C a leading zero alone would mean octal; nobody debugging expects that, so it is refused.
  if (/^0\d/.test(plain))
    throw syntax(`'${plain}' looks octal (write it without the leading zero)`, token.column);
  if (plain.toLowerCase() === '0x') throw syntax('digits are missing', token.column);
  const value = BigInt(plain);
  if (value >= 1n << 64n) throw syntax(`'${plain}' needs more than 64 bits`, token.column);
  return { kind: 'literal', value, signed: !/u/i.test(suffix) && value < 1n << 63n };
};

const ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  '0': 0,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
  e: 27,
};

const charCode = (token: Token): number => {
  const inner = token.text.slice(1, -1);
  if (!inner.startsWith('\\')) return inner.codePointAt(0) ?? 0;
  if (inner.startsWith('\\x') && inner.length > 2) return Number.parseInt(inner.slice(2), 16);
  const letter = inner.slice(1);
  if (letter === '\\' || letter === "'" || letter === '"') return letter.charCodeAt(0);
  const code = ESCAPES[letter];
  if (code === undefined) throw syntax(`'${inner}' is no known character`, token.column);
  return code;
};

const int = (bits: 8 | 16 | 32 | 64, signed: boolean): ValueType => ({ kind: 'int', bits, signed });

/** LP64: long and pointers have 64 bits; plain char is unsigned on RISC-V. */
const TYPES: Readonly<Record<string, ValueType>> = {
  void: { kind: 'void' },
  bool: int(8, false),
  _Bool: int(8, false),
  size_t: int(64, false),
  ssize_t: int(64, true),
  uintptr_t: int(64, false),
  intptr_t: int(64, true),
  ...Object.fromEntries(
    ([8, 16, 32, 64] as const).flatMap((bits) => [
      [`u${bits}`, int(bits, false)],
      [`i${bits}`, int(bits, true)],
      [`s${bits}`, int(bits, true)],
      [`uint${bits}_t`, int(bits, false)],
      [`int${bits}_t`, int(bits, true)],
    ]),
  ),
};

const TYPE_WORDS: ReadonlySet<string> = new Set([
  'unsigned',
  'signed',
  'char',
  'short',
  'int',
  'long',
  'const',
  'volatile',
]);

const typeOf = (allWords: readonly string[]): ValueType | undefined => {
  const words = allWords.filter((word) => word !== 'const' && word !== 'volatile');
  const [first = ''] = words;
  if (words.length === 1 && Object.hasOwn(TYPES, first)) return TYPES[first];
  if (words.length === 0 || words.length > 4 || !words.every((word) => TYPE_WORDS.has(word)))
    return undefined;
  const has = (word: string): boolean => words.includes(word);
  if (has('unsigned') && has('signed')) return undefined;
  if (has('char')) return int(8, has('signed'));
  if (has('short')) return int(16, !has('unsigned'));
  return int(has('long') ? 64 : 32, !has('unsigned'));
};
