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
import { isTypeKeyword, isTypeWord } from './builtin-types';
import { TypeReader, type ParseOptions } from './expression-type-parser';

export type { Expression } from './expression-syntax';
export type { ParseOptions } from './expression-type-parser';

export interface ParsedExpression {
  readonly expression: Expression;
  /** Names whose meaning the reading hangs on: where others of them are types, read the text again. */
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
const CONTAINER_NAMES: ReadonlySet<string> = new Set(['container_of', 'list_entry']);

class Parser extends TypeReader {
  whole(): Expression {
    if (this.next.kind === 'end') throw syntax('an expression is missing', 1);
    const expression = this.assignment();
    if (this.isMark(',')) {
      throw syntax(
        "',' takes a format behind it (value,x); C's comma stands in parentheses: ','",
        this.next.column,
      );
    }
    const rest = this.next;
    if (rest.kind !== 'end') throw this.unexpected(rest);
    return expression;
  }

  /** From right to left: `a = b = 0`. */
  private assignment(): Expression {
    return this.nested(() => {
      const target = this.conditional();
      const { column, text } = this.next;
      const operator = ASSIGNMENTS.find((one) => this.accept(`${one}=`));
      if (operator === undefined) return target;
      this.requireAssignments(text, column);
      return { kind: 'assign', operator, target, value: this.assignment() };
    });
  }

  private requireAssignments(mark: string, column: number): void {
    if (this.options.assignments === true) return;
    const what = `'${mark}' would change the guest, which only the debug console and "Set Value" do: it`;
    throw syntax(`${what} is not expected${mark === '=' ? ' (== compares)' : ''}`, column);
  }

  /** `++x` and `x--`. */
  private counting(mark: Token, target: Expression, isPostfix: boolean): Expression {
    this.requireAssignments(mark.text, mark.column);
    const value: Expression = { kind: 'literal', value: 1n, type: 'int' };
    return { kind: 'assign', operator: mark.text === '++' ? '+' : '-', target, value, isPostfix };
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
    if (operators === undefined) return this.converted();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = operators.find((one) => this.accept(one));
      if (operator === undefined) return left;
      left = { kind: 'binary', operator, left, right: this.binary(level + 1) };
    }
  }

  /** Rust's `value as u64`, also `as *const Task`. */
  private converted(): Expression {
    let operand = this.unary();
    while (this.next.kind === 'name' && this.next.text === 'as') {
      this.position++;
      let depth = 0;
      for (; this.accept('*'); depth++) {
        const { text, column } = this.take('name', "'const' or 'mut' is missing");
        if (text !== 'const' && text !== 'mut') throw syntax("'const' or 'mut' is missing", column);
      }
      const { text: name, column } = this.take('name', 'the name of a type is missing');
      let type: TypeSyntax = { kind: 'named', name, column };
      for (; depth > 0; depth--) type = { kind: 'pointer', to: type, isReference: false };
      operand = { kind: 'cast', type, operand };
    }
    return operand;
  }

  private unary(): Expression {
    return this.nested(() => {
      const operator = UNARY.find((one) => this.accept(one));
      if (operator !== undefined) return { kind: 'unary', operator, operand: this.unary() };
      const mark = this.next;
      if (this.accept('++') || this.accept('--')) return this.counting(mark, this.unary(), false);
      if (this.isMark('{')) return this.typedMemory();
      if (mark.kind === 'name' && mark.text === 'sizeof') return this.sizeof();
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

  /** gdb's `{int} address`. */
  private typedMemory(): Expression {
    this.expect('{');
    const type: TypeSyntax = { kind: 'pointer', to: this.type(), isReference: false };
    this.expect('}');
    return { kind: 'unary', operator: '*', operand: { kind: 'cast', type, operand: this.unary() } };
  }

  private postfix(): Expression {
    let base = this.primary();
    for (;;) {
      const mark = this.next;
      const { column } = mark;
      if (this.accept('++') || this.accept('--')) {
        base = this.counting(mark, base, true);
        continue;
      }
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
        const inner = this.assignment();
        const parts = [inner];
        while (this.accept(',')) parts.push(this.assignment());
        this.expect(')');
        return parts.length === 1 ? inner : { kind: 'sequence', parts };
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
      if (isTypeKeyword(name)) throw syntax(`the type '${name}' is not expected`, column);
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
}

const refuseCall = (column: number): Error =>
  userError(
    'EXPR_CALL',
    `the call at column ${column} would run code of the guest and change it; read the variables that the function reads`,
  );
