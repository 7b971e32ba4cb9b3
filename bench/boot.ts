/**
 * Debian's boot to the shell's prompt, process start included, against QEMU's with its own OpenSBI. The ratio is of
 * processor time, which other processes on the machine change little.
 */
import { join } from 'node:path';
import { kernelArgs, linuxFiles, linuxMissing, root, shellPrompt } from './guest';
import { qemuLinux, qemuMissing, untilShown, type Took } from './qemu';
import { median, spread } from './statistics';
import type { BenchResult, Figure } from './types';

const REPEATS = 3;
const TARGET = 4;

const ourLinux = (): [string, string[]] => {
  const { kernel, initrd } = linuxFiles;
  const files = [...(['--initrd', initrd] as const), '--append', kernelArgs, kernel];
  return [process.execPath, [join(root, 'dist/cli.js'), 'run', '--memory', '256M', ...files]];
};

function seconds(name: string, runs: readonly Took[]): Figure[] {
  const wall = runs.map(({ ms }) => ms / 1000);
  const cpu = runs.map(({ cpuMs }) => cpuMs / 1000);
  return [
    { name, value: median(wall), unit: 's', noise: spread(wall) },
    { name: `${name}, processor time`, value: median(cpu), unit: 's', noise: spread(cpu) },
  ];
}

export async function boot(): Promise<BenchResult> {
  const noLinux = linuxMissing();
  if (noLinux !== undefined) return { name: 'boot', figures: [], skipped: [noLinux] };
  const missing = qemuMissing();
  const own: Took[] = [];
  const others: Took[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    own.push(await untilShown(...ourLinux(), shellPrompt));
    if (missing === undefined)
      others.push(await untilShown(...qemuLinux(linuxFiles, kernelArgs), shellPrompt));
  }
  const figures = seconds('boot to the shell', own);
  if (missing === undefined) {
    const ratios = own.map(({ cpuMs }, index) => cpuMs / (others[index]?.cpuMs ?? NaN));
    figures.push(...seconds("QEMU's boot to the shell", others), {
      name: "times QEMU's processor time",
      value: median(ratios),
      unit: '×',
      noise: spread(ratios),
      target: { atMost: TARGET },
    });
  }
  return { name: 'boot', figures, skipped: missing === undefined ? [] : [missing] };
}
