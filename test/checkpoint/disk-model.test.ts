/**
 * Random histories of a disk with many queues, against a model that knows nothing of layers, queues or pending requests
 * but does one thing after the other: checkpoints at any instant, with requests pending; restores in any order; saving to
 * files, merging, deleting and committing in between. In the end every checkpoint that is left is resumed from its file.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CowDisk, type CowContents } from '../../src/disk/cow-disk';
import { MemoryFolder } from '../../src/disk/folder';
import { WritableRaw } from '../../src/disk/images';
import { LayerFiles } from '../../src/disk/layer-files';
import { MemoryFile } from '../../src/disk/memory-file';
import type { Section } from '../../src/machine/device';
import { createVirtioBlk } from '../../src/machine/devices/virtio/blk';
import { PER_TICK, TestBoard } from '../machine/devices/board';
import { blkHeader, Driver, QUEUE_ENTRIES } from '../machine/devices/driver';
import { TestDisk } from '../support/test-disk';

const QUEUES = 4;
const SECTORS = 3 * 128 + 5; // three clusters and a part of one
const SIZE = SECTORS * 512;
const RAM_BYTES = 0x20000;
const LATENCY = 70 * PER_TICK;
const BUFFERS = 0x10000;
const BUFFER_BYTES = 0x2000;
const TYPES = { read: 0, write: 1, zeroes: 13 };

type Op = keyof typeof TYPES;

/** One thing after the other: a request takes effect when it is due. */
class Model {
  private pending: { due: number; op: Op; first: number; count: number; fill: number; buffer: number }[] = [];

  constructor(
    private time = 0,
    readonly disk = new Uint8Array(SIZE),
    readonly buffers = new Uint8Array(2 * QUEUES * BUFFER_BYTES),
  ) {}

  submit(op: Op, first: number, count: number, fill: number, buffer: number): void {
    if (op === 'write') this.buffers.fill(fill, buffer * BUFFER_BYTES, buffer * BUFFER_BYTES + count * 512);
    this.pending.push({ due: this.time + LATENCY, op, first, count, fill, buffer });
  }

  runTo(time: number): void {
    this.time = time;
    for (let next = this.pending[0]; next !== undefined && next.due <= time; next = this.pending[0]) {
      this.pending.shift();
      const [from, to] = [next.first * 512, (next.first + next.count) * 512];
      if (next.op === 'read') this.buffers.set(this.disk.subarray(from, to), next.buffer * BUFFER_BYTES);
      else this.disk.fill(next.op === 'write' ? next.fill : 0, from, to);
    }
  }

  copy(): Model {
    const copy = new Model(this.time, this.disk.slice(), this.buffers.slice());
    copy.pending = [...this.pending];
    return copy;
  }
}

interface Checkpoint {
  readonly model: Model;
  readonly time: number;
  readonly ram: Uint8Array;
  readonly irq: boolean;
  readonly section: Section;
  readonly contents: CowContents;
  readonly hash: string;
  saved: Promise<string> | undefined;
}

class World {
  readonly board = new TestBoard(RAM_BYTES);
  model: Model;
  checkpoints: Checkpoint[] = [];
  pendingSeen = 0;
  taken = 0;
  private names = 0;
  readonly disk: TestDisk;
  readonly mmio;

  constructor(
    readonly cow: CowDisk,
    readonly files: LayerFiles,
    readonly base: WritableRaw,
    contents: Uint8Array,
  ) {
    this.model = new Model(0, contents.slice());
    this.disk = new TestDisk(cow);
    this.mmio = createVirtioBlk({ slot: 0, latencyTicks: 70, queues: QUEUES }, this.board, this.disk);
    new Driver(this.board, this.mmio).start(QUEUES);
  }

