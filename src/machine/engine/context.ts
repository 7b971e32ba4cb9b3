/**
 * What all engines share of SemanticsContext: guest registers in memory, the inlined fast path of loads and stores,
 * atomics, floating point state. An engine says where operands come from and how a path ends.
 */
import type { FloatFunction, SemanticsContext, SystemOperation } from '../../isa/types';
import {
  i32,
  type I32,
  i64,
  type I64,
  type FunctionBuilder,
  type FunctionRef,
  type I64Like,
} from '../../wasm';
import { Exit, G, H, TLB_BYTES, TRAP_RETURN } from '../layout';
import type { AccessFunctions } from './access';
import { bit, cell32, cell64, MENVCFG, MSTATUS, setCell32, setCell64 } from './cells';
import { CsrOperation, type CsrFunctions } from './csr';
import type { FetchFunctions } from './fetch';
import { icountNow } from './memory';
import type { MmuFunctions } from './mmu';
import type { TlbFunctions } from './tlb';
import type { TrapFunctions } from './traps';

export interface EngineFunctions {
  readonly access: AccessFunctions;
  readonly fetch: FetchFunctions;
  readonly tlb: TlbFunctions;
  readonly csr: CsrFunctions;
  readonly traps: TrapFunctions;
  readonly mmu: MmuFunctions;
  readonly float: Record<FloatFunction, FunctionRef>;
  /** -> the bits of the instruction that is being executed, for tval. */
  readonly instructionBits: FunctionRef;
}

/** How a function that executes one instruction ended. */
export const Outcome = {
  /** In sequence. */
  next: 0,
  /** A trap is pending. */
  trap: 1,
  /** State that decides what runs next has changed; continue at the next instruction. */
  leave: 2,
  /** The same, and H.pc is set. */
  leaveAt: 3,
} as const;

const SIGN_BOX = 0xffff_ffff_0000_0000n;

export abstract class EngineContext implements SemanticsContext {
  constructor(
    readonly f: FunctionBuilder,
    readonly length: 2 | 4,
    protected readonly e: EngineFunctions,
  ) {}

  // --- what an engine supplies

  abstract rs1(): I64;
  abstract rs2(): I64;
  abstract setRd(value: I64): void;
  abstract imm(): I64;
  abstract imm32(): I32;
  protected abstract fs(operand: 1 | 2 | 3): I64;
  protected abstract setFdRaw(bits: I64): void;
  protected abstract staticRm(): I32;
  protected abstract uimm(): I64;
  /** csrrw with rd = x0 does not read, csrrs/csrrc with rs1 = x0 (or uimm 0) do not write. */
  protected abstract rdIsZero(): I32;
  protected abstract rs1IsZero(): I32;
  abstract pc(): I64;
  abstract nextPc(): I64;
  abstract jump(target: I64): void;
  abstract jumpRelative(): void;
  abstract branch(condition: I32): void;
  /** Makes `now` and the standing record visible to functions that are called. */
  protected abstract spill(): void;
  /** The contrary; then ends the path if a trap is pending. */
  protected abstract reload(): void;
  /** Ends the path: a trap is pending. */
  protected abstract endTrap(): void;
  /** Ends the path with an Outcome. */
  protected abstract end(outcome: number): void;

  // --- floating point state

  requireFloat(): void {
    this.f.if(bit(cell64(H.mstatus), MSTATUS.FS).eqz(), () => {
      this.illegal();
    });
  }

  private dirtyFloat(): void {
    setCell64(this.f, H.mstatus, cell64(H.mstatus).or(MSTATUS.FS));
  }

  fsRaw(operand: 1 | 2 | 3): I64 {
    return this.fs(operand);
  }
  fsD(operand: 1 | 2 | 3): I64 {
    return this.fs(operand);
  }
  fsS(operand: 1 | 2 | 3): I32 {
    const raw = this.f.let(this.fs(operand));
    return this.f.let(raw.geU(SIGN_BOX).select(raw.toI32(), 0x7fc0_0000));
  }
  setFdD(bits: I64): void {
    this.setFdRaw(bits);
    this.dirtyFloat();
  }
  setFdS(bits: I32): void {
    this.setFdD(bits.toI64U().or(SIGN_BOX));
  }

  rm(): I32 {
    const mode = this.f.let(this.staticRm());
    this.f.if(mode.eq(7), () => {
      this.f.set(mode, cell32(H.frm));
    });
    this.f.if(mode.gtU(4), () => {
      this.illegal();
    });
    return mode;
  }

