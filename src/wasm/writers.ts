/** What the expression classes share: writing operands, then the opcode (core spec 5.4). */
import type { ByteWriter } from './bytes';

export type Write = (out: ByteWriter) => void;
interface Operand {
  readonly write: Write;
}

export const unary =
  (a: Operand, opcode: number): Write =>
  (out) => {
    a.write(out);
    out.byte(opcode);
  };

export const binary =
  (a: Operand, b: Operand, opcode: number): Write =>
  (out) => {
    a.write(out);
    b.write(out);
    out.byte(opcode);
  };

/** A load at a constant offset from an address. */
export const load =
  (address: Operand, opcode: number, offset: number): Write =>
  (out) => {
    address.write(out);
    out.byte(opcode);
    out.byte(0); // alignment hint: none promised, guest addresses are arbitrary
    out.uleb(offset);
  };

/** select: a where the condition is not 0, else b. */
export const selection =
  (a: Operand, b: Operand, condition: Operand): Write =>
  (out) => {
    a.write(out);
    b.write(out);
    condition.write(out);
    out.byte(0x1b);
  };
