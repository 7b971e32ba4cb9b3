/**
 * Address translation in WebAssembly: PMP and the page walk (privileged spec 3.7, 4.3-4.5 Sv39/Sv48/Sv57, Svnapot,
 * Svpbmt, Svadu). One walk serves the guest and the debugger: with access `peek` nothing is checked but the mapping,
 * and nothing changes (I6).
 */
import { i32, i64, I32T, I64T, type FunctionRef, type I32, type I64, type ModuleBuilder } from '../../wasm';
import { G, H } from '../layout';
import { bit, cell32, cell64, MENVCFG, setCell32, setCell64 } from './cells';
import type { MemoryFunctions } from './memory';

export const Access = { read: 0, write: 1, fetch: 2, peek: 4 } as const;

export interface MmuFunctions {
  /** (pa, size, access, privilege) -> 1 if PMP allows it. */
  pmpAllows: FunctionRef;
  /** (page-aligned pa) -> 1 if PMP treats all bytes of the page alike. */
  pmpUniform: FunctionRef;
  /**
   * (va, access, privilege, sum, mxr) -> physical address, or -1 after setting the pending trap (not for peek).
   * G.walkSize is the size in bytes of the page that the leaf maps (2^63 when bare).
   */
  walk: FunctionRef;
  /** (cause, tval): sets the pending trap. */
  raise: FunctionRef;
}

