/**
 * DWARF expressions as call frame rules use them (DWARF 5, 2.5): arithmetic, registers and memory. Location pieces,
 * type conversions and calls do not occur there and are refused.
 */
import { ByteReader } from '../bytes';

export interface ExpressionContext {
  /** DWARF register number to value; undefined when it is not known in this frame. */
  register(number: number): bigint | undefined;
  /** Little-endian unsigned value of 1, 2, 4 or 8 bytes; undefined when it cannot be read. */
  read(address: bigint, sizeBytes: number): bigint | undefined;
}

/** Steps after which an expression counts as endless (branches may go backwards). */
const MAX_STEPS = 10_000;
const MAX_STACK = 256;

/** The value on top at the end; undefined when a register or memory is unknown. Throws DWARF_BAD_EXPRESSION. */
export const evaluateDwarfExpression = (
  bytes: Uint8Array,
  context: ExpressionContext,
  initial: readonly bigint[],
): bigint | undefined => new StackMachine(bytes, context, initial).run();

const MASK = (1n << 64n) - 1n;
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

/** Thrown inside for a value that this frame does not have: not an error of the file. */
class Unknown extends Error {}

class StackMachine {
  private readonly reader: ByteReader;
  private readonly stack: bigint[];

  constructor(
    bytes: Uint8Array,
    private readonly context: ExpressionContext,
    initial: readonly bigint[],
  ) {
    this.reader = new ByteReader(bytes, { code: 'DWARF_BAD_EXPRESSION', name: 'a DWARF expression' });
    this.stack = [...initial];
  }

  run(): bigint | undefined {
    try {
      for (let steps = 0; !this.reader.done; steps++) {
        if (steps > MAX_STEPS) this.reader.fail('does not end');
        this.step(this.reader.u8());
        if (this.stack.length > MAX_STACK) this.reader.fail('needs too large a stack');
      }
      return this.pop();
    } catch (error) {
      if (error instanceof Unknown) return undefined;
      throw error;
    }
  }

  private step(op: number): void {
    if (op >= 0x30 && op <= 0x4f) this.push(BigInt(op - 0x30));
    else if (op >= 0x70 && op <= 0x8f) this.push(this.register(op - 0x70) + this.reader.sleb64());
    else if (!this.constant(op) && !this.shuffle(op) && !this.binary(op) && !this.other(op))
      this.reader.fail(`uses operation 0x${op.toString(16)}, which is not known here`);
  }

  private constant(op: number): boolean {
    const { reader } = this;
    switch (op) {
      case 0x03: // DW_OP_addr
      case 0x0e: // DW_OP_const8u
        return this.push(reader.u64());
      case 0x08:
        return this.push(BigInt(reader.u8()));
      case 0x09:
        return this.push(BigInt(reader.i8()));
      case 0x0a:
        return this.push(BigInt(reader.u16()));
      case 0x0b:
        return this.push(BigInt(reader.i16()));
      case 0x0c:
        return this.push(BigInt(reader.u32()));
      case 0x0d:
        return this.push(BigInt(reader.i32()));
      case 0x0f:
        return this.push(reader.i64());
      case 0x10: // DW_OP_constu
        return this.push(reader.uleb64());
      case 0x11: // DW_OP_consts
        return this.push(reader.sleb64());
      case 0x92: // DW_OP_bregx
        return this.push(this.register(reader.uleb()) + reader.sleb64());
      default:
        return false;
    }
  }

  private shuffle(op: number): boolean {
    switch (op) {
      case 0x12: // DW_OP_dup
        return this.push(this.pick(0));
      case 0x13: // DW_OP_drop
        this.pop();
        return true;
      case 0x14: // DW_OP_over
        return this.push(this.pick(1));
      case 0x15: // DW_OP_pick
        return this.push(this.pick(this.reader.u8()));
      case 0x16: {
        // DW_OP_swap
        const [b, a] = [this.pop(), this.pop()];
        this.push(b);
        return this.push(a);
      }
      case 0x17: {
        // DW_OP_rot
        const [c, b, a] = [this.pop(), this.pop(), this.pop()];
        this.push(c);
        this.push(a);
        return this.push(b);
      }
      default:
        return false;
    }
  }

