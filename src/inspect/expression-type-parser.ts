/**
 * The words of an expression, taken one by one, and C's types among them: `unsigned long`, `struct task *`, `int (*)[4]`,
 * `Box<int> &`. Where only the place of evaluation tells whether a name is a type, it is asked, and noted.
 */
import { userError } from '../base/errors';
import { builtinType, isTypeKeyword, isTypeWord } from './builtin-types';
import type { Qualifier, TypeSyntax } from './expression-syntax';
import { syntax, type Token } from './expression-tokens';

export interface ParseOptions {
  /** Also `target = value`, which changes the guest. */
  readonly assignments?: boolean;
  /** Asked for names that may be types; default: those that are known everywhere. */
  readonly isType?: (name: string) => boolean;
}

const TAGS: ReadonlySet<string> = new Set(['struct', 'union', 'enum', 'class']);

/** Nesting allowed: far more than anybody writes, far less than the stack holds. */
const MAX_DEPTH = 100;
/** Operators in one expression: chains nest to the left when they are evaluated. */
const MAX_TOKENS = 1000;

const END: Token = { kind: 'end', text: '', column: 0 };

export class TypeReader {
  readonly doubts = new Set<string>();
  protected position = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    protected readonly options: ParseOptions,
  ) {
    if (tokens.length > MAX_TOKENS) throw userError('EXPR_TOO_DEEP', 'the expression is too long; split it');
  }

  protected get next(): Token {
    return this.at(0);
  }

  protected at(offset: number): Token {
    return this.tokens[this.position + offset] ?? this.tokens.at(-1) ?? END;
  }

  protected unexpected(token: Token): Error {
    if (token.kind === 'end') return syntax('the expression ends too early', token.column);
    return syntax(`'${token.text}' is not expected`, token.column);
  }

  protected nested<T>(parse: () => T): T {
    if (++this.depth > MAX_DEPTH)
      throw userError('EXPR_TOO_DEEP', 'the expression is nested too deeply; split it');
    const parsed = parse();
    this.depth--;
    return parsed;
  }

  protected count(): bigint {
    const token = this.next;
    if (token.kind !== 'number' || typeof token.value !== 'bigint')
      throw syntax('a number is missing', token.column);
    this.position++;
    return token.value;
  }

  /** What stands here, `(` first, is a cast, not an expression in parentheses. */
  protected isCast(): boolean {
    if (this.startsType(1)) return true;
    const name = this.at(1);
    if (name.kind !== 'name') return false;
    let behind = 2;
    while (['*', '&', '&&', 'const', 'volatile'].includes(this.at(behind).text)) behind++;
    const isMarked = behind > 2;
    while (this.at(behind).text === '[' && this.at(behind + 2).text === ']') behind += 3;
    const closer = this.at(behind);
    // `(name (*)[4])p`
    if (closer.text === '(' && this.at(behind + 1).text === '*' && this.at(behind + 2).text === ')')
      return true;
    if (closer.text !== ')') return false;
    if (isMarked) return true;
    const after = this.at(behind + 1);
    switch (after.kind) {
      case 'name':
      case 'number':
      case 'register':
      case 'string':
        return true;
      case 'mark':
        // There are no calls, so what follows is what is cast.
        if (after.text === '!' || after.text === '~' || after.text === '(') return true;
        return (behind > 2 || ['-', '+', '*', '&'].includes(after.text)) && this.isType(name.text);
      case 'end':
        return behind > 2 && this.isType(name.text);
    }
  }

  private isType(name: string): boolean {
    this.doubts.add(name);
    return this.options.isType?.(name) ?? isTypeWord(name);
  }

  /** For words that nothing but a type can begin with. */
  private startsType(offset: number): boolean {
    const token = this.at(offset);
    return token.kind === 'name' && (TAGS.has(token.text) || isTypeKeyword(token.text));
  }

  protected type(): TypeSyntax {
    const { column } = this.next;
    const words: string[] = [];
    const qualifiers: Qualifier[] = [];
    for (;;) {
      const qualifier = this.qualifier();
      if (qualifier !== undefined) {
        qualifiers.push(qualifier);
        continue;
      }
      const { kind, text } = this.next;
      // Behind a name that is no word of C's own only a qualifier can follow.
      const last = words.at(-1);
      if (kind !== 'name' || (last !== undefined && !TAGS.has(last) && !isTypeWord(text))) break;
      words.push(text);
      this.position++;
    }
    const name = words.join(' ');
    if (name === '') throw syntax('the name of a type is missing', column);
    if (isTypeKeyword(words[0] ?? '') && builtinType(name) === undefined) {
      const what = `'${name}' at column ${column} is no type; use C's names, or u8 to u64 and i8 to i64`;
      throw userError('EXPR_UNKNOWN_TYPE', what);
    }
    return this.declarator(qualified({ kind: 'named', name, column }, qualifiers));
  }

  private qualifier(): Qualifier | undefined {
    const { kind, text } = this.next;
    if (kind !== 'name' || (text !== 'const' && text !== 'volatile')) return undefined;
    this.position++;
    return text;
  }

  /** `*`, `(*)[4]`, `[2][3]`, `(*)(int)`: what stands in parentheses holds tighter. */
  private declarator(base: TypeSyntax): TypeSyntax {
    return this.nested(() => {
      let type = base;
      for (;;) {
        const qualifier = this.qualifier();
        if (qualifier !== undefined) type = qualified(type, [qualifier]);
        else if (this.accept('*')) type = { kind: 'pointer', to: type, isReference: false };
        else if (this.accept('&') || this.accept('&&'))
          type = { kind: 'pointer', to: type, isReference: true };
        else break;
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
    if (this.accept('(')) return { kind: 'function', returns: type, parameters: this.parameters() };
    const counts: bigint[] = [];
    while (this.accept('[')) {
      counts.push(this.count());
      this.expect(']');
    }
    return counts.reduceRight<TypeSyntax>((of, count) => ({ kind: 'array', of, count }), type);
  }

  private parameters(): TypeSyntax[] {
    const found: TypeSyntax[] = [];
    while (!this.accept(')')) {
      if (found.length > 0) this.expect(',');
      found.push(this.type());
    }
    const [only, second] = found;
    return only?.kind === 'named' && only.name === 'void' && second === undefined ? [] : found;
  }

  protected isMark(mark: string): boolean {
    return this.next.kind === 'mark' && this.next.text === mark;
  }

  protected accept(mark: string): boolean {
    if (!this.isMark(mark)) return false;
    this.position++;
    return true;
  }

  protected expect(mark: string): void {
    if (!this.accept(mark)) throw syntax(`'${mark}' is missing`, this.next.column);
  }

  protected take(kind: Token['kind'], otherwise: string): Token {
    const token = this.next;
    if (token.kind !== kind) throw syntax(otherwise, token.column);
    this.position++;
    return token;
  }
}

const qualified = (type: TypeSyntax, qualifiers: readonly Qualifier[]): TypeSyntax =>
  qualifiers.reduce<TypeSyntax>((of, qualifier) => ({ kind: 'qualified', qualifier, of }), type);
