/** A semantics context whose operands come from a predecoded record: what both forms of the interpreter's code share. */
import { type FunctionBuilder, type I32, type I64, type Local } from '../../wasm';
import { H } from '../layout';
import { setCell64 } from './cells';
import { EngineContext, type EngineFunctions } from './context';
import { hasDestination, RecordField, type Handler } from './records';

/** Operands from the record at `record`. */
export abstract class RecordContext extends EngineContext {
  constructor(
    f: FunctionBuilder,
    protected readonly handler: Handler,
    e: EngineFunctions,
    protected readonly record: Local<I32>,
  ) {
    super(f, handler.length, e);
  }

  private heldDestination: Local<I32> | undefined;

  /** Reads the destination's place before a store that may be to the instruction itself, which clears its record. */
  private holdDestination(): void {
    this.heldDestination = this.f.let(this.byte(RecordField.a));
  }
  override amo(bytes: 4 | 8, address: I64, combine: (old: I64) => I64): I64 {
    this.holdDestination();
    return super.amo(bytes, address, combine);
  }
  override storeConditional(bytes: 4 | 8, address: I64, value: I64): I64 {
    this.holdDestination();
    return super.storeConditional(bytes, address, value);
  }

  private get destination(): boolean {
    return hasDestination(this.handler.semantics);
  }
  private byte(offset: number): I32 {
    return this.record.load8U(offset);
  }
  private secondAt(): number {
    return this.destination ? RecordField.second : RecordField.a;
  }
  rs1(): I64 {
    return this.byte(RecordField.b).load64(H.x);
  }
  rs2(): I64 {
    return this.byte(this.secondAt()).load64(H.x);
  }
  setRd(value: I64): void {
    this.f.store64(this.heldDestination ?? this.byte(RecordField.a), value, H.x);
    // A pure instruction with rd = x0 was decoded to a nop; the others may have written x0 just now.
    if (!this.handler.semantics.pure) setCell64(this.f, H.x, 0n);
  }
  imm(): I64 {
    return this.record.load32S64(RecordField.rest);
  }
  imm32(): I32 {
    return this.record.load32(RecordField.rest);
  }
  protected fs(operand: 1 | 2 | 3): I64 {
    const offset = operand === 1 ? RecordField.b : operand === 2 ? this.secondAt() : RecordField.third;
    return this.byte(offset).load64(H.f);
  }
  protected setFdRaw(bits: I64): void {
    this.f.store64(this.byte(RecordField.a), bits, H.f);
  }
  protected staticRm(): I32 {
    return this.byte(RecordField.rm);
  }
  protected uimm(): I64 {
    return this.byte(RecordField.b).shrU(3).toI64U();
  }
  protected rdIsZero(): I32 {
    return this.byte(RecordField.a).eqz();
  }
  protected rs1IsZero(): I32 {
    return this.byte(RecordField.b).eqz();
  }
}
