/** The store on what the host has: folders, files, locks, full disks and raw block devices. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportCheckpoint, importCheckpoints, openStore } from '../../../src/host/store/open-store';
import { requireTool, skipBecause } from '../../support/tools';
import { assertHolds, assertStore, save, type Model } from './support';

const MIB = 1024 * 1024;

const dense = (name: string, from: number, count: number): Model => ({
  name,
  pages: new Map(Array.from({ length: count }, (_, i) => [i, 2 * (from + i) + 1])),
  blocks: new Map([[3, 0]]),
});

function requireRoot(context: Mocha.Context): void {
  if (process.getuid?.() !== 0)
    skipBecause(context, 'only root can mount file systems and make loop devices');
}

describe('store: on the host', function () {
  this.timeout(120_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-store-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('a folder that does not exist becomes a store, and nothing but the store stays in it', async () => {
    const path = join(folder, 'a/b');
    const model = dense('kept', 0, 50);
    const first = await openStore(path);
    const id = await save(first.store, model);
    await first.close();
    assert.deepEqual(readdirSync(path), ['checkpoints.cvstore']);
    const second = await openStore(path, { create: 'never' });
    await assertStore(second.store, new Map([[id, model]]));
    await second.close();
  });

  it('STORE_MISSING: a store that must exist', async () => {
    await assert.rejects(openStore(join(folder, 'none'), { create: 'never' }), { code: 'STORE_MISSING' });
    await assert.rejects(openStore(join(folder, 'none.cvstore'), { readOnly: true }), {
      code: 'STORE_MISSING',
    });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('STORE_IN_USE: one writer, many readers; the lock of a dead process does not count', async () => {
    const { store, path, close } = await openStore(folder);
    const model = dense('m', 0, 10);
    const id = await save(store, model);
    await assert.rejects(openStore(folder), { code: 'STORE_IN_USE' });
    const reader = await openStore(folder, { readOnly: true });
    await assertHolds(reader.store, id, model);
    await reader.close();
    await close();
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(`${path}.lock`, `${dead}-1`);
    writeFileSync(`${path}.lock.${dead}-1`, `${dead}-1`);
    writeFileSync(`${path}.lock.${dead}-1-stale`, `${dead}-1`);
    const next = await openStore(folder);
    await assertHolds(next.store, id, model);
    await next.close();
    assert.deepEqual(readdirSync(folder), ['checkpoints.cvstore']);
  });

  it('S22: an exported file is small, opens by itself, and is taken over by another store', async () => {
    const { store, close } = await openStore(join(folder, 'one'));
    await save(store, dense('other', 1000, 1000));
    const model = dense('exported', 0, 100);
    const id = await save(store, model);
    const file = join(folder, 'file.cvstore');
    writeFileSync(file, 'is replaced');
    await exportCheckpoint(store, id, file);
    await close();
    assert.ok(statSync(file).size < MIB, `${statSync(file).size} bytes`);
    const alone = await openStore(file, { readOnly: true });
    const [only] = alone.store.list();
    await assertHolds(alone.store, only?.id ?? '', model);
    await alone.close();
    const other = await openStore(join(folder, 'two'));
    await save(other.store, dense('there', 5000, 10));
    const ids = await importCheckpoints(other.store, file);
    assert.equal(ids.length, 1);
    await assertHolds(other.store, ids[0] ?? '', model);
    await other.close();
    assert.ok(!existsSync(`${file}.partial`));
  });

  it('importing what is no checkpoint harms nothing', async () => {
    const { store, close } = await openStore(join(folder, 'one'));
    const model = dense('m', 0, 100);
    const id = await save(store, model);
    const file = join(folder, 'file.cvstore');
    await exportCheckpoint(store, id, file);
    const bytes = readFileSync(file);
    for (const broken of [Buffer.from('text'.repeat(100_000)), bytes.subarray(0, 300_000), Buffer.alloc(0)]) {
      writeFileSync(file, broken);
      await assert.rejects(importCheckpoints(store, file), /STORE|store/);
      await assertStore(store, new Map([[id, model]]));
    }
    await close();
  });

  it('STORE_FULL: a full disk harms nothing, and the store goes on when there is room', async function () {
    requireRoot(this);
    requireTool(this, 'mount');
    const place = join(folder, 'full');
    mkdirSync(place);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', place]);
    if (mounted.status !== 0) skipBecause(this, `no tmpfs can be mounted: ${String(mounted.stderr)}`);
    try {
      const opened = await openStore(place);
      const model = dense('first', 0, 1000);
      const models = new Map([[await save(opened.store, model), model]]);
      for (let i = 0; i < 3; i++) {
        await assert.rejects(save(opened.store, dense('large', 5000, 2000)), { code: 'STORE_FULL' });
        await assertStore(opened.store, models);
      }
      const small = dense('small', 20_000, 100);
      models.set(await save(opened.store, small), small);
      await opened.close();
      // Full to the last byte, by somebody else: opening and reading still work.
      spawnSync('dd', ['if=/dev/zero', `of=${join(place, 'other')}`, 'bs=4096']);
      const reader = await openStore(place, { readOnly: true });
      await assertStore(reader.store, models);
      await reader.close();
      rmSync(join(place, 'other'));
      const again = await openStore(place);
      const [first] = models.keys();
      await again.store.delete(first ?? '');
      models.delete(first ?? '');
      const next = dense('next', 40_000, 1200);
      models.set(await save(again.store, next), next);
      await assertStore(again.store, models);
      await again.close();
    } finally {
      execFileSync('umount', ['-l', place]);
    }
  });

  it('S20: a raw block device', async function () {
    requireRoot(this);
    requireTool(this, 'losetup');
    const image = join(folder, 'image');
    writeFileSync(image, new Uint8Array(16 * MIB));
    const made = spawnSync('losetup', ['-f', '--show', image], { encoding: 'utf8' });
    if (made.status !== 0) skipBecause(this, `no loop device can be made: ${made.stderr}`);
    const device = made.stdout.trim();
    try {
      const first = await openStore(device);
      assert.equal(first.store.statistics().limitBytes, 16 * MIB - 0);
      const models = new Map<string, Model>();
      for (let i = 0; i < 4; i++) {
        const model = dense(`m${i}`, 1000 * i, 500);
        models.set(await save(first.store, model), model);
      }
      await assert.rejects(openStore(device), { code: 'STORE_IN_USE' });
      await assert.rejects(save(first.store, dense('large', 50_000, 3000)), { code: 'STORE_FULL' });
      const [oldest] = models.keys();
      await first.store.delete(oldest ?? '');
      models.delete(oldest ?? '');
      await first.close();
      const second = await openStore(device, { create: 'never' });
      await assertStore(second.store, models);
      const next = dense('next', 90_000, 700);
      models.set(await save(second.store, next), next);
      await assertStore(second.store, models);
      await second.close();
      writeFileSync(device, 'something else, which must not be overwritten');
      await assertStoreGone(device);
    } finally {
      execFileSync('losetup', ['-d', device]);
    }
  });
});

/** The first header copy is gone: the second one, and the anchors, still tell what this is. */
async function assertStoreGone(device: string): Promise<void> {
  const opened = await openStore(device, { create: 'never' });
  assert.equal(opened.store.list().length, 4);
  await opened.close();
  writeFileSync(device, new Uint8Array(MIB).fill(0x41));
  await assert.rejects(openStore(device), { code: 'STORE_FOREIGN' });
  const erased = await openStore(device, { create: 'erase' });
  assert.deepEqual(erased.store.list(), []);
  await erased.close();
}
