/**
 * Checkpoints kept for good, as a recording sees them: saved while the guest runs on, resumed by another machine or by this
 * one, and history that begins with one. The store is the real one, in memory.
 */
import assert from 'node:assert/strict';
import { instret } from '../../src/base/brand';
import { bareGuest, type BareGuest } from '../support/bare-guest';
import { MemoryArchive } from '../support/memory-archive';
import { infoOf, machineOf, OPTIONS, resumed, walker, WALKER } from './saved-support';
import { Travel } from './support';

describe('a saved checkpoint (S3, S6, S22)', () => {
  for (const harts of [1, 2, 4]) {
    it(`of ${harts} harts is saved while the guest runs on, and resumed elsewhere`, async () => {
      const archive = await MemoryArchive.make();
      const guest = new Travel(walker(harts));
      await guest.seek(300_000);
      guest.type('x');
      await guest.seek(300_500);
      const { id } = guest.time.takeCheckpoint('here');
      const shown = guest.console();
      const { hash } = guest.where;
      archive.hold();
      const job = guest.time.saveCheckpoint(id, archive, OPTIONS);
      assert.equal(infoOf(guest.time, id).saving, 0);
      await guest.seek(400_000);
      archive.letGo();
      await guest.seek(500_000);
      const later = guest.where;
      const summary = await job.done;
      assert.deepEqual(infoOf(guest.time, id).saved, { archivePath: 'memory', id: summary.id });
      assert.equal(infoOf(guest.time, id).saving, undefined);
      const { name, instret: at, guest: kind, savedAt, ramBytes } = summary;
      assert.deepEqual(
        { name, at, kind, savedAt, ramBytes },
        { name: 'here', at: 300_500, kind: 'walker', savedAt: 1234, ramBytes: 32 << 20 },
      );

      const other = await resumed(archive, summary.id, walker(harts));
      const begun = archive.pagesFilled;
      assert.equal(begun, 0, 'nothing is read before it is touched');
      assert.deepEqual(
        [other.time.now, other.time.begin, other.time.end, other.time.live, other.console()],
        [300_500, 300_500, 300_500, true, shown],
      );
      await other.seek(300_501);
      assert(archive.pagesFilled < 1000);
      await other.seek(500_000);
      assert.deepEqual(other.where, later);
      assert.equal(other.console(), guest.console());
      await other.seek(300_500);
      assert.equal(other.time.stateHash(), hash);
    });
  }

  it('is the beginning: stepping back, seeking and searching stop there', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    await guest.seek(100_000);
    const { hash } = guest.where;
    const job = guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS);
    const { id } = await job.done;
    const other = await resumed(archive, id);
    const [root] = other.time.checkpoints();
    assert(root);
    assert.equal(root.parent, undefined);
    assert.equal(other.time.currentCheckpoint, root.id);
    await other.seek(100_020);
    assert.deepEqual(await other.time.reverseStepInstructions(0, 20), { kind: 'done' });
    assert.equal(other.time.stateHash(), hash);
    assert.deepEqual(await other.time.reverseStepInstructions(0, 1), { kind: 'beginning' });
    assert.equal(other.time.now, 100_000);
    await other.seek(100_030);
    assert.deepEqual(await other.time.reverseStepInstructions(0, 31), { kind: 'beginning' });
    await other.seek(160_000);
    assert.deepEqual(await other.time.reverseResume(), { kind: 'beginning' });
    assert.deepEqual(await other.time.seek(instret(5)), { kind: 'done' });
    assert.equal(other.time.now, 100_000);
    await other.seek(120_000);
    await other.time.restart();
    assert.deepEqual([other.time.now, other.time.end, other.time.branch], [100_000, 100_000, 1]);
    assert.equal(other.time.stateHash(), hash);
    assert.throws(() => other.time.deleteCheckpoint(root.id), { code: 'CHECKPOINT_ROOT' });
  });

  it('has what the console had shown at its instant, and that is not shown again', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    await guest.seek(50_000);
    const { id: early } = guest.time.takeCheckpoint();
    const shown = guest.console();
    await guest.seek(90_000);
    assert(guest.console().length > shown.length);
    // Saved later than it was taken.
    const { id, consoleTail } = await guest.time.saveCheckpoint(early, archive, OPTIONS).done;
    assert.equal(consoleTail, shown);
    const other = await resumed(archive, id);
    assert.equal(other.console(), shown);
    let fresh = '';
    other.time.onConsole(({ data, reset }) => {
      assert(!reset);
      fresh += String.fromCharCode(...data);
    });
    await other.seek(90_000);
    assert.equal(shown + fresh, guest.console());
  });

  it('two harts: stepping back over the beginning', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker(2));
    await guest.seek(100_000);
    const { id } = await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done;
    const other = await resumed(archive, id, walker(2));
    await other.seek(100_010);
    assert.deepEqual(await other.time.reverseStepInstructions(1, 20), { kind: 'beginning' });
    assert.equal(other.time.now, 100_000);
  });

  it('of a resumed guest, pages absent still, is saved and resumed again', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    await guest.seek(100_000);
    const first = await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done;
    const second = await resumed(archive, first.id);
    await second.seek(100_100);
    const taken = second.time.takeCheckpoint('again').id;
    const again = await second.time.saveCheckpoint(taken, archive, OPTIONS).done;
    assert.equal(archive.requests.at(-1)?.like?.id, first.id, 'only what differs is looked at');
    assert.equal(again.parent, first.id);
    assert(
      again.pages < first.pages / 2 && again.addedBytes < first.addedBytes / 2,
      'pages that are absent in both are not',
    );
    // Without a base to compare with, in another archive: absent pages are copied.
    const elsewhere = await MemoryArchive.make('elsewhere');
    const handle = [...archive.open.keys()].at(-1) ?? 0;
    const source = archive.open.get(handle);
    assert(source);
    elsewhere.open.set(handle, source);
    const copy = await second.time.saveCheckpoint(taken, elsewhere, OPTIONS).done;
    assert.equal(elsewhere.requests[0]?.like, undefined);
    await guest.seek(180_000);
    for (const [from, id] of [
      [archive, again.id],
      [elsewhere, copy.id],
    ] as const) {
      const third = await resumed(from, id);
      assert.equal(third.time.now, 100_100);
      await third.seek(180_000);
      assert.deepEqual(third.where, guest.where);
      third.time.dispose();
    }
    await second.seek(180_000);
    assert.deepEqual(second.where, guest.where);
  });
});

