/** QEMU boots our Linux fixtures: if our own machine does not, the fault is in the machine and not in them. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { requireGuest } from './guests';
import { initBanner, shellPrompt } from './initrd';
import { requireTool } from './tools';

/** A child's output, read no further than a test has waited for. */
class Transcript {
  text = '';
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(output: AsyncIterable<Buffer>) {
    this.chunks = output[Symbol.asyncIterator]();
  }

  /** Waits until `wanted` is shown at or behind `from`; returns the offset behind it. */
  async until(wanted: string, from = 0): Promise<number> {
    for (;;) {
      const at = this.text.indexOf(wanted, from);
      if (at >= 0) return at + wanted.length;
      const next = await this.chunks.next();
      if (next.done === true) throw new Error(`ended without showing ${wanted}: ${this.text.slice(-2000)}`);
      this.text += next.value.toString('latin1');
    }
  }
}

describe('support: guests', () => {
  let child: ChildProcess | undefined;
  afterEach(() => child?.kill('SIGKILL'));

  it('Linux reaches a shell under QEMU, and its symbols are those of System.map', async function () {
    this.timeout(180_000);
    requireTool(this, 'qemu-system-riscv64');
    const [image, initrd, map] = requireGuest(this, 'linux-image', 'linux-initrd', 'system-map');
    const boot = ['-kernel', image, '-initrd', initrd, '-append', 'console=ttyS0 rdinit=/init'];
    const qemu = spawn('qemu-system-riscv64', ['-M', 'virt', '-m', '256M', '-nographic', ...boot], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child = qemu;
    const exit = once(qemu, 'exit');
    const console = new Transcript(qemu.stdout);
    const ready = await console.until(shellPrompt, await console.until(initBanner));
    qemu.stdin.write('grep -E " (vfs_read|schedule|_stext)$" /proc/kallsyms; echo do""ne; poweroff -f\n');
    const end = await console.until('done', ready);
    qemu.stdout.resume();
    const seen = console.text.slice(ready, end).match(/[0-9a-f]{16} \w \w+/g) ?? [];
    assert.equal(seen.length, 3);
    const symbols = new Set(readFileSync(map, 'utf8').split('\n'));
    for (const line of seen) assert.ok(symbols.has(line), `System.map has no ${line}`);
    const [code] = (await exit) as [number | null];
    assert.equal(code, 0);
  });
});
