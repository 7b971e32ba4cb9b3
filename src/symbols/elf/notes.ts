/** ELF notes (gABI "Note Section"). */
import { ByteReader } from '../bytes';
import type { ElfNote } from './format';

/** All notes of one segment or section; `align` is 8 for the rare segments aligned so, else 4. */
export const parseNotes = (bytes: Uint8Array, align: bigint): ElfNote[] => {
  const unit = align === 8n ? 8 : 4;
  const padding = (length: number): number => (unit - (length % unit)) % unit;
  const reader = new ByteReader(bytes, { code: 'ELF_BAD_SECTION', name: 'a note' });
  const notes: ElfNote[] = [];
  while (reader.remaining >= 12) {
    const nameSize = reader.u32();
    const descriptionSize = reader.u32();
    const type = reader.u32();
    const rawName = reader.block(nameSize);
    reader.skip(Math.min(padding(12 + nameSize), reader.remaining));
    const description = reader.block(descriptionSize);
    reader.skip(Math.min(padding(descriptionSize), reader.remaining));
    const end = rawName.indexOf(0);
    const name = String.fromCharCode(...rawName.subarray(0, Math.min(end < 0 ? rawName.length : end, 64)));
    notes.push({ name, type, description });
  }
  return notes;
};
