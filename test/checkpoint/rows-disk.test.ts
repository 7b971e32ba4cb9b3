/**
 * The rows of the design of live checkpoints that concern pending and new disk requests, each with the hazard made to
 * happen: a guest with a virtio disk, requests held by the test at the very instant of the checkpoint, and both worlds
 * looked at afterwards, the one that went on and the one that was restored.
 */
import assert from 'node:assert/strict';
import { CowDisk } from '../../src/disk/cow-disk';
import { MemoryImage } from '../../src/disk/images';
import type { MachineState } from '../../src/machine/machine';
import { DiskGuest, page, SECTOR } from '../support/disk-guest';
import { TestDisk } from '../support/test-disk';

const SIZE = 1 << 20;
const base = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, at) => (at >> 9) & 0xff);
const filled = (value: number, sectors = 1): Uint8Array => new Uint8Array(sectors * SECTOR).fill(value);
const oldSector = (sector: number, count = 1): Uint8Array =>
  base().slice(sector * SECTOR, (sector + count) * SECTOR);

class World {
  readonly image = base();
  readonly cow = new CowDisk(new MemoryImage(this.image));
  readonly disk = new TestDisk(this.cow);
  readonly guest = new DiskGuest(this.disk);

  /** What the disk holds now. */
  async sectors(first: number, count = 1): Promise<Uint8Array> {
    const operation = this.cow.begin({ op: 'read', offset: first * SECTOR, length: count * SECTOR });
    await operation.whenReady();
    const result = operation.complete();
    assert.ok(result.ok && result.data);
    return result.data;
  }

  /** The host finishes everything, last first, and the guest gets its answers. */
  async finish(): Promise<void> {
    await this.disk.letGoReversed();
    await this.guest.drain();
  }

  get memory(): (address: number, count: number) => Uint8Array {
    return (address, count) => this.guest.bytes(address, count);
  }

  checkpoint(): MachineState {
    return this.guest.machine.freeze();
  }

  restore(state: MachineState): void {
    this.guest.machine.restore(state);
  }
}

