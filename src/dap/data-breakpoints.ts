/**
 * dataBreakpointInfo, setDataBreakpoints: watched ranges of memory. A data id is `ADDRESS/BYTES`, with `p` before physical
 * addresses, and behind it `@ID` of the user program whose address it is: such a range is watched in that program's processes
 * only. `phys:0x80001000` as a name means a physical address, too, for clients without breakpoint modes.
 */
import { userError } from '../base/errors';
import { Message } from '../protocol/message';
import type { WatchRange } from '../timetravel/api';
import { guarded, present } from './breakpoint-requests';
import type { Breakpoints, Place } from './breakpoints';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { memoryOf, placeOf } from './expressions';
import { parseAddress } from './format';
import type { Stack } from './stackframes';
import { hexAddress } from './symbol-lookup';
import type { Container, Values } from './values';

const ACCESS_TYPES = ['read', 'write', 'readWrite'] as const;
/** Watching makes every access to the pages slower; whole heaps are not what this is for. */
const WATCH_BYTES_MAX = 65_536;

/** What a data id says. */
interface Watched {
  readonly address: bigint;
  readonly length: number;
  readonly physical: boolean;
  /** Module id of a user program. */
  readonly program?: number;
}

export function registerDataBreakpointRequests(
  registry: Registry,
  context: SessionContext,
  breakpoints: Breakpoints,
  stack: Stack,
  values: Values,
): void {
  /** What the user called what is watched. */
  const names = new Map<string, string>();
  registry.on('dataBreakpointInfo', 'stopped', (args) => info({ context, stack, values }, args, names));
  registry.on('setDataBreakpoints', 'guest', (args) => {
    const wanted = args.list('breakpoints', (item) => new Message('data breakpoint', item));
    const resolved = wanted.map((one) => {
      const id = one.text('dataId');
      const access = one.optionalWord('accessType', ACCESS_TYPES) ?? 'write';
      const read = guarded(one, names.get(id) ?? id, ({ mode }) => ({
        place: placeOfId(context, id, access, mode === 'anywhere'),
      }));
      const identity = `${id} ${access} ${read.request.identity}`;
      return { ...read, request: { ...read.request, identity } };
    });
    const made = breakpoints.replace(
      'data',
      resolved.map(({ request }) => request),
    );
    return { breakpoints: made.map((one, index) => present(one, resolved[index] ?? { request: one })) };
  });
}

function placeOfId(
  context: SessionContext,
  dataId: string,
  access: WatchRange['access'],
  isAnywhere: boolean,
): Place {
  const { address, length, physical, program: id } = watchedOf(dataId);
  const program = isAnywhere ? undefined : context.spaces.programs.find((one) => one.id === id);
  const range = { address, length, access, ...(physical ? { physical } : {}) };
  return { kind: 'data', range, ...(program === undefined ? {} : { program }) };
}

function watchedOf(dataId: string): Watched {
  const [, physical, address = '', bytes = '', program] =
    /^(p?)(0x[0-9a-f]{1,16})\/(\d{1,6})(?:@(\d{1,6}))?$/u.exec(dataId) ?? [];
  if (address === '') throw userError('DATA_ID', `"${dataId}" is no data id of ours`);
  return {
    ...{ address: BigInt(address), length: checkedLength(Number(bytes)), physical: physical === 'p' },
    ...(program === undefined ? {} : { program: Number(program) }),
  };
}

function checkedLength(length: number): number {
  if (length >= 1 && length <= WATCH_BYTES_MAX) return length;
  throw userError('WATCH_SIZE', `${length} bytes cannot be watched; 1 to ${WATCH_BYTES_MAX} can`);
}

interface Lookup {
  readonly context: SessionContext;
  readonly stack: Stack;
  readonly values: Values;
}

function info(parts: Lookup, args: Message, names: Map<string, string>): object {
  const { context, stack } = parts;
  const name = args.text('name').trim();
  const bytes = args.optionalCount('bytes');
  const physicalText = /^phys:\s*(.+)$/u.exec(name)?.[1];
  const found = physicalText === undefined ? whatIsAt(parts, args, name) : atAddress(physicalText);
  if (typeof found === 'string') return { dataId: null, description: found };
  const isPhysical = physicalText !== undefined || args.optionalText('mode') === 'physical';
  const address =
    isPhysical && physicalText === undefined && args.optionalFlag('asAddress') !== true
      ? physicalOf(context, found.address)
      : found.address;
  const length = checkedLength(bytes ?? found.length);
  const program = isPhysical ? undefined : userProgram(context, stack, args);
  const dataId = `${isPhysical ? 'p' : ''}${hexAddress(address)}/${length}${program === undefined ? '' : `@${program}`}`;
  names.set(dataId, name);
  return {
    dataId,
    description: `${name}: ${length} bytes at ${isPhysical ? 'physical ' : ''}${hexAddress(address)}`,
    accessTypes: [...ACCESS_TYPES],
    canPersist: true,
  };
}

const atAddress = (text: string): { readonly address: bigint; readonly length: number } => ({
  address: parseAddress(text),
  length: 8,
});

function physicalOf(context: SessionContext, address: bigint): bigint {
  const physical = context.view(context.focusHart).translate(address);
  if (physical !== undefined) return physical;
  throw userError('WATCH_UNMAPPED', `${hexAddress(address)} is not mapped now: it has no physical address`);
}

/** The program of the frame that the name is looked up in, if it is a user's. */
function userProgram(context: SessionContext, stack: Stack, args: Message): number | undefined {
  const frameId = args.optionalCount('frameId');
  const program = frameId === undefined ? undefined : stack.programOf(stack.frame(stack.ref(frameId)));
  const here = program ?? context.spaces.programAt(context.view(context.focusHart));
  return here?.space === 'user' ? here.id : undefined;
}

/** A text says why there is nothing to watch. */
function whatIsAt(
  { stack, values }: Lookup,
  args: Message,
  name: string,
): { readonly address: bigint; readonly length: number } | string {
  if (args.optionalFlag('asAddress') === true) return atAddress(name);
  const reference = args.optionalCount('variablesReference') ?? 0;
  if (reference > 0) return whatIsWithin(stack, values.get(reference), values, name);
  const frame = args.optionalCount('frameId');
  const scope = frame === undefined ? stack.globalScope() : stack.scopeOf(frame);
  const place = placeOf(name, scope);
  if (place !== undefined) return place;
  return `${name} is no place in memory; write *(u64*)ADDRESS or the name of a variable`;
}

/** A row of the variables view. */
function whatIsWithin(
  stack: Stack,
  container: Container,
  values: Values,
  name: string,
): { readonly address: bigint; readonly length: number } | string {
  if (container.kind === 'registers') {
    return 'registers cannot be watched; watch memory, with an expression like *(u64*)0x80001000';
  }
  const place =
    container.kind === 'variables'
      ? placeOf(name, stack.scopeOf(stack.idOf(container.hart, container.index)))
      : memoryOfChild(values, container, name);
  return place ?? `${name} has no place in memory now`;
}

function memoryOfChild(
  values: Values,
  container: Extract<Container, { kind: 'value' }>,
  name: string,
): { address: bigint; length: number } | undefined {
  const child = values.childNamed(container, name);
  return child && memoryOf(child.value);
}
