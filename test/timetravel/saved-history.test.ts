/** Saved checkpoints in the midst of history: in random order beside all else, over a store that fails, and over a real one. */
import assert from 'node:assert/strict';
import { instret } from '../../src/base/brand';
import { Random } from '../isa/random';
import { Archives } from '../host/archive-support';
import { busyGuest } from '../support/busy-guest';
import { MemoryArchive } from '../support/memory-archive';
import { Travel } from './support';

const OPTIONS = { guest: null, savedAt: 0 };

/** A guest whose checkpoints are taken, gone to, deleted, saved and adopted; what they are is known by their hashes. */
class Turns {
  readonly random: Random;
  readonly guest = new Travel(busyGuest(2), {}, { record: false });
  readonly hashes = new Map<string, string>();
  readonly saves: Promise<unknown>[] = [];
  adopted = 0;

  constructor(
    seed: number,
    readonly archive: MemoryArchive,
  ) {
    this.random = new Random(seed);
  }

  get machine() {
    return this.guest.time['recording'].machine;
  }

  private pick(): string | undefined {
    return [...this.hashes.keys()][this.random.below(Math.max(1, this.hashes.size))];
  }

  async turn(): Promise<void> {
    const { time } = this.guest;
    const { random } = this;
    const id = this.pick();
    switch (random.below(9)) {
      case 0:
      case 1:
      case 2: {
        await this.guest.time.seek(instret(time.now + 1 + random.below(4000)));
        this.hashes.set(time.takeCheckpoint().id, time.stateHash());
        break;
      }
      case 3:
      case 4:
        if (id === undefined) break;
        await this.go(id);
        if (random.below(2) === 0) this.guest.type('typed');
        break;
      case 5:
        if (id !== undefined) this.saves.push(time.saveCheckpoint(id, this.archive, OPTIONS).done);
        // Some are on their way for long.
        if (random.below(3) === 0) this.archive.hold();
        else this.archive.letGo();
        break;
      case 6:
        await this.adopt();
        break;
      default:
        if (id !== undefined && this.hashes.size > 3) this.delete(id);
    }
  }

  async go(id: string): Promise<void> {
    await this.guest.time.restoreCheckpoint(id);
    assert.equal(this.guest.time.stateHash(), this.hashes.get(id), `checkpoint ${id}`);
  }

  /** The checkpoint comes back as a saved one, all of its pages absent. */
  private async adopt(): Promise<void> {
    const { time } = this.guest;
    this.archive.letGo();
    await Promise.all(this.saves);
    const all = time.checkpoints().filter(({ saved }) => saved);
    const { id, saved } = all[this.random.below(Math.max(1, all.length))] ?? {};
    if (id === undefined || !saved || !this.hashes.has(id)) return;
    await this.go(id);
    const disks = this.machine.board.disks.map((disk) => disk.freeze());
    const loaded = await this.archive.load(saved.id);
    const adopted = time.adoptCheckpoint({ loaded, archivePath: this.archive.path }, disks);
    this.hashes.set(adopted.id, this.hashes.get(id) ?? '');
    this.adopted++;
  }

  /** False where it must stay: a history begins with it. */
  delete(id: string): boolean {
    try {
      this.guest.time.deleteCheckpoint(id);
    } catch (error) {
      assert.equal((error as { code?: unknown }).code, 'CHECKPOINT_ROOT');
      return false;
    }
    this.hashes.delete(id);
    return true;
  }
}

