/** dataBreakpointInfo, setDataBreakpoints: watched ranges of virtual memory. A data id is `ADDRESS/BYTES`. */
import { userError } from '../base/errors';
import { Message } from '../protocol/message';
import type { WatchRange } from '../timetravel/api';
import { guarded, present } from './breakpoint-requests';
import type { Breakpoints } from './breakpoints';
import type { Registry } from './dispatcher';
import { placeOf } from './expressions';
import { parseAddress } from './format';
import type { Stack } from './stackframes';
import { hexAddress } from './symbol-lookup';

const ACCESS_TYPES = ['read', 'write', 'readWrite'] as const;
/** Watching makes every access to the pages slower; whole heaps are not what this is for. */
const WATCH_BYTES_MAX = 65_536;

export function registerDataBreakpointRequests(
  registry: Registry,
  breakpoints: Breakpoints,
  stack: Stack,
): void {
  registry.on('dataBreakpointInfo', 'stopped', (args) => info(stack, args));
  registry.on('setDataBreakpoints', 'guest', (args) => {
    const wanted = args.list('breakpoints', (item) => new Message('data breakpoint', item));
    const resolved = wanted.map((one) => {
      const id = one.text('dataId');
      const access = one.optionalWord('accessType', ACCESS_TYPES) ?? 'write';
      return guarded(one, `${id} ${access}`, () => ({ place: { kind: 'data', range: rangeOf(id, access) } }));
    });
    const made = breakpoints.replace(
      'data',
      resolved.map(({ request }) => request),
    );
    return { breakpoints: made.map((one, index) => present(one, resolved[index] ?? { request: one })) };
  });
}

function rangeOf(dataId: string, access: WatchRange['access']): WatchRange {
  const [, address = '', bytes = ''] = /^(0x[0-9a-f]{1,16})\/(\d{1,6})$/u.exec(dataId) ?? [];
  if (address === '') throw userError('DATA_ID', `"${dataId}" is no data id of ours`);
  return { address: BigInt(address), length: checkedLength(Number(bytes)), access };
}

function checkedLength(length: number): number {
  if (length >= 1 && length <= WATCH_BYTES_MAX) return length;
  throw userError('WATCH_SIZE', `${length} bytes cannot be watched; 1 to ${WATCH_BYTES_MAX} can`);
}

function info(stack: Stack, args: Message): object {
  const name = args.text('name');
  const bytes = args.optionalCount('bytes');
  const found = whatIsAt(stack, args, name);
  if (typeof found === 'string') return { dataId: null, description: found };
  const length = checkedLength(bytes ?? found.length);
  return {
    dataId: `${hexAddress(found.address)}/${length}`,
    description: `${name}: ${length} bytes at ${hexAddress(found.address)}`,
    accessTypes: [...ACCESS_TYPES],
    canPersist: true,
  };
}

/** A text says why there is nothing to watch. */
function whatIsAt(
  stack: Stack,
  args: Message,
  name: string,
): { readonly address: bigint; readonly length: number } | string {
  if (args.optionalFlag('asAddress') === true) return { address: parseAddress(name), length: 8 };
  if ((args.optionalCount('variablesReference') ?? 0) > 0) {
    return 'registers cannot be watched; watch memory, with an expression like *(u64*)0x80001000';
  }
  const frame = args.optionalCount('frameId');
  const scope = frame === undefined ? stack.globalScope() : stack.scopeOf(frame);
  const place = placeOf(name, scope);
  if (place !== undefined) return place;
  return `${name} is no place in memory; write *(u64*)ADDRESS or the name of a variable`;
}
