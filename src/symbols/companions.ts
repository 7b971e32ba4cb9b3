/**
 * Files that belong to a program and hold a part of its debug information: a separate debug file (by build id or
 * .gnu_debuglink), the file that dwz moved common parts to (.gnu_debugaltlink, .debug_sup), .dwo files and .dwp packages of
 * split DWARF. Files are asked for by path from the host; each counts only if it is proven to belong to the program.
 */
import { UserError, userError } from '../base/errors';
import { ByteReader, type ByteSource } from './bytes';
import { crc32 } from './crc32';
import { ElfFile } from './elf/elf-file';
import type { SectionAddresses } from './elf/relocate';
import { isAbsolutePath, joinPath } from './paths';

/** Opens a regular file for reading; undefined when there is none, or none that may be read. Never throws. */
export type FileOpener = (path: string) => ByteSource | undefined;

export interface CompanionOptions {
  /** Of the program: where to look beside it. Absolute. */
  readonly path?: string;
  /** Without it only the file itself counts. */
  readonly openFile?: FileOpener;
  /** Roots of separate debug files, as GDB's debug-file-directory. */
  readonly debugDirectories?: readonly string[];
  /** Where the sections of an object file (a kernel module) were loaded, by name; others lie from 0 on. */
  readonly sectionAddresses?: SectionAddresses;
}

/** Where distributions put debug files. */
const DEBUG_DIRECTORIES = ['/usr/lib/debug'];

export interface OpenedElf {
  readonly elf: ElfFile;
  readonly path: string;
}

export class Companions {
  private readonly directories: readonly string[];

  /** `warn` gets what is there but does not fit. */
  constructor(
    private readonly elf: ElfFile,
    private readonly options: CompanionOptions,
    private readonly warn: (error: unknown) => void,
  ) {
    this.directories = options.debugDirectories ?? DEBUG_DIRECTORIES;
  }

  /** The file with the debug information that was taken out of the program (objcopy --only-keep-debug). */
  debugFile(): OpenedElf | undefined {
    const id = this.elf.buildId();
    for (const path of this.byBuildId(id)) {
      const elf = this.open(path);
      if (elf?.buildId() === id) return elf && { elf, path };
    }
    const link = this.linkSection('.gnu_debuglink');
    if (link === undefined) return undefined;
    const name = link.cstring();
    link.skip((4 - (link.offset % 4)) % 4);
    const sum = link.u32();
    for (const path of this.beside(name)) {
      const source = this.options.openFile?.(path);
      const elf = source && path !== this.options.path ? this.open(path, source) : undefined;
      if (source === undefined || elf === undefined) continue;
      // Both are proofs; the sum needs a look at every byte of the file.
      const same =
        id === undefined || elf.buildId() === undefined ? crc32(source) === sum : elf.buildId() === id;
      if (same) return { elf, path };
      this.warn(userError('SYMBOLS_STALE', `${path} is not the debug file of this build of the program`));
    }
    return undefined;
  }

  /** The file that a file made by dwz refers to (also DWARF 5's .debug_sup). */
  supplement(of: OpenedElf): ElfFile | undefined {
    const link = supplementOf(of.elf);
    if (link === undefined) return undefined;
    const near = isAbsolutePath(link.name) ? link.name : joinPath(of.path, '..', link.name);
    for (const path of [near, ...this.byBuildId(link.id)]) {
      const elf = this.open(path);
      if (elf !== undefined && (link.id === '' || elf.buildId() === link.id || checksumOf(elf) === link.id))
        return elf;
    }
    this.warn(
      userError('SYMBOLS_MISSING', `${link.name} is not found, which dwz moved common debug information to`),
    );
    return undefined;
  }

  /** The .dwp package beside the program. */
  package(): ElfFile | undefined {
    const { path } = this.options;
    return path === undefined ? undefined : this.open(`${path}.dwp`);
  }

  /** A .dwo file by the names that its skeleton gives. */
  split(compDir: string, name: string): ElfFile | undefined {
    const { path } = this.options;
    const folder = path === undefined ? undefined : joinPath(path, '..');
    const base = name.split(/[\\/]/).at(-1) ?? name;
    const places = [joinPath(compDir, name)];
    // A program that was moved with its .dwo files.
    if (folder !== undefined)
      places.push(joinPath(folder, isAbsolutePath(name) ? base : name), joinPath(folder, base));
    for (const place of new Set(places)) {
      const elf = this.open(place);
      if (elf !== undefined) return elf;
    }
    return undefined;
  }

  private byBuildId(id: string | undefined): string[] {
    if (id === undefined || id.length < 4) return [];
    return this.directories.map((root) =>
      joinPath(root, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`),
    );
  }

  /** GDB's "Debugging Information in Separate Files". */
  private beside(name: string): string[] {
    const { path } = this.options;
    if (path === undefined || name === '' || name.includes('/')) return [];
    const folder = joinPath(path, '..');
    const roots = this.directories.map((root) => joinPath(root, `.${folder}`, name));
    return [joinPath(folder, name), joinPath(folder, '.debug', name), ...roots];
  }

  private open(path: string, source = this.options.openFile?.(path)): ElfFile | undefined {
    if (source === undefined) return undefined;
    try {
      // Debug information that was taken out of an object file is one, too, with the same sections.
      return ElfFile.open(source, this.options);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.warn(userError('SYMBOLS_UNREADABLE', `${path}: ${error.message}`));
      return undefined;
    }
  }

  private linkSection(name: string): ByteReader | undefined {
    const section = this.elf.sectionNamed(name);
    if (section === undefined) return undefined;
    return new ByteReader(this.elf.sectionSource(section), { code: 'ELF_BAD_SECTION', name });
  }
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Name and identity of the file that has what was moved out of this one. */
const supplementOf = (elf: ElfFile): { readonly name: string; readonly id: string } | undefined => {
  const alt = elf.sectionNamed('.gnu_debugaltlink');
  if (alt !== undefined) {
    const reader = new ByteReader(elf.sectionSource(alt), { code: 'ELF_BAD_SECTION', name: alt.name });
    return { name: reader.cstring(), id: hex(reader.block(reader.remaining)) };
  }
  const sup = debugSup(elf);
  return sup === undefined || sup.isSupplementary ? undefined : { name: sup.name, id: sup.id };
};

const checksumOf = (elf: ElfFile): string | undefined => debugSup(elf)?.id;

/** DWARF 5, 7.3.6. */
const debugSup = (
  elf: ElfFile,
): { readonly isSupplementary: boolean; readonly name: string; readonly id: string } | undefined => {
  const section = elf.sectionNamed('.debug_sup');
  if (section === undefined) return undefined;
  const reader = new ByteReader(elf.sectionSource(section), { code: 'ELF_BAD_SECTION', name: section.name });
  reader.skip(2);
  const isSupplementary = reader.u8() !== 0;
  return { isSupplementary, name: reader.cstring(), id: hex(reader.block(reader.uleb())) };
};