  /** All that the driver knows is in guest memory, so that it goes back too. */
  submit(queue: number, op: Op, first: number, wanted: number, fill: number): void {
    const driver = new Driver(this.board, this.mmio);
    const { view, ram } = this.board;
    const { descriptors, available, used } = driver.rings(queue);
    const index = view.getUint16(available + 2, true);
    if (((index - view.getUint16(used + 2, true)) & 0xffff) >= 2) return;
    const slot = (index % 2) * 3;
    const buffer = queue * 2 + (index % 2);
    const at = BUFFERS + buffer * BUFFER_BYTES;
    const count = Math.min(wanted, SECTORS - first);
    const meta = 0xa000 + buffer * 0x100;
    ram.set(blkHeader(TYPES[op], op === 'zeroes' ? 0 : first), meta);
    if (op === 'write') ram.fill(fill, at, at + count * 512);
    if (op === 'zeroes') {
      view.setBigUint64(meta + 0x40, BigInt(first), true);
      view.setUint32(meta + 0x48, count, true);
      view.setUint32(meta + 0x4c, 0, true);
    }
    driver.describe(descriptors, slot, meta, 16, 1, slot + 1);
    const [data, length] = op === 'zeroes' ? [meta + 0x40, 16] : [at, count * 512];
    driver.describe(descriptors, slot + 1, data, length, 1 | (op === 'read' ? 2 : 0), slot + 2);
    driver.describe(descriptors, slot + 2, meta + 0x80, 1, 2, 0);
    view.setUint16(available + 4 + 2 * (index % QUEUE_ENTRIES), slot, true);
    view.setUint16(available + 2, (index + 1) & 0xffff, true);
    this.mmio.write(0x50, 4, queue);
    this.model.submit(op, first, count, fill, buffer);
  }

  async runTo(time: number): Promise<void> {
    for (let due = this.mmio.deadline(); due <= time; due = this.mmio.deadline()) {
      this.board.time = due;
      for (
        let late = this.mmio.onDeadline(this.board.now());
        late;
        late = this.mmio.onDeadline(this.board.now())
      ) {
        await this.disk.letGoReversed();
        await late.whenReady();
      }
    }
    this.board.time = time;
    this.model.runTo(time);
  }

  take(): void {
    const { board, cow, mmio, model } = this;
    const contents = cow.freeze();
    const state = { time: board.time, ram: board.ram.slice(), irq: board.irq, section: mmio.save() };
    this.checkpoints.push({
      ...state,
      model: model.copy(),
      contents,
      hash: contents.hash(),
      saved: undefined,
    });
    this.pendingSeen += mmio.device?.pendingRequests ?? 0;
    this.taken++;
  }

  restore(from: Checkpoint): void {
    this.mmio.device?.reset();
    this.board.time = from.time;
    this.board.ram.set(from.ram);
    this.board.irq = from.irq;
    this.cow.thaw(from.contents);
    this.mmio.restore(from.section);
    this.model = from.model.copy();
    assert.equal(this.cow.contentHash(), from.hash);
  }

  save(checkpoint: Checkpoint): void {
    checkpoint.saved ??= this.files.save(checkpoint.contents, `layer${this.names++}`);
  }

  async delete(checkpoint: Checkpoint): Promise<void> {
    this.checkpoints = this.checkpoints.filter((other) => other !== checkpoint);
    const name = await checkpoint.saved;
    checkpoint.contents.release();
    if (name !== undefined) await this.files.release(name);
  }

  /** Commits a checkpoint into the base, if all that is held stands on it. */
  async commit(checkpoint: Checkpoint): Promise<boolean> {
    const name = await checkpoint.saved;
    for (const { saved } of this.checkpoints) {
      const other = await saved;
      if (other !== undefined && this.files.chainOf(other).at(-1) !== name) return false;
    }
    if (name === undefined || !checkpoint.contents.isUnderAll) return false;
    if (this.files.chainOf(name).length > 1) return false;
    await this.files.commit(name, this.base);
    return true;
  }

