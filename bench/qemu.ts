/** QEMU as the yardstick: with -icount its time is as virtual as ours, and the two run in turn on the same machine. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export const QEMU = 'qemu-system-riscv64';
const ICOUNT = ['-icount', 'shift=0,sleep=off'];
const LIMIT_MS = 300_000;

/** Why QEMU cannot be compared with; undefined when it can. */
export function qemuMissing(): string | undefined {
  const { status } = spawnSync(QEMU, ['--version']);
  return status === 0 ? undefined : `${QEMU} is not installed: no ratios`;
}

export function qemuVersion(): string {
  const { stdout } = spawnSync(QEMU, ['--version'], { encoding: 'utf8' });
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}

const machine = ['-M', 'virt', '-nographic', '-nodefaults', ...ICOUNT];

/**
 * Runs a raw program at the start of RAM to its end. Processor time, as the shell's `times` reports it for its children:
 * what other processes do meanwhile does not count.
 */
export function qemuProgram(
  path: string,
  memory: string,
): { readonly ms: number; readonly exitCode: number } {
  const script = '"$@"; code=$?; times; exit $code';
  const args = ['-c', script, 'sh', QEMU, ...machine, '-m', memory, '-bios', path];
  const { status, stdout, error } = spawnSync('/bin/sh', args, { timeout: LIMIT_MS, encoding: 'utf8' });
  if (status === null) throw new Error(`QEMU did not end: ${error?.message ?? 'killed'}`);
  const [, children = ''] = stdout.trim().split('\n').slice(-2);
  let ms = 0;
  for (const [, minutes, seconds] of children.matchAll(/(\d+)m([\d.]+)s/g))
    ms += Number(minutes) * 60_000 + Number(seconds) * 1000;
  return { ms, exitCode: status };
}

export interface Took {
  readonly ms: number;
  /** Processor time of all of the process's threads. */
  readonly cpuMs: number;
}

/** Kernel ticks of a process, in user and system mode (proc(5): fields 14 and 15 of stat), as milliseconds. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const MS_PER_TICK = 10;
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** From a process's start until its console shows a text; then it is ended. */
export function untilShown(command: string, args: readonly string[], text: string): Promise<Took> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let shown = '';
    let took: Took | undefined;
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.stdout.on('data', (bytes: Buffer) => {
      shown = (shown + bytes.toString('latin1')).slice(-4096);
      if (took !== undefined || !shown.includes(text) || child.pid === undefined) return;
      took = { ms: performance.now() - started, cpuMs: cpuMsOf(child.pid) };
      child.kill('SIGKILL');
    });
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      if (took === undefined) reject(new Error(`${command} did not show ${JSON.stringify(text)}: ${shown}`));
      else resolve(took);
    });
  });
}

export interface LinuxFiles {
  readonly kernel: string;
  readonly initrd: string;
}

export const qemuLinux = ({ kernel, initrd }: LinuxFiles, kernelArgs: string): [string, string[]] => [
  QEMU,
  [...machine, '-serial', 'stdio', '-m', '256M', '-kernel', kernel, '-initrd', initrd, '-append', kernelArgs],
];
