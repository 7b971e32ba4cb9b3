import assert from 'node:assert/strict';
import { Plic } from '../../../src/machine/devices/plic';
import { fuzz, numbers } from './board';

const enable = (context: number, word = 0) => 0x2000 + 0x80 * context + 4 * word;
const threshold = (context: number) => 0x200000 + 0x1000 * context;
const claim = (context: number) => threshold(context) + 4;

function make(harts = 2) {
  const external: boolean[] = [];
  const plic = new Plic({ harts }, (context, level) => (external[context] = level));
  return { plic, external };
}

/** Source 10 with priority 3 goes to the S context of hart 0. */
function uartOnly() {
  const made = make();
  made.plic.write(10 * 4, 4, 3);
  made.plic.write(enable(1), 4, 1 << 10);
  return made;
}

describe('PLIC', () => {
  it('raises, claims and completes', () => {
    const { plic, external } = uartOnly();
    plic.setLine(10, true);
    assert.equal(external[1], true);
    assert.equal(external[0] ?? false, false, 'not enabled for M');
    assert.equal(plic.peek(0x1000, 4), 1 << 10);
    assert.equal(plic.peek(claim(1), 4), 10);
    assert.equal(plic.read(claim(1), 4), 10);
    assert.equal(external[1], false, 'claimed');
    assert.equal(plic.read(claim(1), 4), 0);
    plic.setLine(10, false);
    plic.write(claim(1), 4, 10);
    assert.equal(external[1], false);
  });

  it('is pending again at completion while the line is high', () => {
    const { plic, external } = uartOnly();
    plic.setLine(10, true);
    plic.read(claim(1), 4);
    plic.setLine(10, false);
    plic.setLine(10, true);
    assert.equal(external[1], false, 'the gateway waits for the completion');
    plic.write(claim(1), 4, 10);
    assert.equal(external[1], true);
    plic.setLine(10, false);
    assert.equal(external[1], false, 'a line that falls unclaimed leaves nothing behind');
  });

  it('chooses the highest priority, then the lowest number, above the threshold', () => {
    const { plic, external } = make();
    for (const [source, priority] of [
      [1, 2],
      [33, 5],
      [40, 5],
      [95, 1],
    ] as const) {
      plic.write(source * 4, 4, priority);
      plic.setLine(source, true);
    }
    for (let word = 0; word < 3; word++) plic.write(enable(2, word), 4, 0xffff_ffff);
    plic.write(threshold(2), 4, 1);
    assert.deepEqual(
      [1, 2, 3, 4].map(() => plic.read(claim(2), 4)),
      [33, 40, 1, 0],
    );
    assert.equal(external[2], false);
    plic.write(threshold(2), 4, 0);
    assert.equal(external[2], true);
    assert.equal(plic.read(claim(2), 4), 95);
  });

  it('has 3 bits of priority and no source 0', () => {
    const { plic } = make();
    plic.write(0, 4, 7);
    plic.write(4, 4, 0xff);
    plic.write(enable(0), 4, 0xffff_ffff);
    assert.equal(plic.read(0, 4), 0);
    assert.equal(plic.read(4, 4), 7);
    assert.equal(plic.read(enable(0), 4), 0xffff_fffe);
    assert.equal(plic.read(4, 1), 0, 'words only');
  });

  it('restores the lines and tells the harts', () => {
    const { plic } = uartOnly();
    plic.setLine(10, true);
    const other = make();
    other.plic.restore(plic.save());
    assert.equal(other.external[1], true);
    assert.equal(other.plic.read(claim(1), 4), 10);
    const third = make();
    third.plic.restore(other.plic.save());
    assert.equal(third.external[1], false, 'it is claimed');
    third.plic.write(claim(1), 4, 10);
    assert.equal(third.external[1], true, 'and pending again once that is completed');
    other.plic.reset();
    assert.equal(other.external[1], false);
    assert.throws(() => make(1).plic.restore(plic.save()), { code: 'SECTION_DATA' });
  });

  it('survives a hostile guest', () => {
    const { plic } = make();
    const offsets = [
      4,
      40,
      0x1000,
      0x1004,
      enable(0),
      enable(3, 2),
      threshold(0),
      claim(0),
      claim(1),
      claim(3),
    ];
    const random = numbers(5);
    for (let round = 0; round < 20; round++) {
      plic.setLine(random(100), random(2) === 0);
      fuzz(plic, make().plic, round, offsets, 200);
    }
  });
});
