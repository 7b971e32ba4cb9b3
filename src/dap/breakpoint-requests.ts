/** setBreakpoints, setFunctionBreakpoints, setInstructionBreakpoints: from what the client asks to places in the guest. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf, UserError, userError } from '../base/errors';
import { Message } from '../protocol/message';
import { integer, sourcePath } from './arguments';
import type {
  Breakpoint,
  BreakpointRequest,
  Breakpoints,
  BreakpointSet,
  CodeAddress,
  Place,
} from './breakpoints';
import type { SessionContext } from './context';
import type { Call, Registry } from './dispatcher';
import { offsetAddress } from './format';
import { codeOfFunctions, codeOfLine, patternOf } from './code-places';
import { readGuards, type Guards } from './guards';
import { patiently } from './searching';
import type { Sources } from './sources';
import type { UnplacedProgram } from './spaces';
import { baseName, hexAddress, symbolicName } from './symbol-lookup';

/** What was asked, and where it can be set. */
interface Resolved {
  readonly request: BreakpointRequest;
  /** Instead of a place: why there is none. */
  readonly problem?: string;
  readonly line?: number;
  readonly column?: number;
  readonly source?: DebugProtocol.Source;
  /** What the user should know of it though it is set. */
  readonly note?: string;
}

type Placed = Pick<Resolved, 'line' | 'column' | 'source' | 'note'> & { readonly place: Place };

/** A breakpoint whose condition is wrong is not set, and says why. */
export function guarded(
  args: Message,
  label: string,
  place: (guards: Guards) => Placed,
  read: (args: Message) => Guards = readGuards,
): Resolved {
  const text = ['condition', 'hitCondition', 'logMessage', 'mode'].map((key) => args.optionalText(key) ?? '');
  const identity = [label, ...text].join('\n');
  try {
    const guards = read(args);
    const { place: found, ...more } = place(guards);
    return { request: { identity, label, place: found, guards }, ...more };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const request: BreakpointRequest = { identity, label, place: { kind: 'nowhere' }, guards: {} };
    return { request, problem: messageOf(error) };
  }
}

