/**
 * .debug_frame and .eh_frame (DWARF 5, 6.4.1; LSB "Exception Frames"): which rules unwind the frame at an address.
 * All entries are indexed on first use; their instructions run only when asked for.
 */
import { ByteReader, type ByteSource } from '../bytes';
import { RangeIndex, type AddressRange } from '../range-index';
import { runFrameProgram, type FrameCode, type FrameRules } from './frame-program';
import { readInitialLength } from './unit-header';

export interface FrameInfo extends FrameRules {
  /** The code that this table describes. */
  readonly start: bigint;
  readonly end: bigint;
  /** DWARF number of the column that stands for the return address: 1 (ra) as a rule. */
  readonly returnAddressRegister: number;
  /** A trap or signal trampoline: the caller's pc is exact, not a return address. */
  readonly isSignalFrame: boolean;
}

interface Cie extends FrameCode {
  readonly returnAddressRegister: number;
  readonly isSignalFrame: boolean;
  readonly hasAugmentationData: boolean;
  readonly pointerEncoding: number;
  readonly instructions: ByteReader;
}

interface Fde extends AddressRange {
  readonly cie: Cie;
  readonly instructions: ByteReader;
}

export interface FrameSection {
  readonly bytes: ByteSource;
  /** Address of the section in memory, for pointers relative to themselves. */
  readonly address: bigint;
  readonly isEh: boolean;
}

export class FrameTable {
  private readonly index: RangeIndex<Fde>;

  /** Reads all entries; damaged ones are left out and told to `warn`. `keep` tells real code from dropped code. */
  constructor(
    private readonly section: FrameSection,
    keep: (range: AddressRange) => boolean,
    warn: (error: unknown) => void,
  ) {
    const entries: { start: bigint; end: bigint; value: Fde }[] = [];
    try {
      for (const fde of this.entries()) {
        if (keep(fde)) entries.push({ start: fde.start, end: fde.end, value: fde });
      }
    } catch (error) {
      warn(error);
    }
    this.index = new RangeIndex(entries);
  }

  /** The rules at an address. Throws DWARF_BAD_FRAME when its instructions are damaged. */
  infoAt(address: bigint): FrameInfo | undefined {
    const fde = this.index.find(address);
    if (fde === undefined) return undefined;
    const { cie, start, end } = fde;
    const fresh = (reader: ByteReader): ByteReader => reader.at(reader.offset);
    const readAddress = (reader: ByteReader): bigint =>
      this.readPointer(reader, cie.pointerEncoding, cie.addressSize);
    const rules = runFrameProgram(
      cie,
      fresh(cie.instructions),
      fresh(fde.instructions),
      start,
      address,
      readAddress,
    );
    const { returnAddressRegister, isSignalFrame } = cie;
    return { ...rules, start, end, returnAddressRegister, isSignalFrame };
  }

  private *entries(): Generator<Fde> {
    const { bytes, isEh } = this.section;
    const name = `section .${isEh ? 'eh' : 'debug'}_frame`;
    const reader = new ByteReader(bytes, { code: 'DWARF_BAD_FRAME', name });
    const cies = new Map<number, Cie | undefined>();
    while (!reader.done) {
      const { length, offsetSize } = readInitialLength(reader);
      if (length === 0) {
        // The end mark of .eh_frame; linkers may leave it between the tables of several files.
        continue;
      }
      const body = reader.take(length);
      const idOffset = body.offset;
      // .eh_frame keeps 4-byte ids even with 64-bit lengths.
      const idSize = isEh ? 4 : offsetSize;
      const id = idSize === 8 ? body.u64() : BigInt(body.u32());
      const cieMark = isEh ? 0n : idSize === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
      if (id === cieMark) continue;
      const cieOffset = isEh ? idOffset - Number(id) : Number(id);
      if (!cies.has(cieOffset)) cies.set(cieOffset, this.readCie(reader, cieOffset));
      const cie = cies.get(cieOffset);
      if (cie !== undefined) yield this.readFde(body, cie);
    }
  }

  private readCie(section: ByteReader, offset: number): Cie | undefined {
    const start = new ByteReader(section.source, section.context, offset);
    const { length, offsetSize } = readInitialLength(start);
    const reader = start.take(length);
    reader.skip(this.section.isEh ? 4 : offsetSize);
    const version = reader.u8();
    if (version !== 1 && version !== 3 && version !== 4) return undefined;
    const augmentation = reader.cstring();
    let addressSize = 8;
    if (version >= 4) {
      addressSize = reader.u8();
      reader.skip(1);
    }
    const codeAlignment = reader.uleb();
    const dataAlignment = reader.sleb64();
    const returnAddressRegister = version === 1 ? reader.u8() : reader.uleb();
    let pointerEncoding = 0;
    let isSignalFrame = false;
    const hasAugmentationData = augmentation.startsWith('z');
    // Without 'z' the size of the data of an unknown augmentation is unknown, and so where instructions begin.
    if (!hasAugmentationData && augmentation !== '') return undefined;
    if (hasAugmentationData) {
      const data = reader.take(reader.uleb());
      for (const letter of augmentation.slice(1)) {
        if (letter === 'R') pointerEncoding = data.u8();
        else if (letter === 'P') this.readPointer(data, data.u8(), addressSize);
        else if (letter === 'L') data.skip(1);
        else if (letter === 'S') isSignalFrame = true;
        else break;
      }
    }
    return {
      codeAlignment,
      dataAlignment,
      addressSize,
      returnAddressRegister,
      isSignalFrame,
      hasAugmentationData,
      pointerEncoding,
      instructions: reader,
    };
  }

  private readFde(body: ByteReader, cie: Cie): Fde {
    const start = this.readPointer(body, cie.pointerEncoding, cie.addressSize);
    // The range has the same format, but is a plain number.
    const length = BigInt.asUintN(64, this.readPointer(body, cie.pointerEncoding & 0x0f, cie.addressSize));
    if (cie.hasAugmentationData) body.skip(body.uleb());
    return { start, end: start + length, cie, instructions: body };
  }

  /** A pointer in one of the DW_EH_PE encodings; indirect ones cannot be resolved in a file and give their slot. */
  private readPointer(reader: ByteReader, encoding: number, addressSize: number): bigint {
    if (encoding === 0xff) return 0n;
    const base = (encoding & 0x70) === 0x10 ? this.section.address + BigInt(reader.offset) : 0n;
    return BigInt.asUintN(64, base + readEncoded(reader, encoding & 0x0f, addressSize));
  }
}

const readEncoded = (reader: ByteReader, format: number, addressSize: number): bigint => {
  switch (format) {
    case 0x00:
      return reader.unsigned(addressSize);
    case 0x01:
      return reader.uleb64();
    case 0x02:
      return BigInt(reader.u16());
    case 0x03:
      return BigInt(reader.u32());
    case 0x04:
      return reader.u64();
    case 0x09:
      return reader.sleb64();
    case 0x0a:
      return BigInt(reader.i16());
    case 0x0b:
      return BigInt(reader.i32());
    case 0x0c:
      return reader.i64();
    default:
      return reader.fail(`has a pointer of unknown encoding ${String(format)}`);
  }
};
