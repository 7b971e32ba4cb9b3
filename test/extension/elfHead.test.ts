import assert from 'node:assert/strict';
import { isRiscvElf, mayBeProgram } from '../../src/extension/elfHead';

/** e_ident, e_type, e_machine. */
const head = (classByte: number, dataByte: number, type: number, machine: number): Uint8Array =>
  Uint8Array.of(
    0x7f,
    0x45,
    0x4c,
    0x46,
    classByte,
    dataByte,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    type,
    0,
    machine,
    0,
  );

describe('extension: programs that can be debugged', () => {
  it('are linked ELF files for 64-bit RISC-V', () => {
    assert.equal(isRiscvElf(head(2, 1, 2, 243)), true);
    assert.equal(isRiscvElf(head(2, 1, 3, 243)), true, 'position-independent');
    assert.equal(isRiscvElf(head(2, 1, 1, 243)), false, 'object file');
    assert.equal(isRiscvElf(head(1, 1, 2, 243)), false, '32 bit');
    assert.equal(isRiscvElf(head(2, 2, 2, 243)), false, 'big-endian');
    assert.equal(isRiscvElf(head(2, 1, 2, 62)), false, 'x86-64');
    assert.equal(isRiscvElf(head(2, 1, 2, 243).subarray(0, 19)), false, 'cut');
    assert.equal(isRiscvElf(new Uint8Array()), false);
  });

  it('have names that programs have', () => {
    for (const name of ['/w/demo.elf', '/w.x/kernel', 'vmlinux-6.12', '/a/b.out'])
      assert.ok(mayBeProgram(name));
    for (const name of ['/w/demo.c', '/w/Image.gz', '/w/.gitignore', '/w/a.o'])
      assert.ok(!mayBeProgram(name));
  });
});
