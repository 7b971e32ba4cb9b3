import assert from 'node:assert/strict';
import { Finisher, type Finish } from '../../../src/machine/devices/finisher';
import { Rtc } from '../../../src/machine/devices/rtc';
import { fuzz, PER_TICK, TestBoard, toDeadline } from './board';

const START = 1_700_000_000_000_000_000n;

function readTime(rtc: Rtc): bigint {
  const low = rtc.read(0, 4);
  return (BigInt(rtc.read(4, 4)) << 32n) | BigInt(low);
}

function setAlarm(rtc: Rtc, ns: bigint): void {
  rtc.write(0x0c, 4, Number(ns >> 32n));
  rtc.write(0x08, 4, Number(ns & 0xffff_ffffn));
}

describe('test finisher', () => {
  it('tells how the guest wants to end', () => {
    const seen: Finish[] = [];
    const finisher = new Finisher((finish) => seen.push(finish));
    finisher.write(0, 4, 0x5555);
    finisher.write(0, 4, 0x002a_3333);
    finisher.write(0, 4, 0x7777);
    finisher.write(0, 4, 0x1234);
    finisher.write(4, 4, 0x5555);
    assert.deepEqual(seen, [{ kind: 'poweroff', code: 0 }, { kind: 'fail', code: 42 }, { kind: 'reset' }]);
    assert.equal(finisher.read(0, 4), 0);
    finisher.restore(finisher.save());
  });
});

describe('goldfish RTC', () => {
  it('shows the start time plus virtual time, whatever mtime is set to', () => {
    const board = new TestBoard();
    const rtc = new Rtc({ startNs: START }, board);
    assert.equal(readTime(rtc), START);
    board.time = 12 * PER_TICK;
    board.tickOffset = 1000;
    assert.equal(readTime(rtc), START + 1200n);
  });

  it('latches the high half with the low one', () => {
    const board = new TestBoard();
    const rtc = new Rtc({ startNs: 0x1_ffff_ffffn }, board);
    assert.equal(rtc.read(0, 4), 0xffff_ffff);
    board.time = PER_TICK;
    const other = new Rtc({}, board);
    other.restore(rtc.save());
    assert.deepEqual([rtc.read(4, 4), other.read(4, 4)], [1, 1], 'also after a restore');
    assert.equal(rtc.read(0, 4), 99);
    assert.equal(rtc.read(4, 4), 2);
  });

  it('rings at the alarm, exactly', () => {
    const board = new TestBoard();
    const rtc = new Rtc({ startNs: START }, board);
    rtc.write(0x10, 4, 1);
    setAlarm(rtc, START + 5000n);
    assert.equal(rtc.read(0x18, 4), 1);
    assert.equal(rtc.deadline(), 50 * PER_TICK);
    toDeadline(board, rtc);
    assert.equal(board.irq, true);
    assert.equal(rtc.read(0x18, 4), 0);
    assert.equal(rtc.deadline(), Infinity);
    rtc.write(0x1c, 4, 1);
    assert.equal(board.irq, false);
    setAlarm(rtc, START);
    assert.equal(board.irq, true, 'an alarm in the past rings at once');
    rtc.write(0x1c, 4, 1);
    setAlarm(rtc, START + 9000n);
    rtc.write(0x14, 4, 1);
    assert.equal(rtc.deadline(), Infinity);
  });

  it('can be set, and its alarm survives a restore', () => {
    const board = new TestBoard();
    board.time = 777;
    const rtc = new Rtc({}, board);
    rtc.write(4, 4, 0x17);
    rtc.write(0, 4, 0x42);
    assert.equal(readTime(rtc), 0x17_0000_0042n);
    setAlarm(rtc, 0x17_0000_1000n);
    const other = new Rtc({}, board);
    other.restore(rtc.save());
    assert.equal(other.deadline(), rtc.deadline());
    assert.equal(readTime(other), 0x17_0000_0042n);
    other.reset();
    assert.equal(other.deadline(), Infinity);
  });

  it('survives a hostile guest', () => {
    const board = new TestBoard();
    const rtc = new Rtc({}, board);
    for (let round = 0; round < 10; round++) {
      fuzz(rtc, new Rtc({}, board), round, [8, 0x0c, 0x10, 0x14, 0x18, 0x1c], 200);
      rtc.write(0, 4, round * 1e8);
      rtc.write(4, 4, round * 1e9);
      if (rtc.deadline() < 1e12) toDeadline(board, rtc);
    }
  });
});
