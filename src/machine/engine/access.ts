/**
 * The slow path of every guest access: translate, check, fill the soft TLB, reach RAM, ROM or a device. The fast path
 * (an entry whose tag matches) is inlined where the access is; see context.ts. An entry is made only where the fast
 * path would always do the same: no watchpoint, no tohost, PMP alike over the page; for writing also a frame of this
 * epoch that no decode slot was made from.
 */
import {
  i32,
  i64,
  I32T,
  I64T,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
  type ModuleBuilder,
} from '../../wasm';
import { Exit, G, H, TLB_BYTES } from '../layout';
import { bit, cell32, cell64, MSTATUS, setCell32, setCell64 } from './cells';
import { requestExit, slotOf, type MemoryFunctions } from './memory';
import { Access, type MmuFunctions } from './mmu';
import { tlbIndex, type TlbFunctions } from './tlb';

export interface AccessImports {
  /** Device access at G.mmioAddress; size in bytes; returns 0 where nothing answers. Value in G.mmioValue. */
  mmioRead: FunctionRef;
  mmioWrite: FunctionRef;
}

export interface AccessFunctions {
  /** (va, size) -> zero-extended value; check trapPending. */
  loadSlow: FunctionRef;
  /** (va, value, size); check trapPending. */
  storeSlow: FunctionRef;
  /** (va, size) -> host address of writable RAM for an atomic, or 0 with a pending trap. */
  atomicHost: FunctionRef;
}

/** Of a watch range: 1 when it is one of physical addresses. */
const isPhysical = (range: I32): I32 => range.load32(G.watches + 16).and(4);

/** Privilege of data accesses (MPRV, privileged spec 3.1.6.3). */
const effectivePrivilege = (f: FunctionBuilder): I32 => {
  const priv = f.let(cell32(H.priv));
  f.if(priv.eq(3).and(bit(cell64(H.mstatus), MSTATUS.MPRV)), () => {
    f.set(priv, cell64(H.mstatus).shrU(11n).toI32().and(3));
  });
  return priv;
};

