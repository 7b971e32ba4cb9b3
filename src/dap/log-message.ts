/** Messages of log points: text in which `{expression}` stands for a value; `{expression:x}` or `:d` says how to write it. */
import { messageOf } from '../base/errors';
import { compile, type Compiled, type Scope } from './expressions';
import { numberText } from './format';

export type LogTemplate = (scope: Scope) => string;

type Part = string | { readonly compiled: Compiled; readonly hex: boolean | undefined };

/** Throws the UserError of the first expression that cannot be read. */
export function compileLogMessage(text: string): LogTemplate {
  const parts: Part[] = [];
  let behind = 0;
  for (const match of text.matchAll(/\{([^{}]+?)(?::([xd]))?\}/gu)) {
    const [whole, expression = '', style] = match;
    parts.push(text.slice(behind, match.index));
    parts.push({ compiled: compile(expression), hex: style === undefined ? undefined : style === 'x' });
    behind = match.index + whole.length;
  }
  parts.push(text.slice(behind));
  return (scope) => parts.map((part) => (typeof part === 'string' ? part : valueText(part, scope))).join('');
}

function valueText({ compiled, hex }: Exclude<Part, string>, scope: Scope): string {
  try {
    return numberText(compiled(scope), hex);
  } catch (error) {
    return `{${messageOf(error)}}`;
  }
}
