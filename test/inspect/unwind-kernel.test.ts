/**
 * Call stacks of a kernel with user programs, against GDB: at moments chosen at random (traps nested, threads switched, in
 * the kernel and in programs) GDB reads our machine through a stub and walks its stack; where it comes to a trap, it is
 * shown the registers that the kernel saved there, which ours has to find by itself. Frames, inlined ones too, must be the
 * same, with their lines.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { defined } from '../../src/base/errors';
import { unwind, unwindFrom, type Frame } from '../../src/inspect/unwind';
import type { Machine } from '../../src/machine/machine';
import { bytesSource } from '../../src/symbols/bytes';
import { SymbolFile } from '../../src/symbols/symbol-file';
import { Random } from '../isa/random';
import { elfMachine, liveView, supervisorMemory } from '../support/elf-guest';
import { GdbStub, type StubTarget } from '../support/gdb-stub';
import { buildKernel, KERNEL_GCC, type KernelBuild } from '../support/kernel/build';
import { requireTool, skipBecause } from '../support/tools';

const run = promisify(execFile);
const GDB = 'gdb-multiarch';
const MOMENTS = Number(process.env['UNWIND_MOMENTS'] ?? 500);
const SEED = Number(process.env['UNWIND_SEED'] ?? 20_261_122);

/** One frame as text: it is compared as a whole. */
type Shown = string;

interface Kernel {
  readonly build: KernelBuild;
  readonly symbols: SymbolFile;
  readonly users: readonly {
    readonly path: string;
    readonly symbols: SymbolFile;
    readonly pids: readonly bigint[];
  }[];
}

const openSymbols = (path: string): SymbolFile => SymbolFile.open(bytesSource(readFileSync(path)));

function kernelOf(build: KernelBuild): Kernel {
  return {
    build,
    symbols: openSymbols(build.kernel),
    users: [
      { path: build.first, symbols: openSymbols(build.first), pids: [0n, 1n, 3n] },
      { path: build.second, symbols: openSymbols(build.second), pids: [2n] },
    ],
  };
}

const number = (bytes: Uint8Array | undefined): bigint =>
  bytes === undefined ? 0n : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);

/** The process that runs, or whose system call is served; 0 before the first. */
function currentPid(machine: Machine, kernel: Kernel): bigint {
  const at = defined(kernel.symbols.symbolNamed('current')).address;
  const current = number(machine.memory.read(Number(at), 8));
  return current === 0n ? 0n : number(machine.memory.read(Number(current), 8)) & 0xffff_ffffn;
}

const boot = (kernel: Kernel): Machine =>
  elfMachine(kernel.build.kernel, { firmware: 'builtin', ramBytes: 16 << 20 });

/** Runs on to an instant; false: the guest ended before. */
function runUntil(machine: Machine, instant: number): boolean {
  for (;;) {
    const stop = machine.run(instant);
    if (stop.kind === 'reached') return true;
    if (stop.kind !== 'idle' || stop.skipTicks === undefined) return false;
    machine.skipIdle(stop.skipTicks);
  }
}

interface Ours {
  readonly instant: number;
  readonly frames: readonly Frame[];
  /** What sepc says. */
  readonly expected: bigint;
  /** Of processes that wait for their turn. */
  readonly threads: readonly { readonly index: number; readonly frames: readonly Frame[] }[];
}

/** struct context: ra, sp, s0..s11. */
const CONTEXT = [1, 2, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];

function contextAt(machine: Machine, place: bigint): { pc: bigint; registers: (bigint | undefined)[] } {
  const registers = new Array<bigint | undefined>(32).fill(undefined);
  registers[0] = 0n;
  CONTEXT.forEach((register, index) => {
    registers[register] = number(supervisorMemory(machine, place + BigInt(8 * index), 8));
  });
  return { pc: registers[1] ?? 0n, registers };
}

/** Of processes that are READY: as kernel.c has them. */
function contexts(
  machine: Machine,
  kernel: Kernel,
): { index: number; context: ReturnType<typeof contextAt> }[] {
  const { address, size } = defined(kernel.symbols.symbolNamed('processes'));
  const stride = size / 3n;
  return [0, 1, 2].flatMap((index) => {
    const at = address + BigInt(index) * stride;
    const state = number(machine.memory.read(Number(at), 8)) >> 32n;
    return state === 1n ? [{ index, context: contextAt(machine, at + 24n) }] : [];
  });
}

/** The moments at which one of these processes is the current one. */
class Moments implements StubTarget {
  private readonly machine: Machine;
  private at = 0;
  private saved: readonly bigint[] | undefined;
  /** What ours says at each. */
  readonly ours: Ours[] = [];

  constructor(
    private readonly kernel: Kernel,
    private readonly user: Kernel['users'][number],
    private readonly instants: readonly number[],
  ) {
    this.machine = boot(kernel);
  }

