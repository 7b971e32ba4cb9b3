/**
 * Access to control and status registers in WebAssembly, from THE CSR table: stored and constant ones by their row,
 * special ones here under their names (privileged spec chapters 3 and 4). One function serves Zicsr and the debugger.
 */
import { unreachable, invariant } from '../../base/errors';
import { CSRS } from '../../isa/csr';
import type { CsrRow } from '../../isa/types';
import {
  i64,
  I32T,
  I64T,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
  type ModuleBuilder,
} from '../../wasm';
import { CSR_MAP, Exit, G, H } from '../layout';
import { bit, cell32, cell64, MENVCFG, MSTATUS, setCell32, setCell64 } from './cells';
import { icountNow, requestExit } from './memory';
import type { TlbFunctions } from './tlb';

/** Address of each stored CSR's cell (in the current hart's block), by name. */
export const csrCells: ReadonlyMap<string, number> = new Map(
  CSRS.filter((row) => row.behaviour.kind === 'stored' && row.name !== 'mcountinhibit').map((row, index) => [
    row.name,
    H.csrs + 8 * index,
  ]),
);
invariant(csrCells.size <= 128, 'stored CSRs fit their cells');

export const csrCell = (name: string): number => {
  const address = csrCells.get(name);
  invariant(address !== undefined, `CSR ${name} is stored`);
  return address;
};

const SSTATUS_MASK = MSTATUS.SIE | MSTATUS.SPIE | MSTATUS.SPP | MSTATUS.FS | MSTATUS.SUM | MSTATUS.MXR;
const MSTATUS_MASK =
  SSTATUS_MASK |
  MSTATUS.MIE |
  MSTATUS.MPIE |
  MSTATUS.MPP |
  MSTATUS.MPRV |
  MSTATUS.TVM |
  MSTATUS.TW |
  MSTATUS.TSR;
const MIE_MASK = 0xaaan;
/** SSIP, STIP, SEIP: what M-mode may delegate, and write in mip. */
const SUPERVISOR_INTERRUPTS = 0x222n;
const ENVCFG_COMMON = MENVCFG.FIOM | MENVCFG.CBIE | MENVCFG.CBCFE | MENVCFG.CBZE;

/** Operations of csrAccess. */
export const CsrOperation = { rw: 0, rs: 1, rc: 2 } as const;

export interface CsrFunctions {
  /**
   * (number, operation, source, read, write) -> 0, or 1 when illegal. The old value is in G.scratch. Checks privilege.
   */
  access: FunctionRef;
  /** (number) -> value, without checks: for the debugger too. */
  read: FunctionRef;
  /** (number, value): WARL masks and effects. */
  write: FunctionRef;
  /** -> mtime in ticks. Budget must be spilled. */
  ticks: FunctionRef;
}

