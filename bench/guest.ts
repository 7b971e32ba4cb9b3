/** The guests of the benches, as the product opens them. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGuest, type GuestSettings } from '../src/dap/guest';
import { hostClock } from '../src/host/clock';
import { guestFiles } from '../src/host/files';
import type { TimeMachine, TimeMachineOptions } from '../src/timetravel/time-machine';

/** The repository: this file is run from bench/ or, bundled, from dist/. */
export const root = join(__dirname, '..');

const MiB = 1 << 20;

/** Runs `action` with a program of ours as a file. */
export async function withProgram<T>(code: Uint8Array, action: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'chronovisor-bench-'));
  try {
    const path = join(folder, 'program.bin');
    writeFileSync(path, code);
    return await action(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Options = Pick<TimeMachineOptions, 'record' | 'onFirstOutput' | 'from'>;

async function open(settings: Partial<GuestSettings> & { program: string }, options: Options) {
  const guest = await openGuest(
    {
      firmware: 'none',
      memoryBytes: 128 * MiB,
      harts: 1,
      kernelArgs: '',
      disks: [],
      idle: 'skip',
      ...settings,
    },
    guestFiles,
    { clock: hostClock, onDeadIdle: 'pause', ...options },
  );
  return guest.debuggee;
}

/** A program of ours in M-mode at the start of RAM, by default 128 MiB. */
export const openProgram = (
  code: Uint8Array,
  options: Options,
  settings: Pick<Partial<GuestSettings>, 'harts' | 'memoryBytes'> = {},
): Promise<TimeMachine> => withProgram(code, (program) => open({ program, ...settings }, options));

export const linuxFiles = {
  kernel: join(root, '.cache/guests/linux/Image'),
  initrd: join(root, '.cache/guests/initrd.cpio'),
};
export const kernelArgs = 'console=ttyS0 rdinit=/init';
export const shellPrompt = '/ # ';

export const linuxMissing = (): string | undefined =>
  Object.values(linuxFiles).every((path) => existsSync(path))
    ? undefined
    : "Debian's kernel is not there (npm run guests): no Linux";

export interface LinuxRun {
  readonly time: TimeMachine;
  readonly seconds: number;
}

/** Debian's kernel, run to the shell's first prompt. */
export async function bootLinux(record: boolean): Promise<LinuxRun> {
  const cancel = { cancelled: false };
  let shown = '';
  const time = await open(
    {
      program: linuxFiles.kernel,
      initrd: linuxFiles.initrd,
      kernelArgs,
      firmware: 'builtin',
      memoryBytes: 256 * MiB,
    },
    {
      record,
      onFirstOutput: (byte) => {
        shown = (shown + String.fromCharCode(byte)).slice(-shellPrompt.length);
        cancel.cancelled ||= shown === shellPrompt;
        return cancel.cancelled;
      },
    },
  );
  const started = hostClock.now();
  const stop = await time.resume({ cancel });
  if (stop.kind !== 'paused') throw new Error(`Linux ended before its prompt: ${stop.kind}`);
  return { time, seconds: (hostClock.now() - started) / 1000 };
}