  registers(): readonly bigint[] {
    const view = liveView(this.machine);
    return this.saved ?? [...Array.from({ length: 32 }, (_, index) => view.x(index)), view.pc];
  }

  floats(): readonly bigint[] {
    return Array.from({ length: 32 }, () => 0n);
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    return supervisorMemory(this.machine, address, length);
  }

  next(): boolean {
    this.saved = undefined;
    for (;;) {
      const instant = this.instants[this.at++];
      if (instant === undefined || !runUntil(this.machine, instant)) return false;
      if (!this.user.pids.includes(currentPid(this.machine, this.kernel))) continue;
      this.look(instant);
      return true;
    }
  }

  /** struct trap_frame of the kernel: x0..x31, epc; struct context: ra, sp, s0..s11. */
  command(word: string, place: bigint): void {
    if (word === 'context') {
      const { pc, registers } = contextAt(this.machine, place);
      // GDB looks up the innermost frame where its pc is; this one is within the call of switch_context.
      this.saved = [...registers.map((value) => value ?? 0n), pc - 1n];
      return;
    }
    assert.equal(word, 'saved');
    this.saved = Array.from({ length: 33 }, (_, index) => number(this.read(place + BigInt(8 * index), 8)));
  }

  private look(instant: number): void {
    const { machine, kernel, user } = this;
    const view = liveView(machine);
    const inUser = { ...view, pc: view.pc, privilege: 0, readMemory: this.read.bind(this) } as const;
    const symbols = view.privilege === 0 ? user.symbols : kernel.symbols;
    const frames = unwind(view, symbols, {
      maxFrames: 100,
      spaceOf: (privilege) =>
        privilege === 0 ? { view: inUser, symbols: user.symbols } : { view, symbols: kernel.symbols },
    });
    const threads = contexts(machine, kernel).map(({ index, context }) => {
      const options = { maxFrames: 100 };
      return {
        index,
        frames: unwindFrom(
          { ...view, pc: view.pc, privilege: 1, readMemory: this.read.bind(this) },
          kernel.symbols,
          options,
          context,
        ),
      };
    });
    this.ours.push({ instant, frames, expected: view.csr?.('sepc') ?? 0n, threads });
  }
}

const shownFrames = (frames: readonly Frame[]): Shown[] =>
  frames.flatMap(({ pc, line, inlined, function: code }) =>
    Array.from({ length: inlined.length + 1 }, (_, depth) => {
      const call = inlined[depth - 1];
      const name = inlined[depth]?.name ?? code?.name ?? '??';
      const place =
        call === undefined
          ? line && `${basename(line.file)}:${line.line}`
          : `${basename(call.callFile)}:${call.callLine}`;
      return `${name}@${pc.toString(16)} ${place ?? ''}`;
    }),
  );

interface ToldMoment {
  readonly parts: readonly Told[];
  readonly threads: Readonly<Record<string, Told>>;
}

type Told = readonly (readonly [string, string | null, boolean, string | null, number])[];

/** Without the frame that GDB makes of a return address of 0. */
const shownTold = (frames: Told): Shown[] =>
  frames
    .filter(([pc]) => pc !== '0')
    .map(([pc, name, , file, line]) => {
      const place = file === null ? '' : `${file}:${line}`;
      return `${name ?? '??'}@${BigInt(pc).toString(16)} ${place}`;
    });

