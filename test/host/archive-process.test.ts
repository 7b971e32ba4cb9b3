/** Archives over processes, and processes over the thread that keeps archives: its end is noticed, and it ends with them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { buildSync } from 'esbuild';
import { reach } from '../support/reach';
import { tell } from './archive-child';
import { Archives, assertHolds, freeze, writer } from './archive-support';

describe('archive: processes', function () {
  this.timeout(60_000);
  let archives: Archives;
  before(() => {
    archives = new Archives();
    buildSync({
      entryPoints: {
        child: join(__dirname, 'archive-child.ts'),
        'archive.worker': join(__dirname, '../../src/host/archive.worker.ts'),
      },
      outdir: archives.folder,
      bundle: true,
      platform: 'node',
      logLevel: 'error',
    });
  });
  after(() => archives.end());

  /** What a child prints; it must end by itself, and well. */
  async function child(...args: readonly string[]): Promise<unknown> {
    const running = spawn(process.execPath, [join(archives.folder, 'child.js'), ...args], {
      env: { ...process.env, CHRONOVISOR_ARCHIVE_CHILD: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => running.once('close', resolve));
    const output = await text(running.stdout);
    assert.equal(await ended, 0);
    return JSON.parse(output);
  }

  it('S22: another process lists, verifies and loads what this one saved', async () => {
    const archive = await archives.open();
    const told = [];
    const { machine } = writer();
    for (const name of ['first', 'second']) {
      await reach(machine, machine.instret + 100_000);
      const instant = freeze(machine, name);
      const { id } = await archive.save(instant.request).done;
      await assertHolds(archive, id, instant);
      const loaded = await archive.load(id);
      told.push(await tell(archive, loaded));
      loaded.close();
    }
    await archive.close();
    const path = join(archives.folder, 'store');
    assert.deepEqual(await child('look', path), told);
    assert.deepEqual(readdirSync(path), ['checkpoints.cvstore']);
    // An archive that is left open keeps no process alive, and its lock is taken over.
    assert.equal(await child('leave', path), 'first');
    // Nor does the thread outlive the archives for long: it would keep memory of guests.
    assert.equal(await child('idle', path), 1 + 2);
    assert.equal((await (await archives.open()).list()).length, 2);
  });

  for (const how of ['an error', 'force']) {
    it(`STORE_WORKER: the thread is ended by ${how}; nobody waits in vain, and the store opens again`, async () => {
      const [codes, left] = (await child('crash', join(archives.folder, how), how)) as unknown[][];
      const ended = 'STORE_WORKER';
      assert.deepEqual(codes, [ended, ended, ended, ended, 'none']);
      assert.deepEqual(left, [['kept', []]]);
      assert.deepEqual(readdirSync(join(archives.folder, how)), ['checkpoints.cvstore']);
    });
  }
});