export function emitCsr(
  m: ModuleBuilder,
  tlb: TlbFunctions,
  imports: { pmpWrite: FunctionRef },
): CsrFunctions {
  const ticks = m.function('ticks', [], I64T, (f) => {
    f.return(icountNow().divU(cell64(G.instructionsPerTick)).add(cell64(G.timeSkew)));
  });

  const sd = (status: I64): I64 => status.and(MSTATUS.FS).eq(MSTATUS.FS).select64(MSTATUS.SD, 0n);

  const counter = (f: FunctionBuilder, address: number, inhibit: bigint): void => {
    f.return(
      bit(cell64(H.mcountinhibit), inhibit).select64(cell64(address), cell64(address).add(icountNow())),
    );
  };
  const writeCounter = (f: FunctionBuilder, address: number, inhibit: bigint, value: I64): void => {
    // minstret counts the writing instruction itself only afterwards: the next read gives value + elapsed.
    setCell64(
      f,
      address,
      bit(cell64(H.mcountinhibit), inhibit).select64(value, value.sub(icountNow()).sub(1n)),
    );
  };

  const pending = (): I64 => cell64(H.mip).or(cell64(H.lines));

  const readSpecial = (f: FunctionBuilder, row: CsrRow): void => {
    const name = row.name;
    switch (name) {
      case 'fflags':
        return f.return(cell32(H.fflags).toI64U());
      case 'frm':
        return f.return(cell32(H.frm).toI64U());
      case 'fcsr':
        return f.return(cell32(H.frm).shl(5).or(cell32(H.fflags)).toI64U());
      case 'cycle':
      case 'mcycle':
        return counter(f, H.mcycle, 1n);
      case 'instret':
      case 'minstret':
        return counter(f, H.minstret, 4n);
      case 'time':
        return f.return(f.callI64(ticks));
      case 'sstatus': {
        const status = f.let(cell64(H.mstatus));
        return f.return(status.and(SSTATUS_MASK).or(MSTATUS.UXL).or(sd(status)));
      }
      case 'mstatus': {
        const status = f.let(cell64(H.mstatus));
        return f.return(status.or(MSTATUS.UXL | MSTATUS.SXL).or(sd(status)));
      }
      case 'sie':
        return f.return(cell64(H.mie).and(cell64(H.mideleg)));
      case 'mie':
        return f.return(cell64(H.mie));
      case 'sip':
        return f.return(pending().and(cell64(H.mideleg)));
      case 'mip':
        return f.return(pending());
      case 'mideleg':
        return f.return(cell64(H.mideleg));
      case 'stvec':
        return f.return(cell64(H.stvec));
      case 'mtvec':
        return f.return(cell64(H.mtvec));
      case 'menvcfg':
        return f.return(cell64(H.menvcfg));
      case 'senvcfg':
        return f.return(cell64(H.senvcfg));
      case 'stimecmp':
        return f.return(cell64(H.stimecmp));
      case 'satp':
        return f.return(cell64(H.satp));
      case 'mhartid':
        return f.return(cell64(H.hartid));
      case 'mcountinhibit':
        return f.return(cell64(H.mcountinhibit));
      default:
        break;
    }
    const index = Number(/\d+$/.exec(name)?.[0] ?? -1);
    if (name.startsWith('pmpcfg')) return f.return(cell64(H.pmpcfg + 4 * index));
    if (name.startsWith('pmpaddr')) return f.return(cell64(H.pmpaddr + 8 * index));
    if (name.startsWith('hpmcounter')) return f.return(cell64(csrCell(`mhpmcounter${index}`)));
    unreachable(name as never);
  };

  const indexOf = (number: I32): I32 => number.load8U(CSR_MAP);
  const isSpecial = (row: CsrRow): boolean =>
    row.behaviour.kind === 'special' || row.name === 'mcountinhibit';

  const read = m.function('csrRead', [I32T], I64T, (f) => {
    f.switch(
      indexOf(f.param(0, I32T)),
      [
        undefined,
        ...CSRS.map((row) => () => {
          const { behaviour } = row;
          if (isSpecial(row)) readSpecial(f, row);
          else if (behaviour.kind === 'constant') f.return(behaviour.value);
          else f.return(cell64(csrCell(row.name)));
        }),
      ],
      () => {
        f.return(0n);
      },
    );
    f.unreachable();
  });

  /** New bits under a mask. */
  const merge = (old: I64, value: I64, mask: bigint): I64 => old.and(~mask).or(value.and(mask));
  const attention = (f: FunctionBuilder): void => {
    setCell32(f, G.attention, 1);
    setCell32(f, G.exit, Exit.attention);
    requestExit(f);
  };

  const setStatus = m.function('setStatus', [I64T, I64T], undefined, (f) => {
    const old = f.let(cell64(H.mstatus));
    const mask = f.let(f.param(1, I64T));
    // MPP = 2 is reserved: the field keeps its value.
    f.if(
      f
        .param(0, I64T)
        .and(MSTATUS.MPP)
        .eq(2n << 11n),
      () => {
        f.set(mask, mask.and(~MSTATUS.MPP));
      },
    );
    const fresh = f.let(old.and(mask.not()).or(f.param(0, I64T).and(mask)));
    setCell64(f, H.mstatus, fresh);
    f.if(bit(old.xor(fresh), MSTATUS.MXR), () => {
      f.call(tlb.flushTlb);
    });
    f.call(tlb.updateContext);
  });

  const writeSpecial = (f: FunctionBuilder, row: CsrRow, value: I64): void => {
    const dirtyFloat = (): void => {
      setCell64(f, H.mstatus, cell64(H.mstatus).or(MSTATUS.FS));
    };
    const name = row.name;
    switch (name) {
      case 'fflags':
        setCell32(f, H.fflags, value.toI32().and(31));
        return dirtyFloat();
      case 'frm':
        setCell32(f, H.frm, value.toI32().and(7));
        return dirtyFloat();
      case 'fcsr':
        setCell32(f, H.fflags, value.toI32().and(31));
        setCell32(f, H.frm, value.toI32().shrU(5).and(7));
        return dirtyFloat();
      case 'mcycle':
        return writeCounter(f, H.mcycle, 1n, value);
      case 'minstret':
        return writeCounter(f, H.minstret, 4n, value);
      case 'mcountinhibit': {
        // A counter that changes between running and standing still is converted.
        const old = f.let(cell64(H.mcountinhibit));
        const fresh = f.let(value.and(0xffff_fffdn));
        for (const [mask, address] of [
          [1n, H.mcycle],
          [4n, H.minstret],
        ] as const) {
          f.if(bit(old.xor(fresh), mask), () => {
            setCell64(
              f,
              address,
              bit(fresh, mask).select64(cell64(address).add(icountNow()), cell64(address).sub(icountNow())),
            );
          });
        }
        return setCell64(f, H.mcountinhibit, fresh);
      }
      case 'sstatus':
        return f.call(setStatus, value, SSTATUS_MASK);
      case 'mstatus':
        return f.call(setStatus, value, MSTATUS_MASK);
      case 'sie':
        return setCell64(
          f,
          H.mie,
          cell64(H.mie)
            .and(cell64(H.mideleg).not())
            .or(value.and(cell64(H.mideleg)).and(MIE_MASK)),
        );
      case 'mie':
        return setCell64(f, H.mie, value.and(MIE_MASK));
      case 'sip': {
        const mask = f.let(cell64(H.mideleg).and(2n));
        return setCell64(f, H.mip, cell64(H.mip).and(mask.not()).or(value.and(mask)));
      }
      case 'mip': {
        // With Sstc on, STIP shows stimecmp alone.
        const mask = f.let(
          bit(cell64(H.menvcfg), MENVCFG.STCE).select64(
            SUPERVISOR_INTERRUPTS & ~0x20n,
            SUPERVISOR_INTERRUPTS,
          ),
        );
        return setCell64(f, H.mip, cell64(H.mip).and(mask.not()).or(value.and(mask)));
      }
      case 'mideleg':
        return setCell64(f, H.mideleg, value.and(SUPERVISOR_INTERRUPTS));
      case 'stvec':
      case 'mtvec':
        return f.if(bit(value, 2n).eqz(), () => {
          setCell64(f, name === 'stvec' ? H.stvec : H.mtvec, value);
        });
      case 'menvcfg': {
        const old = f.let(cell64(H.menvcfg));
        const own = MENVCFG.PBMTE | MENVCFG.STCE | ENVCFG_COMMON;
        const mask = f.let(cell32(G.svadu).select64(own | MENVCFG.ADUE, own));
        const fresh = f.let(value.and(mask));
        setCell64(f, H.menvcfg, fresh);
        f.if(bit(old.xor(fresh), MENVCFG.ADUE | MENVCFG.PBMTE), () => {
          f.call(tlb.flushTlb);
        });
        return f.if(bit(old.xor(fresh), MENVCFG.STCE), () => {
          attention(f);
        });
      }
      case 'senvcfg':
        return setCell64(f, H.senvcfg, value.and(ENVCFG_COMMON));
      case 'stimecmp':
        setCell64(f, H.stimecmp, value);
        return attention(f);
      case 'satp': {
        const mode = f.let(value.shrU(60n).toI32());
        return f.if(mode.eqz().or(mode.sub(8).ltU(3)), () => {
          f.if(cell64(H.satp).ne(value), () => {
            setCell64(f, H.satp, value);
            f.call(tlb.flushTlb);
          });
        });
      }
      default:
        break;
    }
    if (name.startsWith('pmp')) {
      setCell64(f, G.scratch + 8, value);
      f.call(imports.pmpWrite, row.number);
      f.call(tlb.flushTlb);
    }
    // The rest is read-only by number, or ignores writes.
  };

  const write = m.function('csrWrite', [I32T, I64T], undefined, (f) => {
    const value = f.param(1, I64T);
    f.switch(
      indexOf(f.param(0, I32T)),
      [
        undefined,
        ...CSRS.map((row) => () => {
          const { behaviour } = row;
          if (isSpecial(row)) writeSpecial(f, row, value);
          else if (behaviour.kind === 'stored') {
            const cell = csrCell(row.name);
            setCell64(f, cell, merge(cell64(cell), value, behaviour.writable));
          }
        }),
      ],
      () => undefined,
    );
  });

  /** (number) -> 1 when the present mode may not touch the CSR for a reason other than its number. */
  const forbidden = m.function('csrForbidden', [I32T], I32T, (f) => {
    const number = f.param(0, I32T);
    const priv = f.let(cell32(H.priv));
    f.if(number.sub(1).ltU(3), () => {
      f.return(bit(cell64(H.mstatus), MSTATUS.FS).eqz());
    });
    f.if(number.sub(0xc00).ltU(32), () => {
      const enable = f.let(i64(1n).shl(number.and(31).toI64U()));
      f.if(priv.eq(3), () => {
        f.return(0);
      });
      f.if(cell64(csrCell('mcounteren')).and(enable).eqz(), () => {
        f.return(1);
      });
      f.return(priv.eqz().and(cell64(csrCell('scounteren')).and(enable).eqz()));
    });
    f.if(number.eq(0x14d).and(priv.ne(3)), () => {
      f.return(
        bit(cell64(H.menvcfg), MENVCFG.STCE)
          .and(bit(cell64(csrCell('mcounteren')), 2n))
          .eqz(),
      );
    });
    f.if(number.eq(0x180).and(priv.eq(1)), () => {
      f.return(bit(cell64(H.mstatus), MSTATUS.TVM));
    });
    f.return(0);
  });

  const accessCsr = m.function('csrAccess', [I32T, I32T, I64T, I32T, I32T], I32T, (f) => {
    const number = f.param(0, I32T);
    const operation = f.param(1, I32T);
    const source = f.param(2, I64T);
    const doWrite = f.param(4, I32T);
    f.if(
      indexOf(number)
        .eqz()
        .or(number.shrU(8).and(3).gtU(cell32(H.priv)))
        .or(doWrite.ne(0).and(number.shrU(10).eq(3))),
      () => {
        f.return(1);
      },
    );
    f.if(f.callI32(forbidden, number), () => {
      f.return(1);
    });
    const old = f.let(i64(0n));
    f.if(f.param(3, I32T).or(operation), () => {
      f.set(old, f.callI64(read, number));
      setCell64(f, G.scratch, old);
    });
    f.if(doWrite, () => {
      // Set and clear work on the software-writable SEIP, not on the line (privileged spec 3.1.9).
      f.if(number.eq(0x344), () => {
        f.set(old, old.and(~0x200n).or(cell64(H.mip).and(0x200n)));
      });
      f.call(
        write,
        number,
        operation.eqz().select64(source, operation.eq(1).select64(old.or(source), old.and(source.not()))),
      );
    });
    f.return(0);
  });

  return { access: accessCsr, read, write, ticks };
}
