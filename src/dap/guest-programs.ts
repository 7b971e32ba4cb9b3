/** The symbol files of launch.json, opened and placed. What is wrong with one of them names it. */
import { messageOf, UserError, userError } from '../base/errors';
import type { SymbolFileConfiguration } from '../protocol';
import type { ByteSource } from '../symbols/bytes';
import type { FileOpener } from '../symbols/companions';
import { ElfFile, type ElfOptions } from '../symbols/elf/elf-file';
import { ET, PT, SHF } from '../symbols/elf/format';
import type { SectionAddresses } from '../symbols/elf/relocate';
import type { SearchGate } from '../symbols/search';
import { SymbolFile, type SymbolFileOptions } from '../symbols/symbol-file';
import { CodeImage } from './code-image';
import type { GuestProgram, LoadPlace, UnplacedProgram } from './spaces';

/** A kernel's or firmware's file that is loaded as a part of the guest. */
export interface LoadedFile {
  readonly path: string;
  readonly elf: ElfFile;
  readonly symbols: SymbolFile;
}

/** How files are opened: programs, and what belongs to them (debug files, .dwo files). */
export interface ProgramFiles {
  readonly open: (path: string) => Promise<ByteSource>;
  readonly openCompanion: FileOpener;
  /** Where separate debug files are; absent: where distributions put them. */
  readonly debugDirectories?: readonly string[];
  /** Who waits for searches in them. */
  readonly searches: SearchGate;
}

interface OpenedPrograms {
  readonly programs: readonly GuestProgram[];
  /** Whose place the guest decides, and launch.json does not say. */
  readonly unplaced: readonly UnplacedProgram[];
  /** Of files that cannot be used, naming them: the guest runs without their symbols. */
  readonly warnings: readonly string[];
}

export async function openPrograms(
  loaded: readonly LoadedFile[],
  files: readonly SymbolFileConfiguration[],
  from: ProgramFiles,
  resolve: (path: string) => string,
): Promise<OpenedPrograms> {
  const warnings: string[] = [];
  const programs: GuestProgram[] = loaded.map(({ path, elf, symbols }, index) => ({
    ...{ id: index + 1, path, space: 'kernel', symbols },
    image: new CodeImage(elf, 0n),
  }));
  const unplaced: UnplacedProgram[] = [];
  for (const configuration of files) {
    const path = resolve(configuration.file);
    try {
      const id = programs.length + unplaced.length + 1;
      const opened = await openProgram(id, path, configuration, from);
      if ('at' in opened) unplaced.push(opened);
      else programs.push(opened);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warnings.push(`${messageOf(error)} (${error.code}); the guest runs without its symbols`);
    }
  }
  return { programs, unplaced, warnings };
}

/** What SymbolFile needs to know besides the file. */
export const companionsOf = (
  path: string,
  { openCompanion, debugDirectories, searches }: Omit<ProgramFiles, 'open'>,
): SymbolFileOptions => ({
  ...{ path, openFile: openCompanion, searches },
  ...(debugDirectories === undefined ? {} : { debugDirectories }),
});

/** Throws SYMBOL_FILE_MISSING, SYMBOL_FILE_UNREADABLE, SYMBOL_FILE_ADDRESS, SYMBOL_FILE_SECTIONS. */
async function openProgram(
  id: number,
  path: string,
  configuration: SymbolFileConfiguration,
  files: ProgramFiles,
): Promise<GuestProgram | UnplacedProgram> {
  const { space, process } = configuration;
  const source = await openSource(path, files.open);
  const asLinked = openElf(path, source);
  const linked = SymbolFile.of(asLinked, companionsOf(path, files));
  const at = ({ loadBias, sectionAddresses }: LoadPlace): GuestProgram => {
    const isMoved = sectionAddresses !== undefined;
    const elf = isMoved ? openElf(path, source, { sectionAddresses }) : asLinked;
    const options = { ...companionsOf(path, files), loadBias, ...(isMoved ? { sectionAddresses } : {}) };
    return {
      ...{ id, path, space, image: new CodeImage(elf, loadBias) },
      symbols: isMoved ? SymbolFile.of(elf, options) : linked.withBias(loadBias),
      ...(process === undefined ? {} : { process }),
    };
  };
  if (!isPlacedByGuest(configuration, asLinked)) return at(placeOf(configuration, asLinked, path));
  return { id, path, space, symbols: linked, elf: asLinked, image: new CodeImage(asLinked, 0n), at };
}

/** Position-independent programs, and modules of the kernel. */
const isPlacedByGuest = (
  { space, address, offset, sections }: SymbolFileConfiguration,
  { header }: ElfFile,
): boolean =>
  (address ?? offset ?? sections) === undefined && header.type === (space === 'user' ? ET.dyn : ET.rel);

async function openSource(path: string, open: (path: string) => Promise<ByteSource>): Promise<ByteSource> {
  try {
    return await open(path);
  } catch (error) {
    return unusable(path, error);
  }
}

function openElf(path: string, source: ByteSource, options: ElfOptions = {}): ElfFile {
  try {
    return ElfFile.open(source, options);
  } catch (error) {
    return unusable(path, error);
  }
}

function unusable(path: string, error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  const code = error.code === 'FILE_MISSING' ? 'SYMBOL_FILE_MISSING' : 'SYMBOL_FILE_UNREADABLE';
  throw userError(code, `symbolFiles: ${path}: ${messageOf(error)}`, error);
}

function placeOf(configuration: SymbolFileConfiguration, elf: ElfFile, path: string): LoadPlace {
  const { offset, address, sections } = configuration;
  if (sections !== undefined) {
    checkSections(sections, elf, path);
    return { loadBias: 0n, sectionAddresses: sections };
  }
  if (address === undefined) return { loadBias: offset ?? 0n };
  // An object file's own addresses begin at 0.
  if (elf.header.type === ET.rel) return { loadBias: address };
  return { loadBias: address - lowestOf(elf, path) };
}

function checkSections(sections: SectionAddresses, elf: ElfFile, path: string): void {
  if (elf.header.type !== ET.rel) {
    throw userError(
      'SYMBOL_FILE_SECTIONS',
      `symbolFiles: ${path} is linked, so its sections have addresses: give "address" or "offset"`,
    );
  }
  const missing = Object.keys(sections).find((name) => elf.sectionNamed(name) === undefined);
  if (missing === undefined) return;
  const loaded = elf.sections.filter(({ flags, size }) => (flags & SHF.alloc) !== 0 && size > 0);
  const names = loaded.slice(0, NAMED_MAX).map(({ name }) => name);
  throw userError(
    'SYMBOL_FILE_SECTIONS',
    `symbolFiles: ${path} has no section ${missing}; it has ${names.join(', ')}`,
  );
}

/** Sections named in a message. */
const NAMED_MAX = 12;

/** Where the file's first loaded byte would be. */
function lowestOf(elf: ElfFile, path: string): bigint {
  const places = elf.segments
    .filter(({ type, memSize }) => type === PT.load && memSize > 0)
    .map(({ vaddr }) => vaddr);
  const lowest = places.reduce<bigint | undefined>(
    (low, one) => (low !== undefined && low < one ? low : one),
    undefined,
  );
  if (lowest !== undefined) return lowest;
  throw userError(
    'SYMBOL_FILE_ADDRESS',
    `symbolFiles: ${path} has nothing that is loaded, so it has no address: give "offset"`,
  );
}
