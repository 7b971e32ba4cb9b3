/**
 * Symbols of one ELF file. Opening reads the headers only; symbols, units, line tables and frame tables are read when
 * first needed. Damaged debug information never stops a session: what is unreadable is left out and told in
 * `warnings`. Only a file that is no RISC-V ELF at all is refused by open().
 */
import { messageOf, UserError } from '../base/errors';
import type { ByteSource } from './bytes';
import { Companions, type CompanionOptions, type OpenedElf } from './companions';
import { DebugInfo } from './dwarf/debug-info';
import { FrameTable, type FrameInfo } from './dwarf/frame';
import { dwarfSectionsOf, type DwarfSections } from './dwarf/sections';
import { SplitUnits } from './dwarf/split';
import { NameIndex } from './dwarf/names';
import { DwarfProgram } from './dwarf/program';
import type { Unit } from './dwarf/unit';
import { ElfFile } from './elf/elf-file';
import { PF, PT, SHF, SHT } from './elf/format';
import { FunctionLookup, type FunctionRange, type InlinedFunction } from './functions';
import { lazily } from './lazily';
import { RangeIndex, type AddressRange } from './range-index';
import type { SearchGate } from './search';
import { SourceLines, type LineAddresses, type LineInfo } from './source-lines';
import { SymbolIndex, type NamedSymbol } from './symbol-index';
import type { Symbols } from './symbols';
import { ThreadLocals } from './thread-locals';
import type { Type } from './types';
import type { FunctionScope, FunctionTypeOf, NamedConstant, TypedSymbols, Variable } from './variables';

export interface SymbolFileOptions extends CompanionOptions {
  /** Added to every address of the file: where a position-independent file was loaded, minus where it was linked. */
  readonly loadBias?: bigint;
  /** For who can wait while a whole file is searched. */
  readonly searches?: SearchGate;
}

/** A file may have many damaged parts; more lines than these help nobody. */
const MAX_WARNINGS = 50;

/** The parts that do not depend on the load bias, shared by SymbolFile.withBias. */
interface FileParts {
  readonly elf: ElfFile;
  readonly warnings: string[];
  readonly symbols: () => SymbolIndex;
  readonly threadLocals: () => ThreadLocals;
  readonly functions: () => FunctionLookup;
  readonly lines: () => SourceLines;
  readonly frames: () => readonly FrameTable[];
  readonly info: () => DebugInfo;
  readonly names: () => NameIndex;
  readonly attempt: <T>(read: () => T) => T | undefined;
}

export class SymbolFile implements Symbols, TypedSymbols {
  private readonly program = lazily(
    () =>
      new DwarfProgram({
        info: this.parts.info(),
        names: this.parts.names(),
        inGuest: (address) => this.inGuest(address),
        inFile: (address) => this.inFile(address),
        symbolNamed: (name) => this.parts.symbols().named(name),
        threadLocals: this.parts.threadLocals,
      }),
  );

  private constructor(
    private readonly parts: FileParts,
    readonly loadBias: bigint,
  ) {}

  /** Throws a UserError (ELF_*) for what is no readable riscv64 ELF file. */
  static open(source: ByteSource, options: SymbolFileOptions = {}): SymbolFile {
    return SymbolFile.of(ElfFile.open(source, options), options);
  }

  /** For an ELF file that is open already. */
  static of(elf: ElfFile, options: SymbolFileOptions = {}): SymbolFile {
    return new SymbolFile(makeParts(elf, options), options.loadBias ?? 0n);
  }

  /** The same file at another place too (a kernel before and after its MMU is on), sharing all that was read. */
  withBias(loadBias: bigint): SymbolFile {
    return new SymbolFile(this.parts, loadBias);
  }

  get elf(): ElfFile {
    return this.parts.elf;
  }

  get warnings(): readonly string[] {
    return this.parts.warnings;
  }

  functionAt(pc: bigint): FunctionRange | undefined {
    const found = this.attempt(() => this.parts.functions().at(this.inFile(pc)));
    return found && { name: found.name, ...this.placed(found) };
  }

