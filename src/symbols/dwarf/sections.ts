/**
 * The debug sections of a file, each opened (and, if compressed, inflated) when first asked for. Large ones stay on disk
 * and are read by parts.
 */
import { UserError } from '../../base/errors';
import { ByteReader, NO_BYTES, stringAt, type ByteSource } from '../bytes';
import type { ElfFile } from '../elf/elf-file';

export type DebugSectionName =
  | 'abbrev'
  | 'addr'
  | 'aranges'
  | 'frame'
  | 'gdb_index'
  | 'gnu_pubnames'
  | 'info'
  | 'line'
  | 'line_str'
  | 'loc'
  | 'loclists'
  | 'names'
  | 'ranges'
  | 'rnglists'
  | 'str'
  | 'str_offsets'
  | 'types';

export interface DwarfSections {
  /** Empty when the file has no such section, or when it cannot be read (then `warn` was told). */
  source(name: DebugSectionName): ByteSource;
  reader(name: DebugSectionName, offset?: number): ByteReader;
  /** The NUL-terminated text at an offset; '' outside of the section. */
  text(name: 'str' | 'line_str', offset: number): string;
}

/** Sections by name from wherever they are; `warn` gets the UserError of one that is there but unreadable. */
export const sectionsFrom = (
  load: (name: DebugSectionName) => ByteSource | undefined,
  warn: (error: unknown) => void,
): DwarfSections => {
  const cache = new Map<DebugSectionName, ByteSource>();
  const source = (name: DebugSectionName): ByteSource => {
    let data = cache.get(name);
    if (data === undefined) cache.set(name, (data = attempt(() => load(name), warn) ?? NO_BYTES));
    return data;
  };
  return {
    source,
    reader: (name, offset = 0) =>
      new ByteReader(source(name), { code: 'DWARF_BAD_SECTION', name: `section .debug_${name}` }, offset),
    text: (name, offset) => stringAt(source(name), offset),
  };
};

/** The sections of a file. */
export const dwarfSectionsOf = (elf: ElfFile, warn: (error: unknown) => void): DwarfSections =>
  sectionsFrom((name) => {
    const usual = name === 'gdb_index' ? '.gdb_index' : `.debug_${name}`;
    const section = elf.sectionNamed(usual) ?? elf.sectionNamed(`.zdebug_${name}`);
    return section && elf.sectionSource(section);
  }, warn);

const attempt = <T>(read: () => T, warn: (error: unknown) => void): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    warn(error);
    return undefined;
  }
};
