/**
 * Operands that are constants: the context with which a translator emits an instruction whose place and operands it
 * knows. Each instruction becomes a function that returns an Outcome; registers stay in memory, and whoever calls has
 * spilled the budget. What a translator adds to this (registers in locals, blocks, budget checks) is not here; that the
 * semantics of every row hold in this form is what test/machine/translator.test.ts shows.
 */
import { I32T, i32, i64, type FunctionBuilder, type FunctionRef, type I32, type I64 } from '../../wasm';
import type { ModuleBuilder } from '../../wasm';
import type { Operands, Row } from '../../isa/types';
import { H } from '../layout';
import { cell32, cell64, setCell64 } from './cells';
import { EngineContext, Outcome, type EngineFunctions } from './context';
import { G } from '../layout';
import { emitSemantics } from './interpreter';

/** One instruction at its place. */
export interface PlacedInstruction {
  readonly row: Row;
  readonly operands: Operands;
  /** Its 16 or 32 bits. */
  readonly bits: number;
  /** Virtual address, unsigned. */
  readonly pc: bigint;
}

class ConstantContext extends EngineContext {
  constructor(
    f: FunctionBuilder,
    e: EngineFunctions,
    private readonly at: PlacedInstruction,
  ) {
    super(f, at.row.length, e);
  }

  private x(register: number): I64 {
    return register === 0 ? i64(0n) : cell64(H.x + 8 * register);
  }
  rs1(): I64 {
    return this.x(this.at.operands.rs1);
  }
  rs2(): I64 {
    return this.x(this.at.operands.rs2);
  }
  /** Values have no effects of their own (see SemanticsContext), so one for x0 is not even computed. */
  setRd(value: I64): void {
    const { rd } = this.at.operands;
    if (rd !== 0) setCell64(this.f, H.x + 8 * rd, value);
  }
  imm(): I64 {
    return i64(BigInt(this.at.operands.imm));
  }
  imm32(): I32 {
    return i32(this.at.operands.imm);
  }
  protected fs(operand: 1 | 2 | 3): I64 {
    return cell64(H.f + 8 * this.at.operands[`rs${operand}`]);
  }
  protected setFdRaw(bits: I64): void {
    setCell64(this.f, H.f + 8 * this.at.operands.rd, bits);
  }
  protected staticRm(): I32 {
    return i32(this.at.operands.rm);
  }
  protected uimm(): I64 {
    return i64(BigInt(this.at.operands.rs1));
  }
  protected rdIsZero(): I32 {
    return i32(this.at.operands.rd === 0 ? 1 : 0);
  }
  protected rs1IsZero(): I32 {
    return i32(this.at.operands.rs1 === 0 ? 1 : 0);
  }

  private address(offset: number): I64 {
    return i64(BigInt.asIntN(64, this.at.pc + BigInt(offset)));
  }
  pc(): I64 {
    return this.address(0);
  }
  nextPc(): I64 {
    return this.address(this.length);
  }
  jump(target: I64): void {
    setCell64(this.f, H.pc, target);
    this.end(Outcome.leaveAt);
  }
  jumpRelative(): void {
    this.jump(this.address(this.at.operands.imm));
  }
  branch(condition: I32): void {
    this.f.if(condition, () => {
      this.jumpRelative();
    });
  }

  protected spill(): void {
    // The caller has.
  }
  protected reload(): void {
    this.f.if(cell32(G.trapPending), () => {
      this.endTrap();
    });
  }
  protected endTrap(): void {
    this.end(Outcome.trap);
  }
  protected end(outcome: number): void {
    this.f.return(outcome);
  }
  /** The bits are known: nothing has to be fetched for tval. */
  protected override illegal(): void {
    this.trap(2, BigInt(this.at.bits));
  }
}

/** () -> Outcome: executes the one instruction. */
export function emitConstant(m: ModuleBuilder, e: EngineFunctions, at: PlacedInstruction): FunctionRef {
  return m.function(`constant_${at.row.name}`, [], I32T, (f) => {
    const { semantics, length } = at.row;
    emitSemantics(new ConstantContext(f, e, at), { semantics, length });
    f.return(Outcome.next);
  });
}