  inlinedAt(pc: bigint): InlinedFunction[] {
    return this.attempt(() => this.parts.functions().inlinedAt(this.inFile(pc))) ?? [];
  }

  symbolNamed(name: string): NamedSymbol | undefined {
    const found = this.parts.symbols().named(name);
    return found && { ...found, address: this.inGuest(found.address) };
  }

  symbolsMatching(pattern: string | RegExp, limit: number): NamedSymbol[] {
    // A fresh expression without g and y: those carry a position from one test to the next.
    const regexp =
      typeof pattern === 'string'
        ? undefined
        : new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    const matches = (name: string): boolean =>
      typeof pattern === 'string' ? name.startsWith(pattern) : regexp?.test(name) === true;
    const found = [...this.parts.symbols().all()].filter((symbol) => matches(symbol.name));
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    return found.slice(0, limit).map((symbol) => ({ ...symbol, address: this.inGuest(symbol.address) }));
  }

  lineAt(pc: bigint): LineInfo | undefined {
    const found = this.attempt(() => this.parts.lines().at(this.inFile(pc)));
    return found && { ...found, ...this.placed(found) };
  }

  rangesOfLineAt(pc: bigint): AddressRange[] {
    const ranges = this.attempt(() => this.parts.lines().rangesAt(this.inFile(pc))) ?? [];
    return ranges.map((range) => this.placed(range));
  }

  addressesOfLine(file: string, line: number): LineAddresses {
    const found = this.attempt(() => this.parts.lines().addressesOf(file, line));
    if (found === undefined) return { line, addresses: [] };
    return { line: found.line, addresses: found.addresses.map((address) => this.inGuest(address)) };
  }

  linesOfFile(file: string): number[] {
    return this.attempt(() => this.parts.lines().linesOf(file)) ?? [];
  }

  sourceFiles(): string[] {
    return this.attempt(() => this.parts.lines().files()) ?? [];
  }

  breakpointAddressOf(functionName: string): bigint | undefined {
    return this.breakpointAddressesOf(functionName)[0];
  }

  breakpointAddressesOf(functionName: string): bigint[] {
    const found = this.attempt(() => this.parts.functions().breakpointsOf(functionName));
    return (found ?? []).map((address) => this.inGuest(address));
  }

  /** Rules to unwind the frame at pc; expressions in them see guest addresses only through registers. */
  frameInfoAt(pc: bigint): FrameInfo | undefined {
    for (const table of this.parts.frames()) {
      const info = this.attempt(() => table.infoAt(this.inFile(pc)));
      if (info !== undefined) return { ...info, ...this.placed(info) };
    }
    return undefined;
  }

  scopesAt(pc: bigint): readonly FunctionScope[] {
    return this.program().scopesAt(pc);
  }

  variableNamed(name: string, near?: bigint): Variable | undefined {
    return this.program().variableNamed(name, near);
  }

  globalsAt(pc: bigint): readonly Variable[] {
    return this.program().globalsAt(pc);
  }

  typeNamed(name: string, near?: bigint): Type | undefined {
    return this.program().typeNamed(name, near);
  }

  constantNamed(name: string, near?: bigint): NamedConstant | undefined {
    return this.program().constantNamed(name, near);
  }

  functionTypeAt(entry: bigint): FunctionTypeOf | undefined {
    return this.program().functionTypeAt(entry);
  }

  private attempt<T>(read: () => T): T | undefined {
    return this.parts.attempt(read);
  }

  private inFile(address: bigint): bigint {
    return BigInt.asUintN(64, address - this.loadBias);
  }

  private inGuest(address: bigint): bigint {
    return BigInt.asUintN(64, address + this.loadBias);
  }

  private placed({ start, end }: AddressRange): { start: bigint; end: bigint } {
    return { start: this.inGuest(start), end: this.inGuest(end) };
  }
}