export function emitAccess(
  m: ModuleBuilder,
  memory: MemoryFunctions,
  mmu: MmuFunctions,
  tlb: TlbFunctions,
  imports: AccessImports,
): AccessFunctions {
  /** (va, size, is it a write, pa) */
  const checkWatch = m.function('checkWatch', [I64T, I32T, I32T, I64T], undefined, (f) => {
    const va = f.param(0, I64T);
    const size = f.param(1, I32T);
    const write = f.param(2, I32T);
    const pa = f.param(3, I64T);
    const index = f.let(cell32(G.watchCount));
    f.while(
      () => index.ne(0),
      () => {
        f.set(index, index.sub(1));
        const range = f.let(index.mul(24));
        const first = f.let(isPhysical(range).select64(pa, va));
        const last = f.let(first.add(size.sub(1).toI64U()));
        f.if(
          first
            .leU(range.load64(G.watches + 8))
            .and(last.geU(range.load64(G.watches)))
            .and(
              range
                .load32(G.watches + 16)
                .and(write.add(1))
                .ne(0),
            )
            .and(cell32(G.watchHit).eqz()),
          () => {
            setCell32(f, G.watchHit, index.add(1));
            setCell32(f, G.watchHitSize, size.or(write.shl(8)));
            setCell64(f, G.watchHitAddress, va);
            setCell64(
              f,
              G.watchHitPc,
              cell64(G.pageVa).add(cell32(G.record).sub(cell32(G.slotBase)).shrU(2).toI64U()),
            );
            setCell32(f, G.exit, Exit.watchpoint);
            requestExit(f);
          },
        );
      },
    );
  });

  /** (va, pa) -> 1 when a watch range touches the page. */
  const pageWatched = m.function('pageWatched', [I64T, I64T], I32T, (f) => {
    const index = f.let(cell32(G.watchCount));
    f.while(
      () => index.ne(0),
      () => {
        f.set(index, index.sub(1));
        const range = f.let(index.mul(24));
        const address = isPhysical(range).select64(f.param(1, I64T), f.param(0, I64T));
        const first = f.let(address.and(-4096n));
        f.if(first.leU(range.load64(G.watches + 8)).and(first.or(4095n).geU(range.load64(G.watches))), () => {
          f.return(1);
        });
      },
    );
    f.return(0);
  });

  /** (va, access, size) -> checked physical address or -1 with a pending trap. */
  const translateData = m.function('translateData', [I64T, I32T, I32T], I64T, (f) => {
    const va = f.param(0, I64T);
    const access = f.param(1, I32T);
    const priv = effectivePrivilege(f);
    const status = f.let(cell64(H.mstatus));
    const pa = f.let(
      f.callI64(mmu.walk, va, access, priv, bit(status, MSTATUS.SUM), bit(status, MSTATUS.MXR)),
    );
    f.if(cell32(G.trapPending), () => {
      f.return(-1n);
    });
    f.if(f.callI32(mmu.pmpAllows, pa, f.param(2, I32T), access, priv).eqz(), () => {
      f.call(mmu.raise, access.eq(1).select(7, 5), va);
      f.return(-1n);
    });
    f.return(pa);
  });

  const fillRead = m.function('fillRead', [I64T, I64T, I32T], undefined, (f) => {
    const va = f.param(0, I64T);
    const pa = f.param(1, I64T);
    const frame = f.param(2, I32T);
    f.if(cell32(G.watchCount), () => {
      f.if(f.callI32(pageWatched, va, pa), () => {
        f.return();
      });
    });
    f.if(f.callI32(mmu.pmpUniform, pa.and(-4096n)).eqz(), () => {
      f.return();
    });
    tlb.noteLarge(f, va);
    const entry = f.let(cell32(H.dataTlb).add(tlbIndex(va)));
    const page = f.let(f.callI32(memory.pageOf, pa));
    f.if(page.ne(-1), () => {
      f.call(memory.noteReader, page, entry);
    });
    f.store64(entry, va.and(-4096n));
    f.store32(entry, frame.shl(12).sub(va.and(-4096n).toI32()), 8);
    f.store32(entry, page, 12);
  });

  const loadSlow = m.declare('loadSlow', [I64T, I32T], I64T);
  m.define(loadSlow, (f) => {
    const va = f.param(0, I64T);
    const size = f.param(1, I32T);
    f.if(va.toI32().and(4095).add(size).gtU(4096), () => {
      const value = f.let(i64(0n));
      const index = f.let(size.sub(size));
      f.while(
        () => index.ltU(size),
        () => {
          f.set(value, value.or(f.callI64(loadSlow, va.add(index.toI64U()), 1).shl(index.shl(3).toI64U())));
          f.if(cell32(G.trapPending), () => {
            f.return(0n);
          });
          f.set(index, index.add(1));
        },
      );
      f.return(value);
    });
    const pa = f.let(f.callI64(translateData, va, Access.read, size));
    f.if(cell32(G.trapPending), () => {
      f.return(0n);
    });
    f.if(cell32(G.watchCount), () => {
      f.call(checkWatch, va, size, 0, pa);
    });
    const frame = f.let(f.callI32(memory.frameOf, pa));
    f.if(frame.ne(0), () => {
      f.call(fillRead, va, pa, frame);
      f.return(f.callI64(memory.loadRam, pa, size));
    });
    setCell64(f, G.mmioAddress, pa);
    f.if(f.callI32(imports.mmioRead, size).eqz(), () => {
      f.call(mmu.raise, 5, va);
    });
    f.return(cell64(G.mmioValue));
  });

  /** A store into RAM has been made: tohost? */
  const checkTohost = (f: FunctionBuilder, page: I32, va: I64): void => {
    f.if(page.eq(cell32(G.tohostPage)), () => {
      f.if(va.toI32().and(4095).and(-8).eq(cell32(G.tohostOffset)), () => {
        setCell32(f, G.exit, Exit.htif);
        requestExit(f);
      });
    });
  };

  const fillWrite = m.function('fillWrite', [I64T, I64T, I32T], undefined, (f) => {
    const va = f.param(0, I64T);
    const pa = f.param(1, I64T);
    const page = f.param(2, I32T);
    const frame = f.let(f.callI32(memory.writableFrame, page));
    f.if(
      slotOf(frame)
        .ne(0)
        .or(page.eq(cell32(G.tohostPage))),
      () => {
        f.return();
      },
    );
    f.if(cell32(G.watchCount), () => {
      f.if(f.callI32(pageWatched, va, pa), () => {
        f.return();
      });
    });
    f.if(f.callI32(mmu.pmpUniform, pa.and(-4096n)).eqz(), () => {
      f.return();
    });
    tlb.noteLarge(f, va);
    const entry = f.let(cell32(H.dataTlb).add(TLB_BYTES).add(tlbIndex(va)));
    f.store64(entry, va.and(-4096n));
    f.store32(entry, frame.shl(12).sub(va.and(-4096n).toI32()), 8);
    f.store32(entry, page, 12);
  });

  const storeSlow = m.declare('storeSlow', [I64T, I64T, I32T], undefined);
  m.define(storeSlow, (f) => {
    const va = f.param(0, I64T);
    const value = f.param(1, I64T);
    const size = f.param(2, I32T);
    f.if(va.toI32().and(4095).add(size).gtU(4096), () => {
      // Both pages must allow it before anything is written.
      const firstBytes = f.let(i32(4096).sub(va.toI32().and(4095)));
      f.call(translateData, va, Access.write, firstBytes);
      f.if(cell32(G.trapPending), () => {
        f.return();
      });
      f.call(translateData, va.add(size.toI64U()).sub(1n).and(-4096n), Access.write, size.sub(firstBytes));
      f.if(cell32(G.trapPending), () => {
        f.return();
      });
      const index = f.let(size.sub(size));
      f.while(
        () => index.ltU(size),
        () => {
          f.call(storeSlow, va.add(index.toI64U()), value.shrU(index.shl(3).toI64U()), 1);
          f.if(cell32(G.trapPending), () => {
            f.return();
          });
          f.set(index, index.add(1));
        },
      );
      f.return();
    });
    const pa = f.let(f.callI64(translateData, va, Access.write, size));
    f.if(cell32(G.trapPending), () => {
      f.return();
    });
    f.if(cell32(G.watchCount), () => {
      f.call(checkWatch, va, size, 1, pa);
    });
    const page = f.let(f.callI32(memory.pageOf, pa));
    f.if(page.ne(-1), () => {
      f.call(memory.storeRam, pa, value, size);
      f.call(fillWrite, va, pa, page);
      checkTohost(f, page, va);
      f.return();
    });
    f.if(f.callI32(memory.frameOf, pa), () => {
      f.return(); // ROM: the store is dropped, as on QEMU
    });
    setCell64(f, G.mmioAddress, pa);
    setCell64(f, G.mmioValue, value);
    f.if(f.callI32(imports.mmioWrite, size).eqz(), () => {
      f.call(mmu.raise, 7, va);
    });
  });

  const atomicHost = m.function('atomicHost', [I64T, I32T], I32T, (f) => {
    const va = f.param(0, I64T);
    const size = f.param(1, I32T);
    f.if(va.toI32().and(size.sub(1)), () => {
      f.call(mmu.raise, 6, va);
      f.return(0);
    });
    const entry = f.let(cell32(H.dataTlb).add(tlbIndex(va)));
    f.if(entry.load64(TLB_BYTES).eq(va.and(-4096n)), () => {
      f.return(entry.load32(TLB_BYTES + 8).add(va.toI32()));
    });
    const pa = f.let(f.callI64(translateData, va, Access.write, size));
    f.if(cell32(G.trapPending), () => {
      f.return(0);
    });
    const page = f.let(f.callI32(memory.pageOf, pa));
    f.if(page.eq(-1), () => {
      f.call(mmu.raise, 7, va);
      f.return(0);
    });
    f.if(cell32(G.watchCount), () => {
      f.call(checkWatch, va, size, 0, pa);
      f.call(checkWatch, va, size, 1, pa);
    });
    f.call(fillWrite, va, pa, page);
    const frame = f.let(f.callI32(memory.writableFrame, page));
    const offset = f.let(va.toI32().and(4095));
    f.call(memory.forgetRecords, frame, offset, size);
    checkTohost(f, page, va);
    f.return(frame.shl(12).add(offset));
  });

  return { loadSlow, storeSlow, atomicHost };
}
