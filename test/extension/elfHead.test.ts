import assert from 'node:assert/strict';
import { isRiscvElf, likelyFirmware, mayBeProgram } from '../../src/extension/elfHead';

/** EI_CLASS, EI_DATA, e_type, e_machine, e_entry. */
function head(
  classByte: number,
  data: number,
  type: number,
  machine: number,
  entry = 0x8000_0000n,
): Uint8Array {
  const bytes = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, classByte, data, 1, ...new Uint8Array(57));
  const view = new DataView(bytes.buffer);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(24, entry, true);
  return bytes;
}

describe('extension: programs that can be debugged', () => {
  it('are linked ELF files for 64-bit RISC-V', () => {
    assert.equal(isRiscvElf(head(2, 1, 2, 243)), true);
    assert.equal(isRiscvElf(head(2, 1, 3, 243)), true, 'position-independent');
    assert.equal(isRiscvElf(head(2, 1, 1, 243)), false, 'object file');
    assert.equal(isRiscvElf(head(1, 1, 2, 243)), false, '32 bit');
    assert.equal(isRiscvElf(head(2, 2, 2, 243)), false, 'big-endian');
    assert.equal(isRiscvElf(head(2, 1, 2, 62)), false, 'x86-64');
    assert.equal(isRiscvElf(head(2, 1, 2, 243).subarray(0, 31)), false, 'cut');
    assert.equal(isRiscvElf(new Uint8Array()), false);
  });

  it('want no firmware where they begin with RAM', () => {
    const firmware = (entry: bigint): string => likelyFirmware(head(2, 1, 2, 243, entry));
    assert.equal(firmware(0x8000_0000n), 'none');
    assert.equal(firmware(0x801f_fffen), 'none');
    assert.equal(firmware(0x8020_0000n), 'builtin');
    assert.equal(firmware(0xffff_ffff_8000_0000n), 'builtin');
  });

  it('have names that programs have', () => {
    for (const name of ['/w/demo.elf', '/w.x/kernel', 'vmlinux-6.12', '/a/b.out'])
      assert.ok(mayBeProgram(name));
    for (const name of ['/w/demo.c', '/w/Image.gz', '/w/.gitignore', '/w/a.o'])
      assert.ok(!mayBeProgram(name));
  });
});