const makeParts = (elf: ElfFile, options: SymbolFileOptions): FileParts => {
  const warnings: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      warn(error);
      return undefined;
    }
  };
  const warn = (error: unknown): void => {
    // Anything else than a UserError is a defect of ours and must be seen.
    if (!(error instanceof UserError)) throw error;
    const text = messageOf(error);
    if (warnings.length < MAX_WARNINGS && !warnings.includes(text)) warnings.push(text);
  };
  const companions = new Companions(elf, options, warn);
  const debug = lazily(() => debugFileOf(elf, options, companions, attempt));
  const keep = codeFilter(elf);
  const splits = new SplitUnits({ companions, warn });
  const info = lazily(() => {
    const supplement = (): DwarfSections | undefined => {
      const found = companions.supplement(debug());
      return found && dwarfSectionsOf(found, warn);
    };
    const splitOf = (unit: Unit): Unit | undefined => splits.of(unit);
    return new DebugInfo({
      sections: dwarfSectionsOf(debug().elf, warn),
      keep,
      attempt,
      supplement,
      splitOf,
    });
  });
  const symbolsOf = (one: ElfFile): SymbolIndex | undefined => attempt(() => new SymbolIndex(one));
  const named = lazily(() => (hasSymbols(elf) ? elf : debug().elf));
  const symbols = lazily(() => symbolsOf(named()) ?? SymbolIndex.empty());
  const threadLocals = lazily(() => new ThreadLocals(named()));
  const functions = lazily(() => new FunctionLookup(info(), symbols, names, options.searches));
  const lines = lazily(() => new SourceLines(info(), functions(), options.searches));
  const frames = lazily(() => {
    const files = debug().elf === elf ? [elf] : [debug().elf, elf];
    return files.flatMap((one) => readFrames(one, keep, attempt));
  });
  const names = lazily(() => new NameIndex(info(), options.searches));
  return { elf, warnings, symbols, threadLocals, functions, lines, frames, info, names, attempt };
};

const hasSymbols = (elf: ElfFile): boolean => elf.sections.some((section) => section.type === SHT.symtab);

const hasDebugInfo = (elf: ElfFile): boolean =>
  ['.debug_info', '.zdebug_info', '.debug_line', '.zdebug_line'].some((name) => {
    const section = elf.sectionNamed(name);
    return section !== undefined && section.type !== SHT.nobits;
  });

/** The file that has the debug information: the program itself, or the one that it was moved to. */
const debugFileOf = (
  elf: ElfFile,
  options: SymbolFileOptions,
  companions: Companions,
  attempt: <T>(read: () => T) => T | undefined,
): OpenedElf => {
  const own = { elf, path: options.path ?? '' };
  return hasDebugInfo(elf) ? own : (attempt(() => companions.debugFile()) ?? own);
};

/** .debug_frame first: it is made for debuggers and covers every instruction. */
const readFrames = (
  elf: ElfFile,
  keep: (range: AddressRange) => boolean,
  attempt: <T>(read: () => T) => T | undefined,
): FrameTable[] => {
  const tables: FrameTable[] = [];
  for (const name of ['.debug_frame', '.zdebug_frame', '.eh_frame']) {
    const section = elf.sectionNamed(name);
    const bytes = section && attempt(() => elf.sectionSource(section));
    if (section === undefined || bytes === undefined || bytes.size === 0) continue;
    const place = { bytes, address: section.address, isEh: name === '.eh_frame' };
    tables.push(
      new FrameTable(place, keep, (error) =>
        attempt(() => {
          throw error;
        }),
      ),
    );
  }
  return tables;
};

/** Linkers leave tables of dropped functions in place, at address 0 or -1: only ranges in code count. */
const codeFilter = (elf: ElfFile): ((range: AddressRange) => boolean) => {
  const fromSections = elf.sections
    .filter((section) => (section.flags & SHF.execinstr) !== 0 && (section.flags & SHF.alloc) !== 0)
    .map(({ address, size }) => ({ start: address, end: address + BigInt(size), value: true }));
  const code =
    fromSections.length > 0
      ? fromSections
      : elf.segments
          .filter((segment) => segment.type === PT.load && (segment.flags & PF.execute) !== 0)
          .map(({ vaddr, memSize }) => ({ start: vaddr, end: vaddr + BigInt(memSize), value: true }));
  if (code.length === 0) return () => true;
  const index = new RangeIndex(code);
  return (range) => index.find(range.start) === true;
};
