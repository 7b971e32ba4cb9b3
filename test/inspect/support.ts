/** A machine's view and symbols made of literals. */
import { UserError } from '../../src/base/errors';
import type { MachineView } from '../../src/inspect/view';
import type { NamedSymbol } from '../../src/symbols/symbol-index';

export interface FakeMachine {
  readonly pc?: bigint;
  readonly x?: Readonly<Record<number, bigint>>;
  /** Pieces of memory: address and bytes. */
  readonly memory?: readonly (readonly [bigint, ArrayLike<number>])[];
  readonly csrs?: Readonly<Record<string, bigint>>;
}

export const fakeView = ({ pc = 0n, x = {}, memory = [], csrs = {} }: FakeMachine): MachineView => {
  const bytes = new Map<bigint, number>();
  for (const [address, piece] of memory)
    Array.from(piece).forEach((byte, i) => bytes.set(address + BigInt(i), byte));
  return {
    pc,
    x: (index) => x[index] ?? 0n,
    readMemory: (address, length) => {
      const found = Array.from({ length }, (_, i) => bytes.get(address + BigInt(i)));
      return found.every((byte) => byte !== undefined) ? Uint8Array.from(found) : undefined;
    },
    csr: (name) => csrs[name],
    privilege: 3,
  };
};

export const fakeSymbols = (
  symbols: readonly Omit<NamedSymbol, 'binding'>[],
): { symbolNamed: (name: string) => NamedSymbol | undefined } => ({
  symbolNamed: (name) => {
    const found = symbols.find((symbol) => symbol.name === name);
    return found && { ...found, binding: 'global' };
  },
});

/** The code of the UserError that `run` throws; '' if it throws nothing. */
export const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return '';
};
