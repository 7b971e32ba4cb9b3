/**
 * Symbols that remember what they have answered. A condition asks the same about one address each time that its breakpoint is
 * hit, and reading debug information takes a thousand times longer than comparing a number. Bounded; good as long as the
 * symbols are the same object.
 */
import type { ExpressionSymbols } from '../inspect/expression-names';
import type { UnwindSymbols } from '../inspect/unwind';
import type { Symbols } from '../symbols/symbols';

export type RememberedSymbols = ExpressionSymbols & UnwindSymbols;

/** Addresses or names: a condition has a handful. */
const KEPT_MAX = 64;

const byAddress = <T>(ask: (address: bigint) => T): ((address: bigint) => T) => {
  const known = new Map<bigint, { readonly answer: T }>();
  return (address) => {
    const found = known.get(address);
    if (found !== undefined) return found.answer;
    if (known.size >= KEPT_MAX) known.clear();
    const answer = ask(address);
    known.set(address, { answer });
    return answer;
  };
};

const byName = <T>(ask: (name: string, near?: bigint) => T): ((name: string, near?: bigint) => T) => {
  const known = new Map<string, { readonly answer: T }>();
  return (name, near) => {
    const key = `${near ?? ''} ${name}`;
    const found = known.get(key);
    if (found !== undefined) return found.answer;
    if (known.size >= KEPT_MAX) known.clear();
    const answer = ask(name, near);
    known.set(key, { answer });
    return answer;
  };
};

export const remembered = (symbols: Symbols): RememberedSymbols => ({
  functionAt: byAddress((pc) => symbols.functionAt(pc)),
  lineAt: byAddress((pc) => symbols.lineAt(pc)),
  inlinedAt: byAddress((pc) => symbols.inlinedAt(pc)),
  frameInfoAt: byAddress((pc) => symbols.frameInfoAt(pc)),
  symbolNamed: byName((name) => symbols.symbolNamed(name)),
  breakpointAddressOf: byName((name) => symbols.breakpointAddressOf(name)),
  scopesAt: byAddress((pc) => symbols.scopesAt?.(pc) ?? []),
  globalsAt: byAddress((pc) => symbols.globalsAt?.(pc) ?? []),
  functionTypeAt: byAddress((entry) => symbols.functionTypeAt?.(entry)),
  variableNamed: byName((name, near) => symbols.variableNamed?.(name, near)),
  typeNamed: byName((name, near) => symbols.typeNamed?.(name, near)),
  constantNamed: byName((name, near) => symbols.constantNamed?.(name, near)),
});
