/**
 * Runs vectors on a bare QEMU `virt` machine, at its full speed: a small assembly program that reads a table of operands,
 * goes to a piece of code for each, and writes a table of results.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface QemuVector {
  /** Index of the piece of code. */
  readonly code: number;
  /** Three at most. */
  readonly operands: readonly bigint[];
  /** In frm. */
  readonly rm?: number;
}

export interface QemuResult {
  readonly bits: bigint;
  /** fflags, which were 0 before. */
  readonly flags: number;
}

/** What `requireTool` needs. */
export const VECTOR_TOOLS = [
  'qemu-system-riscv64',
  'riscv64-unknown-elf-as',
  'riscv64-unknown-elf-ld',
] as const;

const RAM = 0x80000000;
const VECTORS = 0x81000000;
const RESULTS = 0x90000000;
const VECTOR_BYTES = 32;
const RESULT_BYTES = 16;

/** s0: vectors, s1: vectors left, s2: results. Semihosting writes the result file. */
function program(codes: readonly string[], count: number, output: string): string {
  return `
.option arch, rv64gc
.globl _start
_start:
  li t0, 0x6000
  csrs mstatus, t0
  li s0, ${VECTORS}
  li s1, ${count}
  li s2, ${RESULTS}
loop:
  beqz s1, finish
  lw t0, 0(s0)
  lw t1, 4(s0)
  sd zero, 0(s2)
  csrw frm, t1
  csrw fflags, zero
  la t2, table
  slli t0, t0, 3
  add t2, t2, t0
  ld t2, 0(t2)
  jr t2
next:
  csrr t0, fflags
  sd t0, 8(s2)
  addi s0, s0, ${VECTOR_BYTES}
  addi s2, s2, ${RESULT_BYTES}
  addi s1, s1, -1
  j loop
finish:
  li a0, 1
  la a1, open
  call semihost
  la a1, write
  sd a0, 0(a1)
  li a0, 5
  call semihost
  li t0, 0x100000
  li t1, 0x5555
  sw t1, 0(t0)
hang:
  j hang
.balign 16
semihost:
.option push
.option norvc
  slli zero, zero, 0x1f
  ebreak
  srai zero, zero, 7
.option pop
  ret
${codes.map((code, index) => `code${index}:\n${code}\nj next`).join('\n')}
.balign 8
table: ${codes.map((_code, index) => `.dword code${index}`).join('\n')}
open: .dword path, 5, ${output.length}
write: .dword 0, ${RESULTS}, ${count * RESULT_BYTES}
path: .asciz "${output}"
`;
}

function encode(vectors: readonly QemuVector[]): Uint8Array {
  const bytes = new Uint8Array(vectors.length * VECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  vectors.forEach(({ code, operands, rm = 0 }, i) => {
    view.setUint32(i * VECTOR_BYTES, code, true);
    view.setUint32(i * VECTOR_BYTES + 4, rm, true);
    operands.forEach((operand, j) => {
      view.setBigUint64(i * VECTOR_BYTES + 8 + 8 * j, operand, true);
    });
  });
  return bytes;
}

/**
 * What QEMU computes, in order. A piece of code finds its operands at 8(s0), 16(s0) and 24(s0), and puts its result at 0(s2);
 * it may change all registers but s0 to s2. Needs VECTOR_TOOLS.
 */
export function runOnQemu(
  codes: readonly string[],
  vectors: readonly QemuVector[],
  cpu = 'rv64',
): QemuResult[] {
  const folder = mkdtempSync(join(tmpdir(), 'qemu-vectors-'));
  const path = (name: string): string => join(folder, name);
  try {
    writeFileSync(path('vectors.bin'), encode(vectors));
    writeFileSync(path('judge.s'), program(codes, vectors.length, path('results.bin')));
    execFileSync('riscv64-unknown-elf-as', ['-march=rv64gc', '-o', path('judge.o'), path('judge.s')]);
    const address = `-Ttext=0x${RAM.toString(16)}`;
    execFileSync('riscv64-unknown-elf-ld', [address, '-o', path('judge.elf'), path('judge.o')]);
    const loader = `loader,file=${path('vectors.bin')},addr=0x${VECTORS.toString(16)},force-raw=on`;
    const machine = ['-M', 'virt', '-cpu', cpu, '-m', '1G'];
    const quiet = ['-display', 'none', '-serial', 'none', '-monitor', 'none'];
    const guest = ['-bios', 'none', '-kernel', path('judge.elf'), '-device', loader];
    const semihosting = ['-semihosting-config', 'enable=on,target=native'];
    execFileSync('qemu-system-riscv64', [...machine, ...quiet, ...guest, ...semihosting], {
      timeout: 60_000,
    });
    const results = new DataView(new Uint8Array(readFileSync(path('results.bin'))).buffer);
    return vectors.map((_vector, i) => ({
      bits: results.getBigUint64(i * RESULT_BYTES, true),
      flags: Number(results.getBigUint64(i * RESULT_BYTES + 8, true)),
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