describe('saved checkpoints in the midst of others', () => {
  for (const seed of [1, 2, 3]) {
    it(`are what they were, in any order, and leave nothing behind (seed ${seed})`, async () => {
      const archive = await MemoryArchive.make();
      const turns = new Turns(seed, archive);
      const { time } = turns.guest;
      const [root] = time.checkpoints();
      assert(root);
      const least = turns.machine.memory.framesInUse;
      for (let turn = 0; turn < 150; turn++) await turns.turn();
      assert(turns.adopted > 2, `${turns.adopted} adopted`);
      archive.letGo();
      await Promise.all(turns.saves);
      for (const id of turns.hashes.keys()) await turns.go(id);
      await time.restoreCheckpoint(root.id);
      // Those with which a history begins go after those that follow.
      for (let round = 0; turns.hashes.size > 0 && round < 3; round++) {
        for (const id of [...turns.hashes.keys()].reverse()) turns.delete(id);
      }
      assert.deepEqual(
        time.checkpoints().map(({ id }) => id),
        [root.id],
      );
      assert.equal(turns.machine.memory.framesInUse, least);
      assert.equal(archive.open.size, 0, 'loaded checkpoints are closed');
    });
  }
});

/** Reads a cell of each page in turn, and adds up. */
const READER = `
        li s0, 0x80400000
        li s1, 0x80c00000
        li s2, 4096
        li a0, 0
    1:  ld t0, (s0)
        add a0, a0, t0
        sd a0, 8(s0)
        add s0, s0, s2
        bltu s0, s1, 1b
        li s0, 0x80400000
        j 1b`;

describe('a store that cannot be read', () => {
  it('is told as what it is; the guest is sound, and goes on when it can be read again', async () => {
    const archive = await MemoryArchive.make();
    const guest = new Travel(READER);
    await guest.seek(30_000);
    const { id } = await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done;
    await guest.seek(30_010);
    const early = guest.where;
    await guest.seek(40_000);
    const other = new Travel(READER, {}, { from: { loaded: await archive.load(id) } });
    // No look at all of the state: it would bring all pages.
    await other.seek(30_010);
    other.time.takeCheckpoint();
    archive.broken = true;
    await assert.rejects(other.time.resume(), { code: 'STORE_IO' });
    assert.equal(other.time.now, 30_010, 'back at the last checkpoint');
    assert.throws(() => other.time.stateHash(), { code: 'STORE_IO' });
    assert.throws(() => other.time.poke.writeMemory(0, 0x80f0_0000n, Uint8Array.of(1)), { code: 'STORE_IO' });
    assert.throws(() => other.time.hart(0).readMemory(0x80f0_0000n, 8), { code: 'STORE_IO' });
    archive.broken = false;
    assert.deepEqual(other.where, early);
    await other.seek(40_000);
    assert.deepEqual(other.where, guest.where);
  });
});

describe('with an archive on its own thread', function () {
  this.timeout(30_000);
  let archives: Archives;
  beforeEach(() => {
    archives = new Archives();
  });
  afterEach(() => archives.end());

  it('S6, S22: a guest of 2 harts is saved while it runs on, and resumed by another machine', async () => {
    const archive = await archives.open();
    const guest = new Travel(READER, { harts: 2, ramBytes: 24 << 20 });
    await guest.seek(200_000);
    const job = guest.time.saveCheckpoint(guest.time.takeCheckpoint('far').id, archive, OPTIONS);
    let isSaved = false;
    const saved = job.done.then((summary) => {
      isSaved = true;
      return summary;
    });
    let goal = 200_000;
    do await guest.seek((goal += 50_000));
    while (!isSaved);
    const { id } = await saved;
    const other = new Travel(
      READER,
      { harts: 2, ramBytes: 24 << 20 },
      { from: { loaded: await archive.load(id), archivePath: archive.path } },
    );
    assert.equal(other.time.checkpoints()[0]?.name, 'far');
    await other.seek(goal);
    assert.deepEqual(other.where, guest.where);
    // And once more, with pages that are absent still.
    await other.seek(200_100);
    const again = await other.time.saveCheckpoint(other.time.takeCheckpoint().id, archive, OPTIONS).done;
    const third = new Travel(
      READER,
      { harts: 2, ramBytes: 24 << 20 },
      { from: { loaded: await archive.load(again.id), archivePath: archive.path } },
    );
    assert.equal(third.time.now, 200_100);
    await third.seek(goal);
    assert.deepEqual(third.where, guest.where);
    for (const { time } of [other, third]) time.dispose();
  });
});
