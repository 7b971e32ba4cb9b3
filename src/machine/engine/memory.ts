/**
 * Page frames in WebAssembly: look-up, copy-on-write, and the bookkeeping that keeps the soft TLBs true to them.
 *
 * A frame may be written only in the epoch in which it was made (I3): taking a checkpoint begins a new epoch, and from
 * then on each first write to a page gets a fresh frame. The page table is two-level: a directory cell for each 4 MiB,
 * leaves that are frames themselves and are copied on write the same way, so a checkpoint copies 2 KiB, not 4 bytes a
 * page. Frame numbers are linear-memory addresses / 4096.
 */
import {
  i32,
  I32T,
  I64T,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type Local,
  type ModuleBuilder,
} from '../../wasm';
import {
  CONTEXT_BYTES,
  DATA_CONTEXTS,
  FRAME_EPOCH,
  FRAME_SLOT,
  FREE_STACK,
  G,
  HART_TLB_BYTES,
  PAGE_REF,
  RAM_BASE,
  RECORD,
  SLOTS_BASE,
  SLOT_BYTES,
  TLB_BASE,
  TLB_BYTES,
  ZERO_FRAME,
} from '../layout';
import { cell32, cell64, setCell32 } from './cells';

export interface MemoryFunctions {
  /** (physical address) -> RAM page number, or -1. */
  pageOf: FunctionRef;
  /** (physical address) -> frame that holds it for reading (RAM or ROM), 0 if neither. */
  frameOf: FunctionRef;
  /** (RAM page) -> frame that may be written now; copies on write. */
  writableFrame: FunctionRef;
  /** (RAM page, TLB entry): remembers that the entry maps the page for reading or fetching. */
  noteReader: FunctionRef;
  /** (RAM page): no write TLB entry maps it any longer. */
  dropWriters: FunctionRef;
  /** (frame, offset in page, size): decoded records that overlap are forgotten. */
  forgetRecords: FunctionRef;
  allocateFrame: FunctionRef;
  /** (pa, value, size) stores into a RAM page, with COW and record invalidation. The range is in one page of RAM. */
  storeRam: FunctionRef;
  /** (pa, size) -> value, zero-extended, of a range in one RAM or ROM page; the frame must exist. */
  loadRam: FunctionRef;
}

/** Address of a decode slot's first record. */
export const slotAddress = (slot: I32): I32 => slot.mul(SLOT_BYTES).add(SLOTS_BASE);

export const epochOf = (frame: I32): I32 => frame.shl(2).load32(FRAME_EPOCH);
export const slotOf = (frame: I32): I32 => frame.shl(2).load32(FRAME_SLOT);

/** Reads `size` (an expression: 1, 2, 4, 8) bytes at a host address into `set`, zero-extended. */
export const loadSized = (
  f: FunctionBuilder,
  host: I32,
  size: I32,
  set: (value: import('../../wasm').I64) => void,
): void => {
  f.switch(
    size,
    [
      undefined,
      () => {
        set(host.load8U64());
      },
      () => {
        set(host.load16U64());
      },
      undefined,
      () => {
        set(host.load32U64());
      },
    ],
    () => {
      set(host.load64());
    },
  );
};

export interface MemoryImports {
  moreFrames: FunctionRef;
  /** (RAM page, whose cell is absent) -> its frame. See absent.ts. */
  pageIn: FunctionRef;
}

