/** Symbols of several files at once: firmware, bootloader, kernel. Files added first are asked first. */
import type { FrameInfo } from './dwarf/frame';
import type { FunctionRange, InlinedFunction } from './functions';
import { matchPaths } from './paths';
import type { AddressRange } from './range-index';
import type { LineAddresses, LineInfo } from './source-lines';
import type { NamedSymbol } from './symbol-index';
import type { Symbols } from './symbols';
import type { Type } from './types';
import type { FunctionScope, FunctionTypeOf, NamedConstant, TypedSymbols, Variable } from './variables';

export class SymbolTable implements Symbols, TypedSymbols {
  constructor(private readonly files: Symbols[] = []) {}

  add(file: Symbols): void {
    this.files.push(file);
  }

  get warnings(): readonly string[] {
    return this.files.flatMap((file) => file.warnings);
  }

  functionAt(pc: bigint): FunctionRange | undefined {
    return this.first((file) => file.functionAt(pc));
  }

  inlinedAt(pc: bigint): InlinedFunction[] {
    return this.firstList((file) => file.inlinedAt(pc));
  }

  symbolNamed(name: string): NamedSymbol | undefined {
    return this.first((file) => file.symbolNamed(name));
  }

  symbolsMatching(pattern: string | RegExp, limit: number): NamedSymbol[] {
    return this.files.flatMap((file) => file.symbolsMatching(pattern, limit)).slice(0, limit);
  }

  lineAt(pc: bigint): LineInfo | undefined {
    return this.first((file) => file.lineAt(pc));
  }

  rangesOfLineAt(pc: bigint): AddressRange[] {
    return this.firstList((file) => file.rangesOfLineAt(pc));
  }

  /** Only files that know the source best are asked: a "main.c" of the bootloader is not the kernel's. */
  addressesOfLine(file: string, line: number): LineAddresses {
    const found = this.knowing(file)
      .map((one) => one.addressesOfLine(file, line))
      .filter((one) => one.addresses.length > 0);
    const moved = Math.min(...found.map((one) => one.line));
    if (found.length === 0) return { line, addresses: [] };
    const addresses = found.filter((one) => one.line === moved).flatMap((one) => one.addresses);
    return { line: moved, addresses: [...new Set(addresses)].sort((a, b) => (a < b ? -1 : 1)) };
  }

  linesOfFile(file: string): number[] {
    const lines = this.knowing(file).flatMap((one) => one.linesOfFile(file));
    return [...new Set(lines)].sort((a, b) => a - b);
  }

  sourceFiles(): string[] {
    return [...new Set(this.files.flatMap((file) => file.sourceFiles()))].sort();
  }

  breakpointAddressOf(functionName: string): bigint | undefined {
    return this.first((file) => file.breakpointAddressOf(functionName));
  }

  breakpointAddressesOf(functionName: string): bigint[] {
    return [...new Set(this.files.flatMap((file) => file.breakpointAddressesOf(functionName)))];
  }

  frameInfoAt(pc: bigint): FrameInfo | undefined {
    return this.first((file) => file.frameInfoAt(pc));
  }

  scopesAt(pc: bigint): readonly FunctionScope[] {
    return this.firstList((file) => file.scopesAt?.(pc) ?? []);
  }

  variableNamed(name: string, near?: bigint): Variable | undefined {
    return this.firstNear(near, (file) => file.variableNamed?.(name, near));
  }

  globalsAt(pc: bigint): readonly Variable[] {
    return this.firstList((file) => file.globalsAt?.(pc) ?? []);
  }

  typeNamed(name: string, near?: bigint): Type | undefined {
    return this.firstNear(near, (file) => file.typeNamed?.(name, near));
  }

  constantNamed(name: string, near?: bigint): NamedConstant | undefined {
    return this.firstNear(near, (file) => file.constantNamed?.(name, near));
  }

  functionTypeAt(entry: bigint): FunctionTypeOf | undefined {
    return this.first((file) => file.functionTypeAt?.(entry));
  }

  private knowing(path: string): Symbols[] {
    const best = new Set(matchPaths(path, this.sourceFiles()));
    return this.files.filter((file) => file.sourceFiles().some((one) => best.has(one)));
  }

  private first<T>(ask: (file: Symbols) => T | undefined): T | undefined {
    for (const file of this.files) {
      const answer = ask(file);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** The file that the code at `near` comes from knows best what a name means there. */
  private firstNear<T>(near: bigint | undefined, ask: (file: Symbols) => T | undefined): T | undefined {
    const own = near === undefined ? undefined : this.files.find((file) => file.functionAt(near));
    return (own && ask(own)) ?? this.first((file) => (file === own ? undefined : ask(file)));
  }

  private firstList<T>(ask: (file: Symbols) => readonly T[]): T[] {
    const found = this.first((file) => {
      const list = ask(file);
      return list.length > 0 ? list : undefined;
    });
    return [...(found ?? [])];
  }
}
