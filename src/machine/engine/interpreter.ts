/**
 * The interpreter, generated from THE instruction table: one function with one br_table over predecoded records. The
 * record pointer stands for the program counter: pc = page + (record - slot) / 4. Semantics that are large or rare are
 * emitted as functions of their own, so that the loop stays small enough to be compiled well.
 *
 * The loop leaves at an exact count: `budget` is charged for each attempt and tested before the next. Interrupts are
 * looked at when the run begins and after whatever may have changed them; lines that devices raise end the run.
 */
import { invariant } from '../../base/errors';
import {
  i64,
  I32T,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  type I64,
  type Label,
  type Local,
  type ModuleBuilder,
} from '../../wasm';
import { Exit, G, H, RECORD, SLOTS_BASE } from '../layout';
import { cell32, cell64, setCell32, setCell64 } from './cells';
import { Outcome, type EngineContext, type EngineFunctions } from './context';
import { icountNow } from './memory';
import { RecordContext } from './record-context';
import { FIRST_HANDLER, HANDLERS, Op, RecordField, type Handler } from './records';

export interface InterpreterImports {
  /** (record address, slot base): decodes the instruction there into the record. */
  decode: FunctionRef;
  /** (record, slot base): decodes the instruction there, breakpoint or not, into the aside slot -> its record. */
  decodeAside: FunctionRef;
  /** (record, slot base, host address of the second half): the same for a page-crossing one. */
  decodeCrossing: FunctionRef;
}

/** Semantics whose code is inlined into the loop, beside all of RV64I's loads, stores, branches and arithmetic. */
const COLD = new Set([
  ...['ecall', 'ebreak', 'fence', 'fence.i', 'pause'],
  ...['mulh', 'mulhsu', 'mulhu', 'clmul', 'clmulh', 'clmulr'],
]);
const HOT_EXTENSION_NAMES = /^(flw|fld|fsw|fsd)$/;
const isHot = (handler: Handler): boolean => {
  const { semantics } = handler;
  if (COLD.has(semantics.name)) return false;
  if (HOT_EXTENSION_NAMES.test(semantics.name)) return true;
  if (semantics.uses.some((use) => use.startsWith('f') || use === 'rm')) return false;
  if (/^(lr|sc|amo\w+)\.[wd]$/.test(semantics.name)) return false;
  return !isSystem(semantics.name);
};
const isSystem = (name: string): boolean =>
  /^(csr|mret|sret|wfi|sfence|sinval|cbo|illegal|fence|ecall|ebreak|pause)/.test(name);

/** In the loop. */
class LoopContext extends RecordContext {
  constructor(
    f: FunctionBuilder,
    handler: Handler,
    e: EngineFunctions,
    private readonly s: LoopState,
  ) {
    super(f, handler, e, s.record);
  }

  pc(): I64 {
    return this.s.pc();
  }
  nextPc(): I64 {
    return this.s.pc().add(BigInt(this.length));
  }
  /** Falls into the next instruction: part of every path that does not end otherwise. */
  next(): void {
    this.f.set(this.s.record, this.s.record.add((this.length / 2) * RECORD));
    this.f.br(this.s.inner);
  }
  jump(target: I64): void {
    const { f, s } = this;
    f.set(s.target, target);
    f.if(s.target.and(-4096n).eq(s.pageVa), () => {
      f.set(s.record, s.target.toI32().and(0xffe).shl(2).add(s.slot));
      f.br(s.inner);
    });
    f.br(s.lookUp);
  }
  jumpRelative(): void {
    const { f, s } = this;
    // imm bytes = imm / 2 records of 8 bytes.
    const to = f.let(s.record.add(this.imm32().shl(2)));
    f.if(to.sub(s.slot).ltU(2048 * RECORD), () => {
      f.set(s.record, to);
      f.br(s.inner);
    });
    f.set(s.target, s.pc().add(this.imm()));
    f.br(s.lookUp);
  }
  branch(condition: I32): void {
    this.f.if(condition, () => {
      this.jumpRelative();
    });
    this.next();
  }
  protected override dataTlb(): I32 {
    return this.s.dataTlb;
  }
  protected spill(): void {
    this.s.spill();
  }
  protected reload(): void {
    this.f.set(this.s.budget, cell32(G.budget));
    this.f.brIf(this.s.trapped, cell32(G.trapPending));
  }
  protected endTrap(): void {
    this.s.spill();
    this.f.br(this.s.trapped);
  }
  protected end(): void {
    invariant(false, 'system instructions are functions of their own');
  }
}

