/** One hart as the debugger sees it, and its virtual memory as physical pieces. */
import type { PhysAddr } from '../base/brand';
import { invariant } from '../base/errors';
import { csrByNumber } from '../isa/csr';
import { Waiting } from '../machine/harts';
import { H } from '../machine/layout';
import type { HartView, Privilege } from './api';
import type { Recording } from './recording';

/** A live view: it reads the present whenever it is asked. */
export function hartView(recording: Recording, id: number): HartView {
  invariant(id >= 0 && id < recording.machine.harts.count, 'hart exists');
  return new LiveHart(recording, id);
}

class LiveHart implements HartView {
  constructor(
    private readonly recording: Recording,
    readonly id: number,
  ) {}

  private get harts() {
    return this.recording.machine.harts;
  }
  get pc(): bigint {
    return this.harts.get64(this.id, H.pc);
  }
  get privilege(): Privilege {
    return this.harts.get32(this.id, H.priv) as Privilege;
  }
  get waiting(): boolean {
    return this.harts.waiting(this.id) !== Waiting.no;
  }
  x(index: number): bigint {
    return this.harts.get64(this.id, H.x + 8 * index);
  }
  f(index: number): bigint {
    return this.harts.get64(this.id, H.f + 8 * index);
  }
  csr(number: number): bigint | undefined {
    return csrByNumber(number) ? this.recording.machine.looks.csr(this.id, number) : undefined;
  }
  translate(address: bigint): PhysAddr | undefined {
    return this.recording.machine.looks.translate(this.id, address);
  }
  readMemory(address: bigint, length: number): Uint8Array | undefined {
    return this.recording.readVirtual(this.id, address, length);
  }
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
