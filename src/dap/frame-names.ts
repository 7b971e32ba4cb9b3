/** What a row of the call stack says: the function, and whatever the client's format asks for beside it. */
import { Message } from '../protocol/message';
import { typeText } from '../inspect/type-names';
import { Value } from '../inspect/value';
import { valueText } from '../inspect/value-text';
import type { FrameContext, Variable } from '../symbols/variables';
import { functionScope } from './locals';
import type { Scope } from './expressions';
import { baseName } from './symbol-lookup';

export interface FrameFormat {
  readonly hex: boolean;
  readonly parameters: boolean;
  readonly types: boolean;
  readonly names: boolean;
  readonly values: boolean;
  readonly line: boolean;
  readonly module: boolean;
}

/** DAP's StackFrameFormat. Absent: the bare name. */
export function readFrameFormat(args: Message): FrameFormat | undefined {
  const value = args.field('format');
  if (value === undefined) return undefined;
  const format = new Message('format', value);
  const is = (key: string): boolean => format.optionalFlag(key) ?? false;
  const all = is('includeAll');
  const [types, names, values] = [is('parameterTypes'), is('parameterNames'), is('parameterValues')];
  const parameters = is('parameters') || types || names || values || all;
  const isBare = !types && !names && !values;
  return {
    ...{ hex: is('hex'), parameters, line: is('line') || all, module: is('module') || all },
    // Parameters alone: as a person would write them.
    ...{ types: types || (isBare && all), names: names || isBare, values: values || isBare },
  };
}

/** `fill(int *p = 0x3ff0, int n = 4)`, with the module before and the line behind. */
export function formattedName(
  name: string,
  format: FrameFormat,
  at: { readonly scope: Scope; readonly frame: FrameContext | undefined },
  place: { readonly line: number | undefined; readonly module: string | undefined },
): string {
  const parameters = format.parameters ? parametersOf(at.scope) : undefined;
  const list = parameters?.map((one) => parameterText(one, format, at.frame)).join(', ');
  const module = format.module && place.module !== undefined ? `${baseName(place.module)}!` : '';
  const line = format.line && place.line !== undefined ? ` Line ${place.line}` : '';
  return `${module}${name}${list === undefined ? '' : `(${list})`}${line}`;
}

function parametersOf(scope: Scope): readonly Variable[] | undefined {
  const found = functionScope(scope)?.blocks.at(-1)?.variables;
  return found?.filter(({ isParameter, isArtificial }) => isParameter && !isArtificial);
}

/** Values in a row are short: the variables view has the rest. */
const VALUE_LENGTH_MAX = 40;

function parameterText(parameter: Variable, format: FrameFormat, frame: FrameContext | undefined): string {
  const words = [
    ...(format.types ? [typeText(parameter.type)] : []),
    ...(format.names ? [parameter.name] : []),
  ].join(' ');
  if (!format.values || frame === undefined) return words;
  const whole = valueText(Value.of(parameter, frame), { format: format.hex ? 'x' : undefined });
  const value = whole.length > VALUE_LENGTH_MAX ? `${whole.slice(0, VALUE_LENGTH_MAX)}…` : whole;
  return words === '' ? value : `${words} = ${value}`;
}