  float(name: FloatFunction, ...args: (I32 | I64)[]): I32 | I64 {
    const callee = this.e.float[name];
    const result =
      callee.result === 0x7f
        ? this.f.let(this.f.callI32(callee, ...args))
        : this.f.let(this.f.callI64(callee, ...args));
    this.dirtyFloat();
    return result;
  }

  // --- memory

  load(bytes: 1 | 2 | 4 | 8, signed: boolean, address: I64): I64 {
    const { f } = this;
    const va = f.let(address);
    const value = f.i64();
    const entry = f.let(this.dataTlb().add(va.shrU(8n).toI32().and(0x3ff0)));
    // The tag compares page and alignment at once: a misaligned access goes the slow way.
    f.if(
      entry.load64().eq(va.and(BigInt(bytes - 1) | -4096n)),
      () => {
        const host = entry.load32(8).add(va.toI32());
        f.set(value, plainLoad(host, bytes, signed));
      },
      () => {
        this.spill();
        f.set(value, f.callI64(this.e.access.loadSlow, va, bytes));
        this.reload();
        if (signed && bytes === 1) f.set(value, value.extend8S());
        if (signed && bytes === 2) f.set(value, value.extend16S());
        if (signed && bytes === 4) f.set(value, value.extend32S());
      },
    );
    return value;
  }

  store(bytes: 1 | 2 | 4 | 8, address: I64, value: I64): void {
    const { f } = this;
    const va = f.let(address);
    const bits = f.let(value);
    const entry = f.let(this.dataTlb().add(va.shrU(8n).toI32().and(0x3ff0)));
    f.if(
      entry.load64(TLB_BYTES).eq(va.and(BigInt(bytes - 1) | -4096n)),
      () => {
        f.storeLow64(bytes, entry.load32(TLB_BYTES + 8).add(va.toI32()), bits);
      },
      () => {
        this.spill();
        f.call(this.e.access.storeSlow, va, bits, bytes);
        this.reload();
      },
    );
  }

  /** Address of the read TLB of the current data context. */
  protected dataTlb(): I32 {
    return cell32(H.dataTlb);
  }

  private atomicHost(address: I64, bytes: 4 | 8): I32 {
    this.spill();
    const host = this.f.let(this.f.callI32(this.e.access.atomicHost, address, bytes));
    this.reload();
    return host;
  }

  amo(bytes: 4 | 8, address: I64, combine: (old: I64) => I64): I64 {
    const host = this.atomicHost(address, bytes);
    const old = this.f.let(plainLoad(host, bytes, true));
    this.f.storeLow64(bytes, host, combine(old));
    return old;
  }

  loadReserved(bytes: 4 | 8, address: I64): I64 {
    const { f } = this;
    const va = f.let(address);
    f.if(va.toI32().and(bytes - 1), () => {
      this.trap(4, va);
    });
    const value = this.load(bytes, true, va);
    setCell32(f, H.reservationValid, 1);
    setCell32(f, H.reservationBytes, bytes);
    setCell64(f, H.reservationAddress, va);
    setCell64(f, H.reservationValue, value);
    return value;
  }

  storeConditional(bytes: 4 | 8, address: I64, value: I64): I64 {
    const { f } = this;
    const va = f.let(address);
    const bits = f.let(value);
    const failed = f.let(i64(1n));
    f.if(va.toI32().and(bytes - 1), () => {
      this.trap(6, va);
    });
    f.if(cell32(H.reservationValid).and(cell64(H.reservationAddress).eq(va)), () => {
      const host = this.atomicHost(va, bytes);
      // As on QEMU, the reservation also ends when the value is no longer the one that was loaded.
      f.if(plainLoad(host, bytes, true).eq(cell64(H.reservationValue)), () => {
        f.storeLow64(bytes, host, bits);
        f.set(failed, 0n);
      });
    });
    setCell32(f, H.reservationValid, 0);
    return failed;
  }

  // --- system

  trap(cause: number, tval: I64Like): void {
    this.f.call(this.e.mmu.raise, cause, i64(tval));
    this.endTrap();
  }

  protected illegal(): void {
    this.spill();
    this.trap(2, this.f.callI64(this.e.instructionBits));
  }

  csr(operation: 'rw' | 'rs' | 'rc', source: 'rs1' | 'uimm'): void {
    const { f } = this;
    const always = operation === 'rw';
    const read = always ? this.rdIsZero().eqz() : i32(1);
    const write = f.let(always ? i32(1) : this.rs1IsZero().eqz());
    this.spill();
    const operand = source === 'rs1' ? this.rs1() : this.uimm();
    const illegal = f.callI32(
      this.e.csr.access,
      this.imm32().and(0xfff),
      CsrOperation[operation],
      operand,
      read,
      write,
    );
    f.if(illegal, () => {
      this.illegal();
    });
    this.setRd(cell64(G.scratch));
    f.if(write, () => {
      this.end(Outcome.leave);
    });
  }

