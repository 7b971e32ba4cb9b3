/** A session over the fake machine, and the program that most tests debug. */
import { setImmediate as immediate } from 'node:timers/promises';
import { Session } from '../../src/dap/session';
import type { SessionHost } from '../../src/dap/ports';
import type { HostClock } from '../../src/timetravel/api';
import { DapClient } from '../support/dap-client';
import type { SavedGuest } from '../../src/protocol';
import { FakeArchive } from './fake-archive';
import { FakeDebuggee, type FakeOptions } from './fake-debuggee';
import { op, ProgramBuilder, reg, type Program } from './program';

/** Time passes only when a test says so, and messages are handled at every yield. */
export class TestClock implements HostClock {
  time = 0;
  /** Milliseconds that each look at the clock takes. */
  tick = 0;
  now = (): number => (this.time += this.tick);
  yield = async (): Promise<void> => {
    await immediate();
  };
  sleep = () => ({ done: Promise.resolve(), wake: () => undefined });
}

export interface Fixture extends Bare {
  readonly client: DapClient;
}

export interface Bare {
  readonly session: Session;
  readonly debuggee: FakeDebuggee;
  readonly clock: TestClock;
  readonly archive: FakeArchive;
}

export interface FixtureOptions extends FakeOptions {
  /** False: the session has nowhere to save checkpoints. */
  readonly hasStore?: boolean;
  readonly files?: Readonly<Record<string, string>>;
}

export function fixture(program: Program, options: FixtureOptions = {}): Fixture {
  const bare = bareSession(program, options);
  return { ...bare, client: clientOf(bare.session) };
}

/** For tests that bring their own client. */
export function bareSession(program: Program, options: FixtureOptions = {}): Bare {
  const clock = new TestClock();
  const debuggee = new FakeDebuggee(program, clock, options);
  const files = options.files ?? { '/src/main.c': 'int main() {}\n', '/src/add.c': '' };
  const host: SessionHost = {
    clock,
    unixTime: () => 1_700_000_000_000,
    readTextFile: async (path) => files[path],
    fileExists: async (path) => path in files,
  };
  const archive = new FakeArchive();
  const keeping = { archive, guest: async () => GUEST, disksOf: async () => [] };
  const opened = {
    debuggee,
    symbols: program.symbols,
    programPath: '/src/demo.elf',
    ...(options.hasStore === false ? {} : { keeping }),
    close: () => archive.close(),
  };
  const session = new Session(host, async () => opened);
  return { session, debuggee, clock, archive };
}

/** What the sessions here say of their guest. */
export const GUEST: SavedGuest = {
  program: { path: '/src/demo.elf', hash: 'sha256:1' },
  firmware: 'none',
  memoryBytes: 1 << 17,
  harts: 1,
  kernelArgs: '',
  virtio: 'modern',
  disks: [],
};

export function clientOf(session: Session): DapClient {
  return new DapClient({
    send: (message) => session.handleMessage(JSON.parse(JSON.stringify(message))),
    listen: (listener) =>
      void session.onMessage((message) => listener(JSON.parse(JSON.stringify(message)) as typeof message)),
  });
}

export const MAIN = '/src/main.c';
export const ADD = '/src/add.c';
export const LAUNCH = { program: '/src/demo.elf', type: 'chronovisor', request: 'launch' };
export const TOTAL = 0x4000_1000n;

/**
 * main.c:                          add.c:
 *  9 int main() {                   2 int add(int a, int b) {
 * 10   int count = 0, i = 0;        3   int sum = a + b;
 * 12   count = add(count, i) + 0;   4   return sum;
 * 13   i++; if (i < 3) goto 12;     5 }
 * 14   quiet();   (no lines)
 * 15   total = count;
 * 16   return 0;
 * 17 }
 */
export function demo(): Program {
  const { zero, ra, sp, t0, s0, s1, s2, s3, a0, a1 } = reg;
  return new ProgramBuilder()
    .func('_start')
    .emit(op.lui(sp, 0x40010))
    .la(t0, 'trap')
    .emit(op.csrrw(zero, 0x305, t0))
    .call('main')
    .label('off')
    .emit(op.lui(t0, 0x100), op.sw(zero, t0, 0))
    .jump('off')
    .func('main', MAIN)
    .line(9)
    .emit(op.addi(sp, sp, -32), op.sd(ra, sp, 24), op.sd(s0, sp, 16), op.addi(s0, sp, 32))
    .body()
    .line(10)
    .emit(op.addi(s1, zero, 0), op.addi(s2, zero, 0), op.addi(s3, zero, 3))
    .label('loop')
    .line(12)
    .emit(op.addi(a0, s1, 0), op.addi(a1, s2, 0))
    .call('add')
    .label('afterAdd')
    .emit(op.addi(s1, a0, 0))
    .line(13)
    .emit(op.addi(s2, s2, 1))
    .blt(s2, s3, 'loop')
    .line(14)
    .call('quiet')
    .line(15)
    .emit(op.lui(t0, 0x40001), op.sd(s1, t0, 0))
    .line(16)
    .emit(op.addi(a0, zero, 0))
    .line(17)
    .emit(op.ld(ra, sp, 24), op.ld(s0, sp, 16), op.addi(sp, sp, 32), op.ret())
    .func('add', ADD)
    .line(2)
    .emit(op.addi(sp, sp, -16), op.sd(ra, sp, 8), op.sd(s0, sp, 0), op.addi(s0, sp, 16))
    .body()
    .line(3)
    .emit(op.add(a0, a0, a1))
    .line(4)
    .emit(op.addi(a0, a0, 0))
    .line(5)
    .emit(op.ld(ra, sp, 8), op.ld(s0, sp, 0), op.addi(sp, sp, 16), op.ret())
    .func('quiet')
    .emit(op.addi(a1, zero, 20))
    .label('quietLoop')
    .emit(op.addi(a1, a1, -1))
    .blt(zero, a1, 'quietLoop')
    .emit(op.ret())
    .func('trap')
    .emit(op.mret())
    .object('total', TOTAL, 8n)
    .build();
}
