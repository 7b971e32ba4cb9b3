/** What DWARF expressions are evaluated in. */
import type { Variable } from '../variables';
import type { ValueType } from './stack-values';

export interface ExpressionContext {
  /** DWARF register number to value; undefined when it is not known in this frame. */
  register(number: number): bigint | undefined;
  /** Little-endian unsigned value of 1, 2, 4 or 8 bytes; undefined when it cannot be read. */
  read(address: bigint, sizeBytes: number): bigint | undefined;
  /** What call frame rules do without. */
  readonly scope?: ExpressionScope;
}

/** What the unit, the function and the frame around an expression give. Undefined: not known here. */
export interface ExpressionScope {
  readonly addressSize: number;
  /** Bytes of a reference to another unit. */
  readonly referenceSize: 4 | 8;
  /** An address of the file in the guest. */
  inGuest(address: bigint): bigint;
  /** Entry of .debug_addr, as it is in the file. */
  indexed(index: number): bigint;
  frameBase(): bigint | undefined;
  cfa(): bigint | undefined;
  /** DW_OP_push_object_address. */
  objectAddress(): bigint | undefined;
  threadLocal(offset: bigint): bigint | undefined;
  /** The base type at an offset of the unit. */
  baseType(offset: number): ValueType | undefined;
  /** The location expression of another entry (DW_OP_call*); empty when it has none. */
  procedure(offset: number, from: 'unit' | 'section'): Uint8Array | undefined;
  /** What a register, or the place that an expression tells, held when the function was entered. */
  entryValue(what: { readonly register: number } | { readonly at: Uint8Array }): bigint | undefined;
  /** The value that the caller gave to a parameter, by the offset of its entry in the unit. */
  parameterValue(offset: number): bigint | undefined;
  variable(offset: number): Variable | undefined;
  /** The present value of a variable. */
  variableValue(offset: number): bigint | undefined;
}
