/**
 * Messages of log points: text in which `{expression}` stands for a value; `{expression,x}` or `{expression:x}` says how to
 * write it.
 */
import { messageOf } from '../base/errors';
import type { Value } from '../inspect/value';
import { valueText, type FormatLetter } from '../inspect/value-text';
import { compileValue, type Scope } from './expressions';
import { numberText } from './format';
import { symbolicName } from './symbol-lookup';
import { splitFormat } from './values';

export type LogTemplate = (scope: Scope) => string;

type Part =
  string | { readonly evaluate: (scope: Scope) => Value; readonly format: FormatLetter | undefined };

/** Throws the UserError of the first expression that cannot be read. */
export function compileLogMessage(text: string): LogTemplate {
  const parts: Part[] = [];
  let behind = 0;
  for (const match of text.matchAll(/\{([^{}]+?)(?::([xd]))?\}/gu)) {
    const [whole, body = '', style] = match;
    const { text: expression, style: own } = splitFormat(body);
    parts.push(text.slice(behind, match.index));
    const format = style === undefined ? own.format : style === 'x' ? 'x' : 'd';
    parts.push({ evaluate: compileValue(expression), format });
    behind = match.index + whole.length;
  }
  parts.push(text.slice(behind));
  return (scope) => parts.map((part) => (typeof part === 'string' ? part : partText(part, scope))).join('');
}

function partText({ evaluate, format }: Exclude<Part, string>, scope: Scope): string {
  try {
    const value = evaluate(scope);
    const type = value.plain;
    if (format === undefined && type.kind === 'base' && type.byteSize === 8 && type.encoding !== 'float') {
      const number = value.number();
      if (typeof number === 'bigint') return numberText(number);
    }
    return valueText(value, { format, symbolAt: (address) => symbolicName(scope.symbols, address) });
  } catch (error) {
    return `{${messageOf(error)}}`;
  }
}
