/**
 * The grammar of expressions: C's, with Rust's and C++'s names, gdb's `@`, and slices. Read once, evaluated often. Where C
 * needs to know whether a name is a type, `(name) - 1`, the reader asks, and notes that it did: see ParsedExpression.
 */
import { userError } from '../base/errors';
import type {
  AssignmentOperator,
  BinaryOperator,
  Designator,
  Expression,
  TypeSyntax,
  UnaryOperator,
} from './expression-syntax';
import { syntax, tokenize, type Token } from './expression-tokens';
import { builtinType, isTypeWord } from './builtin-types';

export type { Expression } from './expression-syntax';

export interface ParseOptions {
  /** Also `target = value`, which changes the guest. */
  readonly assignments?: boolean;
  /** Asked for names that may be types; default: none is. */
  readonly isType?: (name: string) => boolean;
}

export interface ParsedExpression {
  readonly expression: Expression;
  /** Names whose meaning the reading hangs on: where another one is a type, read the text again. */
  readonly doubts: readonly string[];
}

/** Throws EXPR_SYNTAX, EXPR_TOO_DEEP, EXPR_CALL or EXPR_UNKNOWN_TYPE, naming the column. */
export function parseExpression(text: string, options: ParseOptions = {}): ParsedExpression {
  const parser = new Parser(tokenize(text), options);
  const expression = parser.whole();
  return { expression, doubts: [...parser.doubts] };
}

/** From the loosest to the tightest, as in C; `@` where gdb has it. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['@'],
  ['+', '-'],
  ['*', '/', '%'],
];

const UNARY: readonly UnaryOperator[] = ['-', '+', '~', '!', '*', '&'];
const ASSIGNMENTS: readonly AssignmentOperator[] = ['', '+', '-', '*', '/', '%', '<<', '>>', '&', '|', '^'];
const TAGS: ReadonlySet<string> = new Set(['struct', 'union', 'enum', 'class']);
const CONTAINER_NAMES: ReadonlySet<string> = new Set(['container_of', 'list_entry']);

/** Nesting allowed: far more than anybody writes, far less than the stack holds. */
const MAX_DEPTH = 100;
/** Operators in one expression: chains nest to the left when they are evaluated. */
const MAX_TOKENS = 1000;

const END: Token = { kind: 'end', text: '', column: 0 };

