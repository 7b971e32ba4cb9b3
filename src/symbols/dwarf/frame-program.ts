/** Call frame instructions (DWARF 5, 6.4.2): from a table's instructions to the rules that hold at one address. */
import type { ByteReader } from '../bytes';

/** How to find a register's value in the caller. */
export type RegisterRule =
  | { readonly kind: 'undefined' | 'same' }
  /** Saved at CFA + offset. */
  | { readonly kind: 'offset'; readonly offset: bigint }
  /** Is CFA + offset. */
  | { readonly kind: 'valOffset'; readonly offset: bigint }
  | { readonly kind: 'register'; readonly register: number }
  /** Saved at the address that the expression gives (the CFA is pushed first). */
  | { readonly kind: 'expression'; readonly bytes: Uint8Array }
  | { readonly kind: 'valExpression'; readonly bytes: Uint8Array };

export type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: bigint }
  | { readonly kind: 'expression'; readonly bytes: Uint8Array };

export interface FrameRules {
  readonly cfa: CfaRule | undefined;
  readonly registers: ReadonlyMap<number, RegisterRule>;
}

export interface FrameCode {
  readonly codeAlignment: number;
  readonly dataAlignment: bigint;
  readonly addressSize: number;
}

/** Runs the CIE's instructions, then the FDE's up to `address`. Throws DWARF_BAD_FRAME for damaged ones. */
export const runFrameProgram = (
  code: FrameCode,
  initial: ByteReader,
  instructions: ByteReader,
  start: bigint,
  address: bigint,
  readAddress: (reader: ByteReader) => bigint,
): FrameRules => {
  const machine = new FrameMachine(code, start, address, readAddress);
  machine.run(initial);
  machine.keepInitial();
  machine.run(instructions);
  return { cfa: machine.cfa, registers: machine.registers };
};

class FrameMachine {
  cfa: CfaRule | undefined;
  registers = new Map<number, RegisterRule>();
  private initialRegisters = new Map<number, RegisterRule>();
  private readonly stack: { cfa: CfaRule | undefined; registers: Map<number, RegisterRule> }[] = [];
  private location: bigint;

  constructor(
    private readonly code: FrameCode,
    start: bigint,
    private readonly target: bigint,
    private readonly readAddress: (reader: ByteReader) => bigint,
  ) {
    this.location = start;
  }

  keepInitial(): void {
    this.initialRegisters = new Map(this.registers);
  }

  /** Stops when the location passes the address asked for. */
  run(reader: ByteReader): void {
    while (!reader.done && this.location <= this.target) {
      const opcode = reader.u8();
      const low = opcode & 0x3f;
      switch (opcode >> 6) {
        case 1: // DW_CFA_advance_loc
          this.advance(low);
          break;
        case 2: // DW_CFA_offset
          this.registers.set(low, this.factored('offset', reader.uleb64()));
          break;
        case 3: // DW_CFA_restore
          this.restore(low);
          break;
        default:
          if (!this.location_(low, reader) && !this.cfaRule(low, reader) && !this.registerRule(low, reader))
            reader.fail(`has an unknown frame instruction 0x${low.toString(16)}`);
      }
    }
  }

  private location_(opcode: number, reader: ByteReader): boolean {
    switch (opcode) {
      case 0x00: // DW_CFA_nop
        return true;
      case 0x01: // DW_CFA_set_loc
        this.location = this.readAddress(reader);
        return true;
      case 0x02: // DW_CFA_advance_loc1
        this.advance(reader.u8());
        return true;
      case 0x03: // DW_CFA_advance_loc2
        this.advance(reader.u16());
        return true;
      case 0x04: // DW_CFA_advance_loc4
        this.advance(reader.u32());
        return true;
      case 0x0a: // DW_CFA_remember_state
        this.stack.push({ cfa: this.cfa, registers: new Map(this.registers) });
        return true;
      case 0x0b: {
        // DW_CFA_restore_state
        const saved = this.stack.pop() ?? reader.fail('restores a frame state that was not saved');
        this.cfa = saved.cfa;
        this.registers = saved.registers;
        return true;
      }
      case 0x2d: // DW_CFA_GNU_window_save and its like: no operand, no meaning on RISC-V
        return true;
      case 0x2e: // DW_CFA_GNU_args_size
        reader.uleb64();
        return true;
      default:
        return false;
    }
  }

