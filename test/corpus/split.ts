/**
 * Split DWARF as toolchains that can make it for RISC-V do. Those of the tests leave lengths of code in .dwo sections to
 * the linker, which never sees them: gcc 12 splits off zeros, clang 14 refuses. So the object comes whole here, what
 * is to be computed is computed (nothing is relaxed in these builds), and then it is split as gcc's driver would.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { bytesSource } from '../../src/symbols/bytes';
import { ElfFile } from '../../src/symbols/elf/elf-file';

const run = promisify(execFile);

export const OBJCOPY = 'riscv64-unknown-elf-objcopy';

/** `NAME.o` becomes `NAME.o` and `NAME.dwo`. */
export async function splitObject(object: string): Promise<void> {
  const bytes = readFileSync(object);
  const elf = ElfFile.open(bytesSource(new Uint8Array(bytes)));
  for (const section of elf.sections) {
    if (section.name.startsWith('.debug_') && section.name.endsWith('.dwo')) {
      bytes.set(elf.sectionData(section), section.fileOffset);
    }
  }
  writeFileSync(object, bytes);
  await run(OBJCOPY, ['--extract-dwo', object, object.replace(/\.o$/, '.dwo')]);
  await run(OBJCOPY, ['--strip-dwo', object]);
}
