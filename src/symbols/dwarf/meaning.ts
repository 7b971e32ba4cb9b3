/** What the readers of types, variables and scopes share, and how they reach each other: one for a file at a place. */
import type { ThreadLocals } from '../thread-locals';
import type { Type } from '../types';
import type { FrameContext, Variable } from '../variables';
import type { DebugInfo } from './debug-info';
import type { Die } from './die';

/** A frame while a location in it is worked out. */
export interface Place {
  readonly frame: FrameContext;
  readonly meaning: Meaning;
  /** How many descriptions wait for each other. */
  readonly depth: number;
  /** How many were needed so far. */
  readonly work: { evaluations: number };
  /** For DW_OP_push_object_address. */
  readonly object?: bigint;
}

/** What a caller passed: in a register, in a place that an expression tells, or for a parameter. */
export type Passed =
  { readonly register: number } | { readonly at: Uint8Array } | { readonly parameter: Die };

export interface Meaning {
  readonly info: DebugInfo;
  /** Runs a reader of file contents; undefined (and a warning) when the file is damaged. */
  readonly attempt: <T>(read: () => T) => T | undefined;
  /** Addresses of the file to those of the guest, and back. */
  readonly inGuest: (address: bigint) => bigint;
  readonly inFile: (address: bigint) => bigint;
  readonly threadLocals: () => ThreadLocals;
  /** The type that an entry describes. */
  typeAt(die: Die): Type;
  /** The type that an entry has by DW_AT_type (also of what it completes); `void` without one. */
  typeOf(die: Die): Type;
  variableAt(die: Die): Variable;
  /** The name with namespaces and classes around it, where the language has them. */
  qualifiedName(die: Die): string | undefined;
  /** The entry that defines what `die` only declares. */
  definitionOf(die: Die): Die | undefined;
  /** What was passed to the function that the frame executes, when it was entered. */
  valueAtEntry(what: Passed, place: Place): bigint | undefined;
  /** Of a symbol in the ELF symbol table, in the guest. */
  symbolAddress(name: string): bigint | undefined;
  /** The same of one that all object files share: what the linker took a declaration for. */
  sharedSymbolAddress(name: string): bigint | undefined;
  /** The function that was compiled to the code at an address of the file (not one inlined there). */
  bodyAt(address: bigint): Die | undefined;
}
