/**
 * A process that saves, deletes, exports and imports, every other one through the thread that keeps archives, is killed with
 * SIGKILL at random moments. Afterwards the store opens; what the process said was saved is there, what it said was deleted
 * is not; each listed checkpoint is whole; no other file is left.
 * CHRONOVISOR_KILLS: how often (default 30; 300 under CI=true).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { buildSync } from 'esbuild';
import { openStore, preallocate } from '../../../src/host/store/open-store';
import { inCi } from '../../support/tools';
import { randomFrom } from './crash-space';
import { modelOf, type ChildArguments } from './kill-child';
import { assertHolds } from './support';

const KILLS = Number(process.env['CHRONOVISOR_KILLS'] ?? (inCi() ? 300 : 30));

/** Things that a process says at most before its end comes near. */
const SAYINGS = 5;
/** Some are killed while they start, open the store and take its lock: milliseconds. */
const START_MS = 250;

/** Lives until it is killed; returns what it said. */
async function runAndKill(script: string, child: ChildArguments, random: () => number): Promise<string[]> {
  const lines: string[] = [];
  const process_ = spawn(process.execPath, [script, ...child], {
    env: { ...process.env, CHRONOVISOR_KILL_CHILD: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise<void>((resolve) => process_.on('close', () => resolve()));
  const reader = createInterface(process_.stdout);
  let [heard, gapMs, last] = [0, 50, performance.now()];
  let wake = (): void => undefined;
  reader.on('line', (line) => {
    lines.push(line);
    gapMs = performance.now() - last;
    last = performance.now();
    heard++;
    wake();
  });
  const hears = async (count: number): Promise<void> => {
    while (heard < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  // The delays are no waits for something to happen: the moment of the kill is what is being varied. After the last
  // thing said it is a part of the time that such a thing takes, however busy the host is.
  if (random() < 0.15) await delay(random() * START_MS);
  else {
    await Promise.race([hears(1 + Math.floor(random() * SAYINGS)), closed]);
    await delay(random() * Math.min(1.5 * gapMs, 2000));
  }
  process_.kill('SIGKILL');
  await closed;
  return lines;
}

/** What must be, what may be, as told by processes so far. */
class Told {
  readonly saved = new Set<string>();
  readonly maybeDeleted = new Set<string>();

  hear(lines: readonly string[]): void {
    for (const line of lines) {
      const [verb, name = ''] = line.split(' ');
      assert.notEqual(verb, 'failed', line);
      if (verb === 'saved') this.saved.add(name);
      if (verb === 'deleting') this.maybeDeleted.add(name);
      if (verb === 'deleted') this.saved.delete(name);
    }
  }

  check(listed: ReadonlySet<string>): void {
    for (const name of this.saved) {
      assert.ok(listed.has(name) || this.maybeDeleted.has(name), `${name} was saved`);
    }
    for (const name of this.maybeDeleted) {
      assert.ok(!listed.has(name) || this.saved.has(name), `${name} was deleted`);
    }
    this.saved.clear();
    this.maybeDeleted.clear();
    for (const name of listed) this.saved.add(name);
  }
}

describe('store: killed processes', function () {
  this.timeout(KILLS * 10_000 + 60_000);
  let folder: string;
  let script: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-kill-'));
    script = join(folder, 'child.js');
    buildSync({
      entryPoints: {
        child: join(__dirname, 'kill-child.ts'),
        'archive.worker': join(__dirname, '../../../src/host/archive.worker.ts'),
      },
      outdir: folder,
      bundle: true,
      platform: 'node',
      logLevel: 'error',
    });
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const fixed of ['growing', 'fixed'] as const) {
    it(`leave the store whole, in a ${fixed} file`, async () => {
      const place = join(folder, fixed);
      mkdirSync(place);
      const path = join(place, 'checkpoints.cvstore');
      if (fixed === 'fixed') await preallocate(path, 24 * 1024 * 1024);
      const told = new Told();
      let [finished, kept] = [0, 0];
      for (let kill = 1; kill <= Math.ceil(KILLS / 2); kill++) {
        const random = randomFrom(kill);
        const how = kill % 2 === 0 ? 'archive' : 'store';
        const lines = await runAndKill(script, [folder, path, fixed, String(kill), how], random);
        told.hear(lines);
        finished += lines.length;
        const opened = await openStore(path, { fixed: fixed === 'fixed' });
        assert.equal(opened.store.fellBack, false);
        for (const { id, name } of opened.store.list()) {
          await assertHolds(opened.store, id, modelOf(name));
          kept++;
        }
        told.check(new Set(opened.store.list().map(({ name }) => name)));
        await opened.close();
        assert.deepEqual(readdirSync(place), ['checkpoints.cvstore']);
      }
      assert.ok(finished > KILLS / 2 && kept > 0, 'processes lived long enough to do something');
    });
  }
});
