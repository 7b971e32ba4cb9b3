/** The soft TLBs for writing, from TypeScript. */
import { CONTEXT_BYTES, DATA_CONTEXTS, HART_TLB_BYTES, TLB_BASE, TLB_BYTES } from './layout';
import type { LinearMemory } from './memory';

/** After a freeze no hart may write through an old entry: each first write to a page must find that it is frozen (I3). */
export function dropWriteTlbs(linear: LinearMemory, harts: number): void {
  for (let hart = 0; hart < harts; hart++) {
    for (let context = 0; context < DATA_CONTEXTS; context++) {
      const start = TLB_BASE + hart * HART_TLB_BYTES + context * CONTEXT_BYTES + TLB_BYTES;
      // By words: filling shared memory is done an element at a time.
      linear.u32.fill(0xffff_ffff, start / 4, (start + TLB_BYTES) / 4);
    }
  }
}
