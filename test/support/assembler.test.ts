/** The tests' own assembler and ELF writer, judged by binutils. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from './assembler';
import { buildElf } from './elf-builder';
import { requireTool } from './tools';

const SAMPLE = `
    start:  li a0, 1            # a comment
            li a1, -2048
            li a2, 0x12345678
            li a3, -0x80000000
            li a4, 0x80000000
            li a5, 0x123456789abcdef0
            li a6, -1
            la t0, data
            la t1, start
            mv s0, a0
            not s1, s0
            neg s2, s1
            seqz t2, a0
            snez t3, a0
            sext.w t4, a0
    1:      addi a0, a0, -1
            bnez a0, 1b
            beqz a0, 1f
            bltz a0, 2f
            bgtu a0, a1, 1b
    1:      lb a0, -1(sp)
            ld a0, 8(sp)
            lw a0, (sp)
            sd a0, 16(sp)
    2:      sb a0, -2048(sp)
            lui a0, 0xfffff
            auipc a0, 1
            slli a0, a0, 63
            sraiw a0, a0, 31
            add a0, a1, a2
            mulhsu a0, a1, a2
            divuw a0, a1, a2
            sh1add a0, a1, a2
            rori a0, a1, 5
            cpop a0, a1
            zext.h a0, a1
            lr.w a0, (a1)
            lr.d.aq a0, (a1)
            sc.w.rl a0, a2, (a1)
            amoadd.d.aqrl a0, a2, (a1)
            csrr a0, mstatus
            csrw satp, a0
            csrwi fcsr, 3
            csrrs a0, 0x344, a1
            csrsi mie, 8
            rdtime a0
            fld fa0, 8(a0)
            fsw fa1, 4(a0)
            fadd.d fa0, fa1, fa2
            fadd.s fa0, fa1, fa2, rtz
            fmadd.d fa0, fa1, fa2, fa3
            fcvt.w.d a0, fa0, rtz
            fcvt.d.w fa0, a0
            fmv.x.d a0, fa0
            fmv.d fa0, fa1
            feq.d a0, fa0, fa1
            fence
            fence rw, w
            fence.i
            pause
            ecall
            ebreak
            wfi
            mret
            sret
            sfence.vma
            sfence.vma a0
            sfence.vma a0, a1
            cbo.zero (a0)
            unimp
            jal target
            jr a0
            jalr a0
            jalr t0, 4(a0)
            ret
    target: j start
    data:   .dword start, data + 8, -1
            .word 0x12345678, data - start
            .half 1, 2
            .byte 'a', 255
            .asciz "hello # \\" there"
            .zero 3
`;

describe('the assembler of the tests', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-assembler-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('gives the bytes that GNU as gives', function () {
    requireTool(this, 'riscv64-unknown-elf-as', 'riscv64-unknown-elf-ld', 'riscv64-unknown-elf-objcopy');
    const path = (name: string): string => join(folder, name);
    const header = '.option norvc\n.option norelax\n.globl _start\n_start:\n';
    writeFileSync(path('a.s'), header + SAMPLE);
    const march = '-march=rv64imafd_zicsr_zifencei_zba_zbb_zbc_zbs_zicbom_zicboz_zihintpause';
    execFileSync('riscv64-unknown-elf-as', [march, '-mno-relax', path('a.s'), '-o', path('a.o')]);
    execFileSync('riscv64-unknown-elf-ld', ['-Ttext=0x80000000', path('a.o'), '-o', path('a.elf')]);
    execFileSync('riscv64-unknown-elf-objcopy', [
      '-O',
      'binary',
      '-j',
      '.text',
      path('a.elf'),
      path('a.bin'),
    ]);
    const { bytes } = assemble(SAMPLE);
    const theirs = new Uint8Array(readFileSync(path('a.bin')));
    const at = bytes.findIndex((byte, index) => byte !== theirs[index]);
    assert.equal(at, -1, `first difference at ${at}`);
    // GNU as pads the section behind the last byte.
    assert(theirs.length - bytes.length < 4);
  });

  it('names the line that it does not understand', () => {
    assert.throws(() => assemble('nop\nadd a0, a1'), /line 2: .*operands of add/);
    assert.throws(() => assemble('frobnicate a0'), /line 1: there is no instruction frobnicate/);
    assert.throws(() => assemble('nop\nnop\nj nowhere'), /line 3: nowhere is not defined/);
    assert.throws(() => assemble('addi a0, a0, 4096'), /cannot be encoded/);
    assert.throws(() => assemble('x: nop\nx: nop'), /line 2: x is there twice/);
  });

  it('writes ELF files that readelf reads', function () {
    requireTool(this, 'riscv64-unknown-elf-readelf');
    const { bytes, labels } = assemble(SAMPLE);
    const file = join(folder, 'built.elf');
    const segments = [
      { address: 0x8000_0000, bytes },
      { address: 0x8010_0000, bytes: Uint8Array.of(1, 2, 3), memoryBytes: 64 },
    ];
    writeFileSync(file, buildElf({ entry: 0x8000_0000, segments, symbols: labels }));
    const shown = execFileSync('riscv64-unknown-elf-readelf', ['-a', '-W', file], {
      stdio: 'pipe',
    }).toString();
    assert.match(shown, /Entry point address:\s+0x80000000/);
    assert.match(shown, /LOAD\s+0x\w+ 0x0*80100000 0x0*80100000 0x0*3 0x0*40 RWE/);
    const target = labels.get('target')?.toString(16) ?? '';
    assert.match(shown, new RegExp(`0*${target}\\s+0 FUNC\\s+GLOBAL DEFAULT\\s+4 target`));
  });
});
