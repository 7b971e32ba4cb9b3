/** Fetching: from a virtual page to the decode slot of its frame, which is made where there is none. */
import { I32T, I64T, type FunctionRef, type ModuleBuilder } from '../../wasm';
import {
  FETCH_TLB_OFFSET,
  FRAME_SLOT,
  G,
  H,
  HART_TLB_BYTES,
  SLOT_COUNT,
  SLOT_FRAME,
  TLB_BASE,
} from '../layout';
import { cell32, setCell32 } from './cells';
import { slotAddress, slotOf, type MemoryFunctions } from './memory';
import { Access, type MmuFunctions } from './mmu';
import { tlbIndex, type TlbFunctions } from './tlb';

export interface FetchImports {
  /** (slot): the slot's frame is being forgotten. */
  slotEvicted: FunctionRef;
  /** (slot base address, va of the page): puts breakpoint marks. */
  markBreakpoints: FunctionRef;
}

export interface FetchFunctions {
  /** (va) -> base address of the page's decode slot, or 0 with a pending trap; fills the fetch TLB. */
  fetchSlow: FunctionRef;
  /** (va) -> host address of the byte at va for fetching, or 0 with a pending trap. */
  fetchHost: FunctionRef;
}

export function emitFetch(
  m: ModuleBuilder,
  memory: MemoryFunctions,
  mmu: MmuFunctions,
  tlb: TlbFunctions,
  imports: FetchImports,
): FetchFunctions {
  const flushFetchOfAllHarts = m.function('flushFetch', [], undefined, (f) => {
    const hart = f.let(cell32(G.hartCount));
    f.while(
      () => hart.ne(0),
      () => {
        f.set(hart, hart.sub(1));
        f.memoryFill(
          hart.mul(HART_TLB_BYTES).add(TLB_BASE + FETCH_TLB_OFFSET),
          0xff,
          HART_TLB_BYTES - FETCH_TLB_OFFSET,
        );
      },
    );
  });

  /** (frame, RAM page or -1) -> decode slot number for it, made if need be. */
  const slotFor = m.function('slotFor', [I32T, I32T], I32T, (f) => {
    const frame = f.param(0, I32T);
    const page = f.param(1, I32T);
    const slot = f.let(slotOf(frame));
    f.if(slot.ne(0), () => {
      f.return(slot);
    });
    // Slots are reused in turn; slot 0 is the one for page-crossing and stepped-over instructions.
    f.set(slot, cell32(G.nextSlot));
    setCell32(f, G.nextSlot, slot.eq(SLOT_COUNT - 1).select(1, slot.add(1)));
    const previous = f.let(slot.shl(2).load32(SLOT_FRAME));
    f.if(previous.ne(0), () => {
      f.call(imports.slotEvicted, slot);
      f.store32(previous.shl(2), 0, FRAME_SLOT);
      f.call(flushFetchOfAllHarts);
    });
    f.store32(slot.shl(2), frame, SLOT_FRAME);
    f.store32(frame.shl(2), slot, FRAME_SLOT);
    f.memoryFill(slotAddress(slot), 0, 2048 * 8);
    f.if(page.ne(-1), () => {
      f.call(memory.dropWriters, page);
    });
    f.return(slot);
  });

  const fetchSlow = m.function('fetchSlow', [I64T], I32T, (f) => {
    const va = f.param(0, I64T);
    const priv = f.let(cell32(H.priv));
    const pa = f.let(f.callI64(mmu.walk, va, Access.fetch, priv, 0, 0));
    f.if(cell32(G.trapPending), () => {
      f.return(0);
    });
    const frame = f.let(f.callI32(memory.frameOf, pa));
    f.if(frame.eqz().or(f.callI32(mmu.pmpAllows, pa, 2, Access.fetch, priv).eqz()), () => {
      f.call(mmu.raise, 1, va);
      f.return(0);
    });
    const page = f.let(f.callI32(memory.pageOf, pa));
    const slot = f.let(f.callI32(slotFor, frame, page));
    const base = f.let(slotAddress(slot));
    f.if(cell32(G.breakpoints), () => {
      f.call(imports.markBreakpoints, base, va.and(-4096n));
    });
    f.if(f.callI32(mmu.pmpUniform, pa.and(-4096n)).eqz(), () => {
      f.return(base);
    });
    tlb.noteLarge(f, va);
    const entry = f.let(cell32(H.fetchTlb).add(tlbIndex(va)));
    f.if(page.ne(-1), () => {
      f.call(memory.noteReader, page, entry);
    });
    f.store64(entry, va.and(-4096n));
    f.store32(entry, base, 8);
    f.store32(entry, page, 12);
    f.return(base);
  });

  const fetchHost = m.function('fetchHost', [I64T], I32T, (f) => {
    const va = f.param(0, I64T);
    const priv = f.let(cell32(H.priv));
    const pa = f.let(f.callI64(mmu.walk, va, Access.fetch, priv, 0, 0));
    f.if(cell32(G.trapPending), () => {
      f.return(0);
    });
    const frame = f.let(f.callI32(memory.frameOf, pa));
    f.if(frame.eqz().or(f.callI32(mmu.pmpAllows, pa, 2, Access.fetch, priv).eqz()), () => {
      f.call(mmu.raise, 1, va);
      f.return(0);
    });
    f.return(frame.shl(12).add(pa.toI32().and(4095)));
  });

  return { fetchSlow, fetchHost };
}
