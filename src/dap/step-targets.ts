/** stepInTargets: the calls in the code of the line at hand, in the order of their addresses. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import type { SessionContext } from './context';
import { flowAt } from './control-flow';
import type { Registry } from './dispatcher';
import type { Frame } from './frames';
import type { Stack } from './stackframes';
import { hexAddress, symbolicName } from './symbol-lookup';

/** Lines with more calls than this are generated. */
const TARGETS_MAX = 50;
/** Bytes of a line that are looked through. */
const BYTES_MAX = 65_536n;

/** Addresses of calls by the ids that clients were told; they stay valid, as code does not move. */
export class StepTargets {
  private readonly addresses: bigint[] = [];

  constructor(registry: Registry, context: SessionContext, stack: Stack) {
    registry.on('stepInTargets', 'stopped', (args) => {
      const frame = stack.frame(stack.ref(args.count('frameId')));
      return { targets: frame.activation === 0 ? this.targetsOf(context, frame) : [] };
    });
  }

  /** Throws STEP_IN_TARGET for an id that nobody was told. */
  addressOf(id: number): bigint {
    const address = this.addresses[id - 1];
    if (address !== undefined) return address;
    throw userError('STEP_IN_TARGET', 'that target is not known; ask for the targets again');
  }

  private targetsOf(context: SessionContext, frame: Frame): DebugProtocol.StepInTarget[] {
    const { symbols, view } = frame;
    const shift = context.client.linesStartAt1 ? 0 : 1;
    const targets: DebugProtocol.StepInTarget[] = [];
    for (const { start, end } of symbols.rangesOfLineAt(frame.pc)) {
      for (let at = start; at < end && at - start < BYTES_MAX && targets.length < TARGETS_MAX;) {
        const { length, flow } = flowAt(view, at);
        const line = symbols.lineAt(at);
        const label =
          flow.kind === 'call'
            ? (symbolicName(symbols, flow.target) ?? hexAddress(flow.target))
            : flow.kind === 'indirect' && flow.as === 'call'
              ? `call through a register at ${hexAddress(at)}`
              : flow.kind === 'environmentCall'
                ? 'environment call'
                : undefined;
        if (label !== undefined) {
          targets.push({ id: this.idOf(at), label, ...(line ? { line: line.line - shift } : {}) });
        }
        at += length;
      }
    }
    return targets;
  }

  private idOf(address: bigint): number {
    const known = this.addresses.indexOf(address);
    return known < 0 ? this.addresses.push(address) : known + 1;
  }
}
