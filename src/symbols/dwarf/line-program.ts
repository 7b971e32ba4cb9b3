/**
 * The line-number program (DWARF 5, 6.2.5). Running it gives every row, in the order of the program; what rows mean
 * for a debugger is the affair of LineTable. A row takes at least one byte of the program, which bounds the work.
 */
import type { ByteReader } from '../bytes';
import { readFile2, type LineHeader } from './line-header';
import type { DwarfSections } from './sections';

export interface LineRow {
  readonly address: bigint;
  /** Index into the header's files. */
  readonly file: number;
  /** 1-based; 0: belongs to no line. */
  readonly line: number;
  readonly column: number;
  readonly isStmt: boolean;
  readonly prologueEnd: boolean;
  /** The row after the last: its address is the first behind the sequence. */
  readonly endSequence: boolean;
}

/** The state machine's registers. The address is `base + offset`, as small additions are far cheaper on numbers. */
export interface Registers {
  base: bigint;
  offset: number;
  opIndex: number;
  file: number;
  line: number;
  column: number;
  isStmt: boolean;
  prologueEnd: boolean;
}

const initial = (header: LineHeader): Registers => ({
  base: 0n,
  offset: 0,
  opIndex: 0,
  file: 1,
  line: 1,
  column: 0,
  isStmt: header.defaultIsStmt,
  prologueEnd: false,
});

/** All rows. DW_LNE_define_file adds to `header.files`. Throws DWARF_BAD_SECTION for a damaged program. */
export const runLineProgram = (sections: DwarfSections, header: LineHeader): LineRow[] => {
  const rows: LineRow[] = [];
  walkLineProgram(sections, header, (registers, endSequence) => {
    const { line, file, column, isStmt, prologueEnd } = registers;
    // Line and file come from signed sums in damaged files: a negative line is "no line".
    rows.push({
      ...{ address: addressOf(registers), file, line: line > 0 ? line : 0 },
      ...{ column, isStmt, prologueEnd, endSequence },
    });
  });
  return rows;
};

/** The same without a list: `emit` gets the registers of each row, which change afterwards. */
export const walkLineProgram = (
  sections: DwarfSections,
  header: LineHeader,
  emit: (registers: Readonly<Registers>, endSequence: boolean) => void,
): void => {
  const reader = sections.reader('line', header.programStart).take(header.end - header.programStart);
  if (header.lineRange === 0) reader.fail('has a line table with line_range 0');
  new LineMachine(header, reader, emit).run();
};

export const addressOf = ({ base, offset }: Readonly<Registers>): bigint =>
  BigInt.asUintN(64, base + BigInt(offset));

class LineMachine {
  private registers: Registers;

  constructor(
    private readonly header: LineHeader,
    private readonly reader: ByteReader,
    private readonly sink: (registers: Readonly<Registers>, endSequence: boolean) => void,
  ) {
    this.registers = initial(header);
  }

  run(): void {
    const { reader, header } = this;
    while (!reader.done) {
      const opcode = reader.u8();
      if (opcode >= header.opcodeBase) this.special(opcode);
      else if (opcode === 0) this.extended(reader.take(reader.uleb()));
      else this.standard(opcode);
    }
  }

  private special(opcode: number): void {
    const { header, registers } = this;
    const adjusted = opcode - header.opcodeBase;
    this.advance(Math.floor(adjusted / header.lineRange));
    registers.line += header.lineBase + (adjusted % header.lineRange);
    this.emit(false);
  }

  private standard(opcode: number): void {
    const { header, reader, registers } = this;
    switch (opcode) {
      case 1: // DW_LNS_copy
        this.emit(false);
        return;
      case 2: // DW_LNS_advance_pc
        this.advance(reader.uleb());
        return;
      case 3: // DW_LNS_advance_line
        registers.line += reader.sleb();
        return;
      case 4: // DW_LNS_set_file
        registers.file = reader.uleb();
        return;
      case 5: // DW_LNS_set_column
        registers.column = reader.uleb();
        return;
      case 6: // DW_LNS_negate_stmt
        registers.isStmt = !registers.isStmt;
        return;
      case 7: // DW_LNS_set_basic_block
      case 11: // DW_LNS_set_epilogue_begin
        return;
      case 8: // DW_LNS_const_add_pc
        this.advance(Math.floor((255 - header.opcodeBase) / header.lineRange));
        return;
      case 9: // DW_LNS_fixed_advance_pc: the only way to advance that linker relaxation can correct
        this.move(reader.u16());
        registers.opIndex = 0;
        return;
      case 10: // DW_LNS_set_prologue_end
        registers.prologueEnd = true;
        return;
      default:
        // DW_LNS_set_isa, and what later standards add: skipped by its stated number of operands.
        for (let k = header.opcodeLengths[opcode - 1] ?? 0; k > 0; k--) reader.uleb64();
    }
  }

  private extended(body: ByteReader): void {
    if (body.done) return;
    const { registers } = this;
    switch (body.u8()) {
      case 1: // DW_LNE_end_sequence
        this.emit(true);
        this.registers = initial(this.header);
        return;
      case 2: // DW_LNE_set_address: as long as the instruction says
        registers.base = body.unsigned(body.remaining);
        registers.offset = 0;
        registers.opIndex = 0;
        return;
      case 3: // DW_LNE_define_file
        this.header.files.push(readFile2(body, body.cstring()));
        return;
      default: // DW_LNE_set_discriminator, vendors' own
        return;
    }
  }

  private advance(operations: number): void {
    const { header, registers } = this;
    const { minInstructionLength, maxOperationsPerInstruction: max } = header;
    if (max === 1) {
      this.move(minInstructionLength * operations);
      return;
    }
    const total = registers.opIndex + operations;
    this.move(minInstructionLength * Math.floor(total / max));
    registers.opIndex = total % max;
  }

  private move(bytes: number): void {
    this.registers.offset += bytes;
    if (!Number.isSafeInteger(this.registers.offset))
      this.reader.fail('has a line table beyond the address space');
  }

  private emit(endSequence: boolean): void {
    this.sink(this.registers, endSequence);
    this.registers.prologueEnd = false;
  }
}