export function emitMmu(m: ModuleBuilder, memory: MemoryFunctions): MmuFunctions {
  const raise = m.function('raise', [I32T, I64T], undefined, (f) => {
    setCell32(f, G.trapPending, 1);
    setCell32(f, G.trapCause, f.param(0, I32T));
    setCell64(f, G.trapTval, f.param(1, I64T));
  });

  const pmpAllows = m.function('pmpAllows', [I64T, I32T, I32T, I32T], I32T, (f) => {
    const pa = f.param(0, I64T);
    const size = f.param(1, I32T);
    const access = f.param(2, I32T);
    const priv = f.param(3, I32T);
    const end = f.let(pa.add(size.toI64U()));
    const entry = f.let(i32(0));
    const count = f.let(cell32(H.pmpCount));
    f.while(
      () => entry.ltU(count),
      () => {
        const low = f.let(entry.shl(3).load64(H.pmpLow));
        const high = f.let(entry.shl(3).load64(H.pmpHigh));
        f.if(pa.ltU(high).and(end.gtU(low)), () => {
          f.if(pa.ltU(low).or(end.gtU(high)), () => {
            f.return(0); // partial match fails, whatever the permissions (3.7.1)
          });
          const config = f.let(entry.load8U(H.pmpcfg));
          f.if(priv.eq(3).and(config.and(0x80).eqz()), () => {
            f.return(1);
          });
          f.return(config.shrU(access).and(1)); // R, W, X are bits 0, 1, 2 like Access
        });
        f.set(entry, entry.add(1));
      },
    );
    f.return(priv.eq(3));
  });

  const pmpUniform = m.function('pmpUniform', [I64T], I32T, (f) => {
    const page = f.param(0, I64T);
    const entry = f.let(i32(0));
    const inside = (address: I64): I32 => address.sub(page).sub(1n).ltU(4095n);
    f.while(
      () => entry.ltU(cell32(H.pmpCount)),
      () => {
        const high = f.let(entry.shl(3).load64(H.pmpHigh));
        f.if(high.ne(0n).and(inside(high).or(inside(entry.shl(3).load64(H.pmpLow)))), () => {
          f.return(0);
        });
        f.set(entry, entry.add(1));
      },
    );
    f.return(1);
  });

  const walk = m.function('walk', [I64T, I32T, I32T, I32T, I32T], I64T, (f) => {
    const va = f.param(0, I64T);
    const access = f.param(1, I32T);
    const priv = f.param(2, I32T);
    const sum = f.param(3, I32T);
    const mxr = f.param(4, I32T);
    const peek = access.eq(Access.peek);
    // Page faults are 12 fetch, 13 load, 15 store; access faults 1, 5, 7.
    const pageFault = (): void => {
      f.if(peek.eqz(), () => {
        f.call(raise, access.eq(2).select(12, access.eq(1).select(15, 13)), va);
      });
      f.return(-1n);
    };
    const accessFault = (): void => {
      f.if(peek.eqz(), () => {
        f.call(raise, access.eq(2).select(1, access.eq(1).select(7, 5)), va);
      });
      f.return(-1n);
    };

    const mode = f.let(cell64(H.satp).shrU(60n).toI32());
    f.if(priv.eq(3).or(mode.eqz()), () => {
      setCell64(f, G.walkSize, 1n << 62n);
      f.return(va);
    });
    // Modes 8, 9, 10 have 3, 4, 5 levels; the address must be sign-extended from bit 38, 47, 56.
    const level = f.let(mode.sub(6)); // index of the top level: 2, 3, 4
    const unused = f.let(i64(64n - 12n).sub(mode.sub(5).mul(9).toI64U()));
    f.if(va.shl(unused).shrS(unused).ne(va), pageFault);
    const base = f.let(
      cell64(H.satp)
        .and((1n << 44n) - 1n)
        .shl(12n),
    );
    f.loop((next) => {
      const shift = f.let(level.mul(9).add(12).toI64U());
      const pteAddress = f.let(base.add(va.shrU(shift).and(511n).shl(3n)));
      f.if(
        f
          .callI32(memory.frameOf, pteAddress)
          .eqz()
          .or(peek.eqz().and(f.callI32(pmpAllows, pteAddress, 8, Access.read, 1).eqz())),
        accessFault,
      );
      const pte = f.let(f.callI64(memory.loadRam, pteAddress, 8));
      const flags = f.let(pte.toI32());
      // V=0, W without R, reserved bits 54..60
      f.if(flags.and(1).eqz().or(flags.and(6).eq(4)).or(bit(pte, 0x1fc0_0000_0000_0000n)), pageFault);
      const ppn = f.let(pte.shrU(10n).and((1n << 44n) - 1n));
      f.if(flags.and(0xe).eqz(), () => {
        // A pointer: D, A, U, PBMT and N must be 0; at level 0 there is nothing to point to.
        f.if(
          flags
            .and(0xd0)
            .ne(0)
            .or(bit(pte, 7n << 61n))
            .or(level.eqz()),
          pageFault,
        );
        f.set(base, ppn.shl(12n));
        f.set(level, level.sub(1));
        f.br(next);
      });
      const sizeMask = f.let(i64(1n).shl(shift).sub(1n)); // bytes within the leaf's page
      // A superpage must be aligned.
      f.if(ppn.shl(12n).and(sizeMask).ne(0n), pageFault);
      // PBMT: 3 is reserved, and all of it while menvcfg.PBMTE is off.
      const pbmt = f.let(pte.shrU(61n).toI32().and(3));
      f.if(pbmt.ne(0).and(pbmt.eq(3).or(bit(cell64(H.menvcfg), MENVCFG.PBMTE).eqz())), pageFault);
      // Svnapot: 64 KiB only, at level 0.
      f.if(pte.ltS(0n), () => {
        f.if(level.ne(0).or(ppn.and(15n).ne(8n)), pageFault);
        f.set(sizeMask, 0xffffn);
        f.set(ppn, ppn.and(-16n));
      });
      f.if(peek.eqz(), () => {
        const allowed = f.let(
          access
            .eq(2)
            .select(
              flags.and(8),
              access.eq(1).select(flags.and(4), flags.and(2).or(mxr.ne(0).and(flags.and(8).ne(0)))),
            ),
        );
        f.if(allowed.eqz(), pageFault);
        const user = f.let(flags.and(16));
        f.if(
          priv
            .eqz()
            .and(user.eqz())
            .or(priv.ne(0).and(user.ne(0)).and(access.eq(2).or(sum.eqz()))),
          pageFault,
        );
        const wanted = f.let(access.eq(1).select(0xc0, 0x40));
        f.if(flags.and(wanted).ne(wanted), () => {
          f.if(bit(cell64(H.menvcfg), MENVCFG.ADUE).eqz(), pageFault);
          f.if(
            f
              .callI32(memory.pageOf, pteAddress)
              .eq(-1)
              .or(f.callI32(pmpAllows, pteAddress, 8, Access.write, 1).eqz()),
            accessFault,
          );
          f.call(memory.storeRam, pteAddress, pte.or(wanted.toI64U()), 8);
        });
      });
      setCell64(f, G.walkSize, sizeMask.add(1n));
      f.return(ppn.shl(12n).and(sizeMask.not()).or(va.and(sizeMask)));
    });
    f.unreachable();
  });

  return { pmpAllows, pmpUniform, walk, raise };
}
