/**
 * Guests that go on from an archive, on every kind of store: pages come when they are touched, and what was never touched is
 * saved again from where it is. The judge is a guest that was never interrupted.
 */
import assert from 'node:assert/strict';
import type { CheckpointArchive } from '../../src/checkpoint/archive';
import { bareGuest, type BareGuest } from '../support/bare-guest';
import { skipBecause } from '../support/tools';
import { Travel } from '../timetravel/support';
import { Archives, placeKinds, type Place } from './archive-support';

/** Two harts that read and write all over 4 MiB each, and count what they have read. */
const WALKER = `
        csrr s6, mhartid
        addi s4, s6, 99
        li s1, 0x80400000
        slli t0, s6, 22
        add s1, s1, t0
        li s2, 6364136223846793005
    loop:
        mul s4, s4, s2
        addi s4, s4, 1442
        srli t0, s4, 42
        andi t0, t0, -8
        add t0, t0, s1
        ld t1, (t0)
        add s5, s5, t1
        add t1, t1, s4
        sd t1, (t0)
        j loop
`;
const walker = (): BareGuest => bareGuest(WALKER, { harts: 2, ramBytes: 32 << 20, quantum: 777 });

async function save(guest: Travel, archive: CheckpointArchive, name: string): Promise<string> {
  const { id } = guest.time.takeCheckpoint(name);
  const job = guest.time.saveCheckpoint(id, archive, { guest: 'walker', savedAt: 1 });
  // It runs on meanwhile.
  await guest.seek(guest.time.now + 60_000);
  return (await job.done).id;
}

async function resume(archive: CheckpointArchive, id: string): Promise<Travel> {
  return new Travel(walker(), {}, { from: { loaded: await archive.load(id), archivePath: archive.path } });
}

describe('archive: resuming', function () {
  this.timeout(60_000);
  let archives: Archives;
  beforeEach(() => {
    archives = new Archives();
  });
  afterEach(() => archives.end());

  for (const kind of placeKinds()) {
    it(`S6 S20 S22: from ${kind.name}, generation after generation`, async function () {
      if (kind.missing !== undefined) skipBecause(this, kind.missing);
      const reference = new Travel(walker());
      const place: Place = await kind.make(archives.folder);
      try {
        let archive = await archives.at(place);
        const elsewhere = await archives.open('elsewhere');
        const first = new Travel(walker());
        await first.seek(200_000);
        const ids = [await save(first, archive, 'first')];
        const second = await resume(archive, ids[0] ?? '');
        // A little is touched, and most is not: it is saved from where it is, here and elsewhere.
        await second.seek(second.time.now + 500);
        const at = second.time.now;
        ids.push(await save(second, archive, 'second'));
        const other = await save(second, elsewhere, 'also');
        await archive.delete(ids[0] ?? '');
        // To look at all of it fetches all of it, also from what is deleted.
        await second.seek(at);
        const between = second.where;
        if (place.keeps) {
          await archive.close();
          archive = await archives.at(place);
        }
        await reference.seek(at);
        assert.deepEqual(between, reference.where);
        const third = await resume(archive, ids[1] ?? '');
        const alien = await resume(elsewhere, other);
        assert.deepEqual(third.where, between);
        for (const guest of [third, alien]) {
          await guest.seek(500_000);
          await reference.seek(500_000);
          assert.deepEqual(guest.where, reference.where);
        }
      } finally {
        await archives.end();
        kind.remove?.(place);
      }
    });
  }
});
