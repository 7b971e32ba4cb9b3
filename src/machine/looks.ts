/** The debugger's looks at a machine (I6): translation, memory, CSRs, without any effect on the guest. */
import { physAddr, type PhysAddr } from '../base/brand';
import type { Bus } from './bus';
import type { EngineExports } from './engine/module';
import { Access } from './engine/mmu';
import type { Harts } from './harts';
import { G, H, PAGE } from './layout';
import type { GuestMemory, LinearMemory } from './memory';

export class Looks {
  constructor(
    private readonly linear: LinearMemory,
    private readonly memory: GuestMemory,
    private readonly harts: Harts,
    private readonly bus: Bus,
    private readonly engine: () => EngineExports,
  ) {}

  /** Physical address that the hart's virtual address means now; undefined when unmapped. Sets no A or D bit. */
  translate(hart: number, va: bigint): PhysAddr | undefined {
    return this.harts.with(hart, () => {
      const priv = this.linear.get32(H.priv);
      const pa = this.engine().walk(BigInt.asIntN(64, va), Access.peek, priv, 0, 0);
      return pa === -1n ? undefined : physAddr(pa);
    });
  }

  /** RAM, ROM or a device's registers; undefined where there is nothing. */
  physical(address: PhysAddr, sizeBytes: number): Uint8Array | undefined {
    const at = Number(address);
    if (this.memory.contains(at, sizeBytes)) return this.memory.read(at, sizeBytes);
    if (at >= 0x1000 && at + sizeBytes <= 0x10000) {
      const frame = this.engine().frameOf(BigInt(at)) >>> 0;
      const start = frame * PAGE + (at % PAGE);
      return (at % PAGE) + sizeBytes <= PAGE ? this.linear.u8.slice(start, start + sizeBytes) : undefined;
    }
    return this.bus.peek(at, sizeBytes);
  }

  /** A CSR's value, whatever the hart's privilege. */
  csr(hart: number, number: number): bigint {
    return this.harts.with(hart, () => BigInt.asUintN(64, this.engine().csrRead(number)));
  }

  /** The bits of the instruction that the engine is executing: 2 or 4 bytes. */
  standingInstruction(): bigint {
    const record = this.linear.get32(G.record);
    const va = this.linear.get64(G.pageVa) + BigInt((record - this.linear.get32(G.slotBase)) >>> 2);
    const low = this.half(va);
    return (low & 3n) === 3n ? low | (this.half(va + 2n) << 16n) : low;
  }

  private half(va: bigint): bigint {
    const priv = this.linear.get32(H.priv);
    const pa = this.engine().walk(BigInt.asIntN(64, va), Access.peek, priv, 0, 0);
    const bytes = this.physical(physAddr(pa), 2);
    return bytes ? BigInt((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)) : 0n;
  }
}
