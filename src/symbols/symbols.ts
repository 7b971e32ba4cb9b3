/** What the debugger asks of symbols: of one file (SymbolFile) or of several at once (SymbolTable). */
import type { FrameInfo } from './dwarf/frame';
import type { FunctionRange, InlinedFunction } from './functions';
import type { AddressRange } from './range-index';
import type { LineAddresses, LineInfo } from './source-lines';
import type { NamedSymbol } from './symbol-index';
import type { TypedSymbols } from './variables';

/** All addresses are those of the guest (load bias applied), unsigned 64-bit. Types and variables need debug information. */
export interface Symbols extends Partial<TypedSymbols> {
  /** The function compiled to the code at pc, or the nearest label of assembly before it. */
  functionAt(pc: bigint): FunctionRange | undefined;
  /** Functions inlined at pc, innermost first. */
  inlinedAt(pc: bigint): InlinedFunction[];
  symbolNamed(name: string): NamedSymbol | undefined;
  /** Symbols whose name starts with the text or matches the expression, by name, at most `limit`. */
  symbolsMatching(pattern: string | RegExp, limit: number): NamedSymbol[];
  lineAt(pc: bigint): LineInfo | undefined;
  rangesOfLineAt(pc: bigint): AddressRange[];
  addressesOfLine(file: string, line: number): LineAddresses;
  /** Lines with code, ascending. */
  linesOfFile(file: string): number[];
  sourceFiles(): string[];
  /** Behind the prologue; the lowest address if several functions have the name. */
  breakpointAddressOf(functionName: string): bigint | undefined;
  breakpointAddressesOf(functionName: string): bigint[];
  frameInfoAt(pc: bigint): FrameInfo | undefined;
  /** What was wrong with the files so far, in one line each; grows as parts are read. */
  readonly warnings: readonly string[];
}