describe('unwinding a kernel', function () {
  this.timeout(300_000);
  let folder: string;
  const counts = { moments: 0, frames: 0, traps: 0, nested: 0, user: 0, within: 0, hidden: 0, threads: 0 };

  before(function () {
    requireTool(this, KERNEL_GCC, GDB);
    folder = mkdtempSync(join(tmpdir(), 'unwind-'));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
    console.log(
      `      ${counts.moments} moments (seed ${SEED}), ${counts.user} in programs; ${counts.frames} frames; ` +
        `${counts.traps} traps looked through, ${counts.nested} of them nested, ${counts.within} while their registers were saved; ` +
        `${counts.threads} stacks of waiting processes; ${counts.hidden} moments at an inlined function that GDB shows later`,
    );
  });

  for (const level of ['-O0', '-O2', '-Os']) {
    it(`${level}: stacks at random moments are GDB's, and go on behind traps`, async () => {
      // Relaxed, the assembler's lengths of its functions would be too long, and functions overlap.
      const kernel = kernelOf(buildKernel(level, '-Wl,--no-relax'));
      const instants = chosenInstants(kernel);
      for (const user of kernel.users) {
        const moments = new Moments(kernel, user, instants);
        const told = await ask(moments, kernel, user.path, join(folder, 'told'));
        assert.equal(told.length, moments.ours.length);
        counts.threads += moments.ours.reduce((sum, { threads }) => sum + threads.length, 0);
        const differences = moments.ours.flatMap((ours, index) => [
          ...compare(ours, defined(told[index]).parts),
          ...compareThreads(ours, defined(told[index]).threads),
        ]);
        if (differences.length > 0) {
          assert.fail(
            `${differences.length} of ${told.length} differ\n${differences.slice(0, 20).join('\n')}`,
          );
        }
      }
    });
  }

  it('has seen what is worth seeing', function () {
    if (MOMENTS < 500) skipBecause(this, 'UNWIND_MOMENTS asks for fewer');
    assert.ok(counts.user > 200 && counts.traps > 300 && counts.nested > 100 && counts.threads > 500);
  });

  /** GDB's parts end at traps: ours must be all of them, one behind the other. */
  function compare({ instant, frames, expected }: Ours, parts: readonly Told[]): string[] {
    counts.moments++;
    counts.traps += parts.length - 1;
    counts.nested += Math.max(0, parts.length - 2);
    if (frames[0]?.privilege === 0) counts.user++;
    const theirs = parts.flatMap(shownTold);
    const ours = shownFrames(frames);
    counts.frames += theirs.length;
    const last = parts.at(-1)?.at(-1);
    if (last?.[1] === 'trap_vector') {
      // GDB says no more; the interrupted code is where the CSR has it, or behind that if it was a call that is served.
      counts.within++;
      const [within, ...rest] = ours.slice(theirs.length - 1);
      const next = frames.find(({ kind }) => kind === 'trap');
      const isExpected = next?.pc === expected || next?.pc === expected + 4n;
      if (within === theirs.at(-1) && rest.length > 0 && isExpected) return [];
      return [
        `at ${instant} in trap_vector, interrupted 0x${expected.toString(16)}: ours ${ours.join(' < ')}`,
      ];
    }
    const same = theirs.join(' < ');
    if (same === ours.join(' < ')) return [];
    // Before its first instruction GDB does not show an inlined function yet.
    const hidden = ours.length - theirs.length;
    const isHidden = hidden > 0 && hidden <= (frames[0]?.inlined.length ?? 0);
    if (isHidden && same === ours.slice(hidden).join(' < ')) {
      counts.hidden++;
      return [];
    }
    return [`at ${instant}:\n  GDB  ${same}\n  ours ${ours.join(' < ')}`];
  }
});

/**
 * Up to the trap: what is behind belongs to other page tables. Those that have not run yet have no stack: they begin at a
 * function that nobody has called.
 */
function compareThreads({ instant, threads }: Ours, told: ToldMoment['threads']): string[] {
  const compared = threads.filter(({ frames }) => frames[0]?.function?.name !== 'enter_user');
  const theirs = compared.map(({ index }) => `${index}: ${untilTrap(shownTold(told[index] ?? []))}`);
  const ours = compared.map(({ index, frames: [top, ...rest] }) => {
    const within = top === undefined ? [] : [{ ...top, pc: top.pc - 1n }];
    return `${index}: ${untilTrap(shownFrames([...within, ...rest]))}`;
  });
  if (theirs.join() === ours.join()) return [];
  return [`threads at ${instant}:\n  GDB  ${theirs.join('\n       ')}\n  ours ${ours.join('\n       ')}`];
}

function untilTrap(frames: readonly Shown[]): string {
  const end = frames.findIndex((frame) => frame.startsWith('trap_vector@'));
  return (end < 0 ? frames : frames.slice(0, end + 1)).join(' < ');
}

/** Half of them in programs, which run for a small part of the time. */
function chosenInstants(kernel: Kernel): number[] {
  const first = boot(kernel);
  assert.equal(runUntil(first, 100_000_000), false, 'the kernel ends');
  const random = new Random(SEED);
  const candidates = Array.from({ length: 20 * MOMENTS }, () => 1 + random.below(first.instret - 1));
  const machine = boot(kernel);
  const view = liveView(machine);
  const found: Record<'user' | 'kernel', number[]> = { user: [], kernel: [] };
  for (const instant of candidates.sort((a, b) => a - b)) {
    if (runUntil(machine, instant)) found[view.privilege === 0 ? 'user' : 'kernel'].push(instant);
  }
  const some = (from: number[]): number[] =>
    Array.from(
      { length: Math.min(MOMENTS / 2, from.length) },
      () => from.splice(random.below(from.length), 1)[0] ?? 0,
    );
  return [...some(found.user), ...some(found.kernel)].sort((a, b) => a - b);
}

async function ask(target: StubTarget, kernel: Kernel, user: string, output: string): Promise<ToldMoment[]> {
  const stub = await GdbStub.listen(target);
  try {
    const script = join(__dirname, 'unwind-judge.py');
    await run(
      GDB,
      ['-nx', '-batch', '-iex', 'set debuginfod enabled off', '-x', script, kernel.build.kernel],
      {
        timeout: 250_000,
        maxBuffer: 1 << 26,
        env: { ...process.env, JUDGE_OUTPUT: output, JUDGE_USER: user, JUDGE_PORT: String(stub.port) },
      },
    );
  } finally {
    stub.close();
  }
  const text = readFileSync(output, 'utf8').trimEnd();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as ToldMoment);
}
