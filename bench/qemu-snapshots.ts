/** QEMU's savevm and loadvm of the same guests, into and out of a qcow2 image, by its monitor. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { withProgram } from './guest';
import { fillThenCompute } from './programs';
import { QEMU, qemuMissing } from './qemu';
import { median, spread } from './statistics';
import type { BenchResult, Figure } from './types';

const MiB = 1 << 20;
const REPEATS = 3;
const PROMPT = '(qemu) ';
/** Time for the program to fill 128 MiB of RAM. */
const FILL_MS = 1500;

/** A QEMU with its monitor on the standard streams. */
class Monitor {
  private readonly child: ChildProcess;
  private shown = '';
  private changed: () => void = () => undefined;

  constructor(args: readonly string[]) {
    this.child = spawn(QEMU, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.shown += bytes.toString('latin1');
      this.changed();
    });
    this.child.once('exit', () => this.changed());
  }

  async prompt(): Promise<void> {
    while (!this.shown.endsWith(PROMPT)) {
      if (this.child.exitCode !== null) throw new Error(`QEMU ended: ${this.shown}`);
      await new Promise<void>((resolve) => (this.changed = resolve));
    }
    if (/error/i.test(this.shown)) throw new Error(`QEMU: ${this.shown}`);
    this.shown = '';
  }

  /** Milliseconds until the monitor takes the next command: the guest stands still meanwhile. */
  async command(line: string): Promise<number> {
    const started = performance.now();
    this.child.stdin?.write(`${line}\n`);
    await this.prompt();
    return performance.now() - started;
  }

  async quit(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill('SIGKILL');
    await ended;
  }
}

async function measure(megabytes: number, folder: string): Promise<Figure[]> {
  const disk = join(folder, `${megabytes}.qcow2`);
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '1G']);
  return withProgram(fillThenCompute((megabytes - 1) * MiB), async (program) => {
    const args = [
      ...['-M', 'virt', '-nodefaults', '-display', 'none', '-monitor', 'stdio', '-m', `${megabytes}M`],
      ...['-bios', program, '-drive', `file=${disk},if=none,id=d,format=qcow2`],
      ...['-device', 'virtio-blk-device,drive=d'],
    ];
    const saves: number[] = [];
    const loads: number[] = [];
    const fresh: number[] = [];
    const qemu = new Monitor(args);
    await qemu.prompt();
    await setTimeout((FILL_MS * megabytes) / 128);
    for (let repeat = 0; repeat < REPEATS; repeat++) saves.push(await qemu.command('savevm one'));
    for (let repeat = 0; repeat < REPEATS; repeat++) loads.push(await qemu.command('loadvm one'));
    await qemu.quit();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const started = performance.now();
      const again = new Monitor([...args, '-loadvm', 'one']);
      await again.prompt();
      // Answered once the snapshot is there.
      await again.command('info status');
      fresh.push(performance.now() - started);
      await again.quit();
    }
    const figure = (name: string, times: readonly number[]): Figure => ({
      ...{ name: `QEMU, ${megabytes} MiB: ${name}`, value: median(times), unit: 'ms', noise: spread(times) },
    });
    return [
      figure('savevm, the guest standing still', saves),
      figure('loadvm', loads),
      figure('from the start of a new process with -loadvm until it runs', fresh),
    ];
  });
}

export async function qemuSnapshots(): Promise<Omit<BenchResult, 'name'>> {
  const missing = qemuMissing() ?? imagesMissing();
  if (missing !== undefined) return { figures: [], skipped: [missing] };
  const folder = mkdtempSync(join(tmpdir(), 'chronovisor-bench-'));
  try {
    return { figures: [...(await measure(128, folder)), ...(await measure(1024, folder))], skipped: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const imagesMissing = (): string | undefined =>
  spawnSync('qemu-img', ['--version']).status === 0 ? undefined : 'qemu-img is not installed: no savevm';
