/**
 * disassemble. Instructions have 2 or 4 bytes, so going backwards has no single answer: reading begins at an address that
 * is known to begin an instruction (the start of the function before) and everything before the one asked for is
 * counted back from there. Where nothing is known, the longest run that meets the address exactly is taken.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import { instructionLength } from '../isa/decoder';
import { disassemble } from '../isa/disassembler';
import type { Message } from '../protocol/message';
import type { Symbols } from '../symbols/symbols';
import type { HartView } from '../timetravel/api';
import { integer } from './arguments';
import type { SessionContext } from './context';
import { readInstruction } from './control-flow';
import type { Registry } from './dispatcher';
import { offsetAddress } from './format';
import type { Sources } from './sources';
import { symbolicName } from './symbol-lookup';

/** More than any view shows at once. */
const INSTRUCTIONS_MAX = 100_000;
/** How far before an address without symbols reading begins, bytes: runs of wrong starts meet the right ones soon. */
const RESYNC_BYTES = 64n;

type Line = DebugProtocol.DisassembledInstruction & { readonly at: bigint };

export function registerDisassemblyRequests(
  registry: Registry,
  context: SessionContext,
  sources: Sources,
): void {
  registry.on('disassemble', 'stopped', async (args) => {
    const { start, offset, count } = readArguments(args);
    const view = context.view(context.focusHart);
    const symbols = context.spaces.about(view, start);
    const addresses = addressesFrom(symbols, view, start, offset, count);
    const instructions = addresses.map((address) => presentInstruction(symbols, view, address));
    return { instructions: await withSources(context, symbols, sources, instructions) };
  });
}

function readArguments(args: Message): { start: bigint; offset: number; count: number } {
  const start = offsetAddress(args.text('memoryReference'), integer(args, 'offset') ?? 0) & ~1n;
  const offset = integer(args, 'instructionOffset') ?? 0;
  const count = args.count('instructionCount');
  args.optionalFlag('resolveSymbols');
  if (count > INSTRUCTIONS_MAX || Math.abs(offset) > INSTRUCTIONS_MAX) {
    throw userError('DISASSEMBLE_COUNT', `at most ${INSTRUCTIONS_MAX} instructions can be asked for at once`);
  }
  return { start, offset, count };
}

const wrap = (address: bigint): bigint => BigInt.asUintN(64, address);

function lengthAt(view: HartView, address: bigint): bigint {
  const word = readInstruction(view, address);
  return word === undefined ? 2n : BigInt(instructionLength(word));
}

/** Exactly `count` addresses, of which the one at index -offset is `start`. */
function addressesFrom(
  symbols: Symbols,
  view: HartView,
  start: bigint,
  offset: number,
  count: number,
): bigint[] {
  const addresses = offset < 0 ? before(symbols, view, start, -offset).slice(0, count) : [];
  let at = start;
  for (let skipped = 0; skipped < offset; skipped++) at = wrap(at + lengthAt(view, at));
  while (addresses.length < count) {
    addresses.push(at);
    at = wrap(at + lengthAt(view, at));
  }
  return addresses;
}

/** The `count` instructions before an address, in order. */
function before(symbols: Symbols, view: HartView, end: bigint, count: number): bigint[] {
  const found: bigint[] = [];
  let edge = end;
  while (found.length < count) {
    const run = runUpTo(symbols, view, edge, count - found.length);
    found.unshift(...run.slice(Math.max(0, run.length - (count - found.length))));
    edge = found[0] ?? wrap(edge - 2n);
  }
  return found;
}

/** Some instructions of which the last ends at `end`; at least one. */
function runUpTo(symbols: Symbols, view: HartView, end: bigint, wanted: number): bigint[] {
  const previous = wrap(end - 2n);
  if (view.readMemory(previous, 2) === undefined) return [previous];
  const range = symbols.functionAt(previous);
  // A function that is longer than what is asked for is not read as a whole: its tail suffices, if it meets the end.
  const reach = BigInt(wanted) * 4n + RESYNC_BYTES;
  if (range !== undefined && range.start < end && end - range.start <= reach) {
    const run = readRun(view, range.start, end);
    if (run !== undefined) return run;
  }
  const first = end > reach ? end - reach : 0n;
  let best: bigint[] = [];
  for (let from = first; from < end && from < first + 4n; from += 2n) {
    const run = readRun(view, from, end);
    if (run !== undefined && run.length > best.length) best = run.slice(Number(RESYNC_BYTES / 4n));
  }
  return best.length > 0 ? best : [lastBefore(view, end)];
}

function lastBefore(view: HartView, end: bigint): bigint {
  const four = wrap(end - 4n);
  return lengthAt(view, four) === 4n && view.readMemory(four, 4)?.length === 4 ? four : wrap(end - 2n);
}

/** Undefined when an instruction reaches over the end, or memory is missing. */
function readRun(view: HartView, start: bigint, end: bigint): bigint[] | undefined {
  const run: bigint[] = [];
  let at = start;
  while (at < end) {
    if (view.readMemory(at, 2) === undefined) return undefined;
    run.push(at);
    at += lengthAt(view, at);
  }
  return at === end ? run : undefined;
}

function presentInstruction(symbols: Symbols, view: HartView, address: bigint): Line {
  const word = readInstruction(view, address);
  const base = { at: address, address: `0x${address.toString(16).padStart(16, '0')}` };
  if (word === undefined) return { ...base, instruction: '(not mapped)', presentationHint: 'invalid' };
  const { text, length } = disassemble(word, address, {
    symbolize: (target) => symbolicName(symbols, target),
  });
  const digits = length === 2 ? word & 0xffff : word >>> 0;
  const symbol = symbolicName(symbols, address);
  return {
    ...base,
    instructionBytes: digits.toString(16).padStart(length * 2, '0'),
    instruction: text,
    ...(symbol === undefined ? {} : { symbol }),
  };
}

/** Lines of source go with the first instruction of each row; the file only where it changes, as DAP allows. */
async function withSources(
  context: SessionContext,
  symbols: Symbols,
  sources: Sources,
  lines: readonly Line[],
): Promise<DebugProtocol.DisassembledInstruction[]> {
  const shift = context.client.linesStartAt1 ? 0 : 1;
  const told: DebugProtocol.DisassembledInstruction[] = [];
  let lastFile: string | undefined;
  for (const { at, ...line } of lines) {
    const row = symbols.lineAt(at);
    if (row === undefined) {
      told.push(line);
      continue;
    }
    const location = row.file === lastFile ? {} : { location: await sources.describe(row.file) };
    lastFile = row.file;
    told.push({ ...line, ...location, line: row.line - shift });
  }
  return told;
}
