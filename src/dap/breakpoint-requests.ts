/** setBreakpoints, setFunctionBreakpoints, setInstructionBreakpoints: from what the client asks to places in the guest. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf, UserError, userError } from '../base/errors';
import { Message } from '../protocol/message';
import { integer, sourcePath } from './arguments';
import type { Breakpoint, BreakpointRequest, Breakpoints, BreakpointSet, Guards, Place } from './breakpoints';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { compile } from './expressions';
import { offsetAddress } from './format';
import { parseHitCondition } from './hit-condition';
import { compileLogMessage } from './log-message';
import { codeOfFunction, codeOfLine } from './code-places';
import type { Sources } from './sources';
import { hexAddress, symbolicName } from './symbol-lookup';

/** What was asked, and where it can be set. */
interface Resolved {
  readonly request: BreakpointRequest;
  /** Instead of a place: why there is none. */
  readonly problem?: string;
  readonly line?: number;
  readonly source?: DebugProtocol.Source;
}

/** Reads the fields that every kind of breakpoint may have. Throws the UserError of what is wrong in them. */
export function readGuards(args: Message): Guards {
  const condition = args.optionalText('condition') ?? '';
  const hit = args.optionalText('hitCondition') ?? '';
  const log = args.optionalText('logMessage') ?? '';
  return {
    ...(condition.trim() === '' ? {} : { condition: compile(condition) }),
    ...(hit.trim() === '' ? {} : { hit: parseHitCondition(hit) }),
    ...(log === '' ? {} : { log: compileLogMessage(log) }),
  };
}

/** A breakpoint whose condition is wrong is not set, and says why. */
export function guarded(
  args: Message,
  identity: string,
  place: () => { place: Place; line?: number; source?: DebugProtocol.Source },
): Resolved {
  const text = ['condition', 'hitCondition', 'logMessage'].map((key) => args.optionalText(key) ?? '');
  const name = [identity, ...text].join('\n');
  try {
    const guards = readGuards(args);
    const { place: found, ...more } = place();
    return { request: { identity: name, place: found, guards }, ...more };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const request: BreakpointRequest = { identity: name, place: { kind: 'nowhere' }, guards: {} };
    return { request, problem: messageOf(error) };
  }
}

/** What the client is told about a breakpoint. */
export function present(
  breakpoint: Breakpoint,
  { problem, line, source }: Resolved,
): DebugProtocol.Breakpoint {
  const { id, place } = breakpoint;
  if (problem !== undefined) return { id, verified: false, message: problem, reason: 'failed' };
  if (place.kind === 'nowhere') {
    return { id, verified: false, message: 'the guest is not loaded yet', reason: 'pending' };
  }
  const address = place.kind === 'code' ? place.addresses[0]?.address : undefined;
  return {
    id,
    verified: true,
    ...(source === undefined ? {} : { source }),
    ...(line === undefined ? {} : { line }),
    ...(address === undefined ? {} : { instructionReference: hexAddress(address) }),
  };
}

export function registerBreakpointRequests(
  registry: Registry,
  context: SessionContext,
  breakpoints: Breakpoints,
  sources: Sources,
): void {
  /** The last request of each set, to be resolved again when the guest's symbols have come. */
  const pending = new Map<BreakpointSet, () => Promise<Resolved[]>>();

  const set = async (name: BreakpointSet, resolve: () => Promise<Resolved[]>): Promise<object> => {
    if (context.hasGuest) pending.delete(name);
    else pending.set(name, resolve);
    const resolved = await resolve();
    const made = breakpoints.replace(
      name,
      resolved.map(({ request }) => request),
    );
    const told = made.map((breakpoint, index) =>
      present(breakpoint, resolved[index] ?? { request: breakpoint }),
    );
    return { breakpoints: told };
  };

  breakpoints.onResolve(() => {
    for (const [name, resolve] of pending) {
      void set(name, resolve).then((body) => {
        const told = (body as DebugProtocol.SetBreakpointsResponse['body']).breakpoints;
        for (const breakpoint of told) context.event('breakpoint', { reason: 'changed', breakpoint });
      });
    }
  });

  registry.on('setBreakpoints', 'initialized', (args) => {
    const path = sourcePath(args);
    const wanted =
      args.optionalList('breakpoints', (item) => new Message('breakpoint', item)) ?? linesOf(args);
    const asked = wanted.map((one) => ({ one, line: one.count('line') }));
    return set(`source ${path}`, async () => {
      const source = context.hasGuest ? await sources.describe(sources.toDebugInfo(path)) : undefined;
      return asked.map(({ one, line }) =>
        guarded(one, `${line}`, () => ({
          ...atLine(context, sources, path, line),
          ...(source && { source }),
        })),
      );
    });
  });
  registry.on('setFunctionBreakpoints', 'initialized', (args) => {
    const wanted = args.list('breakpoints', (item) => new Message('function breakpoint', item));
    const asked = wanted.map((one) => ({ one, name: one.text('name').trim() }));
    return set('function', async () =>
      asked.map(({ one, name }) => guarded(one, name, () => ({ place: atFunction(context, name) }))),
    );
  });
  registry.on('setInstructionBreakpoints', 'initialized', (args) => {
    const wanted = args.list('breakpoints', (item) => new Message('instruction breakpoint', item));
    const asked = wanted.map((one) => {
      const address = offsetAddress(one.text('instructionReference'), integer(one, 'offset') ?? 0);
      return { one, address };
    });
    return set('instruction', async () =>
      asked.map(({ one, address }) =>
        guarded(one, hexAddress(address), () => ({ place: atAddress(address) })),
      ),
    );
  });
}

/** The deprecated form: bare line numbers. */
const linesOf = (args: Message): Message[] =>
  args.optionalList('lines', (line) => new Message('breakpoint', { line })) ?? [];

const NOWHERE: Place = { kind: 'nowhere' };

function atLine(
  context: SessionContext,
  sources: Sources,
  path: string,
  clientLine: number,
): { place: Place; line?: number } {
  if (!context.hasGuest) return { place: NOWHERE };
  const shift = context.client.linesStartAt1 ? 0 : 1;
  const found = codeOfLine(context.spaces.programs, sources.toDebugInfo(path), clientLine + shift);
  if (found.addresses.length > 0) {
    return { place: { kind: 'code', addresses: found.addresses }, line: found.line - shift };
  }
  throw userError(
    'BREAKPOINT_NO_CODE',
    'there is no code for this line in the program; it needs line numbers (-g), and sourceMap if it was built elsewhere',
  );
}

function atFunction(context: SessionContext, name: string): Place {
  if (!context.hasGuest) return NOWHERE;
  const addresses = codeOfFunction(context.spaces.programs, name);
  if (addresses.length > 0) return { kind: 'code', addresses };
  throw userError('BREAKPOINT_NO_FUNCTION', `the program has no function "${name}"`);
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
