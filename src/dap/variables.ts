/** scopes, variables, setVariable, locations: what a frame knows. Registers by group; variables where there is debug information. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import { compileAssignment } from '../inspect/expression';
import { registerByName } from '../isa/registers';
import type { Message } from '../protocol/message';
import { wantsHex } from './arguments';
import { applyWrites, requireTop } from './assignments';
import { withoutColours } from './changes';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { compile, expressionContext, type Scope } from './expressions';
import { parseFloatBits } from './format';
import { functionScope, localsOf, staticsOf } from './locals';
import {
  fieldsOf,
  GROUP_NAMES,
  registersOf,
  setField,
  setRegister,
  type RegisterGroup,
  type RegisterRow,
} from './registers';
import type { FrameRef, Stack } from './stackframes';
import { hexAddress } from './symbol-lookup';
import type { Container, Page, Shown, Style, Values } from './values';

const GROUPS: readonly RegisterGroup[] = ['integer', 'float', 'machine', 'supervisor', 'user'];

type Registers = Extract<Container, { kind: 'registers' }>;
type Variables = Extract<Container, { kind: 'variables' }>;

export function registerVariableRequests(
  registry: Registry,
  context: SessionContext,
  stack: Stack,
  values: Values,
): void {
  registry.on('scopes', 'stopped', (args) => ({ scopes: scopes(stack, values, args.count('frameId')) }));
  registry.on('variables', 'stopped', (args) => ({ variables: variables(context, stack, values, args) }));
  registry.on('setVariable', 'stopped', (args, call) => {
    const { answer, after } = setVariable(context, stack, values, args);
    call.after(after);
    return answer;
  });
  registry.on('locations', 'stopped', (args) => location(context, stack, values, args));
}

function scopes(stack: Stack, values: Values, frameId: number): DebugProtocol.Scope[] {
  const ref = stack.ref(frameId);
  const scope = stack.scopeOf(frameId);
  const found: DebugProtocol.Scope[] = [];
  if (functionScope(scope) !== undefined) {
    const variablesReference = values.idOf({ kind: 'variables', ...ref, which: 'locals' });
    found.push({ name: 'Locals', presentationHint: 'locals', variablesReference, expensive: false });
    const statics = values.idOf({ kind: 'variables', ...ref, which: 'statics' });
    // A file may have thousands, which are rarely all meant.
    found.push({ name: 'Globals of the file', variablesReference: statics, expensive: true });
  }
  return [...found, ...GROUPS.map((group) => registerScope(values, ref, group))];
}

function registerScope(values: Values, ref: FrameRef, group: RegisterGroup): DebugProtocol.Scope {
  return {
    name: GROUP_NAMES[group],
    variablesReference: values.idOf({ kind: 'registers', ...ref, group }),
    // Reading CSRs is cheap too, but there are many to show.
    expensive: group !== 'integer',
    ...(group === 'integer' ? { presentationHint: 'registers' } : {}),
  };
}

function variables(
  context: SessionContext,
  stack: Stack,
  values: Values,
  args: Message,
): DebugProtocol.Variable[] {
  const container = values.get(args.count('variablesReference'));
  const style: Style = wantsHex(args) ? { format: 'x' } : {};
  const start = args.optionalCount('start') ?? 0;
  const count = args.optionalCount('count') ?? 0;
  const filter = args.optionalWord('filter', ['indexed', 'named']);
  const page: Page | undefined = count === 0 ? undefined : { start, count };
  if (container.kind === 'value') return values.children(container, filter, page, style);
  if (filter === 'indexed') return [];
  const cut = <T>(rows: readonly T[]): readonly T[] =>
    count === 0 ? rows.slice(start) : rows.slice(start, start + count);
  if (container.kind === 'variables') {
    return cut(variablesOf(stack, container)).map((shown) => values.row(shown, style));
  }
  return cut(rowsOf(context, stack, container)).map((row) => registerRow(values, container, row));
}

function variablesOf(stack: Stack, { hart, index, which }: Variables): Shown[] {
  const scope = stack.scopeOf(stack.idOf(hart, index));
  const { frame } = expressionContext(scope);
  if (frame === undefined) return [];
  return which === 'locals' ? localsOf(scope, frame) : staticsOf(scope, frame);
}

function rowsOf(context: SessionContext, stack: Stack, container: Registers): RegisterRow[] {
  const frame = stack.frame(container);
  const { isTop } = stack.scopeOf(stack.idOf(container.hart, container.index));
  const view = isTop ? context.view(frame.view.id) : frame.view;
  if (container.csr !== undefined) return fieldsOf(container.csr, view);
  return registersOf(container.group, view, isTop ? undefined : frame);
}

function registerRow(values: Values, container: Registers, row: RegisterRow): DebugProtocol.Variable {
  const { name, text, type, readOnly, value, isAddress, csr } = row;
  const whole = container.csr === undefined ? name : `${container.csr.name}.${name}`;
  return {
    name,
    value: text,
    type,
    variablesReference: csr === undefined ? 0 : values.idOf({ ...container, csr }),
    ...(csr === undefined ? {} : { namedVariables: csr.fields.length }),
    evaluateName: `$${whole}`,
    ...(isAddress && value !== undefined ? { memoryReference: hexAddress(value) } : {}),
    ...(readOnly ? { presentationHint: { attributes: ['readOnly'] } } : {}),
  };
}

interface Change {
  readonly answer: DebugProtocol.SetVariableResponse['body'];
  readonly after: () => void;
}

function setVariable(context: SessionContext, stack: Stack, values: Values, args: Message): Change {
  const container = values.get(args.count('variablesReference'));
  const name = args.text('name');
  const text = withoutColours(args.text('value'));
  if (container.kind === 'registers') {
    const answer = setRegisterRow(context, stack, container, name, text);
    return { answer, after: () => context.changed(['stacks', 'variables']) };
  }
  const find = (): Shown | undefined =>
    container.kind === 'value'
      ? values.childNamed(container, name)
      : variablesOf(stack, container).find((one) => one.name === name);
  const shown = find();
  if (shown === undefined) throw userError('VARIABLE_UNKNOWN', `there is no "${name}" here`);
  const after = assignTo(context, shown, text);
  const { result, ...rest } = values.describe(find() ?? shown, wantsHex(args) ? { format: 'x' } : {});
  return { answer: { value: result, ...rest }, after };
}

/** Gives a value another one; what is returned tells the client. */
export function assignTo(
  context: SessionContext,
  { value, scope }: { readonly value: Shown['value']; readonly scope: Scope },
  text: string,
): () => void {
  const writes = compileAssignment(text)(expressionContext(scope), value);
  const after = applyWrites(context, scope, writes);
  // Frames were looked up before it.
  context.staled.fire();
  return after;
}

