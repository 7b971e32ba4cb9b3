/** Taking traps and interrupts, and returning from them (privileged spec 3.1.6-3.1.9, 3.3.2, 4.1). */
import {
  I32T,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
  type ModuleBuilder,
} from '../../wasm';
import { Exit, G, H } from '../layout';
import { bit, cell32, cell64, MSTATUS, setCell32, setCell64 } from './cells';
import { csrCell } from './csr';
import { icountNow } from './memory';
import type { TlbFunctions } from './tlb';

export interface TrapFunctions {
  /**
   * Takes the pending trap at H.pc. -> 1 when the debuggee wants to stop before it (then nothing has changed but
   * G.exit, and the attempt is not counted).
   */
  takeTrap: FunctionRef;
  /** Takes the most urgent enabled interrupt, if any. -> 1 when the debuggee wants to stop before it. */
  takeInterrupt: FunctionRef;
  /** (machine: 1 mret, 0 sret) -> 1 when illegal. Sets H.pc. */
  trapReturn: FunctionRef;
}

export function emitTraps(m: ModuleBuilder, tlb: TlbFunctions): TrapFunctions {
  /** (cause with interrupt bit split off, is it an interrupt): enters the handler; G.trapTval is the tval. */
  const enter = m.function('enterTrap', [I32T, I32T], undefined, (f) => {
    const cause = f.param(0, I32T);
    const interrupt = f.param(1, I32T);
    const priv = f.let(cell32(H.priv));
    // A reservation does not outlive a change of context, as on QEMU: a handler's LR/SC must not pair with another's.
    setCell32(f, H.reservationValid, 0);
    const status = f.let(cell64(H.mstatus));
    const delegation = interrupt.select64(cell64(H.mideleg), cell64(csrCell('medeleg')));
    const code = f.let(cause.toI64U().or(interrupt.select64(1n << 63n, 0n)));
    const vector = f.i64();
    f.if(
      priv.ne(3).and(bitAt(delegation, cause)),
      () => {
        setCell64(f, csrCell('scause'), code);
        setCell64(f, csrCell('sepc'), cell64(H.pc));
        setCell64(f, csrCell('stval'), cell64(G.trapTval));
        setCell64(
          f,
          H.mstatus,
          status
            .and(~(MSTATUS.SPP | MSTATUS.SIE | MSTATUS.SPIE))
            .or(priv.toI64U().shl(8n))
            .or(status.and(MSTATUS.SIE).shl(4n)),
        );
        setCell32(f, H.priv, 1);
        f.set(vector, cell64(H.stvec));
      },
      () => {
        setCell64(f, csrCell('mcause'), code);
        setCell64(f, csrCell('mepc'), cell64(H.pc));
        setCell64(f, csrCell('mtval'), cell64(G.trapTval));
        setCell64(
          f,
          H.mstatus,
          status
            .and(~(MSTATUS.MPP | MSTATUS.MIE | MSTATUS.MPIE))
            .or(priv.toI64U().shl(11n))
            .or(status.and(MSTATUS.MIE).shl(4n)),
        );
        setCell32(f, H.priv, 3);
        f.set(vector, cell64(H.mtvec));
      },
    );
    const offset = interrupt.ne(0).and(bit(vector, 1n)).select64(cause.shl(2).toI64U(), 0n);
    setCell64(f, H.pc, vector.and(-4n).add(offset));
    f.call(tlb.updateContext);
  });

  const stops = (f: FunctionBuilder, set: I64, cause: I32, undo: () => void): void => {
    f.if(bitAt(set, cause), () => {
      f.if(icountNow().ne(cell64(G.skipTrapAt)), () => {
        setCell32(f, G.exit, Exit.trap);
        undo();
        f.return(1);
      });
    });
  };

  const takeTrap = m.function('takeTrap', [], I32T, (f) => {
    const cause = f.let(cell32(G.trapCause));
    setCell32(f, G.trapPending, 0);
    stops(f, cell64(G.stopExceptions), cause, () => {
      setCell32(f, G.budget, cell32(G.budget).add(1));
    });
    f.call(enter, cause, 0);
    f.return(0);
  });

  const takeInterrupt = m.function('takeInterrupt', [], I32T, (f) => {
    const pending = f.let(cell64(H.mip).or(cell64(H.lines)).and(cell64(H.mie)));
    const priv = f.let(cell32(H.priv));
    const status = f.let(cell64(H.mstatus));
    const deleg = cell64(H.mideleg);
    const machine = f.let(pending.and(deleg.not()));
    const supervisor = f.let(pending.and(deleg));
    const machineOn = priv.ltU(3).or(bit(status, MSTATUS.MIE));
    const supervisorOn = priv.ltU(1).or(priv.eq(1).and(bit(status, MSTATUS.SIE)));
    const chosen = f.let(machineOn.select64(machine, 0n));
    f.if(chosen.eqz(), () => {
      f.set(chosen, supervisorOn.select64(supervisor, 0n));
    });
    f.if(chosen.eqz(), () => {
      f.return(0);
    });
    // Decreasing priority: MEI, MSI, MTI, SEI, SSI, STI (3.1.9).
    const cause = f.let(chosen.ctz().toI32());
    for (const code of [5, 1, 9, 7, 3, 11]) {
      f.if(bit(chosen, 1n << BigInt(code)), () => {
        f.set(cause, code);
      });
    }
    setCell32(f, G.trapCause, cause);
    setCell64(f, G.trapTval, 0n);
    // The budget is not yet charged for the next attempt here: now = icountEnd - budget.
    f.if(bitAt(cell64(G.stopInterrupts), cause), () => {
      f.if(icountNow().add(1n).ne(cell64(G.skipTrapAt)), () => {
        setCell32(f, G.trapCause, cause.or(-0x8000_0000));
        setCell32(f, G.exit, Exit.trap);
        f.return(1);
      });
    });
    f.call(enter, cause, 1);
    f.return(0);
  });

  const trapReturn = m.function('trapReturn', [I32T], I32T, (f) => {
    const status = f.let(cell64(H.mstatus));
    const target = f.i32();
    const fresh = f.i64();
    f.if(
      f.param(0, I32T),
      () => {
        f.if(cell32(H.priv).ne(3), () => {
          f.return(1);
        });
        f.set(target, status.shrU(11n).toI32().and(3));
        f.set(
          fresh,
          status
            .and(~(MSTATUS.MPP | MSTATUS.MIE))
            .or(status.shrU(4n).and(MSTATUS.MIE))
            .or(MSTATUS.MPIE),
        );
        setCell64(f, H.pc, cell64(csrCell('mepc')));
      },
      () => {
        f.if(
          cell32(H.priv)
            .eqz()
            .or(cell32(H.priv).eq(1).and(bit(status, MSTATUS.TSR))),
          () => {
            f.return(1);
          },
        );
        f.set(target, status.shrU(8n).toI32().and(1));
        f.set(
          fresh,
          status
            .and(~(MSTATUS.SPP | MSTATUS.SIE))
            .or(status.shrU(4n).and(MSTATUS.SIE))
            .or(MSTATUS.SPIE),
        );
        setCell64(f, H.pc, cell64(csrCell('sepc')));
      },
    );
    f.if(target.ne(3), () => {
      f.set(fresh, fresh.and(~MSTATUS.MPRV));
    });
    setCell64(f, H.mstatus, fresh);
    setCell32(f, H.priv, target);
    setCell32(f, H.reservationValid, 0);
    f.call(tlb.updateContext);
    f.return(0);
  });

  return { takeTrap, takeInterrupt, trapReturn };
}

const bitAt = (set: I64, index: I32): I32 => set.shrU(index.toI64U()).toI32().and(1).and(i32IsSmall(index));
/** Causes above 63 do not exist; guards shift counts, which are modulo 64. */
const i32IsSmall = (index: I32): I32 => index.ltU(64);
