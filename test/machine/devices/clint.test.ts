import assert from 'node:assert/strict';
import { Clint } from '../../../src/machine/devices/clint';
import { fuzz, TestBoard } from './board';

function make(board = new TestBoard()) {
  const calls: string[] = [];
  const clint = new Clint({ harts: 2 }, board, {
    setSoftware: (hart, level) => calls.push(`msip${hart}=${level}`),
    timecmpChanged: (hart) => calls.push(`cmp${hart}`),
    setTicks: (ticks) => calls.push(`time=${ticks.toString(16)}`),
  });
  return { board, clint, calls };
}

describe('CLINT', () => {
  it('drives the software interrupt of each hart', () => {
    const { clint, calls } = make();
    clint.write(4, 4, 0xffff_ffff);
    assert.equal(clint.read(4, 4), 1, 'only bit 0 exists');
    clint.write(4, 4, 0);
    clint.write(8, 4, 1); // no third hart
    assert.deepEqual(calls, ['msip1=true', 'msip1=false']);
    assert.equal(clint.read(8, 4), 0);
  });

  it('holds 64-bit comparators, written by halves', () => {
    const { clint, calls } = make();
    assert.equal(clint.timecmp(1), 0xffff_ffff_ffff_ffffn, 'no interrupt before the guest asks for one');
    clint.write(0x4008, 4, 0x89abcdef);
    clint.write(0x400c, 4, 0x01234567);
    assert.equal(clint.timecmp(1), 0x0123_4567_89ab_cdefn);
    assert.equal(clint.read(0x400c, 4), 0x01234567);
    assert.equal(clint.read(0x400a, 2), 0x89ab);
    assert.equal(clint.read(0x400f, 1), 0x01);
    assert.deepEqual(calls, ['cmp1', 'cmp1']);
  });

  it('shows time and lets the guest set it', () => {
    const { board, clint, calls } = make();
    board.time = 0x3_0000_0005 * board.instructionsPerTick + 9;
    assert.equal(clint.read(0xbff8, 4), 5);
    assert.equal(clint.read(0xbffc, 4), 3);
    clint.write(0xbffc, 4, 0x12);
    clint.write(0xbff8, 4, 0x34);
    assert.deepEqual(calls, ['time=1200000005', 'time=300000034']);
  });

  it('tells the harts after a restore and after a reset', () => {
    const { clint } = make();
    clint.write(0, 4, 1);
    clint.write(0x4000, 4, 77);
    const other = make();
    other.clint.restore(clint.save());
    assert.deepEqual(other.calls, ['msip0=true', 'cmp0', 'msip1=false', 'cmp1']);
    assert.equal(other.clint.timecmp(0), 0xffff_ffff_0000_004dn);
    other.clint.reset();
    assert.equal(other.clint.timecmp(0), 0xffff_ffff_ffff_ffffn);
    assert.throws(() => clint.restore({ ...clint.save(), version: 99 }), { code: 'SECTION_VERSION' });
  });

  it('survives a hostile guest', () => {
    const board = new TestBoard();
    fuzz(
      make(board).clint,
      make(board).clint,
      1,
      [0, 4, 8, 0x4000, 0x4004, 0x4008, 0x400c, 0x4010, 0xbff8, 0xbffc],
    );
  });
});