  private binary(op: number): boolean {
    const make = BINARY[op];
    if (make === undefined) return false;
    const b = this.pop();
    const a = this.pop();
    return this.push(make(a, b) ?? this.reader.fail('divides by zero'));
  }

  private other(op: number): boolean {
    const { reader } = this;
    switch (op) {
      case 0x06: // DW_OP_deref
        return this.push(this.read(this.pop(), 8));
      case 0x94: // DW_OP_deref_size
        return this.push(this.read(this.pop(), reader.u8()));
      case 0x19: {
        // DW_OP_abs
        const value = signed(this.pop());
        return this.push(value < 0n ? -value : value);
      }
      case 0x1f: // DW_OP_neg
        return this.push(-this.pop());
      case 0x20: // DW_OP_not
        return this.push(~this.pop());
      case 0x23: // DW_OP_plus_uconst
        return this.push(this.pop() + reader.uleb64());
      case 0x2f: // DW_OP_skip
        this.jump(reader.i16());
        return true;
      case 0x28: {
        // DW_OP_bra
        const distance = reader.i16();
        if (this.pop() !== 0n) this.jump(distance);
        return true;
      }
      case 0x96: // DW_OP_nop
        return true;
      default:
        return false;
    }
  }

  private jump(distance: number): void {
    const target = this.reader.offset + distance;
    if (target < 0 || target > this.reader.end) this.reader.fail('branches outside of itself');
    this.reader.offset = target;
  }

  private register(number: number): bigint {
    const value = this.context.register(number);
    if (value === undefined) throw new Unknown();
    return value;
  }

  private read(address: bigint, sizeBytes: number): bigint {
    if (![1, 2, 4, 8].includes(sizeBytes)) this.reader.fail('reads memory of an unknown size');
    const value = this.context.read(address, sizeBytes);
    if (value === undefined) throw new Unknown();
    return value;
  }

  private push(value: bigint): true {
    this.stack.push(value & MASK);
    return true;
  }

  private pop(): bigint {
    return this.stack.pop() ?? this.reader.fail('takes a value from an empty stack');
  }

  private pick(depth: number): bigint {
    return this.stack.at(-1 - depth) ?? this.reader.fail('takes a value from an empty stack');
  }
}

const flag = (condition: boolean): bigint => (condition ? 1n : 0n);

/** Operators over unsigned 64-bit values; undefined for a division by zero. */
const BINARY: Readonly<Record<number, (a: bigint, b: bigint) => bigint | undefined>> = {
  0x1a: (a, b) => a & b,
  0x1b: (a, b) => (b === 0n ? undefined : signed(a) / signed(b)),
  0x1c: (a, b) => a - b,
  0x1d: (a, b) => (b === 0n ? undefined : a % b),
  0x1e: (a, b) => a * b,
  0x21: (a, b) => a | b,
  0x22: (a, b) => a + b,
  0x24: (a, b) => (b > 63n ? 0n : a << b),
  0x25: (a, b) => (b > 63n ? 0n : a >> b),
  0x26: (a, b) => signed(a) >> (b > 63n ? 63n : b),
  0x27: (a, b) => a ^ b,
  0x29: (a, b) => flag(signed(a) === signed(b)),
  0x2a: (a, b) => flag(signed(a) >= signed(b)),
  0x2b: (a, b) => flag(signed(a) > signed(b)),
  0x2c: (a, b) => flag(signed(a) <= signed(b)),
  0x2d: (a, b) => flag(signed(a) < signed(b)),
  0x2e: (a, b) => flag(signed(a) !== signed(b)),
};
