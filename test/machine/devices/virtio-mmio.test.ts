import assert from 'node:assert/strict';
import { createVirtioConsole } from '../../../src/machine/devices/virtio/console';
import { VirtioMmio } from '../../../src/machine/devices/virtio/mmio';
import { createVirtioRng } from '../../../src/machine/devices/virtio/rng';
import { placeVirtio, virtioSlotBase, virtioSlotIrq } from '../../../src/machine/devices/virtio/slots';
import { inspectData, RAM_BASE, TestBoard } from './board';
import { Driver, type DriverOptions } from './driver';

const text = (value: string) => new TextEncoder().encode(value);

const MODES: readonly DriverOptions[] = [
  {},
  { legacy: true },
  { indirect: true },
  { eventIndex: true },
  { legacy: true, indirect: true, eventIndex: true },
];

function console(options: DriverOptions = {}) {
  const board = new TestBoard();
  const output: number[] = [];
  const config = { slot: 2, legacy: options.legacy ?? false, size: { columns: 100, rows: 30 } };
  const make = () => createVirtioConsole(config, board, (byte) => output.push(byte));
  const mmio = make();
  return { board, output, mmio, make, driver: new Driver(board, mmio, options) };
}

describe('virtio slots', () => {
  it('are filled from the last one downwards, around those that were asked for', () => {
    assert.deepEqual(placeVirtio([{}, {}, {}]), [7, 6, 5]);
    assert.deepEqual(placeVirtio([{}, { slot: 7 }, { slot: 0 }, {}]), [6, 7, 0, 5]);
    assert.equal(virtioSlotBase(0), 0x10001000);
    assert.equal(virtioSlotIrq(7), 8);
  });

  it('refuse what does not fit', () => {
    for (const wanted of [
      [{ slot: 8 }],
      [{ slot: 1.5 }],
      [{ slot: 3 }, { slot: 3 }],
      new Array(9).fill({}),
    ]) {
      assert.throws(() => placeVirtio(wanted), { code: 'VIRTIO_SLOT' });
    }
  });
});

