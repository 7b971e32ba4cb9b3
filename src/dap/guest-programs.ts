/** The symbol files of launch.json, opened and placed. What is wrong with one of them names it. */
import { messageOf, UserError, userError } from '../base/errors';
import type { SymbolFileConfiguration } from '../protocol';
import type { ByteSource } from '../symbols/bytes';
import type { FileOpener } from '../symbols/companions';
import { ElfFile } from '../symbols/elf/elf-file';
import { PT } from '../symbols/elf/format';
import { SymbolFile } from '../symbols/symbol-file';
import { CodeImage } from './code-image';
import type { GuestProgram } from './spaces';

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
}

interface OpenedPrograms {
  readonly programs: readonly GuestProgram[];
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
  for (const configuration of files) {
    const path = resolve(configuration.file);
    try {
      programs.push(await openProgram(programs.length + 1, path, configuration, from));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warnings.push(`${messageOf(error)} (${error.code}); the guest runs without its symbols`);
    }
  }
  return { programs, warnings };
}

/** Throws SYMBOL_FILE_MISSING, SYMBOL_FILE_UNREADABLE, SYMBOL_FILE_ADDRESS. */
async function openProgram(
  id: number,
  path: string,
  configuration: SymbolFileConfiguration,
  { open, openCompanion }: ProgramFiles,
): Promise<GuestProgram> {
  const { space, process } = configuration;
  const elf = await openElf(path, open);
  const loadBias = biasOf(configuration, elf, path);
  return {
    ...{ id, path, space, symbols: SymbolFile.of(elf, { loadBias, path, openFile: openCompanion }) },
    image: new CodeImage(elf, loadBias),
    ...(process === undefined ? {} : { process }),
  };
}

async function openElf(path: string, open: (path: string) => Promise<ByteSource>): Promise<ElfFile> {
  try {
    return ElfFile.open(await open(path));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const code = error.code === 'FILE_MISSING' ? 'SYMBOL_FILE_MISSING' : 'SYMBOL_FILE_UNREADABLE';
    throw userError(code, `symbolFiles: ${path}: ${messageOf(error)}`, error);
  }
}

/** What is added to the file's addresses. */
function biasOf({ offset, address }: SymbolFileConfiguration, elf: ElfFile, path: string): bigint {
  if (address === undefined) return offset ?? 0n;
  const places = elf.segments
    .filter(({ type, memSize }) => type === PT.load && memSize > 0)
    .map(({ vaddr }) => vaddr);
  const lowest = places.reduce<bigint | undefined>(
    (low, one) => (low !== undefined && low < one ? low : one),
    undefined,
  );
  if (lowest !== undefined) return address - lowest;
  throw userError(
    'SYMBOL_FILE_ADDRESS',
    `symbolFiles: ${path} has nothing that is loaded, so it has no address: give "offset"`,
  );
}