  private cfaRule(opcode: number, reader: ByteReader): boolean {
    const { dataAlignment } = this.code;
    switch (opcode) {
      case 0x0c: // DW_CFA_def_cfa
        this.cfa = { kind: 'register', register: reader.uleb(), offset: reader.uleb64() };
        return true;
      case 0x12: // DW_CFA_def_cfa_sf
        this.cfa = { kind: 'register', register: reader.uleb(), offset: reader.sleb64() * dataAlignment };
        return true;
      case 0x0d: // DW_CFA_def_cfa_register
        this.cfa = { kind: 'register', register: reader.uleb(), offset: this.cfaOffset(reader) };
        return true;
      case 0x0e: // DW_CFA_def_cfa_offset
        this.cfa = { kind: 'register', register: this.cfaRegister(reader), offset: reader.uleb64() };
        return true;
      case 0x13: // DW_CFA_def_cfa_offset_sf
        this.cfa = {
          kind: 'register',
          register: this.cfaRegister(reader),
          offset: reader.sleb64() * dataAlignment,
        };
        return true;
      case 0x0f: // DW_CFA_def_cfa_expression
        this.cfa = { kind: 'expression', bytes: reader.block(reader.uleb()) };
        return true;
      default:
        return false;
    }
  }

  private registerRule(opcode: number, reader: ByteReader): boolean {
    const register = reader.uleb();
    const set = (rule: RegisterRule): true => {
      this.registers.set(register, rule);
      return true;
    };
    switch (opcode) {
      case 0x05: // DW_CFA_offset_extended
        return set(this.factored('offset', reader.uleb64()));
      case 0x06: // DW_CFA_restore_extended
        this.restore(register);
        return true;
      case 0x07: // DW_CFA_undefined
        return set({ kind: 'undefined' });
      case 0x08: // DW_CFA_same_value
        return set({ kind: 'same' });
      case 0x09: // DW_CFA_register
        return set({ kind: 'register', register: reader.uleb() });
      case 0x10: // DW_CFA_expression
        return set({ kind: 'expression', bytes: reader.block(reader.uleb()) });
      case 0x11: // DW_CFA_offset_extended_sf
        return set(this.factored('offset', reader.sleb64()));
      case 0x14: // DW_CFA_val_offset
        return set(this.factored('valOffset', reader.uleb64()));
      case 0x15: // DW_CFA_val_offset_sf
        return set(this.factored('valOffset', reader.sleb64()));
      case 0x16: // DW_CFA_val_expression
        return set({ kind: 'valExpression', bytes: reader.block(reader.uleb()) });
      case 0x2f: // DW_CFA_GNU_negative_offset_extended
        return set(this.factored('offset', -reader.uleb64()));
      default:
        return false;
    }
  }

  private factored(kind: 'offset' | 'valOffset', operand: bigint): RegisterRule {
    return { kind, offset: BigInt.asIntN(64, operand * this.code.dataAlignment) };
  }

  private restore(register: number): void {
    const rule = this.initialRegisters.get(register);
    if (rule === undefined) this.registers.delete(register);
    else this.registers.set(register, rule);
  }

  private cfaRegister(reader: ByteReader): number {
    return this.cfa?.kind === 'register'
      ? this.cfa.register
      : reader.fail('changes a frame address that has no register');
  }

  /** GCC's .debug_frame for RISC-V names the register alone at first: the offset is then 0. */
  private cfaOffset(reader: ByteReader): bigint {
    if (this.cfa === undefined) return 0n;
    return this.cfa.kind === 'register'
      ? this.cfa.offset
      : reader.fail('changes a frame address that has no register');
  }

  private advance(delta: number): void {
    this.location += BigInt(delta * this.code.codeAlignment);
  }
}
