/** readMemory and writeMemory, at virtual addresses as the active hart translates them. */
import { userError } from '../base/errors';
import { decodeBase64, encodeBase64 } from '../protocol';
import type { Message } from '../protocol/message';
import { integer } from './arguments';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { offsetAddress } from './format';
import { hexAddress } from './symbol-lookup';

/** More in one answer only stalls the client. */
const READ_BYTES_MAX = 16 * 2 ** 20;

export function registerMemoryRequests(registry: Registry, context: SessionContext): void {
  registry.on('readMemory', 'stopped', (args) => readMemory(context, args));
  registry.on('writeMemory', 'stopped', (args, call) => {
    const { address, count } = writeMemory(context, args);
    call.after(() => memoryChanged(context, address, count));
    return { bytesWritten: count };
  });
}

function readMemory(context: SessionContext, args: Message): object {
  const start = offsetAddress(args.text('memoryReference'), integer(args, 'offset') ?? 0);
  const count = args.count('count');
  if (count > READ_BYTES_MAX)
    throw userError('MEMORY_COUNT', `at most ${READ_BYTES_MAX} bytes can be read at once`);
  const address = hexAddress(start);
  if (count === 0) return { address, data: '' };
  const bytes = context.view(context.focusHart).readMemory(start, count);
  if (bytes === undefined) return { address, unreadableBytes: count };
  const missing = count - bytes.length;
  return { address, data: encodeBase64(bytes), ...(missing > 0 ? { unreadableBytes: missing } : {}) };
}

function writeMemory(context: SessionContext, args: Message): { address: bigint; count: number } {
  const address = offsetAddress(args.text('memoryReference'), integer(args, 'offset') ?? 0);
  const bytes = decodeBase64(args.text('data'));
  if (args.optionalFlag('allowPartial') === true) return writePart(context, address, bytes);
  pokeMemory(context, context.focusHart, address, bytes);
  return { address, count: bytes.length };
}

/** As much as is mapped from the beginning. */
function writePart(
  context: SessionContext,
  address: bigint,
  bytes: Uint8Array,
): { address: bigint; count: number } {
  const hart = context.focusHart;
  const mapped = bytes.length === 0 ? bytes : context.view(hart).readMemory(address, bytes.length);
  const part = bytes.subarray(0, mapped?.length ?? 0);
  if (part.length > 0) pokeMemory(context, hart, address, part);
  return { address, count: part.length };
}

/** Throws UserError where the memory is not mapped, or is no RAM. */
export function pokeMemory(context: SessionContext, hart: number, address: bigint, bytes: Uint8Array): void {
  if (bytes.length === 0 || context.debuggee.poke.writeMemory(hart, address, bytes)) return;
  throw userError(
    'MEMORY_WRITE',
    `${bytes.length} bytes at ${hexAddress(address)} are not all mapped RAM; nothing was written`,
  );
}

/** Tells the client after the answer that memory is not what it was. */
export function memoryChanged(context: SessionContext, address: bigint, count: number): void {
  if (count > 0 && context.client.memoryEvents) {
    context.event('memory', { memoryReference: hexAddress(address), offset: 0, count });
  }
  context.changed(['stacks', 'variables']);
}