class Parser {
  readonly doubts = new Set<string>();
  private position = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly options: ParseOptions,
  ) {
    if (tokens.length > MAX_TOKENS) throw userError('EXPR_TOO_DEEP', 'the expression is too long; split it');
  }

  whole(): Expression {
    if (this.tokens.length === 1) throw syntax('an expression is missing', 1);
    let expression = this.conditional();
    const operator = ASSIGNMENTS.find((one) => this.isMark(`${one}=`));
    if (operator !== undefined) {
      if (this.options.assignments !== true) {
        const what = `'${this.next.text}' would change the guest, which only the debug console and "Set Value" do: it`;
        throw syntax(`${what} is not expected (== compares)`, this.next.column);
      }
      this.position++;
      expression = { kind: 'assign', operator, target: expression, value: this.conditional() };
    }
    if (this.next.kind !== 'end') throw this.unexpected(this.next);
    return expression;
  }

  private get next(): Token {
    return this.at(0);
  }

  private at(offset: number): Token {
    return this.tokens[this.position + offset] ?? this.tokens.at(-1) ?? END;
  }

  private unexpected(token: Token): Error {
    if (token.kind === 'end') return syntax('the expression ends too early', token.column);
    return syntax(`'${token.text}' is not expected`, token.column);
  }

  private nested<T>(parse: () => T): T {
    if (++this.depth > MAX_DEPTH)
      throw userError('EXPR_TOO_DEEP', 'the expression is nested too deeply; split it');
    const parsed = parse();
    this.depth--;
    return parsed;
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
      // `&&x` is no address of an address.
      if (this.next.text === 'sizeof') return this.sizeof();
      if (this.isMark('(') && this.isCast()) {
        this.position++;
        const type = this.type();
        this.expect(')');
        return { kind: 'cast', type, operand: this.unary() };
      }
      return this.postfix();
    });
  }

  private sizeof(): Expression {
    this.position++;
    // `sizeof(task_t) + 1` is no cast of + 1.
    if (this.isMark('(') && this.isCast()) {
      this.position++;
      const type = this.type();
      this.expect(')');
      return { kind: 'sizeofType', type };
    }
    return { kind: 'sizeof', operand: this.unary() };
  }

  private postfix(): Expression {
    let base = this.primary();
    for (;;) {
      const { column } = this.next;
      if (this.accept('[')) base = this.indexed(base);
      else if (this.accept('.') || this.accept('->')) {
        const token = this.take('name', 'the name of a member is missing');
        base = { kind: 'member', base, name: token.text, column: token.column };
      } else if (this.isMark('(')) throw refuseCall(column);
      else return base;
    }
  }

  private indexed(base: Expression): Expression {
    const index = this.conditional();
    if (!this.isMark('..') && !this.isMark('..=')) {
      this.expect(']');
      return { kind: 'index', base, index };
    }
    const isInclusive = this.isMark('..=');
    this.position++;
    const end = this.conditional();
    this.expect(']');
    const one: Expression = { kind: 'literal', value: 1n, type: 'int' };
    const to: Expression = isInclusive ? { kind: 'binary', operator: '+', left: end, right: one } : end;
    return { kind: 'slice', base, from: index, to };
  }

  private primary(): Expression {
    const token = this.next;
    this.position++;
    switch (token.kind) {
      case 'number':
        return { kind: 'literal', value: token.value, type: token.type };
      case 'string':
        return { kind: 'string', bytes: token.bytes };
      case 'register':
        return this.register(token);
      case 'name':
        return this.named(token);
      case 'mark': {
        if (token.text !== '(') throw this.unexpected(token);
        const inner = this.conditional();
        this.expect(')');
        return inner;
      }
      case 'end':
        throw this.unexpected(token);
    }
  }

  /** `$a0`, and `$hart(1).a0` of another hart. */
  private register(token: Token): Expression {
    if (token.text !== 'hart' || !this.accept('('))
      return { kind: 'register', name: token.text, hart: undefined };
    const hart = this.next;
    if (hart.kind !== 'number' || typeof hart.value !== 'bigint')
      throw syntax('the number of a hart is missing', hart.column);
    this.position++;
    this.expect(')');
    if (!this.accept('.')) throw syntax("'.' and the name of a register are missing", this.next.column);
    const name = this.take('name', 'the name of a register is missing').text;
    return { kind: 'register', name, hart: Number(hart.value) };
  }

  private named(token: Token): Expression {
    const { text: name, column } = token;
    if (!this.isMark('(')) {
      if (isTypeWord(name)) throw syntax(`the type '${name}' is not expected`, column);
      return { kind: 'name', name, column };
    }
    if (name === 'offsetof' || name === '__builtin_offsetof') {
      this.position++;
      const type = this.type();
      this.expect(',');
      const path = this.designator();
      this.expect(')');
      return { kind: 'offsetof', type, path };
    }
    if (CONTAINER_NAMES.has(name)) {
      this.position++;
      const pointer = this.conditional();
      this.expect(',');
      const type = this.type();
      this.expect(',');
      const path = this.designator();
      this.expect(')');
      return { kind: 'containerOf', pointer, type, path };
    }
    if (!isTypeWord(name)) throw refuseCall(column);
    this.position++;
    const operand = this.conditional();
    this.expect(')');
    return { kind: 'cast', type: { kind: 'named', name, column }, operand };
  }

  private designator(): Designator {
    const path: (string | bigint)[] = [this.take('name', 'the name of a member is missing').text];
    for (;;) {
      if (this.accept('.')) path.push(this.take('name', 'the name of a member is missing').text);
      else if (this.accept('[')) {
        path.push(this.count());
        this.expect(']');
      } else return path;
    }
  }

  private count(): bigint {
    const token = this.next;
    if (token.kind !== 'number' || typeof token.value !== 'bigint')
      throw syntax('a number is missing', token.column);
    this.position++;
    return token.value;
  }

  /** What stands here, `(` first, is a cast, not an expression in parentheses. */
  private isCast(): boolean {
    if (this.startsType(1)) return true;
    const name = this.at(1);
    if (name.kind !== 'name') return false;
    let behind = 2;
    while (this.at(behind).text === '*' || this.at(behind).text === 'const') behind++;
    const closer = this.at(behind);
    if (behind > 2 && closer.text === ')') return true;
    // `(name (*)[4])p`
    if (closer.text === '(' && this.at(behind + 1).text === '*' && this.at(behind + 2).text === ')')
      return true;
    if (behind > 2 || closer.text !== ')') return false;
    const after = this.at(3);
    if (
      after.kind === 'name' ||
      after.kind === 'number' ||
      after.kind === 'register' ||
      after.kind === 'string'
    )
      return true;
    if (after.kind !== 'mark') return false;
    // There are no calls, so what follows is what is cast.
    if (after.text === '!' || after.text === '~' || after.text === '(') return true;
    return ['-', '+', '*', '&'].includes(after.text) && this.isType(name.text);
  }

  private isType(name: string): boolean {
    this.doubts.add(name);
    return this.options.isType?.(name) ?? false;
  }

  /** For words that nothing but a type can begin with. */
  private startsType(offset: number): boolean {
    const token = this.at(offset);
    return token.kind === 'name' && (TAGS.has(token.text) || isTypeWord(token.text));
  }

  private type(): TypeSyntax {
    const { column } = this.next;
    const words: string[] = [];
    const takes = (): boolean => {
      const { kind, text } = this.next;
      if (kind !== 'name') return false;
      // Behind a name that is no word of C's own only a qualifier can follow.
      const last = words.filter((word) => word !== 'const' && word !== 'volatile').at(-1);
      return (
        last === undefined || TAGS.has(last) || isTypeWord(text) || text === 'const' || text === 'volatile'
      );
    };
    while (takes()) {
      words.push(this.next.text);
      this.position++;
    }
    const name = words.filter((word) => word !== 'const' && word !== 'volatile').join(' ');
    if (name === '') throw syntax('the name of a type is missing', column);
    if (isTypeWord(words[0] ?? '') && builtinType(name) === undefined) {
      const what = `'${name}' at column ${column} is no type; use C's names, or u8 to u64 and i8 to i64`;
      throw userError('EXPR_UNKNOWN_TYPE', what);
    }
    return this.declarator({ kind: 'named', name, column });
  }

  /** `*`, `(*)[4]`, `[2][3]`, `(*)(int)`: what stands in parentheses holds tighter. */
  private declarator(base: TypeSyntax): TypeSyntax {
    return this.nested(() => {
      let type = base;
      while (this.isMark('*') || this.isMark('&') || this.isQualifier()) {
        if (this.next.kind === 'mark')
          type = { kind: 'pointer', to: type, isReference: this.next.text === '&' };
        this.position++;
      }
      let inner: number | undefined;
      if (this.isMark('(') && ['*', '(', '&'].includes(this.at(1).text)) {
        inner = this.position + 1;
        this.skipParentheses();
      }
      type = this.suffixes(type);
      if (inner === undefined) return type;
      const end = this.position;
      this.position = inner;
      type = this.declarator(type);
      this.expect(')');
      this.position = end;
      return type;
    });
  }

  private isQualifier(): boolean {
    return this.next.kind === 'name' && (this.next.text === 'const' || this.next.text === 'volatile');
  }

  private skipParentheses(): void {
    let open = 0;
    do {
      const { text, kind } = this.next;
      if (kind === 'end') throw this.unexpected(this.next);
      if (text === '(') open++;
      if (text === ')') open--;
      this.position++;
    } while (open > 0);
  }

  private suffixes(type: TypeSyntax): TypeSyntax {
    if (this.isMark('(')) {
      this.skipParentheses();
      return { kind: 'function', returns: type };
    }
    const counts: bigint[] = [];
    while (this.accept('[')) {
      counts.push(this.count());
      this.expect(']');
    }
    return counts.reduceRight<TypeSyntax>((of, count) => ({ kind: 'array', of, count }), type);
  }

  private isMark(mark: string): boolean {
    return this.next.kind === 'mark' && this.next.text === mark;
  }

  private accept(mark: string): boolean {
    if (!this.isMark(mark)) return false;
    this.position++;
    return true;
  }

  private expect(mark: string): void {
    if (!this.accept(mark)) throw syntax(`'${mark}' is missing`, this.next.column);
  }

  private take(kind: Token['kind'], otherwise: string): Token {
    const token = this.next;
    if (token.kind !== kind) throw syntax(otherwise, token.column);
    this.position++;
    return token;
  }
}

const refuseCall = (column: number): Error =>
  userError(
    'EXPR_CALL',
    `the call at column ${column} would run code of the guest and change it; read the variables that the function reads`,
  );
