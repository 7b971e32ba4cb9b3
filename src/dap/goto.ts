/** gotoTargets and goto: the pc is set, nothing is executed. In the past this begins a new branch (I7). */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import type { Message } from '../protocol/message';
import { sourcePath } from './arguments';
import type { SessionContext } from './context';
import type { Call, Registry } from './dispatcher';
import type { Sources } from './sources';
import { hexAddress } from './symbol-lookup';

export function registerGotoRequests(registry: Registry, context: SessionContext, sources: Sources): void {
  /** Addresses by target id; they stay valid, as code does not move. */
  const targets = new Map<number, bigint>();

  const idOf = (address: bigint): number => {
    for (const [id, known] of targets) if (known === address) return id;
    targets.set(targets.size + 1, address);
    return targets.size;
  };

  registry.on('gotoTargets', 'stopped', (args) => ({ targets: gotoTargets(context, sources, args, idOf) }));
  registry.on('goto', 'stopped', (args, call) => {
    const hart = context.hartOf(args.count('threadId'));
    const address = targets.get(args.count('targetId'));
    if (address === undefined)
      throw userError('GOTO_TARGET', 'that goto target is not known; ask for the targets again');
    jump(context, hart, address, call);
  });
}

function gotoTargets(
  context: SessionContext,
  sources: Sources,
  args: Message,
  idOf: (address: bigint) => number,
): DebugProtocol.GotoTarget[] {
  const shift = context.client.linesStartAt1 ? 0 : 1;
  const wanted = args.count('line') + shift;
  const file = sources.toDebugInfo(sourcePath(args));
  const view = context.view(context.focusHart);
  const { line, addresses } = context.symbolsOf(view).addressesOfLine(file, wanted);
  return addresses.map((address) => ({
    id: idOf(address),
    label: `line ${line} at ${hexAddress(address)}`,
    line: line - shift,
    instructionPointerReference: hexAddress(address),
  }));
}

function jump(context: SessionContext, hart: number, address: bigint, call: Call): void {
  context.debuggee.poke.setPc(hart, address);
  context.staled.fire();
  call.after(() => context.tellStopped({ stop: { kind: 'done' }, reason: 'goto', hart }));
}