describe('live checkpoints: pending and new disk requests', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  it('S7: the result of a pending write reaches both the checkpointed and the ongoing disk', async () => {
    world.guest.write(8, filled(0xa1), page(0));
    assert.equal(world.disk.operations.length, 1, 'pending');
    const state = world.checkpoint();
    assert.deepEqual(await world.sectors(8), oldSector(8), 'not there at the instant');
    await world.finish();
    assert.deepEqual(await world.sectors(8), filled(0xa1));
    assert.equal(world.guest.answered, 1);
    world.restore(state);
    assert.equal(world.guest.answered, 0);
    await world.finish();
    assert.deepEqual(await world.sectors(8), filled(0xa1));
    assert.deepEqual([world.guest.answered, world.guest.status(0)], [1, 0], 'once');
  });

  it('S8: the result of a new write reaches the ongoing disk only', async () => {
    world.disk.holding = false;
    world.guest.write(8, filled(0xb0), page(0));
    await world.guest.drain();
    const state = world.checkpoint();
    const hash = state.disks[0]?.hash();
    world.guest.write(8, filled(0xb1), page(0));
    world.guest.write(9, filled(0xb2), page(1));
    await world.guest.drain();
    assert.deepEqual(await world.sectors(8, 2), Uint8Array.of(...filled(0xb1), ...filled(0xb2)));
    assert.equal(state.disks[0]?.hash(), hash);
    world.restore(state);
    await world.guest.drain();
    assert.deepEqual(await world.sectors(8, 2), Uint8Array.of(...filled(0xb0), ...oldSector(9)));
  });

  it('S9: the result of a pending read reaches both the checkpointed and the ongoing memory', async () => {
    world.guest.read(5, 1, page(0));
    const state = world.checkpoint();
    await world.finish();
    assert.deepEqual(world.memory(page(0), SECTOR), oldSector(5));
    world.restore(state);
    assert.deepEqual(world.memory(page(0), SECTOR), new Uint8Array(SECTOR), 'pending again');
    await world.finish();
    assert.deepEqual(world.memory(page(0), SECTOR), oldSector(5));
    assert.deepEqual([world.guest.answered, world.guest.status(0)], [1, 0]);
  });

  it('S10: the result of a new read reaches the ongoing memory only', async () => {
    world.guest.machine.memory.write(page(0), filled(0xc0));
    const state = world.checkpoint();
    world.guest.read(5, 1, page(0));
    await world.finish();
    assert.deepEqual(world.memory(page(0), SECTOR), oldSector(5));
    world.restore(state);
    await world.guest.drain();
    assert.deepEqual(world.memory(page(0), SECTOR), filled(0xc0));
    assert.equal(world.guest.answered, 0);
  });

  it('S11: original memory has nothing of a pending read; a restored guest receives it exactly once', async () => {
    world.guest.machine.memory.write(page(0), filled(0xd0));
    world.guest.read(5, 1, page(0));
    const begun = world.disk.begun;
    // The host is done before the guest comes to the instant of the answer: memory has nothing of it until then.
    await world.disk.letGo();
    assert.deepEqual(world.memory(page(0), SECTOR), filled(0xd0));
    const state = world.checkpoint();
    // The host is done between the instant and the saving: what is saved must be of the instant all the same.
    await world.finish();
    for (let time = 1; time <= 3; time++) {
      world.restore(state);
      assert.deepEqual(world.memory(page(0), SECTOR), filled(0xd0));
      assert.equal(world.disk.begun, begun + time, 'issued again, once');
      await world.finish();
      assert.equal(world.guest.answered, 1, 'answered once');
      assert.deepEqual(world.memory(page(0), SECTOR), oldSector(5));
    }
  });

  it('S12: a pending read whose page has been copied since also reaches the copy', async () => {
    world.guest.machine.memory.write(page(0), filled(0xe0, 8));
    world.guest.read(5, 1, page(0));
    const state = world.checkpoint();
    // The guest writes to the same page: it gets a copy of its own, while the read is pending.
    world.guest.machine.memory.write(page(0) + SECTOR, filled(0xe1));
    await world.finish();
    assert.deepEqual(world.memory(page(0), SECTOR), oldSector(5));
    assert.deepEqual(world.memory(page(0) + SECTOR, SECTOR), filled(0xe1));
    world.restore(state);
    await world.finish();
    assert.deepEqual(world.memory(page(0), SECTOR), oldSector(5));
    assert.deepEqual(world.memory(page(0) + SECTOR, SECTOR), filled(0xe0), 'the copy is not ours');
  });

  it('S13: a read pending before a write to the same block returns the old contents in both worlds', async () => {
    world.guest.read(5, 1, page(0));
    world.guest.write(5, filled(0xf1), page(1));
    // A whole block of the COW disk: nothing has to be fetched for it, so it could take effect at once.
    world.guest.write(8, filled(0xf2, 8), page(2));
    const state = world.checkpoint();
    for (const restored of [false, true]) {
      if (restored) world.restore(state);
      // The host is done with the write long before it is with the read.
      await world.disk.letGo(1);
      assert.equal(world.guest.run(100_000).kind, 'waiting', 'the guest waits for the read');
      await world.disk.letGo(2);
      assert.deepEqual(await world.sectors(5), oldSector(5), 'the write waits its turn');
      assert.deepEqual(await world.sectors(8, 8), oldSector(8, 8), 'the other write, too');
      await world.disk.letGo(0);
      await world.guest.drain();
      assert.deepEqual(world.memory(page(0), SECTOR), oldSector(5));
      assert.deepEqual(await world.sectors(5), filled(0xf1));
      assert.deepEqual(await world.sectors(8, 8), filled(0xf2, 8));
    }
  });

  it('S14: a write that faults on a block with a pending write: both survive', async () => {
    world.guest.write(8, filled(0x11), page(0));
    const state = world.checkpoint();
    // The same block of the COW disk, another sector of it; the host finishes the later one first.
    world.guest.write(10, filled(0x22), page(1));
    await world.disk.letGo(1);
    await world.finish();
    const both = Uint8Array.of(...filled(0x11), ...oldSector(9), ...filled(0x22));
    assert.deepEqual(await world.sectors(8, 3), both);
    world.restore(state);
    await world.finish();
    assert.deepEqual(await world.sectors(8, 3), Uint8Array.of(...filled(0x11), ...oldSector(9, 2)));
  });

  it('tells the guest of an I/O error of the host, in the world where it happened only', async () => {
    world.guest.read(5, 1, page(0));
    const state = world.checkpoint();
    world.disk.operations[0]?.fail('bad sector');
    await world.guest.drain();
    assert.deepEqual([world.guest.answered, world.guest.status(0)], [1, 1]);
    world.restore(state);
    await world.finish();
    assert.deepEqual([world.guest.answered, world.guest.status(0)], [1, 0]);
  });

  it('keeps a write as it was issued, though the guest has changed the buffer since (S7)', async () => {
    world.guest.write(8, filled(0x31), page(0));
    const state = world.checkpoint();
    world.guest.machine.memory.write(page(0), filled(0x32));
    await world.finish();
    assert.deepEqual(await world.sectors(8), filled(0x31));
    world.restore(state);
    world.guest.machine.memory.write(page(0), filled(0x33));
    await world.finish();
    assert.deepEqual(await world.sectors(8), filled(0x31));
  });
});
