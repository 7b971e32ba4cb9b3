/** Writes what an assignment needs: memory, registers (of outer frames where they are kept), fields. In the past it begins a new branch (I7). */
import { userError } from '../base/errors';
import { physAddr } from '../base/brand';
import type { Write } from '../inspect/value';
import { floatRegisterNames, integerRegisterNames } from '../isa/registers';
import type { SessionContext } from './context';
import type { Scope } from './expressions';
import { outerRegister } from './frame-registers';
import { memoryChanged, pokeMemory } from './memory';
import { setRegister } from './registers';
import { hexAddress } from './symbol-lookup';

const PAGE = 4096n;

/** Writes at once; what is returned tells the client, after the answer. Throws UserError with nothing written. */
export function applyWrites(context: SessionContext, scope: Scope, writes: readonly Write[]): () => void {
  context.guest.searches?.insist();
  const { poke } = context.debuggee;
  const hart = scope.view.id;
  const placed = writes.flatMap((write) =>
    write.kind === 'register' && !scope.isTop
      ? outerRegister(context, scope, write.number, write.value)
      : [write],
  );
  for (const write of placed) {
    switch (write.kind) {
      case 'memory':
        writeMemory(context, scope, write.address, write.bytes);
        break;
      case 'register': {
        const name =
          write.number < 32 ? integerRegisterNames[write.number] : floatRegisterNames[write.number - 32];
        setRegister(poke, hart, name ?? '', write.value);
        break;
      }
      case 'named':
        if (write.register.name === 'pc' && write.register.hart === undefined) requireTop(scope.isTop);
        setRegister(poke, write.register.hart ?? hart, write.register.name, write.value);
    }
  }
  const [first] = placed;
  return () => {
    if (first?.kind === 'memory') memoryChanged(context, first.address, first.bytes.length);
    else context.changed(['stacks', 'variables']);
  };
}

/** Where a frame goes on is decided by what is called in it. */
export function requireTop(isTop: boolean): void {
  if (isTop) return;
  throw userError('FRAME_NOT_TOP', 'the pc can be changed in the innermost frame only');
}

/** A frame of another address space than the hart's present one is written to by physical addresses. */
function writeMemory(context: SessionContext, scope: Scope, address: bigint, bytes: Uint8Array): void {
  const { view } = scope;
  const own = context.view(view.id);
  if (view === own || view.translate(address) === own.translate(address)) {
    pokeMemory(context, view.id, address, bytes);
    return;
  }
  for (let at = 0; at < bytes.length;) {
    const virtual = BigInt.asUintN(64, address + BigInt(at));
    const count = Math.min(bytes.length - at, Number(PAGE - (virtual % PAGE)));
    const place = view.translate(virtual);
    const part = bytes.subarray(at, at + count);
    if (place === undefined || !context.debuggee.poke.writePhysical(physAddr(BigInt(place)), part)) {
      throw userError('MEMORY_WRITE', `memory at ${hexAddress(virtual)} is not mapped RAM`);
    }
    at += count;
  }
}
