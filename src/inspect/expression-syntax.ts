/** What an expression is once it has been read. Columns are 1-based, for messages. */
import type { LiteralType } from './expression-tokens';
import type { Scalar } from './value';

export type UnaryOperator = '-' | '+' | '~' | '!' | '*' | '&';
export type BinaryOperator =
  | ('+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^')
  | ('==' | '!=' | '<' | '>' | '<=' | '>=' | '&&' | '||')
  /** gdb's: so many of them, from here on. */
  | '@';

export type AssignmentOperator = '' | '+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^';

/** A type as it is written; what its name means is only known where it is evaluated. */
export type TypeSyntax =
  | { readonly kind: 'named'; readonly name: string; readonly column: number }
  | { readonly kind: 'pointer'; readonly to: TypeSyntax; readonly isReference: boolean }
  | { readonly kind: 'array'; readonly of: TypeSyntax; readonly count: bigint }
  | { readonly kind: 'function'; readonly returns: TypeSyntax; readonly parameters: readonly TypeSyntax[] }
  | { readonly kind: 'qualified'; readonly qualifier: Qualifier; readonly of: TypeSyntax };

export type Qualifier = 'const' | 'volatile';

/** Members and indices behind a type: `list.next`, `slots[3].owner`. */
export type Designator = readonly (string | bigint)[];

export type Expression =
  | { readonly kind: 'literal'; readonly value: Scalar; readonly type: LiteralType }
  | { readonly kind: 'string'; readonly bytes: Uint8Array }
  /** `hart`: of another one than the frame's. */
  | { readonly kind: 'register'; readonly name: string; readonly hart: number | undefined }
  | { readonly kind: 'name'; readonly name: string; readonly column: number }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | { readonly kind: 'cast'; readonly type: TypeSyntax; readonly operand: Expression }
  | { readonly kind: 'index'; readonly base: Expression; readonly index: Expression }
  /** `from..to`, without `to` itself. */
  | { readonly kind: 'slice'; readonly base: Expression; readonly from: Expression; readonly to: Expression }
  | { readonly kind: 'member'; readonly base: Expression; readonly name: string; readonly column: number }
  | { readonly kind: 'sizeofType'; readonly type: TypeSyntax }
  | { readonly kind: 'sizeof'; readonly operand: Expression }
  | { readonly kind: 'offsetof'; readonly type: TypeSyntax; readonly path: Designator }
  | {
      readonly kind: 'containerOf';
      readonly pointer: Expression;
      readonly type: TypeSyntax;
      readonly path: Designator;
    }
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
    }
  | {
      readonly kind: 'assign';
      readonly operator: AssignmentOperator;
      readonly target: Expression;
      readonly value: Expression;
      /** `x++`: it is worth what was there before. */
      readonly isPostfix?: boolean;
    }
  /** C's comma: only the last one counts. */
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] };

/** `main.cold.0` of names alone. */
export function dotted(expression: Expression): string | undefined {
  if (expression.kind === 'name') return expression.name;
  if (expression.kind !== 'member') return undefined;
  const base = dotted(expression.base);
  return base === undefined ? undefined : `${base}.${expression.name}`;
}
