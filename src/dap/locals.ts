/** The variables of a frame: its locals with their blocks resolved, and those with static storage of its file. */
import { Value } from '../inspect/value';
import type { FrameContext, FunctionScope, Variable } from '../symbols/variables';
import type { Scope } from './expressions';
import type { Shown } from './values';

/** The function whose variables a scope shows. */
export function functionScope({ symbols, frame, view }: Scope): FunctionScope | undefined {
  const scopes = symbols.scopesAt?.(frame?.lookupPc ?? view.pc) ?? [];
  return scopes[scopes.length - 1 - (frame?.inlineDepth ?? 0)];
}

/** Parameters, then the blocks from the outermost to the innermost. What an inner one hides is marked, and has no expression. */
export function localsOf(scope: Scope, frame: FrameContext): Shown[] {
  const outermostFirst = [...(functionScope(scope)?.blocks ?? [])].reverse();
  const all = outermostFirst.flatMap(({ variables }) => variables.filter(isSeen));
  return all.map((variable, index) => {
    const isHidden = all.slice(index + 1).some(({ name }) => name === variable.name);
    const hidden = all.slice(0, index + 1).filter(({ name }) => name === variable.name).length;
    const name = isHidden ? `${variable.name} (hidden${hidden > 1 ? ` ${hidden}` : ''})` : variable.name;
    return shownOf(variable, name, isHidden ? undefined : variable.name, scope, frame);
  });
}

/** Bounds of arrays and the like are the compiler's own affair. */
const isSeen = ({ isArtificial, name }: Variable): boolean =>
  !isArtificial || name === 'this' || name === 'self';

export function staticsOf(scope: Scope, frame: FrameContext): Shown[] {
  const pc = scope.frame?.lookupPc ?? scope.view.pc;
  const all = (scope.symbols.globalsAt?.(pc) ?? []).filter(isSeen);
  return all.map((variable) => shownOf(variable, variable.name, variable.name, scope, frame));
}

function shownOf(
  variable: Variable,
  name: string,
  expression: string | undefined,
  scope: Scope,
  frame: FrameContext,
): Shown {
  const value = Value.of(variable, frame);
  const written =
    expression === undefined || /^[A-Za-z_][\w:]*$/u.test(expression) ? expression : `'${expression}'`;
  return { name, value, scope, expression: written, kind: 'variable', variable };
}
