/** scopes, variables, setVariable: the registers of a frame. What is in memory is looked at by expressions. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import { registerByName } from '../isa/registers';
import type { CsrRow } from '../isa/types';
import type { Message } from '../protocol/message';
import { wantsHex } from './arguments';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { staleReference } from './errors';
import { compile } from './expressions';
import { parseFloatBits } from './format';
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

/** What a variablesReference stands for. */
type Container = FrameRef & { readonly group: RegisterGroup; readonly csr?: CsrRow };

const GROUPS: readonly RegisterGroup[] = ['integer', 'float', 'machine', 'supervisor', 'user'];

class References {
  private readonly containers = new Map<number, Container>();
  private nextId = 1;

  constructor(context: SessionContext) {
    // A change by the debugger leaves them: clients ask the same containers again after setVariable.
    context.owned.add(context.staled.event(() => context.isRunning && this.containers.clear()));
  }

  idOf(container: Container): number {
    const id = this.nextId++;
    this.containers.set(id, container);
    return id;
  }

  get(id: number): Container {
    const container = this.containers.get(id);
    if (container === undefined) throw staleReference('variablesReference', id);
    return container;
  }
}

export function registerVariableRequests(registry: Registry, context: SessionContext, stack: Stack): void {
  const references = new References(context);
  registry.on('scopes', 'stopped', (args) => {
    const ref = stack.ref(args.count('frameId'));
    return { scopes: GROUPS.map((group) => scope(references, ref, group)) };
  });
  registry.on('variables', 'stopped', (args) => variables(context, stack, references, args));
  registry.on('setVariable', 'stopped', (args, call) => {
    const answer = setVariable(context, stack, references, args);
    call.after(() => context.changed(['stacks', 'variables']));
    return answer;
  });
}

function scope(references: References, ref: FrameRef, group: RegisterGroup): DebugProtocol.Scope {
  return {
    name: GROUP_NAMES[group],
    variablesReference: references.idOf({ ...ref, group }),
    // Reading CSRs is cheap too, but there are many to show.
    expensive: group !== 'integer',
    ...(group === 'integer' ? { presentationHint: 'registers' } : {}),
  };
}

function rowsOf(context: SessionContext, stack: Stack, container: Container): RegisterRow[] {
  const view = context.view(container.hart);
  if (container.csr !== undefined) return fieldsOf(container.csr, view);
  return registersOf(container.group, view, container.index === 0 ? undefined : stack.frame(container));
}

function variables(
  context: SessionContext,
  stack: Stack,
  references: References,
  args: Message,
): DebugProtocol.VariablesResponse['body'] {
  const container = references.get(args.count('variablesReference'));
  wantsHex(args);
  const start = args.optionalCount('start') ?? 0;
  const count = args.optionalCount('count') ?? 0;
  if (args.optionalWord('filter', ['indexed', 'named']) === 'indexed') return { variables: [] };
  const rows = rowsOf(context, stack, container);
  const shown = count === 0 ? rows.slice(start) : rows.slice(start, start + count);
  return { variables: shown.map((row) => presentRow(references, container, row)) };
}

function presentRow(references: References, container: Container, row: RegisterRow): DebugProtocol.Variable {
  const { name, text, type, readOnly, value, isAddress, csr } = row;
  const isField = container.csr !== undefined;
  return {
    name,
    value: text,
    type,
    variablesReference: csr === undefined ? 0 : references.idOf({ ...container, csr }),
    ...(csr === undefined ? {} : { namedVariables: csr.fields.length }),
    // Fields have no names in expressions; then clients set them through their container.
    ...(isField ? {} : { evaluateName: `$${name}` }),
    ...(isAddress && value !== undefined ? { memoryReference: hexAddress(value) } : {}),
    ...(readOnly ? { presentationHint: { attributes: ['readOnly'] } } : {}),
  };
}

function setVariable(
  context: SessionContext,
  stack: Stack,
  references: References,
  args: Message,
): DebugProtocol.SetVariableResponse['body'] {
  const container = references.get(args.count('variablesReference'));
  const name = args.text('name');
  const row = rowsOf(context, stack, container).find((one) => one.name === name);
  if (row === undefined) throw userError('VARIABLE_UNKNOWN', `there is no "${name}" here`);
  requireTop(container.index);
  const view = context.view(container.hart);
  const text = args.text('value');
  const isFloat = registerByName(name)?.file === 'f' && container.group === 'float';
  const value = isFloat
    ? parseFloatBits(text)
    : compile(text)({ view, symbols: context.guest.symbols, isTop: true });
  if (row.readOnly) throw userError('READ_ONLY', `${name} cannot be changed`);
  const { poke } = context.debuggee;
  if (container.csr === undefined) setRegister(poke, container.hart, name, value);
  else setField({ poke, view }, container.csr, name, value);
  const now = rowsOf(context, stack, container).find((one) => one.name === name);
  return { value: now?.text ?? text };
}

/** Values of outer frames are reconstructed; where they would have to be written is not known for sure. */
export function requireTop(index: number): void {
  if (index === 0) return;
  throw userError('FRAME_NOT_TOP', 'registers can be changed in the innermost frame only');
}
