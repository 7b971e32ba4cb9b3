/** The soft TLBs as a whole: which one is current, flushing, and superpages that single-page flushes must widen to. */
import {
  i64,
  I64T,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
  type ModuleBuilder,
} from '../../wasm';
import { CONTEXT_BYTES, FETCH_TLB_OFFSET, G, H, HART_TLB_BYTES, TLB_BASE, TLB_BYTES } from '../layout';
import { bit, cell32, cell64, MSTATUS, setCell32, setCell64 } from './cells';

export interface TlbFunctions {
  /** Recomputes the current TLB bases from mode and mstatus. */
  updateContext: FunctionRef;
  /** All translations of the hart in the current block. */
  flushTlb: FunctionRef;
  /** (va): translations of one page. */
  flushPage: FunctionRef;
  /** Emits: remember the superpage, if the last walk ended in one. */
  noteLarge: (f: FunctionBuilder, va: I64) => void;
}

/** Offset of the entry for a virtual address in its TLB. */
export const tlbIndex = (va: I64): I32 => va.shrU(8n).toI32().and(0x3ff0);

export function emitTlb(m: ModuleBuilder): TlbFunctions {
  const noteLargeSlow = m.function('noteLarge', [I64T], undefined, (f) => {
    const va = f.param(0, I64T);
    const mask = f.let(i64(0n).sub(cell64(G.walkSize)));
    f.if(
      cell32(H.largeValid),
      () => {
        // Widen until old and new region agree.
        f.set(mask, mask.and(cell64(H.largeMask)));
        f.while(
          () => va.xor(cell64(H.largeBase)).and(mask).ne(0n),
          () => {
            f.set(mask, mask.shl(1n));
          },
        );
      },
      () => {
        setCell32(f, H.largeValid, 1);
      },
    );
    setCell64(f, H.largeMask, mask);
    setCell64(f, H.largeBase, va.and(mask));
  });

  const noteLarge = (f: FunctionBuilder, va: I64): void => {
    f.if(
      cell64(G.walkSize)
        .gtU(4096n)
        .and(cell64(G.walkSize).ltU(1n << 62n)),
      () => {
        f.call(noteLargeSlow, va);
      },
    );
  };

  const updateContext = m.function('updateContext', [], undefined, (f) => {
    const tlbs = f.let(cell64(H.hartid).toI32().mul(HART_TLB_BYTES).add(TLB_BASE));
    const priv = f.let(cell32(H.priv));
    const status = f.let(cell64(H.mstatus));
    // Fetch contexts: U 0, S 1, M 2. Data contexts: U 0, S 1, S+SUM 2, M 3, M+MPRV 4.
    setCell32(f, H.fetchTlb, tlbs.add(priv.eq(3).select(2, priv).mul(TLB_BYTES)).add(FETCH_TLB_OFFSET));
    const context = f.let(priv);
    f.if(priv.eq(1).and(bit(status, MSTATUS.SUM)), () => {
      f.set(context, 2);
    });
    f.if(
      priv
        .eq(3)
        .and(bit(status, MSTATUS.MPRV))
        .and(bit(status.and(MSTATUS.MPP).xor(MSTATUS.MPP), MSTATUS.MPP)),
      () => {
        f.set(context, 4);
        f.memoryFill(tlbs.add(4 * CONTEXT_BYTES), 0xff, CONTEXT_BYTES);
      },
    );
    setCell32(f, H.dataTlb, tlbs.add(context.mul(CONTEXT_BYTES)));
  });

  const flushTlb = m.function('flushTlb', [], undefined, (f) => {
    const tlbs = cell64(H.hartid).toI32().mul(HART_TLB_BYTES).add(TLB_BASE);
    f.memoryFill(tlbs, 0xff, HART_TLB_BYTES);
    setCell32(f, H.largeValid, 0);
  });

  const flushPage = m.function('flushPage', [I64T], undefined, (f) => {
    const va = f.param(0, I64T);
    f.if(
      cell32(H.largeValid)
        .ne(0)
        .and(va.xor(cell64(H.largeBase)).and(cell64(H.largeMask)).eqz()),
      () => {
        f.call(flushTlb);
        f.return();
      },
    );
    const tlbs = f.let(cell64(H.hartid).toI32().mul(HART_TLB_BYTES).add(TLB_BASE));
    const index = f.let(tlbIndex(va));
    for (let table = 0; table < HART_TLB_BYTES / TLB_BYTES; table++) {
      f.store64(tlbs.add(index), -1n, table * TLB_BYTES);
    }
  });

  return { updateContext, flushTlb, flushPage, noteLarge };
}
