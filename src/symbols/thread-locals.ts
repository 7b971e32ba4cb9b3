/**
 * Where thread-local variables lie in the block that each thread has of them (RISC-V psABI, "Thread Local Storage": tp points at
 * its first byte). Compilers for bare metal give them no location; the linker's symbol table has their offsets. Files
 * without sections of thread-local data are not searched for any.
 */
import { stringAt } from './bytes';
import type { ElfFile } from './elf/elf-file';
import { ET, SHF, SHN, STB, STT } from './elf/format';
import { rawSymbols } from './elf/symbols';
import { lazily } from './lazily';

/** undefined: two have the name. */
type Offsets = Map<string, bigint | undefined>;

export class ThreadLocals {
  private readonly offsets = lazily(() => readOffsets(this.elf));
  private readonly template: { readonly start: bigint; readonly size: bigint } | undefined;

  constructor(private readonly elf: ElfFile) {
    // Object files are in no place that the linker has chosen.
    const parts =
      elf.header.type === ET.rel ? [] : elf.sections.filter(({ flags }) => (flags & SHF.tls) !== 0);
    const starts = parts.map(({ address }) => address).sort(ascending);
    const ends = parts.map(({ address, size }) => address + BigInt(size)).sort(ascending);
    const [start, end] = [starts[0], ends.at(-1)];
    this.template = start === undefined || end === undefined ? undefined : { start, size: end - start };
  }

  /**
   * Of a variable's linker name, how far from the beginning of the block it lies. `file`: the source file of one that only
   * this file knows, as the symbol table has it; two files of that name and with such a variable are told apart by nothing.
   * Throws ELF_*.
   */
  offsetOf(name: string, file?: string): bigint | undefined {
    return this.template && this.offsets().get(keyOf(name, file));
  }

  /**
   * The offset that DW_OP_form_tls_address means. clang 14 asks the linker for no more than a plain reference, which lld takes
   * for the offset, and GNU's linker for where the variable's first value lies.
   */
  offsetMeant(given: bigint): bigint {
    const { template } = this;
    if (template === undefined || given < template.size) return given;
    const offset = given - template.start;
    return offset >= 0n && offset < template.size ? offset : given;
  }
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const keyOf = (name: string, file: string | undefined): string =>
  file === undefined ? name : `${name}\0${file}`;

/** The local symbols of a file stand behind the one with its name. */
function readOffsets(elf: ElfFile): Offsets {
  const offsets: Offsets = new Map();
  for (const { view, stride, count, strings } of rawSymbols(elf)) {
    let file: string | undefined;
    for (let i = 1; i < count; i++) {
      const info = view.getUint8(i * stride + 4);
      const type = info & 15;
      if (type !== STT.tls && type !== STT.file) continue;
      const name = stringAt(strings, view.getUint32(i * stride, true));
      if (type === STT.file) file = name;
      if (type === STT.file || view.getUint16(i * stride + 6, true) === SHN.undef) continue;
      const isLocal = info >> 4 === STB.local;
      if (isLocal && file === undefined) continue;
      const key = keyOf(name, isLocal ? file : undefined);
      const isSecond = isLocal && offsets.has(key);
      offsets.set(key, isSecond ? undefined : view.getBigUint64(i * stride + 8, true));
    }
  }
  return offsets;
}