export function emitMemory(m: ModuleBuilder, { moreFrames, pageIn }: MemoryImports): MemoryFunctions {
  const pageOf = m.function('pageOf', [I64T], I32T, (f) => {
    const page = f.let(f.param(0, I64T).sub(BigInt(RAM_BASE)).shrU(12n));
    f.return(page.ltU(cell32(G.ramPages).toI64U()).select(page.toI32(), -1));
  });

  const leafCell = (f: FunctionBuilder, page: I32): { directory: I32; leaf: Local<I32>; offset: I32 } => {
    const directory = f.let(page.shrU(10).shl(2));
    const leaf = f.let(directory.load32(G.directory));
    const offset = f.let(page.and(1023).shl(2));
    return { directory, leaf, offset };
  };

  const frameOf = m.function('frameOf', [I64T], I32T, (f) => {
    const pa = f.param(0, I64T);
    const page = f.let(f.callI32(pageOf, pa));
    f.if(page.ne(-1), () => {
      const { leaf, offset } = leafCell(f, page);
      const frame = f.let(leaf.shl(12).add(offset).load32());
      f.if(frame.ltS(0), () => {
        f.return(f.callI32(pageIn, page));
      });
      f.return(frame);
    });
    f.if(pa.sub(0x1000n).ltU(0xf000n), () => {
      f.return(pa.toI32().shrU(12).sub(1).shl(2).load32(G.rom));
    });
    f.return(0);
  });

  const allocateFrame = m.function('allocateFrame', [], I32T, (f) => {
    f.if(cell32(G.freeFrames).eqz(), () => {
      f.call(moreFrames);
    });
    const count = f.let(cell32(G.freeFrames).sub(1));
    setCell32(f, G.freeFrames, count);
    const frame = f.let(count.shl(2).load32(FREE_STACK));
    f.store32(frame.shl(2), cell32(G.epoch), FRAME_EPOCH);
    f.store32(frame.shl(2), 0, FRAME_SLOT);
    f.return(frame);
  });

  const invalidate = (f: FunctionBuilder, entry: I32): void => {
    f.store64(entry, -1n);
  };

  const dropReaders = m.function('dropReaders', [I32T], undefined, (f) => {
    const page = f.param(0, I32T);
    const ref = f.let(page.shl(2).load32(PAGE_REF));
    f.if(ref.eqz(), () => {
      f.return();
    });
    f.store32(page.shl(2), 0, PAGE_REF);
    f.if(
      ref.eq(1),
      () => {
        const entry = f.let(i32(TLB_BASE));
        const end = f.let(cell32(G.hartCount).mul(HART_TLB_BYTES).add(TLB_BASE));
        f.while(
          () => entry.ltU(end),
          () => {
            f.if(entry.load32(12).eq(page), () => {
              invalidate(f, entry);
            });
            f.set(entry, entry.add(16));
          },
        );
      },
      () => {
        f.if(ref.load32(12).eq(page), () => {
          invalidate(f, ref);
        });
      },
    );
  });

  const noteReader = m.function('noteReader', [I32T, I32T], undefined, (f) => {
    const page = f.param(0, I32T);
    const entry = f.param(1, I32T);
    const ref = f.let(page.shl(2).load32(PAGE_REF));
    f.if(ref.eq(1).or(ref.eq(entry)), () => {
      f.return();
    });
    // The old entry still maps this page: there are several now.
    f.if(ref.ne(0), () => {
      f.if(ref.load32(12).eq(page).and(ref.load64().ne(-1n)), () => {
        f.store32(page.shl(2), 1, PAGE_REF);
        f.return();
      });
    });
    f.store32(page.shl(2), entry, PAGE_REF);
  });

  const dropWriters = m.function('dropWriters', [I32T], undefined, (f) => {
    const page = f.param(0, I32T);
    const hart = f.let(i32(0));
    f.while(
      () => hart.ltU(cell32(G.hartCount)),
      () => {
        const context = f.let(i32(0));
        f.while(
          () => context.ltU(DATA_CONTEXTS),
          () => {
            const entry = f.let(
              hart
                .mul(HART_TLB_BYTES)
                .add(context.mul(CONTEXT_BYTES))
                .add(TLB_BASE + TLB_BYTES),
            );
            const end = f.let(entry.add(TLB_BYTES));
            f.while(
              () => entry.ltU(end),
              () => {
                f.if(entry.load32(12).eq(page), () => {
                  invalidate(f, entry);
                });
                f.set(entry, entry.add(16));
              },
            );
            f.set(context, context.add(1));
          },
        );
        f.set(hart, hart.add(1));
      },
    );
  });

  const writableFrame = m.function('writableFrame', [I32T], I32T, (f) => {
    const page = f.param(0, I32T);
    const { directory, leaf, offset } = leafCell(f, page);
    const old = f.let(leaf.shl(12).add(offset).load32());
    f.if(old.ltS(0), () => {
      f.set(old, f.callI32(pageIn, page));
      // A template is no longer there.
      f.set(leaf, directory.load32(G.directory));
    });
    f.if(epochOf(old).eq(cell32(G.epoch)), () => {
      f.return(old);
    });
    const currentLeaf = f.let(leaf);
    f.if(epochOf(leaf).ne(cell32(G.epoch)), () => {
      f.set(currentLeaf, f.callI32(allocateFrame));
      f.memoryCopy(currentLeaf.shl(12), leaf.shl(12), 4096);
      f.store32(directory, currentLeaf, G.directory);
    });
    const fresh = f.let(f.callI32(allocateFrame));
    f.if(
      old.eq(ZERO_FRAME),
      () => {
        f.memoryFill(fresh.shl(12), 0, 4096);
      },
      () => {
        f.memoryCopy(fresh.shl(12), old.shl(12), 4096);
      },
    );
    f.store32(currentLeaf.shl(12).add(offset), fresh);
    f.call(dropReaders, page);
    f.return(fresh);
  });

  const forgetRecords = m.function('forgetRecords', [I32T, I32T, I32T], undefined, (f) => {
    const frame = f.param(0, I32T);
    const offset = f.param(1, I32T);
    const size = f.param(2, I32T);
    const slot = f.let(slotOf(frame));
    f.if(slot.eqz(), () => {
      f.return();
    });
    // A 4-byte instruction that begins 2 bytes before the store overlaps it too.
    const first = f.let(offset.eqz().select(0, offset.sub(2)).shrU(1));
    const last = f.let(offset.add(size).sub(1).shrU(1));
    f.memoryFill(slotAddress(slot).add(first.mul(RECORD)), 0, last.sub(first).add(1).mul(RECORD));
  });

  const storeRam = m.function('storeRam', [I64T, I64T, I32T], undefined, (f) => {
    const pa = f.param(0, I64T);
    const value = f.param(1, I64T);
    const size = f.param(2, I32T);
    const frame = f.let(f.callI32(writableFrame, f.callI32(pageOf, pa)));
    const offset = f.let(pa.toI32().and(4095));
    f.call(forgetRecords, frame, offset, size);
    const host = f.let(frame.shl(12).add(offset));
    f.switch(
      size,
      [
        undefined,
        () => {
          f.storeLow64(1, host, value);
        },
        () => {
          f.storeLow64(2, host, value);
        },
        undefined,
        () => {
          f.storeLow64(4, host, value);
        },
      ],
      () => {
        f.store64(host, value);
      },
    );
  });

  const loadRam = m.function('loadRam', [I64T, I32T], I64T, (f) => {
    const pa = f.param(0, I64T);
    const host = f.let(f.callI32(frameOf, pa).shl(12).add(pa.toI32().and(4095)));
    const value = f.i64();
    loadSized(f, host, f.param(1, I32T), (v) => {
      f.set(value, v);
    });
    f.return(value);
  });

  return {
    pageOf,
    frameOf,
    writableFrame,
    noteReader,
    dropWriters,
    forgetRecords,
    allocateFrame,
    storeRam,
    loadRam,
  };
}

/** Attempted instructions before the one being executed, while `budget` is spilled (i64). */
export const icountNow = (): import('../../wasm').I64 =>
  cell64(G.icountEnd).sub(cell32(G.budget).toI64S()).sub(1n);

/** Ends the run after the present instruction, keeping `now` right. */
export const requestExit = (f: FunctionBuilder): void => {
  f.store64(0, cell64(G.icountEnd).sub(cell32(G.budget).toI64S()), G.icountEnd);
  setCell32(f, G.budget, 0);
};