/** What the client is told about a breakpoint. */
export function present(
  breakpoint: Breakpoint,
  { problem, line, column, source, note }: Resolved,
): DebugProtocol.Breakpoint {
  const { id, place } = breakpoint;
  if (problem !== undefined) return { id, verified: false, message: problem, reason: 'failed' };
  if (place.kind === 'nowhere') {
    return { id, verified: false, message: note ?? 'the guest is not loaded yet', reason: 'pending' };
  }
  const address = place.kind === 'code' ? place.addresses[0]?.address : undefined;
  const message = note ?? placesText(place);
  return {
    id,
    verified: true,
    ...(message === undefined ? {} : { message }),
    ...(source === undefined ? {} : { source }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(address === undefined ? {} : { instructionReference: hexAddress(address) }),
  };
}

/** One breakpoint may be in several places: inlined copies, instances of templates, programs with the same source. */
function placesText(place: Place): string | undefined {
  if (place.kind !== 'code' || place.addresses.length < 2) return undefined;
  const shown = place.addresses.slice(0, 8).map(({ address }) => hexAddress(address));
  const more = place.addresses.length > shown.length ? ', ...' : '';
  return `in ${place.addresses.length} places: ${shown.join(', ')}${more}`;
}

export function registerBreakpointRequests(
  registry: Registry,
  context: SessionContext,
  breakpoints: Breakpoints,
  sources: Sources,
): void {
  /** The last request of each set, to be resolved again when the guest's symbols have come. */
  const pending = new Map<BreakpointSet, () => Promise<() => Resolved[]>>();
  /** The same, to be resolved again when the guest has loaded a file, with what was told. */
  const current = new Map<
    BreakpointSet,
    { readonly resolve: () => Resolved[]; told: DebugProtocol.Breakpoint[] }
  >();

  const put = (name: BreakpointSet, resolve: () => Resolved[]): DebugProtocol.Breakpoint[] => {
    const resolved = resolve();
    const made = breakpoints.replace(
      name,
      resolved.map(({ request }) => request),
    );
    const told = made.map((breakpoint, index) =>
      present(breakpoint, resolved[index] ?? { request: breakpoint }),
    );
    current.set(name, { resolve, told });
    return told;
  };

  const set = async (name: BreakpointSet, prepare: () => Promise<() => Resolved[]>): Promise<object> => {
    if (context.hasGuest) pending.delete(name);
    else pending.set(name, prepare);
    return { breakpoints: put(name, await prepare()) };
  };

  breakpoints.onPlaced(() => {
    for (const [name, { resolve, told }] of [...current]) {
      put(name, resolve).forEach((breakpoint, index) => {
        if (JSON.stringify(breakpoint) !== JSON.stringify(told[index]))
          context.event('breakpoint', { reason: 'changed', breakpoint });
      });
    }
  });

  breakpoints.onResolve(() => {
    for (const [name, resolve] of pending) {
      void set(name, resolve).then((body) => {
        const told = (body as DebugProtocol.SetBreakpointsResponse['body']).breakpoints;
        for (const breakpoint of told) context.event('breakpoint', { reason: 'changed', breakpoint });
      });
    }
  });

  /** Looks code up while others are answered; what then asks at once finds it known. */
  const known = (call: Call, place: () => Placed): Promise<unknown> =>
    patiently(context, call, 'initialized', () => guarded(NO_GUARDS, '', place));

  registry.on('setBreakpoints', 'initialized', (args, call) => {
    const path = sourcePath(args);
    const wanted =
      args.optionalList('breakpoints', (item) => new Message('breakpoint', item)) ?? linesOf(args);
    const asked = wanted.map((one) => ({
      one,
      line: one.count('line'),
      column: one.optionalCount('column'),
    }));
    return set(`source ${path}`, async () => {
      const source = context.hasGuest ? await sources.describe(sources.toDebugInfo(path)) : undefined;
      for (const { line, column } of asked)
        await known(call, () => atLine(context, sources, path, { line, column }));
      return () =>
        asked.map(({ one, line, column }) =>
          guarded(one, `${path}:${line}${column === undefined ? '' : `:${column}`}`, () => ({
            ...atLine(context, sources, path, { line, column }),
            ...(source && { source }),
          })),
        );
    });
  });
  registry.on('setFunctionBreakpoints', 'initialized', (args, call) => {
    const wanted = args.list('breakpoints', (item) => new Message('function breakpoint', item));
    const asked = wanted.map((one) => ({ one, name: one.text('name').trim() }));
    return set('function', async () => {
      for (const { name } of asked) await known(call, () => atFunction(context, name));
      return () => asked.map(({ one, name }) => guarded(one, name, () => atFunction(context, name)));
    });
  });
  registry.on('setInstructionBreakpoints', 'initialized', (args) => {
    const wanted = args.list('breakpoints', (item) => new Message('instruction breakpoint', item));
    const asked = wanted.map((one) => {
      const address = offsetAddress(one.text('instructionReference'), integer(one, 'offset') ?? 0);
      return { one, address };
    });
    return set(
      'instruction',
      async () => () =>
        asked.map(({ one, address }) =>
          guarded(one, hexAddress(address), () => ({ place: atAddress(address) })),
        ),
    );
  });
}

/** The deprecated form: bare line numbers. */
const linesOf = (args: Message): Message[] =>
  args.optionalList('lines', (line) => new Message('breakpoint', { line })) ?? [];

const NO_GUARDS = new Message('breakpoint', {});

const NOWHERE: Place = { kind: 'nowhere' };

/** In the client's numbers. */
interface Position {
  readonly line: number;
  readonly column: number | undefined;
}

function atLine(
  context: SessionContext,
  sources: Sources,
  path: string,
  { line: clientLine, column: clientColumn }: Position,
): Placed {
  if (!context.hasGuest) return { place: NOWHERE };
  const { linesStartAt1, columnsStartAt1 } = context.client;
  const shift = linesStartAt1 ? 0 : 1;
  const columnShift = columnsStartAt1 ? 0 : 1;
  const file = sources.toDebugInfo(path);
  const column = clientColumn === undefined ? undefined : clientColumn + columnShift;
  const found = codeOfLine(context.spaces.programs, file, clientLine + shift, column);
  if (found.addresses.length === 0) {
    const waiting = waitingFor(
      context,
      (programs) => codeOfLine(programs, file, clientLine + shift).addresses,
    );
    if (waiting !== undefined) return waiting;
    throw userError(
      'BREAKPOINT_NO_CODE',
      'there is no code for this line in any program; it needs line numbers (-g), sourceMap if it was built elsewhere, and symbolFiles if it is of another program than the kernel',
    );
  }
  const line = found.line - shift;
  return {
    place: { kind: 'code', addresses: found.addresses },
    line,
    ...(found.column === undefined ? {} : { column: found.column - columnShift }),
    ...(line === clientLine ? {} : { note: `moved to line ${line}, the next one with code` }),
  };
}

/** For code of a file that the guest will load; undefined where there is none. */
function waitingFor(
  { spaces }: SessionContext,
  codeIn: (programs: readonly UnplacedProgram[]) => readonly CodeAddress[],
): Placed | undefined {
  const program = spaces.unplaced.find((one) => codeIn([one]).length > 0);
  return program && { place: NOWHERE, note: `the guest has not loaded ${baseName(program.path)} yet` };
}

function atFunction(context: SessionContext, name: string): Placed {
  if (!context.hasGuest) return { place: NOWHERE };
  const addresses = codeOfFunctions(context.spaces.programs, name);
  if (addresses.length > 0) return { place: { kind: 'code', addresses } };
  const waiting = waitingFor(context, (programs) => codeOfFunctions(programs, name));
  if (waiting !== undefined) return waiting;
  const isPattern = patternOf(name) !== undefined;
  throw userError(
    'BREAKPOINT_NO_FUNCTION',
    isPattern ? `no function matches "${name}"` : `no program has a function "${name}"`,
  );
}

function atAddress(address: bigint): Place {
  // A breakpoint between instructions would never be hit.
  if ((address & 1n) === 0n) return { kind: 'code', addresses: [{ address }] };
  throw userError('BREAKPOINT_ODD', `${hexAddress(address)} is odd; instructions begin at even addresses`);
}

/** `main+0x10 (0x80000010)`, for messages. */
export function codeName(context: SessionContext, address: bigint): string {
  const name = symbolicName(context.spaces.about(context.view(context.focusHart), address), address);
  return name === undefined ? hexAddress(address) : `${name} (${hexAddress(address)})`;
}
