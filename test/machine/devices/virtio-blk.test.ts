import assert from 'node:assert/strict';
import type { DiskPort, DiskResult } from '../../../src/machine/device';
import { createVirtioBlk, type VirtioBlkConfig } from '../../../src/machine/devices/virtio/blk';
import { createVirtioConsole } from '../../../src/machine/devices/virtio/console';
import { fuzz, inspectData, numbers, PER_TICK, RAM_BASE, TestBoard, toDeadline } from './board';
import { blkHeader, Driver, HeldDisk, QUEUE_ENTRIES, type DriverOptions } from './driver';

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const GET_ID = 8;
const DISCARD = 11;
const WRITE_ZEROES = 13;
const LATENCY = 1000 * PER_TICK;

const sector = (fill: number, count = 1) => new Uint8Array(512 * count).fill(fill);

function make(disk = new HeldDisk(64 * 1024), options: DriverOptions = {}, config: VirtioBlkConfig = {}) {
  const board = new TestBoard(0x40000);
  const mmio = createVirtioBlk({ slot: 7, legacy: options.legacy ?? false, ...config }, board, disk);
  const driver = new Driver(board, mmio, options);
  driver.start();
  return { board, mmio, disk, driver };
}

type Made = ReturnType<typeof make>;

/** Issues a request; `done` gives its answer. */
function issue({ driver }: Made, type: number, at: number, data?: Uint8Array, room?: number) {
  const parts = [blkHeader(type, at), ...(data === undefined ? [] : [data])];
  const submitted = driver.submit(0, ...parts, ...(room === undefined ? [] : [room]), 1);
  driver.notify(0);
  const statusAt = submitted.at.at(-1) ?? 0;
  const roomAt = submitted.at.at(-2) ?? 0;
  return {
    head: submitted.head,
    status: () => driver.bytes(statusAt, 1)[0],
    data: () => driver.bytes(roomAt, room ?? 0),
  };
}

function range(at: number, count: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(at), true);
  view.setUint32(8, count, true);
  view.setUint32(12, flags, true);
  return bytes;
}

const prompt = (readOnly = false) => new HeldDisk(64 * 1024, readOnly, true);

