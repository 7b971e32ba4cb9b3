/** Physical memory protection: WARL writes and the derived ranges (privileged spec 3.7.1). 16 entries, granularity 4. */
import { G, H } from './layout';
import type { LinearMemory } from './memory';

const ENTRIES = 16;
const TOR = 1;
const NA4 = 2;
const NAPOT = 3;
const ADDRESS_MASK = (1n << 54n) - 1n;

/** Import `pmpWrite`: the value is in G.scratch + 8, the hart is the current one. */
export function writePmp(linear: LinearMemory, csrNumber: number): void {
  const value = linear.get64(G.scratch + 8);
  if (csrNumber >= 0x3b0) {
    const entry = csrNumber - 0x3b0;
    const locked = (index: number): boolean => (config(linear, index) & 0x80) !== 0;
    const lockedByNext =
      entry + 1 < ENTRIES && locked(entry + 1) && ((config(linear, entry + 1) >> 3) & 3) === TOR;
    if (!locked(entry) && !lockedByNext) linear.set64(H.pmpaddr + 8 * entry, value & ADDRESS_MASK);
  } else {
    const first = (csrNumber - 0x3a0) * 4;
    for (let index = 0; index < 8; index++) {
      const old = config(linear, first + index);
      let byte = Number((value >> BigInt(8 * index)) & 0x9fn);
      // W without R is reserved: the write permission is dropped.
      if ((byte & 3) === 2) byte &= ~2;
      if ((old & 0x80) === 0) linear.dv.setUint8(H.pmpcfg + first + index, byte);
    }
  }
  derivePmp(linear);
}

const config = (linear: LinearMemory, entry: number): number => linear.dv.getUint8(H.pmpcfg + entry);

/** Recomputes the byte ranges of the hart in the current block. */
export function derivePmp(linear: LinearMemory): void {
  let count = 0;
  let previous = 0n;
  for (let entry = 0; entry < ENTRIES; entry++) {
    const address = linear.get64(H.pmpaddr + 8 * entry);
    let low = 0n;
    let high = 0n;
    switch ((config(linear, entry) >> 3) & 3) {
      case TOR:
        low = previous << 2n;
        high = address << 2n;
        if (low >= high) low = high = 0n; // matches nothing
        break;
      case NA4:
        low = address << 2n;
        high = low + 4n;
        break;
      case NAPOT: {
        const ones = trailingOnes(address);
        low = (address & ~((1n << BigInt(ones)) - 1n)) << 2n;
        high = low + (1n << BigInt(ones + 3));
        break;
      }
      default:
        break;
    }
    linear.set64(H.pmpLow + 8 * entry, low);
    linear.set64(H.pmpHigh + 8 * entry, high);
    if (high !== 0n) count = entry + 1;
    previous = address;
  }
  linear.set32(H.pmpCount, count);
}

function trailingOnes(value: bigint): number {
  let count = 0;
  while ((value >> BigInt(count)) & 1n) count++;
  return count;
}