/** In a function of its own, which gets the record and returns an Outcome. */
class ColdContext extends RecordContext {
  pc(): I64 {
    return standingPc();
  }
  nextPc(): I64 {
    return this.pc().add(BigInt(this.length));
  }
  jump(): void {
    invariant(false, 'jumps are inlined');
  }
  jumpRelative(): void {
    this.jump();
  }
  branch(): void {
    this.jump();
  }
  protected spill(): void {
    // The loop has spilled before the call.
  }
  protected reload(): void {
    this.f.if(cell32(G.trapPending), () => {
      this.f.return(Outcome.trap);
    });
  }
  protected endTrap(): void {
    this.f.return(Outcome.trap);
  }
  protected end(outcome: number): void {
    this.f.return(outcome);
  }
}

/** pc of the standing record, from the spilled cells. */
export const standingPc = (): I64 =>
  cell64(G.pageVa).add(cell32(G.record).sub(cell32(G.slotBase)).shrU(2).toI64U());

/** The loop's variables and labels. */
interface LoopState {
  readonly record: Local<I32>;
  readonly slot: Local<I32>;
  readonly pageVa: Local<I64>;
  readonly budget: Local<I32>;
  readonly target: Local<I64>;
  readonly dataTlb: Local<I32>;
  readonly inner: Label;
  readonly lookUp: Label;
  readonly trapped: Label;
  pc(): I64;
  spill(): void;
}

/** Emits the semantics of one row in a context, with the check that floating point needs. */
export function emitSemantics(context: EngineContext, handler: Handler): void {
  if (handler.semantics.uses.some((use) => /^f[ds]/.test(use))) context.requireFloat();
  handler.semantics.emit(context);
}

/** run() -> Exit. The hart in the current block attempts up to G.budget instructions. */
export function emitInterpreter(
  m: ModuleBuilder,
  e: EngineFunctions,
  imports: InterpreterImports,
): FunctionRef {
  const cold = new Map<Handler, FunctionRef>();
  for (const handler of HANDLERS.filter((h) => !isHot(h))) {
    const name = `cold_${handler.semantics.name}_${handler.length}`;
    cold.set(
      handler,
      m.function(name, [I32T], I32T, (f) => {
        emitSemantics(new ColdContext(f, handler, e, f.param(0, I32T)), handler);
        f.return(Outcome.next);
      }),
    );
  }
  return m.function('run', [], I32T, (f) => {
    emitRun(f, e, imports, cold);
  });
}

function emitRun(
  f: FunctionBuilder,
  e: EngineFunctions,
  imports: InterpreterImports,
  cold: ReadonlyMap<Handler, FunctionRef>,
): void {
  const record = f.i32();
  const slot = f.i32();
  const pageVa = f.i64();
  const budget = f.i32();
  const target = f.i64();
  const dataTlb = f.i32();
  const variables = { record, slot, pageVa, budget, target, dataTlb };
  const pc = (): I64 => pageVa.add(record.sub(slot).shrU(2).toI64U());
  const spill = (): void => {
    setCell32(f, G.budget, budget);
    setCell32(f, G.record, record);
  };
  const enterSlot = (base: I32): void => {
    f.set(slot, base);
    setCell32(f, G.slotBase, base);
  };

  f.loop((outer) => {
    // Here H.pc and G.budget are right. Why the run should end is checked first, then interrupts.
    f.if(cell32(G.exit), () => {
      f.return(cell32(G.exit));
    });
    f.set(budget, cell32(G.budget));
    f.if(budget.eqz(), () => {
      f.return(Exit.budget);
    });
    f.if(cell64(H.mip).or(cell64(H.lines)).and(cell64(H.mie)).ne(0n), () => {
      f.if(f.callI32(e.traps.takeInterrupt), () => {
        f.return(Exit.trap);
      });
    });
    f.set(target, cell64(H.pc));
    f.set(dataTlb, cell32(H.dataTlb));

    f.block((trapped) => {
      f.loop((lookUp) => {
        f.set(pageVa, target.and(-4096n));
        setCell64(f, G.pageVa, pageVa);
        f.scope(() => {
          const entry = f.let(cell32(H.fetchTlb).add(target.shrU(8n).toI32().and(0x3ff0)));
          f.if(
            entry.load64().eq(pageVa),
            () => {
              enterSlot(entry.load32(8));
              f.set(record, target.toI32().and(0xffe).shl(2).add(slot));
            },
            () => {
              f.if(budget.eqz(), () => {
                setCell64(f, H.pc, target);
                setCell32(f, G.budget, 0);
                f.br(outer);
              });
              // The attempt to fetch counts only if it traps; where it stands is needed for both.
              setCell32(f, G.budget, budget.sub(1));
              f.set(slot, f.callI32(e.fetch.fetchSlow, target));
              f.if(cell32(G.trapPending), () => {
                setCell64(f, H.pc, target);
                f.call(e.traps.takeTrap);
                f.br(outer);
              });
              enterSlot(slot);
              f.set(record, target.toI32().and(0xffe).shl(2).add(slot));
              // A page that PMP divides has no entry: each of its instructions is fetched, and checked, by itself.
              f.if(entry.load64().ne(pageVa).and(record.load16U().ne(Op.breakpoint)), () => {
                f.set(record, f.callI32(imports.decodeAside, record, slot));
                f.set(slot, SLOTS_BASE);
                setCell32(f, G.slotBase, SLOTS_BASE);
              });
            },
          );
        });
        f.loop((inner) => {
          f.if(budget.eqz(), () => {
            setCell64(f, H.pc, pc());
            setCell32(f, G.budget, 0);
            f.br(outer);
          });
          f.set(budget, budget.sub(1));
          const state: LoopState = { ...variables, inner, lookUp, trapped, pc, spill };
          emitDispatch(f, e, imports, cold, state, outer);
        });
      });
    });
    // A trap is pending: at the standing instruction.
    setCell64(f, H.pc, pc());
    f.call(e.traps.takeTrap);
    f.br(outer);
  });
  f.unreachable();
}

