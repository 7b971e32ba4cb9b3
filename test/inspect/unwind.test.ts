/**
 * Call stacks against GDB: a program is single-stepped in QEMU under GDB, which tells registers, memory and its own
 * backtrace (by call frame information) after every instruction. Ours must be the same each time: with that
 * information, and without it, from instructions and frame pointers alone.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unwind, type Frame } from '../../src/inspect/unwind';
import type { MachineView } from '../../src/inspect/view';
import { bytesSource } from '../../src/symbols/bytes';
import { SymbolFile } from '../../src/symbols/symbol-file';
import { requireTool } from '../support/tools';

const GCC = 'riscv64-unknown-elf-gcc';
const QEMU = 'qemu-system-riscv64';
const GDB = 'gdb-multiarch';
const corpus = join(import.meta.dirname, 'corpus');

/** One instruction boundary as GDB tells it. */
interface Moment {
  readonly pc: bigint;
  readonly x: bigint[];
  /** Physical frames (none inlined): pc and sp in each. */
  readonly frames: { readonly name: string; readonly pc: bigint; readonly sp: bigint }[];
  readonly mepc: bigint;
  readonly mtvec: bigint;
  readonly stack: Uint8Array;
}

/** Instructions at most; the program needs fewer when it is optimised. */
const STEPS = 330;

const script = (elf: string): string => `
set pagination off
set backtrace past-main on
target remote | ${QEMU} -M virt -bios none -kernel ${elf} -display none -serial null -monitor none -S -gdb stdio
python
import binascii
def u64(v): return int(v) & ((1 << 64) - 1)
unsigned = gdb.lookup_type("unsigned long")
reg = lambda name: u64(gdb.parse_and_eval("(unsigned long)$" + name))
gdb.execute("tbreak *reset", to_string=True)
gdb.execute("continue", to_string=True)
# GDB steps by breakpoints of its own and would run through the trap.
gdb.execute("break *trap_vector", to_string=True)
inferior = gdb.selected_inferior()
for step in range(${STEPS}):
    chain = []
    frame = gdb.newest_frame()
    regs = [0] + [u64(frame.read_register("x%d" % i).cast(unsigned)) for i in range(1, 32)]
    while frame is not None and len(chain) < 20:
        if frame.type() == gdb.NORMAL_FRAME:
            chain.append("%s:%d:%d" % (frame.name(), frame.pc(), u64(frame.read_register("sp").cast(unsigned))))
        if frame.name() == "reset": break
        try: frame = frame.older()
        except gdb.error: break
    sp = regs[2]
    stack = binascii.hexlify(bytes(inferior.read_memory(sp - 64, 4096))).decode() if sp > 0x80000000 else ""
    if chain[0].startswith("reset:") and step > 20: break
    print("moment", reg("pc"), ",".join(map(str, regs)), "|".join(chain), reg("mepc"), reg("mtvec"), stack)
    if bytes(inferior.read_memory(reg("pc"), 4)) == b"\\x73\\x00\\x20\\x30": # mret
        gdb.execute("tbreak *%d" % reg("mepc"), to_string=True)
        gdb.execute("continue", to_string=True)
    else: gdb.execute("stepi", to_string=True)
try: gdb.execute("kill")
except gdb.error: pass # QEMU may be gone before it answers
end
`;

const parseMoment = (line: string): Moment => {
  const [, pc = '', x = '', frames = '', mepc = '', mtvec = '', stack = ''] = line.split(' ');
  return {
    pc: BigInt(pc),
    x: x.split(',').map(BigInt),
    frames: frames.split('|').map((frame) => {
      const [name = '', at = '', sp = ''] = frame.split(':');
      return { name, pc: BigInt(at), sp: BigInt(sp) };
    }),
    mepc: BigInt(mepc),
    mtvec: BigInt(mtvec),
    stack: Uint8Array.from(stack.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)),
  };
};

const viewOf = (moment: Moment, text: { address: bigint; bytes: Uint8Array }): MachineView => {
  const pieces = [text, { address: (moment.x[2] ?? 0n) - 64n, bytes: moment.stack }];
  return {
    pc: moment.pc,
    x: (index) => moment.x[index] ?? 0n,
    readMemory: (address, length) => {
      for (const { address: start, bytes } of pieces) {
        const offset = Number(address - start);
        if (offset >= 0 && offset + length <= bytes.length) return bytes.slice(offset, offset + length);
      }
      return undefined;
    },
    csr: (name) => (name === 'mepc' ? moment.mepc : name === 'mtvec' ? moment.mtvec : undefined),
    privilege: 3,
  };
};

