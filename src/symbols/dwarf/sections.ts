/** The debug sections of a file, each loaded (and inflated) when first asked for. */
import { UserError } from '../../base/errors';
import { ByteReader } from '../bytes';
import type { ElfFile } from '../elf/elf-file';

export type DebugSectionName =
  'abbrev' | 'addr' | 'frame' | 'info' | 'line' | 'line_str' | 'ranges' | 'rnglists' | 'str' | 'str_offsets';

export interface DwarfSections {
  /** Empty when the file has no such section, or when it cannot be read (then `warn` was told). */
  bytes(name: DebugSectionName): Uint8Array;
  reader(name: DebugSectionName, offset?: number): ByteReader;
}

/** `warn` gets one line for a section that is there but unreadable. */
export const dwarfSectionsOf = (elf: ElfFile, warn: (text: string) => void): DwarfSections => {
  const cache = new Map<DebugSectionName, Uint8Array>();
  const load = (name: DebugSectionName): Uint8Array => {
    const section = elf.sectionNamed(`.debug_${name}`) ?? elf.sectionNamed(`.zdebug_${name}`);
    if (section === undefined) return new Uint8Array(0);
    try {
      return elf.sectionData(section);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warn(error.message);
      return new Uint8Array(0);
    }
  };
  const bytes = (name: DebugSectionName): Uint8Array => {
    let data = cache.get(name);
    if (data === undefined) cache.set(name, (data = load(name)));
    return data;
  };
  return {
    bytes,
    reader: (name, offset = 0) =>
      new ByteReader(bytes(name), { code: 'DWARF_BAD_SECTION', name: `section .debug_${name}` }, offset),
  };
};
