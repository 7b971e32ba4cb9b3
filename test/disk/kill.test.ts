/**
 * A process that saves, deletes and commits disk layers is killed (SIGKILL) at random moments: each layer that it said
 * was saved, and did not begin to delete, is there with its contents; nothing else is left; qemu-img finds no error.
 * KILLS sets how often.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CowDisk } from '../../src/disk/cow-disk';
import { WritableRaw } from '../../src/disk/images';
import { LayerFiles } from '../../src/disk/layer-files';
import { openNodeFile } from '../../src/host/disk/node-file';
import { openNodeFolder } from '../../src/host/disk/node-folder';
import { requireTool } from '../support/tools';
import { childPath } from './kill-child';
import { contentsAfter, DISK_BYTES } from './kill-writes';

const KILLS = Number(process.env['KILLS'] ?? 4);
const LEAKS_ONLY = 3;

/** Runs the child until it has said something, and a while longer; returns what it said. */
async function killed(folder: string, seed: number, lines: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', childPath, folder, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let said = '';
  let isDoomed = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (isDoomed || said.split('\n').length <= lines) return;
    isDoomed = true;
    setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  await ended;
  return said.split('\n').filter((line) => line !== '');
}

describe('layer files, killed at random moments', function () {
  this.timeout(KILLS * 20_000);
  before(function () {
    requireTool(this, 'qemu-img');
  });

  it(`holds all that was saved after each of ${KILLS} kills`, async () => {
    let leaks = 0;
    let leftOvers = 0;
    for (let seed = 1; seed <= KILLS; seed++) {
      const folder = mkdtempSync(join(tmpdir(), 'chronovisor-kill-'));
      const layers = join(folder, 'layers');
      mkdirSync(layers);
      const original = Uint8Array.from({ length: DISK_BYTES }, (_, at) => (at * 3 + (at >> 9)) & 0xff);
      writeFileSync(join(folder, 'base.raw'), original);
      const said = await killed(folder, seed, 1 + ((seed * 5) % 17), (seed * 7) % 23);
      const kept = new Set<string>();
      for (const line of said) {
        const [verb, name] = line.split(' ');
        if (verb === 'saved' && name !== undefined) kept.add(name);
        else if (name !== undefined) kept.delete(name);
      }
      assert.ok(said.length > 0);
      leftOvers += readdirSync(layers).filter((name) => name.endsWith('.new')).length;
      const check = (name: string): number | null =>
        spawnSync('qemu-img', ['check', '-f', 'qcow2', name], { cwd: layers }).status;
      for (const name of readdirSync(layers).filter((file) => file.endsWith('.qcow2'))) {
        const status = check(name);
        assert.ok(status === 0 || status === LEAKS_ONLY, `${name}: qemu-img check says ${String(status)}`);
        if (status === LEAKS_ONLY) leaks++;
      }
      const baseFile = await openNodeFile(join(folder, 'base.raw'), 'write');
      const base = new WritableRaw(baseFile);
      const under = { name: join(folder, 'base.raw'), format: 'raw', image: base } as const;
      const files = await LayerFiles.open(await openNodeFolder(layers), under, [...kept]);
      await files.settled();
      for (const name of kept) {
        const disk = new CowDisk(base, { stored: await files.load(name) });
        const operation = disk.begin({ op: 'read', offset: 0, length: DISK_BYTES });
        await operation.whenReady();
        const result = operation.complete();
        assert.ok(result.ok && result.data);
        const expected = contentsAfter(original, seed, Number(name.slice(1)));
        assert.ok(Buffer.compare(result.data, expected) === 0, `${name} of seed ${seed}`);
      }
      await files.close();
      await baseFile.close();
      const left = readdirSync(layers).filter((name) => name.endsWith('.qcow2'));
      for (const name of left) assert.equal(check(name), 0, `${name} is clean after it was opened`);
      assert.equal(readdirSync(layers).length, 2 * left.length, 'nothing is left behind');
      assert.ok(readFileSync(join(folder, 'base.raw')).length === DISK_BYTES);
      rmSync(folder, { recursive: true });
    }
    console.log(`      ${KILLS} kills, ${leftOvers} unfinished files, ${leaks} files with leaks`);
  });
});
