/**
 * The machine of DWARF expressions and location descriptions (DWARF 5, 2.5 and 2.6), with the GNU operations that came
 * before those of DWARF 5. It serves call frame rules, which know registers and memory only, and variables, which know
 * the file around them too (`scope`). Steps, stack and nesting are bounded; expressions from damaged files end with
 * DWARF_BAD_EXPRESSION, values that the frame does not have with Unavailable.
 */
import type { Location, Piece } from '../variables';
import type { ExpressionContext, ExpressionScope } from './expression-context';
import { bitsOfBytes, constantOperand, readerOf, registerIn } from './operands';
import {
  binary,
  bytesOf,
  convert,
  generic,
  reinterpret,
  typed,
  unary,
  type StackValue,
  type ValueType,
} from './stack-values';

/** Operations executed before an expression counts as endless (branches may go backwards). */
const MAX_STEPS = 10_000;
const MAX_STACK = 256;
const MAX_PIECES = 1024;
const MAX_CALLS = 16;

/** Thrown for a value that this frame does not have: not an error of the file. */
class Unavailable extends Error {}

/** The value on top at the end; undefined when a register or memory is unknown. Throws DWARF_BAD_EXPRESSION. */
export const evaluateDwarfExpression = (
  bytes: Uint8Array,
  context: ExpressionContext,
  initial: readonly bigint[],
): bigint | undefined => {
  try {
    return new ExpressionMachine(context, initial).value(bytes);
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
};

/** Where (or what) a value is. Throws DWARF_BAD_EXPRESSION. */
export const evaluateLocation = (
  bytes: Uint8Array,
  context: ExpressionContext,
  initial: readonly bigint[] = [],
): Location => {
  try {
    return new ExpressionMachine(context, initial).location(bytes);
  } catch (error) {
    if (error instanceof Unavailable) return { kind: 'unavailable', reason: error.message };
    throw error;
  }
};

class ExpressionMachine {
  private reader = readerOf(new Uint8Array(0));
  private readonly stack: StackValue[];
  private readonly pieces: Piece[] = [];
  /** A simple location description other than memory, until a piece takes it. */
  private place: Location | undefined;
  private steps = 0;
  private calls = 0;

  constructor(
    private readonly context: ExpressionContext,
    initial: readonly bigint[],
  ) {
    this.stack = initial.map(generic);
  }

  value(bytes: Uint8Array): bigint {
    this.run(bytes);
    if (this.place?.kind === 'value') return bitsOfBytes(this.place.bytes);
    return this.pop().bits;
  }

  location(bytes: Uint8Array): Location {
    if (bytes.length === 0) return { kind: 'optimizedOut' };
    this.run(bytes);
    if (this.pieces.length > 0) return { kind: 'pieces', pieces: this.pieces };
    return this.takePlace();
  }

  private run(bytes: Uint8Array): void {
    const outer = this.reader;
    this.reader = readerOf(bytes);
    while (!this.reader.done) {
      if (++this.steps > MAX_STEPS) this.reader.fail('does not end');
      this.step(this.reader.u8());
      if (this.stack.length > MAX_STACK) this.reader.fail('needs too large a stack');
    }
    this.reader = outer;
  }

  private step(op: number): void {
    if (op >= 0x30 && op <= 0x4f) this.push(BigInt(op - 0x30));
    else if (op >= 0x50 && op <= 0x6f) this.place = { kind: 'register', number: op - 0x50 };
    else if (op >= 0x70 && op <= 0x8f) this.push(this.register(op - 0x70) + this.reader.sleb64());
    else if (
      !this.constant(op) &&
      !this.shuffle(op) &&
      !this.arithmetic(op) &&
      !this.control(op) &&
      !this.memory(op) &&
      !this.typedOperation(op) &&
      !this.describe(op) &&
      !this.ofScope(op)
    )
      this.reader.fail(`uses operation 0x${op.toString(16)}, which is not known here`);
  }

  private constant(op: number): boolean {
    const { reader } = this;
    switch (op) {
      case 0x03: {
        // DW_OP_addr
        const { scope } = this.context;
        const address = reader.unsigned(scope?.addressSize ?? 8);
        return this.push(scope?.inGuest(address) ?? address);
      }
      case 0x92: // DW_OP_bregx
        return this.push(this.register(reader.uleb()) + reader.sleb64());
      default: {
        const value = constantOperand(op, reader);
        return value !== undefined && this.push(value);
      }
    }
  }

  private shuffle(op: number): boolean {
    switch (op) {
      case 0x12: // DW_OP_dup
        return this.pushValue(this.pick(0));
      case 0x13: // DW_OP_drop
        this.pop();
        return true;
      case 0x14: // DW_OP_over
        return this.pushValue(this.pick(1));
      case 0x15: // DW_OP_pick
        return this.pushValue(this.pick(this.reader.u8()));
      case 0x16: {
        // DW_OP_swap
        const [b, a] = [this.pop(), this.pop()];
        this.pushValue(b);
        return this.pushValue(a);
      }
      case 0x17: {
        // DW_OP_rot
        const [c, b, a] = [this.pop(), this.pop(), this.pop()];
        this.pushValue(c);
        this.pushValue(a);
        return this.pushValue(b);
      }
      default:
        return false;
    }
  }

  private arithmetic(op: number): boolean {
    switch (op) {
      case 0x19: // DW_OP_abs
      case 0x1f: // DW_OP_neg
      case 0x20: // DW_OP_not
        return this.pushValue(unary(op, this.pop()) ?? this.reader.fail('has an operation not for its type'));
      case 0x23: {
        // DW_OP_plus_uconst
        const value = this.pop();
        const added = convert(generic(this.reader.uleb64()), value.type);
        const sum = added && binary(0x22, value, added);
        return typeof sum === 'object' ? this.pushValue(sum) : this.reader.fail('adds to no number');
      }
      default: {
        if (op < 0x1a || op > 0x2e || op === 0x28) return false;
        const b = this.pop();
        const result = binary(op, this.pop(), b);
        if (typeof result === 'object') return this.pushValue(result);
        return result === undefined ? false : this.reader.fail(`has operands that do not fit (${result})`);
      }
    }
  }

  private control(op: number): boolean {
    const { reader } = this;
    switch (op) {
      case 0x2f: // DW_OP_skip
        this.jump(reader.i16());
        return true;
      case 0x28: {
        // DW_OP_bra
        const distance = reader.i16();
        if (this.pop().bits !== 0n) this.jump(distance);
        return true;
      }
      case 0x96: // DW_OP_nop
      case 0xf0: // DW_OP_GNU_uninit: the value is there, though the program has not set it yet
        return true;
      case 0x98: // DW_OP_call2
        return this.call(reader.u16(), 'unit');
      case 0x99: // DW_OP_call4
        return this.call(reader.u32(), 'unit');
      case 0x9a: // DW_OP_call_ref
        return this.call(this.sectionReference(), 'section');
      default:
        return false;
    }
  }

  private memory(op: number): boolean {
    switch (op) {
      case 0x06: // DW_OP_deref
        return this.push(this.read(this.pop().bits, this.context.scope?.addressSize ?? 8));
      case 0x94: // DW_OP_deref_size
        return this.push(this.read(this.pop().bits, this.reader.u8()));
      case 0xa6: // DW_OP_deref_type
      case 0xf6: {
        const size = this.reader.u8();
        const type = this.baseType();
        return this.pushValue(typed(this.read(this.pop().bits, size), type));
      }
      case 0x18: // DW_OP_xderef
      case 0x95: // DW_OP_xderef_size
      case 0xa7: // DW_OP_xderef_type
        throw new Unavailable('it lies in an address space of its own, which RISC-V does not have');
      default:
        return false;
    }
  }

  private typedOperation(op: number): boolean {
    const { reader } = this;
    switch (op) {
      case 0xa4: // DW_OP_const_type
      case 0xf4: {
        const type = this.baseType();
        return this.pushValue(typed(bitsOfBytes(reader.block(reader.u8())), type));
      }
      case 0xa5: // DW_OP_regval_type
      case 0xf5: {
        const value = this.register(reader.uleb());
        return this.pushValue(typed(value, this.baseType()));
      }
      case 0xa8: // DW_OP_convert
      case 0xf7: {
        const type = this.baseType();
        const value = convert(this.pop(), type);
        if (value === undefined)
          throw new Unavailable('its description needs arithmetic that is not done here');
        return this.pushValue(value);
      }
      case 0xa9: // DW_OP_reinterpret
      case 0xf9: {
        const type = this.baseType();
        return this.pushValue(
          reinterpret(this.pop(), type) ?? reader.fail('reads a value as one of another size'),
        );
      }
      default:
        return false;
    }
  }

  /** Simple location descriptions other than memory, and what composes them (DWARF 5, 2.6.1). */
  private describe(op: number): boolean {
    const { reader } = this;
    switch (op) {
      case 0x90: // DW_OP_regx
        this.place = { kind: 'register', number: reader.uleb() };
        return true;
      case 0x93: // DW_OP_piece
        return this.piece(reader.uleb() * 8, 0);
      case 0x9d: {
        // DW_OP_bit_piece
        const bitSize = reader.uleb();
        return this.piece(bitSize, reader.uleb());
      }
      case 0x9e: // DW_OP_implicit_value
        this.place = { kind: 'value', bytes: reader.block(reader.uleb()).slice() };
        return true;
      case 0x9f: // DW_OP_stack_value
        this.place = { kind: 'value', bytes: bytesOf(this.pop()) };
        return true;
      case 0xa0: // DW_OP_implicit_pointer
      case 0xf2: {
        const target = this.scope().variable(this.sectionReference());
        this.place = { kind: 'implicitPointer', target, offset: reader.sleb64() };
        return true;
      }
      default:
        return false;
    }
  }

  /** What only the file and the frame around the expression know. */
  private ofScope(op: number): boolean {
    const { reader } = this;
    switch (op) {
      case 0x91: // DW_OP_fbreg
        return this.push(this.known(this.scope().frameBase(), 'the frame base') + reader.sleb64());
      case 0x97: // DW_OP_push_object_address
        return this.push(this.known(this.scope().objectAddress(), 'the address of the object'));
      case 0x9b: // DW_OP_form_tls_address
      case 0xe0: // DW_OP_GNU_push_tls_address
        return this.push(this.known(this.scope().threadLocal(this.pop().bits), 'the thread pointer'));
      case 0x9c: // DW_OP_call_frame_cfa
        return this.push(this.known(this.scope().cfa(), 'the frame address'));
      case 0xa1: // DW_OP_addrx
      case 0xfb:
        return this.push(this.scope().inGuest(this.scope().indexed(reader.uleb())));
      case 0xa2: // DW_OP_constx
      case 0xfc:
        return this.push(this.scope().indexed(reader.uleb()));
      case 0xa3: // DW_OP_entry_value
      case 0xf3:
        return this.entryValue(reader.block(reader.uleb()));
      case 0xfa: // DW_OP_GNU_parameter_ref
        return this.push(this.known(this.scope().parameterValue(reader.u32()), "the caller's argument"));
      case 0xfd: {
        // DW_OP_GNU_variable_value
        const value = this.scope().variableValue(this.sectionReference());
        return this.push(this.known(value, 'the value of another variable'));
      }
      default:
        return false;
    }
  }

  /** Of a register, of a register read as a base type (2.5.1.4.2), or of a place. */
  private entryValue(bytes: Uint8Array): true {
    const inner = readerOf(bytes);
    const op = inner.done ? 0 : inner.u8();
    const isTyped = op === 0xa5 || op === 0xf5;
    const register = isTyped ? inner.uleb() : registerIn(bytes);
    const value = this.scope().entryValue(register === undefined ? { at: bytes } : { register });
    const known = this.known(value, 'the value at the entry of the function');
    return this.pushValue(typed(known, isTyped ? this.typeAt(inner.uleb()) : undefined));
  }

  private call(offset: number, from: 'unit' | 'section'): true {
    if (++this.calls > MAX_CALLS) this.reader.fail('calls itself without an end');
    const bytes = this.scope().procedure(offset, from);
    if (bytes !== undefined) this.run(bytes);
    return true;
  }

  private piece(bitSize: number, bitOffset: number): true {
    if (this.pieces.length >= MAX_PIECES) this.reader.fail('has too many pieces');
    this.pieces.push({ location: this.takePlace(), bitSize, bitOffset });
    return true;
  }

  private takePlace(): Location {
    const { place } = this;
    this.place = undefined;
    if (place !== undefined) return place;
    const top = this.stack.pop();
    return top === undefined ? { kind: 'optimizedOut' } : { kind: 'memory', address: top.bits };
  }

  private sectionReference(): number {
    return Number(this.reader.unsigned(this.scope().referenceSize));
  }

  /** Operand of the typed operations; 0 stands for the generic type. */
  private baseType(): ValueType | undefined {
    return this.typeAt(this.reader.uleb());
  }

  private typeAt(offset: number): ValueType | undefined {
    if (offset === 0) return undefined;
    return this.scope().baseType(offset) ?? this.reader.fail('refers to a type that is no base type');
  }

  private scope(): ExpressionScope {
    return this.context.scope ?? this.reader.fail('uses an operation that has no place here');
  }

  private known(value: bigint | undefined, what: string): bigint {
    if (value === undefined) throw new Unavailable(`${what} is not known in this frame`);
    return value;
  }

  private jump(distance: number): void {
    const target = this.reader.offset + distance;
    if (target < 0 || target > this.reader.end) this.reader.fail('branches outside of itself');
    this.reader.offset = target;
  }

  private register(number: number): bigint {
    return this.known(this.context.register(number), `register ${number}`);
  }

  /** Up to 16 bytes: typed values may be as long. */
  private read(address: bigint, sizeBytes: number): bigint {
    if (sizeBytes < 1 || sizeBytes > 16) this.reader.fail('reads memory of an unknown size');
    let value = 0n;
    for (let done = 0; done < sizeBytes;) {
      const left = sizeBytes - done;
      const size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
      const part = this.context.read(BigInt.asUintN(64, address + BigInt(done)), size);
      if (part === undefined) throw new Unavailable(`memory at 0x${address.toString(16)} cannot be read`);
      value |= part << BigInt(done * 8);
      done += size;
    }
    return value;
  }

  private push(value: bigint): true {
    return this.pushValue(generic(value));
  }

  private pushValue(value: StackValue): true {
    this.stack.push(value);
    return true;
  }

  private pop(): StackValue {
    return this.stack.pop() ?? this.reader.fail('takes a value from an empty stack');
  }

  private pick(depth: number): StackValue {
    return this.stack.at(-1 - depth) ?? this.reader.fail('takes a value from an empty stack');
  }
}