describe('adopting a saved checkpoint', () => {
  it('puts it beside what is recorded, and it can be gone to, run from, and left', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker(2));
    await guest.seek(200_000);
    const saved = await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done;
    const shown = guest.console();
    await guest.seek(300_000);
    const end = guest.where;

    const other = new Travel(walker(2));
    const frames = machineOf(other.time).memory.framesInUse;
    await other.seek(5000);
    const before = other.where;
    let changes = 0;
    other.time.onCheckpointsChanged(() => changes++);
    const loaded = await archive.load(saved.id);
    const adopted = other.time.adoptCheckpoint({ loaded, archivePath: archive.path });
    assert.deepEqual(adopted.saved, { archivePath: 'memory', id: saved.id });
    assert.equal(adopted.parent, undefined);
    assert(changes > 0);
    assert.deepEqual(other.where, before, 'the guest stays where it is');
    assert.deepEqual([other.time.branch, other.time.begin], [0, 0]);
    await other.time.restoreCheckpoint(adopted.id);
    assert.deepEqual(
      [other.time.now, other.time.begin, other.time.branch, other.console()],
      [200_000, 200_000, adopted.branch, shown],
    );
    await other.seek(300_000);
    assert.deepEqual(other.where, end);
    assert.deepEqual(await other.time.reverseResume(), { kind: 'beginning' });
    assert.throws(() => other.time.deleteCheckpoint(adopted.id), { code: 'CHECKPOINT_ROOT' });
    await other.time.restart();
    assert.deepEqual([other.time.now, other.time.begin], [0, 0]);
    for (const info of other.time.checkpoints()) {
      if (info.branch === adopted.branch && info.id !== adopted.id) other.time.deleteCheckpoint(info.id);
    }
    other.time.deleteCheckpoint(adopted.id);
    assert.equal(archive.open.size, 0, 'closed when no page comes from it any more');
    assert.equal(other.time.checkpoints().length, 1);
    assert.equal(machineOf(other.time).memory.framesInUse, frames);
    await other.seek(5000);
    assert.deepEqual({ ...other.where }, before);
  });

  it('that is earlier than the one with which the recording began', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    const ids: string[] = [];
    for (const at of [50_000, 90_000]) {
      await guest.seek(at);
      ids.push((await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done).id);
    }
    const other = await resumed(archive, ids[1] ?? '');
    const { id } = other.time.adoptCheckpoint({ loaded: await archive.load(ids[0] ?? '') });
    await other.time.restoreCheckpoint(id);
    assert.equal(other.time.currentCheckpoint, id);
    await other.seek(60_000);
    await other.seek(55_000);
    await guest.seek(55_000);
    assert.deepEqual(other.where.hash, guest.where.hash);
    assert.deepEqual(await other.time.reverseResume(), { kind: 'beginning' });
    assert.equal(other.time.now, 50_000);
    await other.time.restart();
    assert.equal(other.time.now, 90_000);
  });

  const others: Readonly<Record<string, BareGuest>> = {
    'memory was 32 MiB, and is 64 MiB here': walker(1, 64 << 20),
    'harts was 1, and is 2 here': walker(2),
    'legacy virtio was false, and is true': bareGuest(WALKER, {
      ramBytes: 32 << 20,
      quantum: 777,
      legacyVirtio: true,
    }),
    'quantum was 777': bareGuest(WALKER, { ramBytes: 32 << 20, quantum: 778 }),
    'firmware was reset, and is sbi': bareGuest(WALKER, {
      ramBytes: 32 << 20,
      quantum: 777,
      firmware: 'builtin',
    }),
  };
  for (const [message, config] of Object.entries(others)) {
    it(`is refused where ${message}`, async () => {
      const archive = await MemoryArchive.make();
      const guest = new Travel(walker());
      await guest.seek(1000);
      const { id } = await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done;
      const expected = { code: 'CHECKPOINT_OTHER_GUEST', message: new RegExp(message, 'u') };
      await assert.rejects(resumed(archive, id, config), expected);
      const other = new Travel(config);
      const loaded = await archive.load(id);
      assert.throws(() => other.time.adoptCheckpoint({ loaded }), expected);
      assert.equal(other.time.checkpoints().length, 1);
    });
  }
});

