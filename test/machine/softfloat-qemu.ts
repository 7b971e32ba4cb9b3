/** Runs float vectors on a bare QEMU `virt` machine: a small assembly program that reads a table and writes another. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FloatFunction } from '../../src/isa/types';
import type { Outcome } from './softfloat-model';
import { shapes, type Shape } from './softfloat-vectors';

export interface Vector {
  readonly name: FloatFunction;
  /** Unsigned bits. */
  readonly operands: readonly bigint[];
  readonly rm: number;
}

const RAM = 0x80000000;
const VECTORS = 0x81000000;
const RESULTS = 0x90000000;
const VECTOR_BYTES = 32;
const RESULT_BYTES = 16;

const integerSuffix: Record<string, string> = { i32: 'w', u32: 'wu', i64: 'l', u64: 'lu' };
const suffix = (type: string): string => integerSuffix[type] ?? (type === 'f32' ? 's' : 'd');

/** The instruction that a function stands for, with its operands in fa0 to fa2 or a0. */
function instruction(name: FloatFunction, shape: Shape): string {
  const conversion = /^(\w+)_to_(\w+)$/.exec(name);
  if (conversion) {
    const [, from = '', to = ''] = conversion;
    const operands = `${to.startsWith('f') ? 'fa0' : 'a0'}, ${from.startsWith('f') ? 'fa0' : 'a0'}`;
    // An exact conversion takes no rounding mode in assembly.
    const exact = to === 'f64' && (from.endsWith('32') || from === 'f32');
    return `fcvt.${suffix(to)}.${suffix(from)} ${operands}${exact ? '' : ', dyn'}`;
  }
  const [format = '', operation = ''] = name.split('_');
  const mnemonic = { mulAdd: 'fmadd', classify: 'fclass' }[operation] ?? `f${operation}`;
  const destination = shape.result === 'boolean' ? 'a0' : 'fa0';
  const sources = ['fa0', 'fa1', 'fa2'].slice(0, shape.operands.length).join(', ');
  return `${mnemonic}.${suffix(format)} ${destination}, ${sources}${shape.rounds ? ', dyn' : ''}`;
}

function stub(name: FloatFunction, shape: Shape, index: number): string {
  const loads = shape.operands.map((type, i) => {
    const offset = 8 + 8 * i;
    if (type === 'integer') return `ld a${i}, ${offset}(s0)`;
    return `${type === 'f32' ? 'flw' : 'fld'} fa${i}, ${offset}(s0)`;
  });
  const stores = {
    f32: 'fsw fa0, 0(s2)',
    f64: 'fsd fa0, 0(s2)',
    integer: 'sd a0, 0(s2)',
    boolean: 'sd a0, 0(s2)',
  };
  return [`stub${index}:`, ...loads, instruction(name, shape), stores[shape.result], 'j next'].join('\n');
}

/** s0: vectors, s1: vectors left, s2: results. Semihosting writes the result file. */
function program(count: number, output: string): string {
  const rows = [...shapes];
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
${rows.map(([name, shape], index) => stub(name, shape, index)).join('\n')}
.balign 8
table: ${rows.map((_row, index) => `.dword stub${index}`).join('\n')}
open: .dword path, 5, ${output.length}
write: .dword 0, ${RESULTS}, ${count * RESULT_BYTES}
path: .asciz "${output}"
`;
}

function encode(vectors: readonly Vector[]): Uint8Array {
  const names = [...shapes.keys()];
  const bytes = new Uint8Array(vectors.length * VECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  vectors.forEach(({ name, operands, rm }, i) => {
    view.setUint32(i * VECTOR_BYTES, names.indexOf(name), true);
    view.setUint32(i * VECTOR_BYTES + 4, rm, true);
    operands.forEach((operand, j) => {
      view.setBigUint64(i * VECTOR_BYTES + 8 + 8 * j, operand, true);
    });
  });
  return bytes;
}

/** The results and flags that QEMU computes, in order. Needs qemu-system-riscv64 and riscv64-unknown-elf binutils. */
export function runOnQemu(vectors: readonly Vector[]): Outcome[] {
  const folder = mkdtempSync(join(tmpdir(), 'softfloat-'));
  const path = (name: string): string => join(folder, name);
  try {
    writeFileSync(path('vectors.bin'), encode(vectors));
    writeFileSync(path('judge.s'), program(vectors.length, path('results.bin')));
    execFileSync('riscv64-unknown-elf-as', ['-march=rv64gc', '-o', path('judge.o'), path('judge.s')]);
    const address = `-Ttext=0x${RAM.toString(16)}`;
    execFileSync('riscv64-unknown-elf-ld', [address, '-o', path('judge.elf'), path('judge.o')]);
    const loader = `loader,file=${path('vectors.bin')},addr=0x${VECTORS.toString(16)},force-raw=on`;
    const machine = ['-M', 'virt', '-m', '1G', '-display', 'none', '-serial', 'none', '-monitor', 'none'];
    const guest = ['-bios', 'none', '-kernel', path('judge.elf'), '-device', loader];
    const semihosting = ['-semihosting-config', 'enable=on,target=native'];
    execFileSync('qemu-system-riscv64', [...machine, ...guest, ...semihosting], { timeout: 60_000 });
    const results = new DataView(new Uint8Array(readFileSync(path('results.bin'))).buffer);
    return vectors.map((_vector, i) => ({
      bits: results.getBigUint64(i * RESULT_BYTES, true),
      flags: Number(results.getBigUint64(i * RESULT_BYTES + 8, true)),
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