function setRegisterRow(
  context: SessionContext,
  stack: Stack,
  container: Registers,
  name: string,
  text: string,
): DebugProtocol.SetVariableResponse['body'] {
  const row = rowsOf(context, stack, container).find((one) => one.name === name);
  if (row === undefined) throw userError('VARIABLE_UNKNOWN', `there is no "${name}" here`);
  const scope = stack.scopeOf(stack.idOf(container.hart, container.index));
  const view = context.view(scope.view.id);
  const isFloat = registerByName(name)?.file === 'f' && container.group === 'float';
  const value = isFloat ? parseFloatBits(text) : compile(text)(scope);
  if (name === 'pc') requireTop(scope.isTop);
  if (row.readOnly) throw userError('READ_ONLY', `${name} cannot be changed`);
  const { poke } = context.debuggee;
  const register = registerByName(name);
  if (container.csr === undefined && !scope.isTop && register !== undefined) {
    const number = register.file === 'x' ? register.number : 32 + register.number;
    applyWrites(context, scope, [{ kind: 'register', number, value }]);
    context.staled.fire();
  } else if (container.csr === undefined) setRegister(poke, view.id, name, value);
  else setField({ poke, view }, container.csr, name, value);
  const now = rowsOf(context, stack, container).find((one) => one.name === name);
  return { value: now?.text ?? text };
}

async function location(
  context: SessionContext,
  stack: Stack,
  values: Values,
  args: Message,
): Promise<DebugProtocol.LocationsResponse['body']> {
  const found = values.location(args.count('locationReference'));
  const place = 'address' in found ? found.scope.symbols.lineAt(found.address) : found;
  if (place === undefined) throw userError('LOCATION_UNKNOWN', 'the place in the source is not known');
  const source = await stack.sources.describe(place.file);
  return { source, line: place.line - (context.client.linesStartAt1 ? 0 : 1) };
}