/** Frames up to the reset code, which has no caller. */
const show = (frames: readonly { name: string; pc: bigint; sp: bigint | undefined }[]): string => {
  const end = frames.findIndex((frame) => frame.name === 'reset');
  const kept = end < 0 ? frames : frames.slice(0, end + 1);
  return kept
    .map((frame) => `${frame.name}@${frame.pc.toString(16)}/${(frame.sp ?? 0n).toString(16)}`)
    .join(' ');
};

const ours = (frames: readonly Frame[]): string =>
  show(frames.map((frame) => ({ name: frame.function?.name ?? '??', pc: frame.pc, sp: frame.registers[2] })));

const BUILDS = [
  { name: '-O0', flags: ['-O0'] },
  { name: '-O2', flags: ['-O2'] },
  {
    name: '-Os with frame pointers, without compressed instructions',
    flags: ['-Os', '-fno-omit-frame-pointer', '-march=rv64g', '-mabi=lp64d'],
  },
];

describe('unwinding', function () {
  this.timeout(120_000);
  let folder: string;
  before(function () {
    requireTool(this, GCC, QEMU, GDB);
    folder = mkdtempSync(join(tmpdir(), 'unwind-'));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });

  BUILDS.forEach(({ name, flags }, index) => {
    it(`${name}: is as GDB says after every instruction, with and without call frame information`, () => {
      const elf = join(folder, `program${index}`);
      const sources = ['start.S', 'program.c'].map((source) => join(corpus, source));
      const link = [
        '-nostdlib',
        '-ffreestanding',
        '-mcmodel=medany',
        '-Wl,-Ttext=0x80000000',
        '-Wl,-e,reset',
      ];
      execFileSync(GCC, ['-g', ...flags, ...link, ...sources, '-o', elf], { stdio: 'pipe' });
      const scriptPath = `${elf}.gdb`;
      writeFileSync(scriptPath, script(elf));
      const args = ['-nx', '-batch', '-iex', 'set debuginfod enabled off', '-x', scriptPath, elf];
      const output = execFileSync(GDB, args, {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const moments = output
        .split('\n')
        .filter((line) => line.startsWith('moment '))
        .map(parseMoment);
      assert.ok(moments.length > 200, `GDB told ${moments.length} moments`);

      const symbols = SymbolFile.open(bytesSource(readFileSync(elf)));
      const section = symbols.elf.sectionNamed('.text');
      assert.ok(section);
      const text = { address: section.address, bytes: symbols.elf.sectionData(section) };
      const without = {
        functionAt: (pc: bigint) => symbols.functionAt(pc),
        lineAt: (pc: bigint) => symbols.lineAt(pc),
        inlinedAt: (pc: bigint) => symbols.inlinedAt(pc),
        frameInfoAt: () => undefined,
      };
      /** What GDB said at the ecall: it cannot look through a trap. */
      let interrupted: Moment['frames'] = [];
      let inTrap = 0;
      for (const [i, moment] of moments.entries()) {
        const view = viewOf(moment, text);
        for (const [how, source] of [
          ['cfi', symbols],
          ['instructions', without],
        ] as const) {
          const frames = unwind(view, source, { maxFrames: 20 });
          const trap = frames.findIndex((frame) => frame.kind === 'trap');
          const where = `step ${i} by ${how} at ${moment.pc.toString(16)}: `;
          if (trap < 0) {
            assert.equal(where + ours(frames), where + show(moment.frames));
          } else {
            const [head] = interrupted;
            assert.ok(head, where);
            inTrap++;
            // The handler moves mepc on, behind the ecall.
            assert.equal(
              where + ours(frames.slice(trap)),
              where + show(interrupted.with(0, { ...head, pc: moment.mepc })),
            );
          }
        }
        if (moment.frames[0]?.name === 'trapping') interrupted = moment.frames;
      }
      assert.ok(inTrap > 100, `looked through the trap ${inTrap} times`);
      assert.deepEqual(symbols.warnings, []);
    });
  });
});
