/** Saves side by side, given up, into full stores, beside deletions; and what else an archive is asked for. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors';
import type { SavedDisk, SaveProgress } from '../../src/checkpoint/archive';
import { ZERO_FRAME, ZERO_LEAF } from '../../src/machine/layout';
import { LinearMemory } from '../../src/machine/memory';
import { reach } from '../support/reach';
import { Archives, assertHolds, freeze, MIB, PAGE, ramOf, runUntil, writer } from './archive-support';

const pointer = { path: 'disk.img', format: 'raw', sizeBytes: MIB, contentHash: '0123456789abcdef' };

/** Blocks that lie in one large buffer, as views. */
function disk(count: number, seed: number): SavedDisk {
  const all = new Uint8Array(count * PAGE).map((_, index) => (index * seed) >> 5);
  all.fill(0, PAGE, 2 * PAGE);
  const blocks = Array.from({ length: count }, (_, index): [number, Uint8Array] => [
    3 * index,
    all.subarray(index * PAGE, (index + 1) * PAGE),
  ]);
  return { pointer, blocks };
}

describe('archive: jobs', function () {
  this.timeout(60_000);
  let archives: Archives;
  beforeEach(() => {
    archives = new Archives();
  });
  afterEach(() => archives.end());

  it('S5: many saves of one guest are in flight at once, and none is listed before it is durable', async () => {
    const archive = await archives.open();
    const { machine } = writer();
    const instants = [];
    const jobs = [];
    for (let index = 0; index < 4; index++) {
      await reach(machine, machine.instret + 60_000);
      const instant = freeze(machine, `number ${index}`);
      instants.push(instant);
      jobs.push(archive.save(instant.request));
    }
    const settled: string[] = [];
    for (const { done } of jobs) void done.then(({ name }) => settled.push(name));
    const listed = await archive.list();
    assert.deepEqual(
      listed.map(({ name }) => name).filter((name) => !settled.includes(name)),
      [],
    );
    await runUntil(machine, Promise.all(jobs.map(({ done }) => done)));
    for (const [index, { done }] of jobs.entries()) {
      const instant = instants[index];
      assert(instant);
      await assertHolds(archive, (await done).id, instant);
    }
    assert.equal((await archive.list()).length, 4);
  });

  it('a checkpoint that descends from another costs what has changed', async () => {
    const archive = await archives.open();
    const { machine } = writer({ windowBytes: 8 * MIB });
    await reach(machine, 300_000);
    const first = freeze(machine, 'first');
    const one = await archive.save(first.request).done;
    await reach(machine, machine.instret + 2_000);
    const like = { id: one.id, directory: first.state.pages.directory };
    const second = freeze(machine, 'second', { like });
    const two = await archive.save(second.request).done;
    assert.ok(one.pages > 1900, `${one.pages} pages`);
    // 2,000 instructions are 286 stores.
    assert.ok(two.pages > 100 && two.pages <= 287, `${two.pages} pages`);
    await archive.delete(one.id);
    await assertHolds(archive, two.id, second);
  });

  it('SAVE_CANCELLED: gives up, and others go on', async () => {
    const archive = await archives.open();
    const { machine } = writer();
    await reach(machine, 200_000);
    const instant = freeze(machine, 'kept');
    const kept = archive.save(instant.request);
    const first = archive.save(instant.request);
    const second = archive.save({ ...instant.request, disks: [disk(200, 3)] });
    first.cancel();
    second.onProgress(({ pages }) => {
      // While blocks are being sent.
      if (pages > (16 * MIB) / PAGE) second.cancel();
    });
    await assert.rejects(first.done, { code: 'SAVE_CANCELLED' });
    await assert.rejects(second.done, { code: 'SAVE_CANCELLED' });
    const { id } = await kept.done;
    kept.cancel();
    assert.deepEqual(
      (await archive.list()).map((one) => one.id),
      [id],
    );
    await assertHolds(archive, id, instant);
  });

  it('says how far a save has come, from the first leaf to the last', async () => {
    const archive = await archives.open();
    const { machine } = writer({ windowBytes: 8 * MIB });
    await reach(machine, 200_000);
    const job = archive.save(freeze(machine, 'told', { disks: [disk(100, 5)] }).request);
    const told: SaveProgress[] = [];
    job.onProgress((progress) => told.push(progress));
    job.hurry();
    await job.done;
    const totalPages = (16 * MIB) / PAGE + 100;
    assert.ok(told.length >= 4, `told ${told.length} times`);
    assert.deepEqual(told.at(-1), { pages: totalPages, totalPages });
    told.forEach(({ pages }, index) => assert.ok(pages >= (told[index - 1]?.pages ?? 0)));
  });

  it('keeps blocks of disks, and names their images in the list', async () => {
    const archive = await archives.open();
    const { machine } = writer();
    const first = freeze(machine, 'first', { disks: [disk(150, 3), disk(1, 7)] });
    const one = await archive.save(first.request).done;
    // Blocks that this one lacks must not come from the one that it descends from.
    const like = { id: one.id, directory: first.state.pages.directory };
    const second = freeze(machine, 'second', { like, disks: [disk(20, 9)] });
    const two = await archive.save(second.request).done;
    assert.deepEqual(one.disks, [pointer, pointer]);
    for (const [id, { request }] of [
      [one.id, first],
      [two.id, second],
    ] as const) {
      const loaded = await archive.load(id);
      assert.deepEqual(loaded.disks, request.disks);
      loaded.close();
    }
  });

  it('STORE_FULL: older checkpoints are unharmed, and saving goes on after a deletion', async () => {
    const archive = await archives.open('store', { maxBytes: 2 * MIB });
    const { machine } = writer();
    await reach(machine, 400_000);
    const older = freeze(machine, 'older');
    const { id } = await archive.save(older.request).done;
    await reach(machine, 800_000);
    const large = freeze(machine, 'too large', { disks: [disk(2, 3)] });
    const other = writer({ seed: 99, windowBytes: 8 * MIB });
    await reach(other.machine, 900_000);
    const tooLarge = archive.save(freeze(other.machine, 'too large').request);
    await assert.rejects(tooLarge.done, { code: 'STORE_FULL' });
    await assertHolds(archive, id, older);
    await archive.delete(id);
    await assertHolds(archive, (await archive.save(large.request).done).id, large);
    assert.deepEqual((await archive.statistics()).checkpoints, 1);
  });

  it('saves, loads and deletions go on side by side', async () => {
    const archive = await archives.open();
    const { machine } = writer();
    await reach(machine, 200_000);
    const first = freeze(machine, 'first');
    const { id } = await archive.save(first.request).done;
    const loaded = await archive.load(id);
    await reach(machine, machine.instret + 50_000);
    const like = { id, directory: first.state.pages.directory };
    const second = freeze(machine, 'second', { like });
    const third = freeze(machine, 'third');
    const jobs = [archive.save(second.request), archive.save(third.request)] as const;
    const deleted = archive.delete(id);
    // Pages come at once while saves and a deletion are under way.
    assert.equal(Buffer.compare(ramOf(loaded), first.ram), 0);
    await runUntil(machine, Promise.all([deleted, jobs[0].done, jobs[1].done]));
    assert.equal(Buffer.compare(ramOf(loaded), first.ram), 0);
    loaded.close();
    await assertHolds(archive, (await jobs[0].done).id, second);
    await assertHolds(archive, (await jobs[1].done).id, third);
    assert.deepEqual((await archive.list()).map(({ name }) => name).sort(), ['second', 'third']);
    await assert.rejects(archive.load(id), { code: 'CHECKPOINT_UNKNOWN' });
  });

  it('closing cancels what is being saved, and ends what was loaded', async () => {
    const archive = await archives.open();
    const { machine } = writer();
    await reach(machine, 200_000);
    const { request } = freeze(machine, 'kept');
    const { id } = await archive.save(request).done;
    const loaded = await archive.load(id);
    const job = archive.save(request);
    const closed = archive.close();
    await assert.rejects(job.done, { code: 'SAVE_CANCELLED' });
    await closed;
    await assert.rejects(archive.list(), { code: 'STORE_CLOSED' });
    await assert.rejects(archive.save(request).done, { code: 'STORE_CLOSED' });
    assert.throws(() => loaded.ram.fill(machine.linear.memory, [0], [9]), { code: 'STORE_CLOSED' });
    assert.deepEqual(readdirSync(join(archives.folder, 'store')), ['checkpoints.cvstore']);
    const again = await archives.open('store', { create: 'never' });
    assert.deepEqual(
      (await again.list()).map((one) => one.id),
      [id],
    );
  });

  it('absent pages are saved from where they are, also when that is closed and deleted meanwhile', async () => {
    const [archive, other] = [await archives.open(), await archives.open('other')];
    const { machine } = writer();
    await reach(machine, 200_000);
    const instant = freeze(machine, 'first');
    const { id } = await archive.save(instant.request).done;
    const loaded = await archive.load(id);
    // As a machine that was resumed from it, and has touched nothing: one leaf of absent pages stands for all.
    const { ramBytes } = machine.config;
    const { memory } = new LinearMemory();
    const template = ZERO_LEAF + 1;
    new Uint32Array(memory.buffer, ZERO_LEAF * PAGE, 1024).fill(ZERO_FRAME);
    new Uint32Array(memory.buffer, template * PAGE, 1024).fill(0x8000_0001);
    const ram = { memory, directory: new Uint32Array(ramBytes / PAGE / 1024).fill(template), ramBytes };
    const request = { ...instant.request, ram, sources: [undefined, loaded.handle] };
    const copied = await archive.save(request).done;
    assert.ok(copied.addedBytes < 256 * 1024, `${copied.addedBytes} bytes for what is there already`);
    const jobs = [archive.save(request), other.save(request)] as const;
    // Nobody but the two saves needs it now, and the copy.
    loaded.close();
    await archive.delete(copied.id);
    await archive.delete(id);
    await assertHolds(archive, (await jobs[0].done).id, instant);
    await assertHolds(other, (await jobs[1].done).id, instant);
  });

  it('S22: exported into a file and imported elsewhere, it is the same', async () => {
    const [archive, other] = [await archives.open(), await archives.open('other')];
    const { machine } = writer();
    await reach(machine, 200_000);
    const instant = freeze(machine, 'first', { disks: [disk(70, 3)] });
    const { id } = await archive.save(instant.request).done;
    const file = join(archives.folder, 'exported.cvstore');
    await archive.exportTo(id, file, [disk(5, 8)]);
    const [fromFile] = await other.importFrom(file);
    const [fromStore] = await other.importFrom(join(archives.folder, 'store'));
    for (const [copy, disks] of [
      [fromFile, [disk(5, 8)]],
      [fromStore, [disk(70, 3)]],
    ] as const) {
      await assertHolds(other, copy ?? '', instant);
      const loaded = await other.load(copy ?? '');
      assert.deepEqual(loaded.disks, disks);
      loaded.close();
    }
    assert.ok(!existsSync(`${file}.partial`));
    await assert.rejects(other.importFrom(join(archives.folder, 'none')), { code: 'STORE_MISSING' });
  });

  it('STORE_DAMAGED: a page that cannot be read is an error for the guest that waits, not a wrong page', async () => {
    const archive = await archives.open();
    const { machine } = writer();
    await reach(machine, 200_000);
    const { id } = await archive.save(freeze(machine, 'first').request).done;
    await archive.close();
    const file = join(archives.folder, 'store/checkpoints.cvstore');
    const bytes = readFileSync(file);
    // Half of the first segment: pages, not the maps and lists at its end.
    bytes.fill(0x55, 300 * 1024, 500 * 1024);
    writeFileSync(file, bytes);
    const opened = await archives.open();
    const loaded = await opened.load(id);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const [bytesNow, zeroes] = [new Uint8Array(memory.buffer), new Uint8Array(65536)];
    let damaged = 0;
    for (let page = 256; page < 1280; page++) {
      try {
        loaded.ram.fill(memory, [page, 0], [1, 2]);
      } catch (error) {
        assert.ok(error instanceof UserError && error.code === 'STORE_DAMAGED');
        damaged++;
        assert.equal(Buffer.compare(bytesNow, zeroes), 0, 'nothing was written');
      }
      bytesNow.fill(0);
    }
    assert.ok(damaged > 100 && damaged < 1024, `${damaged} pages are damaged`);
    assert.ok((await opened.verify(id)).problems.length > 0);
  });

  it('closing while a store is taken over leaves whole checkpoints, or none', async () => {
    const archive = await archives.open();
    const other = await archives.open('other');
    const { machine } = writer();
    await reach(machine, 200_000);
    const instant = freeze(machine, 'first');
    const { id } = await archive.save(instant.request).done;
    const file = join(archives.folder, 'exported.cvstore');
    await archive.exportTo(id, file);
    const imported = other.importFrom(file).then(
      () => 'imported',
      (error: unknown) => (error instanceof UserError ? error.code : String(error)),
    );
    const exported = archive.exportTo(id, file).then(
      () => 'exported',
      (error: unknown) => (error instanceof UserError ? error.code : String(error)),
    );
    await Promise.all([other.close(), archive.close()]);
    assert.ok(!existsSync(`${file}.partial`));
    assert.ok(['imported', 'STORE_CLOSED'].includes(await imported));
    assert.ok(['exported', 'STORE_CLOSED'].includes(await exported));
    const reopened = await archives.open('other');
    for (const one of await reopened.list()) await assertHolds(reopened, one.id, instant);
    assert.equal((await reopened.list()).length, (await imported) === 'imported' ? 1 : 0);
    await reopened.importFrom(file);
  });

  it('renames, verifies, shares one store in the process, and reads beside a writer', async () => {
    const archive = await archives.open();
    const { machine } = writer();
    await reach(machine, 20_000);
    const instant = freeze(machine, 'first');
    const { id, pages } = await archive.save(instant.request).done;
    const same = await archives.open();
    await same.update(id, { name: 'renamed', notes: 'other' });
    assert.deepEqual(
      (await archive.list()).map(({ name, notes }) => [name, notes]),
      [['renamed', 'other']],
    );
    assert.deepEqual(await archive.verify(id), { id, pages, problems: [] });
    await archive.close();
    const reader = await archives.open('store', { readOnly: true });
    await assertHolds(reader, id, instant);
    await assert.rejects(reader.delete(id), { code: 'STORE_READ_ONLY' });
    await assert.rejects(reader.save(instant.request).done, { code: 'STORE_READ_ONLY' });
    await assert.rejects(archives.open('store', { maxBytes: MIB }), { code: 'STORE_IN_USE' });
    await assert.rejects(archives.open('none', { readOnly: true }), { code: 'STORE_MISSING' });
    await assertHolds(same, id, instant);
  });
});
