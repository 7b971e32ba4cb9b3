/** DW_AT_language (DWARF 5, 7.12, with the codes registered since) and DW_AT_language_name (DWARF 6 draft, 7.12). */
import type { Language } from '../types';
import { ASSEMBLER_LANGUAGES, AT } from './constants';
import { constantOf } from './forms';
import type { Unit } from './unit';

/** C, Objective-C, UPC, OpenCL C: they share C's notation. */
const C: ReadonlySet<number> = new Set([0x01, 0x02, 0x0c, 0x10, 0x12, 0x15, 0x1d, 0x2c, 0x3e]);
const C_PLUS_PLUS: ReadonlySet<number> = new Set([0x04, 0x11, 0x19, 0x1a, 0x21, 0x2a, 0x2b, 0x3a]);
const RUST = 0x1c;

const C_NAMES: ReadonlySet<number> = new Set([0x03, 0x11, 0x14, 0x1b]);
const C_PLUS_PLUS_NAMES: ReadonlySet<number> = new Set([0x04, 0x12]);
const RUST_NAME = 0x19;
const ASSEMBLY_NAME = 0x1d;

/** Throws DWARF_BAD_SECTION for a unit without a root entry. */
export const languageOfUnit = (unit: Unit): Language =>
  languageOf(unit.language, Number(constantOf(unit.root.attributes.get(AT.languageName)) ?? 0n));

/** `code`: DW_AT_language; `name`: DW_AT_language_name; 0 for what the unit does not have. */
const languageOf = (code: number, name: number): Language => {
  if (C.has(code) || C_NAMES.has(name)) return 'c';
  if (C_PLUS_PLUS.has(code) || C_PLUS_PLUS_NAMES.has(name)) return 'c++';
  if (code === RUST || name === RUST_NAME) return 'rust';
  if (ASSEMBLER_LANGUAGES.has(code) || name === ASSEMBLY_NAME) return 'assembly';
  return 'other';
};
