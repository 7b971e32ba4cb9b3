/** Line-table headers of DWARF 2 to 5 (DWARF 5, 6.2.4), with their directory and file tables. */
import { userError } from '../../base/errors';
import type { ByteReader } from '../bytes';
import { joinPath } from '../paths';
import { LNCT } from './constants';
import { readForm, type AttributeValue, type FormContext } from './forms';
import type { DwarfSections } from './sections';
import { readInitialLength } from './unit-header';

export interface LineFile {
  readonly name: string;
  readonly directoryIndex: number;
}

export interface LineHeader extends FormContext {
  /** Offset in .debug_line. */
  readonly offset: number;
  /** Where the program begins and ends, in .debug_line. */
  readonly programStart: number;
  readonly end: number;
  readonly minInstructionLength: number;
  readonly maxOperationsPerInstruction: number;
  readonly defaultIsStmt: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Operand counts of standard opcodes 1.. . */
  readonly opcodeLengths: readonly number[];
  /** As in the file: up to version 4 entry 0 stands for the unit's own directory and is '' here. */
  readonly directories: readonly string[];
  /** Indexed as the program does: from 1 up to version 4 (entry 0 is undefined), from 0 in version 5. */
  readonly files: (LineFile | undefined)[];
}

/** Reads the header at `offset`. Codes: DWARF_BAD_SECTION, DWARF_UNSUPPORTED_VERSION. */
export const readLineHeader = (sections: DwarfSections, offset: number, addressSize: number): LineHeader => {
  const start = sections.reader('line', offset);
  const { length, offsetSize } = readInitialLength(start);
  const reader = start.take(length);
  const version = reader.u16();
  if (version < 2 || version > 5) {
    throw userError(
      'DWARF_UNSUPPORTED_VERSION',
      `a line table has DWARF version ${String(version)}; build with -gdwarf-5 or older`,
    );
  }
  let addressBytes = addressSize;
  if (version >= 5) {
    addressBytes = reader.u8();
    reader.skip(1);
  }
  const headerLength = offsetSize === 8 ? reader.offset64() : reader.u32();
  const header = reader.take(headerLength);
  const minInstructionLength = header.u8();
  const maxOperationsPerInstruction = version >= 4 ? Math.max(1, header.u8()) : 1;
  const defaultIsStmt = header.u8() !== 0;
  const lineBase = header.i8();
  const lineRange = header.u8();
  const opcodeBase = header.u8();
  const opcodeLengths = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => header.u8());
  const context: FormContext = { version, offsetSize, addressSize: addressBytes };
  const tables = version >= 5 ? readTables5(sections, header, context) : readTables2(header);
  return {
    ...context,
    ...tables,
    offset,
    programStart: header.end,
    end: reader.end,
    minInstructionLength,
    maxOperationsPerInstruction,
    defaultIsStmt,
    lineBase,
    lineRange,
    opcodeBase,
    opcodeLengths,
  };
};

type Tables = Pick<LineHeader, 'directories' | 'files'>;

const readTables2 = (reader: ByteReader): Tables => {
  const directories = [''];
  for (;;) {
    const directory = reader.cstring();
    if (directory === '') break;
    directories.push(directory);
  }
  const files: (LineFile | undefined)[] = [undefined];
  for (;;) {
    const name = reader.cstring();
    if (name === '') return { directories, files };
    files.push(readFile2(reader, name));
  }
};

/** The rest of a file entry up to version 4, also used by DW_LNE_define_file. */
export const readFile2 = (reader: ByteReader, name: string): LineFile => {
  const directoryIndex = reader.uleb();
  reader.uleb64(); // time of last change
  reader.uleb64(); // length
  return { name, directoryIndex };
};

const readTables5 = (sections: DwarfSections, reader: ByteReader, context: FormContext): Tables => {
  const directories = readEntries(sections, reader, context).map((file) => file.name);
  return { directories, files: readEntries(sections, reader, context) };
};

const readEntries = (sections: DwarfSections, reader: ByteReader, context: FormContext): LineFile[] => {
  const formats = Array.from({ length: reader.u8() }, () => ({ type: reader.uleb(), form: reader.uleb() }));
  const count = reader.uleb();
  // An entry takes at least a byte, so a larger count is damage (and without this check could be endless).
  if (count > reader.remaining) reader.fail('has an impossible number of files');
  return Array.from({ length: count }, () => {
    let name = '';
    let directoryIndex = 0;
    for (const { type, form } of formats) {
      const value = readForm(reader, { name: type, form, implicitConst: 0n }, context);
      if (type === LNCT.path) name = pathText(sections, value);
      else if (type === LNCT.directoryIndex && value.kind === 'constant')
        directoryIndex = Number(value.value);
    }
    return { name, directoryIndex };
  });
};

const pathText = (sections: DwarfSections, value: AttributeValue): string => {
  if (value.kind === 'text') return value.text;
  if (value.kind === 'strp') return sections.text('str', value.offset);
  return value.kind === 'lineStrp' ? sections.text('line_str', value.offset) : '';
};

/** The path of a file of the table; relative ones stand under the unit's directory. '' for an unknown index. */
export const filePath = (header: LineHeader, index: number, compDir: string): string => {
  const file = header.files[index];
  if (file === undefined) return '';
  return joinPath(compDir, header.directories[file.directoryIndex] ?? '', file.name);
};