function emitDispatch(
  f: FunctionBuilder,
  e: EngineFunctions,
  imports: InterpreterImports,
  cold: ReadonlyMap<Handler, FunctionRef>,
  s: LoopState,
  outer: Label,
): void {
  const { record, slot, budget, inner } = s;
  const skip = (halves: number) => (): void => {
    f.set(record, record.add(halves * RECORD));
    f.br(inner);
  };
  /** Takes back the charge: nothing was attempted. */
  const again = (): void => {
    f.set(budget, budget.add(1));
  };
  const own: (() => void)[] = [];
  own[Op.undecoded] = () => {
    s.spill();
    f.call(imports.decode, record, slot);
    again();
    f.br(inner);
  };
  own[Op.breakpoint] = () => {
    s.spill();
    const passed = icountNow()
      .eq(cell64(G.skipAt))
      .and(s.pc().eq(cell64(G.skipPc)));
    f.if(passed.eqz().and(cell32(G.breakpoints).eq(1)), () => {
      setCell64(f, H.pc, s.pc());
      setCell32(f, G.budget, budget.add(1));
      f.return(Exit.breakpoint);
    });
    f.set(record, f.callI32(imports.decodeAside, record, slot));
    enterAside();
  };
  /** Continues in slot 0, all of whose records but the one look their address up again. */
  const enterAside = (): void => {
    f.set(slot, SLOTS_BASE);
    setCell32(f, G.slotBase, SLOTS_BASE);
    again();
    f.br(inner);
  };
  own[Op.crossing] = () => {
    s.spill();
    f.scope(() => {
      const second = f.let(f.callI32(e.fetch.fetchHost, s.pageVa.add(4096n)));
      f.brIf(s.trapped, cell32(G.trapPending));
      f.set(record, f.callI32(imports.decodeCrossing, record, slot, second));
    });
    enterAside();
  };
  own[Op.refetch] = () => {
    again();
    f.set(s.target, s.pc());
    f.br(s.lookUp);
  };
  own[Op.nop2] = skip(1);
  own[Op.nop4] = skip(2);
  own[Op.illegal] = () => {
    s.spill();
    f.call(e.mmu.raise, 2, record.load32(RecordField.rest).toI64U());
    f.br(s.trapped);
  };
  const cases = [
    ...own,
    ...HANDLERS.map((handler) => () => {
      const callee = cold.get(handler);
      if (callee) {
        emitColdCall(f, s, handler, callee, outer);
        return;
      }
      const context = new LoopContext(f, handler, e, s);
      emitSemantics(context, handler);
      context.next();
    }),
  ];
  invariant(own.length === FIRST_HANDLER, 'engine ops and handlers are numbered without a gap');
  f.switch(record.load16U(), cases, () => {
    f.unreachable();
  });
}

function emitColdCall(
  f: FunctionBuilder,
  s: LoopState,
  handler: Handler,
  callee: FunctionRef,
  outer: Label,
): void {
  s.spill();
  const outcome = f.let(f.callI32(callee, s.record));
  f.set(s.budget, cell32(G.budget));
  f.if(outcome.ne(0), () => {
    f.brIf(s.trapped, outcome.eq(Outcome.trap));
    f.if(outcome.eq(Outcome.leave), () => {
      setCell64(f, H.pc, s.pc().add(i64(BigInt(handler.length))));
    });
    f.br(outer);
  });
  f.set(s.record, s.record.add((handler.length / 2) * RECORD));
  f.br(s.inner);
}