describe('virtio-blk', () => {
  it('describes the disk', () => {
    const { mmio } = make();
    assert.equal(mmio.read(0x100, 4), 128);
    assert.equal(mmio.read(0x10c, 4), 254);
    assert.equal(mmio.read(0x114, 4), 512);
    mmio.write(0x14, 4, 0);
    assert.equal(mmio.read(0x10, 4) & 0xffff, (1 << 2) | (1 << 6) | (1 << 9) | (1 << 13) | (1 << 14));
    const readOnly = make(prompt(true)).mmio;
    assert.equal(readOnly.read(0x10, 4) & 0xffff, (1 << 2) | (1 << 5) | (1 << 6) | (1 << 9));
    const multi = make(prompt(), {}, { queues: 4 }).mmio;
    assert.equal(multi.read(0x122, 2), 4);
  });

  for (const options of [{}, { legacy: true }, { indirect: true, eventIndex: true }]) {
    it(`writes and reads a fixed time after issue: ${JSON.stringify(options)}`, () => {
      const made = make(prompt(), options);
      const { board, mmio, driver, disk } = made;
      const write = issue(made, OUT, 3, sector(0xab, 2));
      assert.equal(mmio.deadline(), LATENCY);
      assert.deepEqual(driver.answers(), []);
      assert.equal(disk.contents[3 * 512], 0, 'no effect before the instant of completion');
      toDeadline(board, mmio);
      assert.equal(board.time, LATENCY);
      assert.equal(board.irq, true);
      assert.deepEqual(driver.answers(), [{ head: write.head, written: 1 }]);
      assert.equal(write.status(), 0);
      const read = issue(made, IN, 2, undefined, 3 * 512);
      toDeadline(board, mmio);
      assert.deepEqual(driver.answers(), [{ head: read.head, written: 3 * 512 + 1 }]);
      assert.deepEqual(read.data(), Uint8Array.from([...sector(0), ...sector(0xab, 2)]));
      assert.equal(mmio.deadline(), Infinity);
    });
  }

  it('copies what is written at the time of issue', () => {
    const made = make(prompt());
    const { board, disk } = made;
    issue(made, OUT, 0, sector(1));
    board.ram.fill(9, 0x8000);
    toDeadline(board, made.mmio);
    assert.deepEqual(disk.contents.subarray(0, 512), new Uint8Array(sector(1)));
  });

  it('makes the guest wait when the host is late, and completes in the order of issue', async () => {
    const made = make();
    const { board, mmio, disk, driver } = made;
    const read = issue(made, IN, 0, undefined, 512);
    const write = issue(made, OUT, 0, sector(7));
    disk.operations[1]?.finish();
    const waiting = toDeadline(board, mmio);
    assert.ok(waiting, 'the later one is done, the earlier is not');
    assert.deepEqual(driver.answers(), []);
    disk.operations[0]?.finish();
    await waiting.whenReady();
    assert.equal(board.time, LATENCY);
    assert.equal(mmio.onDeadline(board.now()), undefined);
    assert.deepEqual(
      driver.answers().map(({ head }) => head),
      [read.head, write.head],
    );
    assert.deepEqual(read.data(), sector(0), 'S13: a read pending before the write sees the old contents');
    assert.deepEqual(disk.log, ['read', 'write']);
  });

  it('flushes, zeroes, discards and tells its serial', () => {
    const made = make(prompt(), {}, { serial: 'test-disk' });
    const { board, mmio, disk } = made;
    disk.contents.fill(0xee);
    const answers = [issue(made, FLUSH, 0), issue(made, WRITE_ZEROES, 0, range(4, 2, 1))];
    toDeadline(board, mmio);
    answers.push(issue(made, DISCARD, 0, range(8, 2)));
    const id = issue(made, GET_ID, 0, undefined, 20);
    toDeadline(board, mmio);
    assert.deepEqual(
      answers.map(({ status }) => status()),
      [0, 0, 0],
    );
    assert.equal(Buffer.from(id.data()).toString(), 'test-disk\0\0\0\0\0\0\0\0\0\0\0');
    assert.deepEqual(disk.log, ['flush', 'writeZeroes', 'discard']);
    assert.deepEqual(
      [2047, 2048, 3071, 3072].map((at) => disk.contents[at]),
      [0xee, 0, 0, 0xee],
    );
  });

  it('refuses what a driver must not ask', () => {
    const cases: [string, number, (made: Made) => { status: () => number | undefined }][] = [
      ['beyond the end', 1, (made) => issue(made, IN, 128, undefined, 512)],
      ['far beyond the end', 1, (made) => issue(made, OUT, Number.MAX_SAFE_INTEGER, sector(1))],
      ['part of a sector', 1, (made) => issue(made, IN, 0, undefined, 100)],
      ['an unknown type', 2, (made) => issue(made, 77, 0)],
      ['a discard with flags', 2, (made) => issue(made, DISCARD, 0, range(0, 1, 1))],
      ['two ranges', 2, (made) => issue(made, WRITE_ZEROES, 0, new Uint8Array(32))],
      ['a range beyond the end', 1, (made) => issue(made, WRITE_ZEROES, 0, range(127, 2))],
    ];
    for (const [name, status, ask] of cases) {
      const made = make(prompt());
      const asked = ask(made);
      toDeadline(made.board, made.mmio);
      assert.equal(asked.status(), status, name);
      assert.deepEqual(made.disk.log, [], name);
    }
    const readOnly = make(prompt(true));
    const write = issue(readOnly, OUT, 0, sector(1));
    toDeadline(readOnly.board, readOnly.mmio);
    assert.equal(write.status(), 1);
  });

  it('bounds what all pending requests hold together, and counts those that are answered no more', () => {
    const MIB = 1 << 20;
    const requests: number[] = [];
    const disk: DiskPort = {
      ...{ sizeBytes: 1024 * MIB, readOnly: false, contentHash: () => '', thaw: () => undefined },
      freeze: () => assert.fail('nothing freezes it'),
      begin: (request) => {
        requests.push(request.op === 'read' ? request.length / MIB : 0);
        const complete = (): DiskResult => ({ ok: true, data: new Uint8Array(0) });
        return { ready: true, whenReady: () => Promise.resolve(), complete, cancel: () => undefined };
      },
    };
    const board = new TestBoard(0x40000);
    const mmio = createVirtioBlk({ slot: 7 }, board, disk);
    const driver = new Driver(board, mmio);
    driver.start();
    const { descriptors } = driver.rings(0);
    /** A read into so much memory, which need not be there before the answer. */
    const read = (megabytes: number): void => {
      const { head } = driver.submit(0, blkHeader(IN, 0), 512, 1);
      board.view.setUint32(descriptors + 16 * ((head + 1) % QUEUE_ENTRIES) + 8, megabytes * MIB, true);
      driver.notify(0);
    };
    for (const megabytes of [200, 100, 56]) read(megabytes);
    assert.deepEqual(requests, [200, 56], '300 MiB would be too much');
    const saved = mmio.save();
    toDeadline(board, mmio);
    read(256);
    assert.deepEqual(requests.splice(0), [200, 56, 256], 'all of it is free again');
    mmio.restore(saved);
    read(1);
    assert.deepEqual(requests, [200, 56], 'what is pending again counts again');
  });

  it('answers in the queue that the request came from, also after a restore', () => {
    const made = make(prompt(), {}, { queues: 2 });
    const { board, mmio, driver } = made;
    driver.start(2);
    driver.submit(1, blkHeader(FLUSH, 0), 1);
    driver.notify(1);
    mmio.restore(mmio.save());
    toDeadline(board, mmio);
    assert.deepEqual([driver.answers(0).length, driver.answers(1).length], [0, 1]);
  });

  it('needs a header and a place for the status', () => {
    for (const parts of [
      [new Uint8Array(8), 1],
      [blkHeader(OUT, 0), sector(1)],
    ]) {
      const { driver, mmio } = make(prompt());
      driver.submit(0, ...parts);
      driver.notify(0);
      assert.equal(mmio.read(0x70, 4) & 0x40, 0x40);
    }
  });

  it('turns an error of the host into one of the guest, and tells it', () => {
    const errors: string[] = [];
    const made = make(undefined, {}, { onError: (message) => errors.push(message) });
    const read = issue(made, IN, 0, undefined, 512);
    made.disk.operations[0]?.finish('disk unplugged');
    toDeadline(made.board, made.mmio);
    assert.equal(read.status(), 1);
    assert.deepEqual(errors, ['disk unplugged']);
  });

  it('cancels what is pending at reset', () => {
    const made = make();
    issue(made, OUT, 0, sector(1));
    made.mmio.write(0x70, 4, 0);
    assert.equal(made.disk.operations[0]?.cancelled, true);
    assert.equal(made.mmio.deadline(), Infinity);
  });

  it('begins pending requests again after a restore: neither lost nor doubled (S7, S9)', () => {
    const made = make();
    const { board, mmio, disk } = made;
    disk.contents.fill(0x11);
    const write = issue(made, OUT, 4, sector(0x22));
    board.time = 50;
    const read = issue(made, IN, 5, undefined, 512);
    board.time = 100;
    const saved = mmio.save();
    const ram = board.ram.slice();
    const original = disk.contents.slice();
    for (let round = 0; round < 3; round++) {
      disk.operations.forEach((operation) => operation.ready || operation.cancelled || operation.finish());
      toDeadline(board, mmio);
      assert.equal(board.time, LATENCY, 'the same instant each time');
      assert.equal(write.status(), 0);
      assert.equal(disk.contents[4 * 512], 0x22);
      toDeadline(board, mmio);
      assert.equal(board.time, LATENCY + 50);
      assert.deepEqual(read.data(), sector(0x11));
      assert.deepEqual(disk.log.splice(0), ['write', 'read']);
      board.time = 100;
      board.ram.set(ram);
      disk.contents.set(original);
      mmio.restore(saved);
      assert.equal(inspectData(mmio.save()), inspectData(saved));
    }
    assert.equal(mmio.device?.pendingRequests, 2);
    mmio.restore(saved);
    assert.equal(
      disk.operations.filter(({ cancelled }) => cancelled).length,
      2,
      'those begun before were cancelled',
    );
    const small = make(new HeldDisk(1024)).mmio;
    assert.throws(() => small.restore(saved), { code: 'SECTION_DATA' });
  });

  it('survives a hostile guest with random rings', function () {
    this.timeout(20_000);
    const random = numbers(42);
    const registers = [0x10, 0x14, 0x20, 0x24, 0x28, 0x30, 0x38, 0x3c, 0x40, 0x44, 0x50, 0x60, 0x64, 0x70];
    const more = [0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0x100, 0x108, 0xfc, 0xb0];
    for (let round = 0; round < 30; round++) {
      const legacy = round % 2 === 0;
      const board = new TestBoard(0x20000);
      const blk = (disk: HeldDisk) => createVirtioBlk({ slot: 0, legacy, queues: 2 }, board, disk);
      const console = () => createVirtioConsole({ slot: 0, legacy }, board, () => undefined);
      const [device, twin] =
        round % 3 === 0 ? [console(), console()] : [blk(prompt()), blk(new HeldDisk(64 * 1024))];
      new Driver(board, device, { legacy }).start(2);
      for (let burst = 0; burst < 20; burst++) {
        // Rings of small numbers are the likely ones to mean something.
        for (let at = 0x1000; at < 0x4000; at += 2) {
          board.view.setUint16(at, random(3) === 0 ? random(0x10000) : random(12), true);
        }
        for (let at = 0x1000; at < 0x4000; at += 16) {
          if (random(2) === 0) board.view.setBigUint64(at, BigInt(RAM_BASE + random(0x20000)), true);
        }
        device.write(0x50, 4, random(3));
        fuzz(device, twin, round * 100 + burst, [...registers, ...more], 30);
        toDeadline(board, device);
        if (random(4) === 0) new Driver(board, device, { legacy }).start(2);
      }
    }
  });
});
