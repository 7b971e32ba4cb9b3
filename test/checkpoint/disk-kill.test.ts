/**
 * A process that saves, deletes and commits disks is killed at any moment: each checkpoint in the list has what its name says,
 * QEMU finds each layer clean, and nothing else is left. CHRONOVISOR_DISK_KILLS says how often (300 in the full run).
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { requireTool } from '../support/tools';
import { BLOCKS, stateOf } from './disk-kill-child';
import { BLOCK, beginDisks, close, complete, endDisks, layersOf, open, resumed } from './disk-support';
import { randomFrom } from './store/crash-space';

const KILLS = Number(process.env['CHRONOVISOR_DISK_KILLS'] ?? 8);

describe('disks of saved checkpoints: killed at any moment', function () {
  this.timeout(1_200_000);
  let folder = '';
  let base = '';
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
  after(endDisks);

  /** Runs a child, and kills it so many milliseconds after it has begun its work. */
  async function killed(seed: number, afterMs: number): Promise<void> {
    const child = spawn(
      process.execPath,
      [join(folder, 'child.js'), join(folder, 'store'), base, String(seed)],
      {
        env: { ...process.env, CHRONOVISOR_DISK_CHILD: '1' },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let shown = '';
    const ended = new Promise<string | null>((resolve) =>
      child.once('close', (_, signal) => resolve(signal)),
    );
    child.stdout.on('data', (bytes: Buffer) => {
      if (shown === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
      shown += bytes.toString();
    });
    assert.equal(await ended, 'SIGKILL', shown);
  }

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
    for (const layer of layers) execFileSync('qemu-img', ['check', '-q', '-f', 'qcow2', layer]);
    for (const name of readdirSync(join(folder, 'store')).filter((entry) => entry.startsWith('disk-'))) {
      const odd = readdirSync(join(folder, 'store', name)).filter((file) => file.endsWith('.new'));
      assert.deepEqual(odd, []);
    }
    return all.length;
  }

  it(`S16, S22: ${KILLS} times; what is listed is whole`, async function () {
    requireTool(this, 'qemu-img');
    const random = randomFrom(20_261);
    let seen = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      await killed(kill, 20 + random() * 600);
      seen += await check();
    }
    assert.ok(seen > KILLS / 4, `${seen} checkpoints were looked at`);
  });
});
