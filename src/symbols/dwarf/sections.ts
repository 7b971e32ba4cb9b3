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
  | 'info'
  | 'line'
  | 'line_str'
  | 'loc'
  | 'loclists'
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

/** `warn` gets one line for a section that is there but unreadable. */
export const dwarfSectionsOf = (elf: ElfFile, warn: (text: string) => void): DwarfSections => {
  const cache = new Map<DebugSectionName, ByteSource>();
  const load = (name: DebugSectionName): ByteSource => {
    const section = elf.sectionNamed(`.debug_${name}`) ?? elf.sectionNamed(`.zdebug_${name}`);
    if (section === undefined) return NO_BYTES;
    try {
      return elf.sectionSource(section);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warn(error.message);
      return NO_BYTES;
    }
  };
  const source = (name: DebugSectionName): ByteSource => {
    let data = cache.get(name);
    if (data === undefined) cache.set(name, (data = load(name)));
    return data;
  };
  return {
    source,
    reader: (name, offset = 0) =>
      new ByteReader(source(name), { code: 'DWARF_BAD_SECTION', name: `section .debug_${name}` }, offset),
    text: (name, offset) => stringAt(source(name), offset),
  };
};
