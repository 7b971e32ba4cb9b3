/** Symbols of several files at once: firmware, bootloader, kernel. Files added first are asked first. */
import type { FrameInfo } from './dwarf/frame';
import type { FunctionRange, InlinedFunction } from './functions';
import { matchPaths } from './paths';
import type { AddressRange } from './range-index';
import type { LineAddresses, LineInfo } from './source-lines';
import type { NamedSymbol } from './symbol-index';
import type { Symbols } from './symbols';

export class SymbolTable implements Symbols {
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

  private firstList<T>(ask: (file: Symbols) => T[]): T[] {
    return (
      this.first((file) => {
        const list = ask(file);
        return list.length > 0 ? list : undefined;
      }) ?? []
    );
  }
}