  system(operation: SystemOperation): void {
    const { f } = this;
    const priv = cell32(H.priv);
    const status = cell64(H.mstatus);
    const illegalIf = (condition: I32): void => {
      f.if(condition, () => {
        this.illegal();
      });
    };
    switch (operation) {
      case 'illegal':
        this.illegal();
        return;
      case 'ecall':
        f.if(priv.eq(1).and(cell32(G.sbi)), () => {
          setCell64(f, H.pc, this.pc());
          setCell32(f, G.exit, Exit.sbi);
          this.end(Outcome.leaveAt);
        });
        f.call(this.e.mmu.raise, priv.add(8), 0n);
        this.endTrap();
        return;
      case 'ebreak':
        this.trap(3, this.pc());
        return;
      case 'mret':
      case 'sret':
        f.if(bit(cell64(G.stopExceptions), 1n << BigInt(TRAP_RETURN)), () => {
          this.spill();
          f.if(icountNow().ne(cell64(G.skipTrapAt)), () => {
            this.trap(TRAP_RETURN, 0n);
          });
        });
        illegalIf(f.callI32(this.e.traps.trapReturn, operation === 'mret' ? 1 : 0));
        this.end(Outcome.leaveAt);
        return;
      case 'wfi':
        illegalIf(priv.eqz().or(priv.eq(1).and(bit(status, MSTATUS.TW))));
        f.if(cell64(H.mip).or(cell64(H.lines)).and(cell64(H.mie)).eqz(), () => {
          setCell32(f, H.waiting, 1);
          setCell32(f, G.exit, Exit.wfi);
        });
        this.end(Outcome.leave);
        return;
      case 'fence':
      case 'pause':
      case 'fence.i': // decoded records follow every store at once
        return;
      case 'sfence.vma':
      case 'sinval.vma':
        illegalIf(priv.eqz().or(priv.eq(1).and(bit(status, MSTATUS.TVM))));
        // Address spaces are not told apart in the TLB: rs2 only narrows what may be flushed.
        f.if(
          this.rs1IsZero(),
          () => {
            f.call(this.e.tlb.flushTlb);
          },
          () => {
            f.call(this.e.tlb.flushPage, this.rs1());
          },
        );
        this.end(Outcome.leave);
        return;
      case 'sfence.w.inval':
      case 'sfence.inval.ir':
        illegalIf(priv.eqz());
        return;
      case 'cbo.clean':
      case 'cbo.flush':
        illegalIf(this.envcfgDenies(MENVCFG.CBCFE));
        this.cacheBlockCheck();
        return;
      case 'cbo.inval':
        illegalIf(this.envcfgDenies(MENVCFG.CBIE));
        this.cacheBlockCheck();
        return;
      case 'cbo.zero': {
        illegalIf(this.envcfgDenies(MENVCFG.CBZE));
        const block = f.let(this.rs1().and(-64n));
        for (let offset = 0; offset < 64; offset += 8) this.store(8, block.add(BigInt(offset)), i64(0n));
        return;
      }
    }
  }

  /** Below M-mode menvcfg must allow a cache-block operation, in U-mode senvcfg too (CMO spec). */
  private envcfgDenies(mask: bigint): I32 {
    const priv = cell32(H.priv);
    return priv.ne(3).and(
      bit(cell64(H.menvcfg), mask)
        .eqz()
        .or(priv.eqz().and(bit(cell64(H.senvcfg), mask).eqz())),
    );
  }

  /** Cache-block management needs a translation that may be read; its faults are store faults (CMO spec 2.5). */
  private cacheBlockCheck(): void {
    const { f } = this;
    this.spill();
    f.call(this.e.access.loadSlow, this.rs1().and(-64n), 1);
    f.if(cell32(G.trapPending), () => {
      setCell32(f, G.trapCause, cell32(G.trapCause).add(2));
      setCell64(f, G.trapTval, this.rs1());
    });
    this.reload();
  }
}

export function plainLoad(host: I32, bytes: 1 | 2 | 4 | 8, signed: boolean): I64 {
  switch (bytes) {
    case 1:
      return signed ? host.load8S64() : host.load8U64();
    case 2:
      return signed ? host.load16S64() : host.load16U64();
    case 4:
      return signed ? host.load32S64() : host.load32U64();
    case 8:
      return host.load64();
  }
}
