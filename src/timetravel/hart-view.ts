/** One hart as the debugger sees it, and its virtual memory as physical pieces. */
import type { PhysAddr } from '../base/brand';
import { invariant } from '../base/errors';
import { csrByNumber } from '../isa/csr';
import { H } from '../machine/layout';
import type { HartView, Privilege } from './api';
import type { Recording } from './recording';

/** A live view: it reads the present whenever it is asked. */
export function hartView(recording: Recording, id: number): HartView {
  const { machine } = recording;
  const { harts } = machine;
  invariant(id >= 0 && id < harts.count, 'hart exists');
  return {
    id,
    get pc() {
      return harts.get64(id, H.pc);
    },
    get privilege() {
      return harts.get32(id, H.priv) as Privilege;
    },
    get waiting() {
      return harts.get32(id, H.waiting) !== 0;
    },
    x: (index) => harts.get64(id, H.x + 8 * index),
    f: (index) => harts.get64(id, H.f + 8 * index),
    csr: (number) => (csrByNumber(number) ? machine.looks.csr(id, number) : undefined),
    translate: (address) => machine.looks.translate(id, address),
    readMemory: (address, length) => recording.readVirtual(id, address, length),
  };
}

/** Where bytes at a virtual address lie in RAM, cut at pages; undefined where not all of it is mapped RAM. */
export function physicalParts(
  recording: Recording,
  hart: number,
  address: bigint,
  bytes: Uint8Array,
): { readonly address: PhysAddr; readonly bytes: Uint8Array }[] | undefined {
  const { looks, memory } = recording.machine;
  const parts: { readonly address: PhysAddr; readonly bytes: Uint8Array }[] = [];
  for (let done = 0; done < bytes.length;) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const count = Math.min(bytes.length - done, 4096 - Number(at & 4095n));
    const pa = looks.translate(hart, at);
    if (pa === undefined || !memory.contains(Number(pa), count)) return undefined;
    parts.push({ address: pa, bytes: bytes.slice(done, done + count) });
    done += count;
  }
  return parts;
}