describe('virtio-mmio', () => {
  it('shows an empty slot as QEMU does', () => {
    const board = new TestBoard();
    for (const legacy of [true, false]) {
      const slot = new VirtioMmio({ slot: 3, legacy }, board);
      assert.deepEqual(
        [0, 4, 8, 12].map((at) => slot.read(at, 4)),
        [0x74726976, legacy ? 1 : 2, 0, 0x554d4551],
      );
      slot.write(0x70, 4, 1);
      assert.equal(slot.read(0x70, 4), 0);
      slot.restore(slot.save());
    }
  });

  it('negotiates: version 1 of the specification is a must, and only what is offered', () => {
    const { mmio } = console();
    mmio.write(0x14, 4, 1);
    assert.equal(mmio.read(0x10, 4), 1);
    mmio.write(0x70, 4, 3);
    mmio.write(0x70, 4, 0xb);
    assert.equal(mmio.read(0x70, 4), 3, 'FEATURES_OK is refused without VERSION_1');
    mmio.write(0x24, 4, 1);
    mmio.write(0x20, 4, 3);
    mmio.write(0x70, 4, 0xb);
    assert.equal(mmio.read(0x70, 4), 3, 'and with bit 33');
    mmio.write(0x20, 4, 1);
    mmio.write(0x70, 4, 0xb);
    assert.equal(mmio.read(0x70, 4), 0xb);
  });

  it('has no shared memory regions', () => {
    const { mmio } = console();
    assert.deepEqual(
      [0xb0, 0xb4].map((at) => mmio.read(at, 4)),
      [0xffff_ffff, 0xffff_ffff],
    );
  });

  it('shows the configuration in any size', () => {
    const { mmio } = console();
    assert.equal(mmio.read(0x100, 2), 100);
    assert.equal(mmio.read(0x102, 1), 30);
    assert.equal(mmio.read(0x100, 4), (30 << 16) | 100);
    assert.equal(mmio.read(0x200, 4), 0);
  });

  for (const options of MODES) {
    it(`carries both ways: ${JSON.stringify(options)}`, () => {
      const { board, mmio, driver, output } = console(options);
      assert.equal(driver.start(2), options.legacy === true ? 7 : 0xf);
      const sent = driver.submit(1, text('hello '), text('world'));
      driver.notify(1);
      assert.equal(Buffer.from(output).toString(), 'hello world');
      assert.deepEqual(driver.answers(1), [{ head: sent.head, written: 0 }]);
      assert.equal(board.irq, true);
      assert.equal(driver.acknowledge(), 1);
      assert.equal(board.irq, false);
      mmio.device?.receive(text('typed early'));
      const { at } = driver.submit(0, 5);
      const more = driver.submit(0, 4, 60);
      driver.notify(0);
      assert.deepEqual(
        driver.answers(0).map(({ written }) => written),
        [5, 6],
      );
      assert.equal(Buffer.from(driver.bytes(at[0] ?? 0, 5)).toString(), 'typed');
      assert.equal(Buffer.from(driver.bytes(more.at[0] ?? 0, 4)).toString(), ' ear');
      assert.equal(mmio.device?.canReceive, true);
    });
  }

  it('interrupts only when the driver asked for it', () => {
    const flags = console();
    flags.driver.start(2);
    flags.board.view.setUint16(flags.driver.rings(1).available, 1, true);
    flags.driver.submit(1, text('x'));
    flags.driver.notify(1);
    assert.equal(flags.board.irq, false, 'NO_INTERRUPT');
    const event = console({ eventIndex: true });
    event.driver.start(2);
    const { available, used } = event.driver.rings(1);
    event.board.view.setUint16(available + 4 + 2 * 8, 1, true); // used_event: tell me about the second one
    event.driver.submit(1, text('x'));
    event.driver.notify(1);
    assert.equal(event.board.irq, false);
    event.driver.submit(1, text('y'));
    event.driver.notify(1);
    assert.equal(event.board.irq, true);
    assert.equal(event.board.view.getUint16(used + 4 + 8 * 8, true), 2, 'avail_event follows');
  });

  it('forgets everything at reset', () => {
    const { board, mmio, driver } = console();
    driver.start(2);
    driver.submit(1, text('x'));
    driver.notify(1);
    mmio.write(0x70, 4, 0);
    assert.equal(board.irq, false);
    assert.equal(mmio.read(0x44, 4), 0);
    assert.equal(mmio.read(0x70, 4), 0);
  });

  it('refuses a section of another device', () => {
    const { mmio, board } = console();
    const rng = createVirtioRng({ slot: 2 }, board);
    assert.throws(() => rng.restore(mmio.save()), { code: 'DEVICE_MISMATCH' });
    const legacy = createVirtioRng({ slot: 2, legacy: true }, board);
    assert.throws(() => legacy.restore(rng.save()), { code: 'DEVICE_MISMATCH' });
  });

  const crimes: Record<string, (driver: Driver) => void> = {
    'a chain that loops': (driver) => {
      const { descriptors } = driver.rings(1);
      driver.submit(1, text('x'));
      driver.describe(descriptors, 0, 0x8000, 4, 1, 0);
    },
    'a head outside the table': (driver) => {
      driver.submit(1, text('x'));
      driver.board.view.setUint16(driver.rings(1).available + 4, 77, true);
    },
    'an index that jumps': (driver) => driver.board.view.setUint16(driver.rings(1).available + 2, 999, true),
    'a table inside a table': (driver) => {
      const { descriptors } = driver.rings(1);
      driver.submit(1, text('x'));
      driver.describe(descriptors, 0, 0x9000, 32, 4, 0);
      driver.describe(0x9000, 0, 0x9000, 32, 4, 0);
    },
    'an odd table': (driver) => {
      driver.submit(1, text('x'));
      driver.describe(driver.rings(1).descriptors, 0, 0x9000, 17, 4, 0);
    },
    'read after write': (driver) => driver.submit(1, 4, text('x')),
  };
  for (const [name, commit] of Object.entries(crimes)) {
    it(`asks for a reset after ${name}, and works again after it`, () => {
      const { board, mmio, driver, output } = console();
      driver.start(2);
      commit(driver);
      driver.notify(1);
      assert.equal(mmio.read(0x70, 4), 0x4f);
      assert.equal(driver.acknowledge(), 2);
      const saved = mmio.save();
      mmio.restore(saved);
      assert.equal(mmio.read(0x70, 4), 0x4f);
      board.ram.fill(0);
      const again = new Driver(board, mmio);
      again.start(2);
      again.submit(1, text('ok'));
      again.notify(1);
      assert.equal(Buffer.from(output).toString(), 'ok');
    });
  }

  it('ends when the rings lie over each other', () => {
    const { board, mmio, driver } = console();
    driver.start(2);
    mmio.write(0x30, 4, 0);
    mmio.write(0x44, 4, 0);
    mmio.write(0xa0, 4, RAM_BASE + driver.rings(0).available);
    mmio.write(0x44, 4, 1);
    mmio.device?.receive(new Uint8Array(1000));
    board.ram.fill(0xff, 0x1000, 0x1000 + 16 * 8);
    driver.submit(0, 1);
    driver.notify(0);
    driver.notify(0);
    const left = mmio.save().data;
    assert.ok(inspectData(left).length > 2000, 'at most one queue of bytes went out for each notification');
  });
});

describe('virtio-rng', () => {
  function draw(seed: number, count: number): Uint8Array {
    const board = new TestBoard();
    const driver = new Driver(board, createVirtioRng({ slot: 0, seed }, board));
    driver.start();
    const { at } = driver.submit(0, count);
    driver.notify(0);
    assert.deepEqual(driver.answers(), [{ head: 0, written: count }]);
    return driver.bytes(at[0] ?? 0, count);
  }

  it('gives the same bytes for the same seed, spread evenly', () => {
    assert.deepEqual(draw(7, 4000), draw(7, 4000));
    assert.notDeepEqual(draw(7, 64), draw(8, 64));
    const ones = draw(0, 4000).reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    assert.ok(Math.abs(ones - 16000) < 500, `${ones} of 32000 bits are set`);
  });

  it('goes on where it was saved', () => {
    const board = new TestBoard();
    const rng = createVirtioRng({ slot: 0 }, board);
    const driver = new Driver(board, rng);
    driver.start();
    const saved = rng.save();
    const ram = board.ram.slice();
    const take = () => {
      const { at } = driver.submit(0, 32);
      driver.notify(0);
      return driver.bytes(at[0] ?? 0, 32);
    };
    const first = take();
    const next = take();
    assert.notDeepEqual(first, next);
    board.ram.set(ram);
    rng.restore(saved);
    const replay = new Driver(board, rng);
    const { at } = replay.submit(0, 32);
    replay.notify(0);
    assert.deepEqual(replay.bytes(at[0] ?? 0, 32), first);
  });
});
