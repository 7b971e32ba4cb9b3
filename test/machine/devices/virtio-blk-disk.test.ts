/**
 * The block device on a real COW disk whose base is late in any order: checkpoints taken at any instant, with requests
 * pending, lead to the same end as the run that was never interrupted (I4; rows S7 to S14).
 */
import assert from 'node:assert/strict';
import { CowDisk, type CowContents } from '../../../src/disk/cow-disk';
import type { BaseImage } from '../../../src/disk/types';
import type { Section } from '../../../src/machine/device';
import { createVirtioBlk } from '../../../src/machine/devices/virtio/blk';
import { numbers, PER_TICK, TestBoard } from './board';
import { blkHeader, Driver } from './driver';

const BLOCKS = 6;
const SIZE = BLOCKS * 4096;
const STEPS = 60;
const TYPES = { read: 0, write: 1, flush: 4, zeroes: 13 };

/** A base whose reads are answered in an order of chance, each when somebody waits. */
class LateImage implements BaseImage {
  readonly sizeBytes = SIZE;
  private held: (() => void)[] = [];

  constructor(private readonly random: (below: number) => number) {}

  read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = Uint8Array.from({ length }, (_, at) => ((offset + at) * 31) & 0xff);
    return new Promise((resolve) => {
      this.held.push(() => resolve(bytes));
      if (this.random(2) === 0) this.letGo();
    });
  }

  letGo(): void {
    while (this.held.length > 0) this.held.splice(this.random(this.held.length), 1)[0]?.();
  }
}

interface Checkpoint {
  readonly step: number;
  readonly time: number;
  readonly section: Section;
  readonly disk: CowContents;
  readonly ram: Uint8Array;
  readonly irq: boolean;
}

class World {
  readonly board = new TestBoard(0x40000);
  readonly base: LateImage;
  readonly disk: CowDisk;
  readonly mmio;

  constructor(chance: number) {
    this.base = new LateImage(numbers(chance));
    this.disk = new CowDisk(this.base);
    this.mmio = createVirtioBlk({ slot: 0, latencyTicks: 70 }, this.board, this.disk);
    new Driver(this.board, this.mmio).start();
  }

  /** Runs to an instant; the guest waits where the host is late. */
  async runTo(time: number): Promise<void> {
    for (let at = this.mmio.deadline(); at <= time; at = this.mmio.deadline()) {
      this.board.time = at;
      for (
        let late = this.mmio.onDeadline(this.board.now());
        late;
        late = this.mmio.onDeadline(this.board.now())
      ) {
        this.base.letGo();
        await late.whenReady();
      }
    }
    this.board.time = time;
  }

  save(step: number): Checkpoint {
    const { board, disk, mmio } = this;
    const common = { step, time: board.time, ram: board.ram.slice(), irq: board.irq };
    return { ...common, section: mmio.save(), disk: disk.freeze() };
  }

  restore(from: Checkpoint): void {
    this.board.time = from.time;
    this.board.ram.set(from.ram);
    this.board.irq = from.irq;
    this.disk.thaw(from.disk);
    this.mmio.restore(from.section);
  }
}

/** What the guest does at a step: a function of the seed and the step alone. */
function act(world: World, seed: number, step: number): void {
  const random = numbers(seed * 1000 + step);
  random(2); // neighbouring seeds begin alike
  const driver = new RingWriter(world);
  for (let count = random(3); count > 0; count--) {
    const first = random(BLOCKS * 8);
    const length = Math.min(1 + random(12), BLOCKS * 8 - first);
    const type = [TYPES.read, TYPES.write, TYPES.write, TYPES.zeroes, TYPES.flush][random(5)] ?? 0;
    driver.submit(type, first, length, random(256));
  }
  world.mmio.write(0x50, 4, 0);
}

/** Puts requests into the ring with no memory of its own: everything it knows is in guest RAM, so it goes back too. */
class RingWriter {
  constructor(private readonly world: World) {}

  submit(type: number, first: number, sectors: number, fill: number): void {
    const driver = new Driver(this.world.board, this.world.mmio);
    const { view, ram } = this.world.board;
    const { descriptors, available, used } = driver.rings(0);
    const index = view.getUint16(available + 2, true);
    // Two requests of three descriptors each fit into the ring at a time.
    if (((index - view.getUint16(used + 2, true)) & 0xffff) >= 2) return;
    const slot = (index % 2) * 3;
    const buffer = 0x8000 + (index % 2) * 0x4000;
    ram.set(blkHeader(type, type === TYPES.zeroes ? 0 : first), buffer);
    const data = type === TYPES.zeroes ? 16 : sectors * 512;
    if (type === TYPES.write) ram.fill(fill, buffer + 0x100, buffer + 0x100 + data);
    if (type === TYPES.zeroes) {
      view.setBigUint64(buffer + 0x100, BigInt(first), true);
      view.setUint32(buffer + 0x108, sectors, true);
      view.setUint32(buffer + 0x10c, 0, true);
    }
    driver.describe(descriptors, slot, buffer, 16, 1, slot + 1);
    driver.describe(descriptors, slot + 1, buffer + 0x100, data, 1 | (type === TYPES.read ? 2 : 0), slot + 2);
    driver.describe(descriptors, slot + 2, buffer + 0x40, 1, 2, 0);
    view.setUint16(available + 4 + 2 * (index % 8), slot, true);
    view.setUint16(available + 2, (index + 1) & 0xffff, true);
  }
}

/** From a step to the end, taking a checkpoint before each step into `into`. Returns what the world is then. */
async function finish(world: World, seed: number, from: number, into?: Checkpoint[]): Promise<string> {
  for (let step = from; step < STEPS; step++) {
    into?.push(world.save(step));
    act(world, seed, step);
    await world.runTo((step + 1) * 40 * PER_TICK);
  }
  await world.runTo((STEPS + 10) * 40 * PER_TICK);
  const ram = world.board.ram.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 0);
  return `${world.disk.contentHash()} ${ram} ${world.board.irq}`;
}

describe('virtio-blk on a COW disk', () => {
  it('ends the same from every checkpoint, with requests pending, however late the host is', async () => {
    let pending = 0;
    for (const seed of [1, 2, 3, 4]) {
      const expected = await finish(new World(seed), seed, 0);
      const world = new World(seed + 100);
      const checkpoints: Checkpoint[] = [];
      assert.equal(await finish(world, seed, 0, checkpoints), expected, 'taking checkpoints changes nothing');
      const random = numbers(seed);
      while (checkpoints.length > 0) {
        const [checkpoint] = checkpoints.splice(random(checkpoints.length), 1);
        assert.ok(checkpoint);
        world.restore(checkpoint);
        pending += world.mmio.device?.pendingRequests ?? 0;
        assert.equal(await finish(world, seed, checkpoint.step), expected, `from step ${checkpoint.step}`);
        if (random(2) === 0) checkpoint.disk.release();
      }
    }
    assert.ok(pending > 50, `${pending} requests were pending at the checkpoints`);
  });
});