  async check(): Promise<void> {
    const operation = this.cow.begin({ op: 'read', offset: 0, length: SIZE });
    await operation.whenReady();
    const result = operation.complete();
    assert.ok(result.ok && result.data);
    assert.ok(Buffer.compare(result.data, this.model.disk) === 0, 'the disk is as the model has it');
    const buffers = this.board.ram.subarray(BUFFERS, BUFFERS + this.model.buffers.length);
    assert.ok(Buffer.compare(buffers, this.model.buffers) === 0, 'so is what was read');
  }
}

const step = fc.record({
  kind: fc.constantFrom(
    ...([
      'write',
      'write',
      'write',
      'read',
      'read',
      'zeroes',
      'run',
      'run',
      'checkpoint',
      'checkpoint',
    ] as const),
    ...(['checkpoint', 'restore', 'save', 'save', 'delete', 'commit', 'host'] as const),
  ),
  which: fc.nat(),
  first: fc.nat(SECTORS - 1),
  count: fc.integer({ min: 1, max: 12 }),
});

describe('live checkpoints: a disk with many queues, against a sequential model', function () {
  this.timeout(180_000);

  it('both worlds hold what the model says, for any history', async () => {
    const total = { taken: 0, pending: 0, restored: 0, committed: 0, resumed: 0 };
    const history = fc.array(step, { minLength: 300, maxLength: 400, size: 'max' });
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const contents = Uint8Array.from({ length: SIZE }, (_, at) => (at * 5 + (at >> 9)) & 0xff);
        const baseFile = new MemoryFile();
        await baseFile.write(0, contents);
        const base = new WritableRaw(baseFile);
        const folder = new MemoryFolder();
        const under = { name: 'base.raw', format: 'raw', image: base } as const;
        const files = await LayerFiles.open(folder, under, []);
        const world = new World(new CowDisk(base), files, base, contents);
        for (const { kind, which, first, count } of steps) {
          const chosen = world.checkpoints[which % Math.max(1, world.checkpoints.length)];
          if (kind === 'write' || kind === 'read' || kind === 'zeroes') {
            world.submit(which % QUEUES, kind, first, count, which & 0xff);
          } else if (kind === 'run') await world.runTo(world.board.time + (which % (2 * LATENCY)));
          else if (kind === 'host' && world.disk.operations.length > 0) {
            await world.disk.letGo(which % world.disk.operations.length);
          } else if (kind === 'checkpoint') {
            if (world.checkpoints.length > 12 && chosen !== undefined) await world.delete(chosen);
            world.take();
          } else if (chosen === undefined) continue;
          else if (kind === 'restore') {
            world.restore(chosen);
            total.restored++;
          } else if (kind === 'save') world.save(chosen);
          else if (kind === 'delete') await world.delete(chosen);
          else if (kind === 'commit' && (await world.commit(chosen))) total.committed++;
        }
        for (const checkpoint of world.checkpoints) {
          world.restore(checkpoint);
          await world.runTo(world.board.time + 2 * LATENCY);
          await world.check();
          world.save(checkpoint);
        }
        // Another process: all that is left are files.
        const left: [string, Checkpoint][] = [];
        for (const one of world.checkpoints) left.push([(await one.saved) ?? assert.fail(), one]);
        await files.close();
        const again = await LayerFiles.open(folder, under, [...new Set(left.map(([name]) => name))]);
        for (const [name, checkpoint] of left) {
          const cow = new CowDisk(base, { stored: await again.load(name) });
          assert.equal(cow.contentHash(), checkpoint.hash);
          const resumed = new World(cow, again, base, contents);
          resumed.restore({ ...checkpoint, contents: cow.freeze() });
          await resumed.runTo(resumed.board.time + 2 * LATENCY);
          await resumed.check();
          total.resumed++;
        }
        total.taken += world.taken;
        total.pending += world.pendingSeen;
      }),
      { numRuns: 40, seed: 3, endOnFailure: true },
    );
    console.log(`      ${JSON.stringify(total)}`);
    assert.ok(total.taken >= 2000 && total.pending >= 2000, 'many checkpoints, with requests pending');
    assert.ok(total.restored >= 100 && total.committed >= 10 && total.resumed >= 100);
  });
});
