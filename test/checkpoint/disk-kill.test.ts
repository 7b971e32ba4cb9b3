/**
 * A process that saves, deletes and commits disks is killed at any moment: each checkpoint in the list has what its name says,
 * QEMU finds each layer clean, and nothing else is left. CHRONOVISOR_DISK_KILLS: how often (default 20; 100 under CI=true).
 */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';
import { inCi, requireTool } from '../support/tools';
import { BLOCKS, stateOf, STEPS } from './disk-kill-child';
import { BLOCK, beginDisks, close, complete, endDisks, layersOf, open, resumed } from './disk-support';
import { randomFrom } from './store/crash-space';

const KILLS = Number(process.env['CHRONOVISOR_DISK_KILLS'] ?? (inCi() ? 100 : 20));

/** Things that a process begins at most before its end comes: a round or two of saving, deleting and committing. */
const MOST_STEPS = 24;

const run = promisify(execFile);

/** A process that is ready to begin, so that none waits for another's start. */
class Child {
  /** What it has said. */
  readonly steps: string[] = [];
  private readonly process: ChildProcessByStdio<Writable, Readable, null>;
  private readonly closed: Promise<string | null>;
  private gapMs = 50;
  private last = 0;
  private wake = (): void => undefined;

  constructor(script: string, ...args: string[]) {
    this.process = spawn(process.execPath, [script, ...args], {
      env: { ...process.env, CHRONOVISOR_DISK_CHILD: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.closed = new Promise((resolve) => this.process.once('close', (_, signal) => resolve(signal)));
    createInterface(this.process.stdout).on('line', (line) => {
      this.steps.push(line);
      const now = performance.now();
      this.gapMs = now - this.last;
      this.last = now;
      this.wake();
    });
  }

  private async says(count: number): Promise<void> {
    while (this.steps.length < count) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  /** Lets it begin, and kills it within what it does then; what that was. */
  async runAndKill(random: () => number): Promise<string> {
    await Promise.race([this.says(1), this.closed]);
    this.last = performance.now();
    this.process.stdin.write('go');
    await Promise.race([this.says(2 + Math.floor(random() * MOST_STEPS)), this.closed]);
    // No wait for something to happen: the moment is what is being varied, by the time that such a thing takes here and now.
    await delay(random() * Math.min(1.5 * this.gapMs, 1000));
    await this.end();
    return this.steps.at(-1) ?? '';
  }

  async end(): Promise<void> {
    this.process.kill('SIGKILL');
    assert.equal(await this.closed, 'SIGKILL', this.steps.join());
  }
}

describe('disks of saved checkpoints: killed at any moment', function () {
  this.timeout(KILLS * 10_000 + 60_000);
  let folder = '';
  let base = '';
  let next: Child | undefined;
  before(() => {
    ({ folder, base } = beginDisks());
    writeFileSync(base, new Uint8Array(BLOCKS * BLOCK).fill(1));
    buildSync({
      entryPoints: {
        child: join(__dirname, 'disk-kill-child.ts'),
        'archive.worker': join(__dirname, '../../src/host/archive.worker.ts'),
      },
      ...{ outdir: folder, bundle: true, platform: 'node', logLevel: 'error' },
    });
  });
  after(async () => {
    await next?.end();
    await endDisks();
  });

  /** Opens what is left and looks at all of it; how many checkpoints and layers there were. */
  async function check(): Promise<number> {
    const archive = await open('store');
    const all = await archive.list();
    for (const { id, name } of all) {
      assert.deepEqual((await archive.verify(id)).problems, [], name);
      const { disk } = await resumed(archive, id, base);
      const held = await complete(disk, { op: 'read', offset: 0, length: BLOCKS * BLOCK });
      assert.equal(stateOf(held), name);
    }
    await close(archive);
    if (all.length === 0) return 0;
    const layers = layersOf('store');
    await Promise.all(layers.map((layer) => run('qemu-img', ['check', '-q', '-f', 'qcow2', layer])));
    for (const name of readdirSync(join(folder, 'store')).filter((entry) => entry.startsWith('disk-'))) {
      const odd = readdirSync(join(folder, 'store', name)).filter((file) => file.endsWith('.new'));
      assert.deepEqual(odd, []);
    }
    return all.length;
  }

  it(`S16, S22: ${KILLS} times; what is listed is whole`, async function () {
    requireTool(this, 'qemu-img');
    const random = randomFrom(20_261);
    const start = (seed: number): Child =>
      new Child(join(folder, 'child.js'), join(folder, 'store'), base, String(seed));
    const killedIn = new Map<string, number>();
    let seen = 0;
    next = start(0);
    for (let kill = 1; kill <= KILLS; kill++) {
      const child: Child = next;
      const step = await child.runAndKill(random);
      assert.ok(
        STEPS.some((one) => one === step),
        step,
      );
      killedIn.set(step, (killedIn.get(step) ?? 0) + 1);
      next = start(kill);
      seen += await check();
    }
    const steps = STEPS.slice(1).map((step) => `${killedIn.get(step) ?? 0} ${step}`);
    console.log(`      killed ${steps.join(', ')}; ${seen} checkpoints were looked at`);
    assert.ok(seen > KILLS / 4, `${seen} checkpoints were looked at`);
  });
});