describe('saving', () => {
  it('goes on when the checkpoint is deleted; its pages are free afterwards, not before', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker(), {}, { record: false });
    const { time } = guest;
    await guest.seek(100_000);
    const first = await time.saveCheckpoint(time.takeCheckpoint('a').id, archive, OPTIONS).done;
    const [, a] = time.checkpoints();
    assert(a);
    await guest.seek(200_000);
    const { id } = time.takeCheckpoint('b');
    const expected = guest.where;
    archive.hold();
    const job = time.saveCheckpoint(id, archive, OPTIONS);
    // Both the checkpoint and the one that it is compared with.
    time.deleteCheckpoint(a.id);
    time.deleteCheckpoint(id);
    assert.equal(time.checkpoints().length, 1);
    await guest.seek(50_000);
    await guest.seek(260_000);
    const during = machineOf(time).memory.framesInUse;
    archive.letGo();
    const summary = await job.done;
    assert.equal(summary.parent, first.id);
    await guest.seek(260_000);
    assert(machineOf(time).memory.framesInUse < during, 'frames were given back');
    const other = await resumed(archive, summary.id);
    assert.deepEqual(other.where, expected);
  });

  it('reads what was absent when it began, though the guest has it all by now', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    await guest.seek(100_000);
    const first = await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done;
    const other = await resumed(archive, first.id);
    const { id } = other.time.takeCheckpoint();
    const extra = other.time.takeCheckpoint();
    other.time.forgetSaved(archive.path, first.id);
    archive.hold();
    const job = other.time.saveCheckpoint(id, archive, OPTIONS);
    const { hash } = other.where;
    other.time.deleteCheckpoint(extra.id);
    assert.equal(archive.open.size, 1);
    archive.letGo();
    const again = await resumed(archive, (await job.done).id);
    assert.equal(again.where.hash, hash);
    other.time.deleteCheckpoint(other.time.takeCheckpoint().id);
    assert.equal(archive.open.size, 1, 'all pages have come: closed');
    // The sources that are left keep their numbers.
    const { id: adopted } = other.time.adoptCheckpoint({ loaded: await archive.load(first.id) });
    const { id: third } = await other.time.saveCheckpoint(adopted, archive, OPTIONS).done;
    assert.equal((await resumed(archive, third)).where.hash, hash);
  });

  it('that is cancelled leaves nothing behind, and can be done again', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    await guest.seek(100_000);
    const { id } = guest.time.takeCheckpoint();
    archive.hold();
    const job = guest.time.saveCheckpoint(id, archive, OPTIONS);
    job.cancel();
    archive.letGo();
    await assert.rejects(job.done, { code: 'SAVE_CANCELLED' });
    const info = infoOf(guest.time, id);
    assert.deepEqual([info.saving, info.saved], [undefined, undefined]);
    assert.deepEqual(await archive.list(), []);
    await guest.time.saveCheckpoint(id, archive, OPTIONS).done;
    guest.time.forgetSaved(archive.path, infoOf(guest.time, id).saved?.id ?? '');
    assert.equal(infoOf(guest.time, id).saved, undefined);
  });

  it('tells how far it is', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    await guest.seek(400_000);
    const { id } = guest.time.takeCheckpoint();
    const seen: (number | undefined)[] = [];
    guest.time.onCheckpointsChanged(() => seen.push(infoOf(guest.time, id).saving));
    await guest.time.saveCheckpoint(id, archive, OPTIONS).done;
    const fractions = seen.slice(0, -1).map(Number);
    assert(fractions.length > 2);
    assert.deepEqual(
      fractions,
      [...fractions].sort((x, y) => x - y),
    );
    assert.equal(seen.at(-1), undefined);
  });
});
