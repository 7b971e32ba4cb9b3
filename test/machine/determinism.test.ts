/**
 * The core property (I4): state(N) is the same for every way there: straight, cut anywhere, with a checkpoint taken and
 * gone back to every so often, or from any checkpoint before.
 */
import assert from 'node:assert/strict';
import type { MachineState } from '../../src/machine/machine';
import { Random } from '../isa/random';
import { Bench } from '../support/bare-guest';
import { busyGuest } from '../support/busy-guest';
import { reach } from '../support/reach';

const END = 200_000;
/** What is typed, when (I2). */
const INPUT = new Map([
  [20_011, 'hello'],
  [77_777, 'w'],
  [77_778, 'orld'],
  [150_000, 'a much longer line than the sixteen bytes of the FIFO can hold at once'],
  [190_001, '!'],
]);

/** Runs to `goal`, in pieces of the lengths that `cut` gives. The input of an instant is in before it is left. */
async function drive(bench: Bench, goal: number, cut: () => number = () => END): Promise<void> {
  const { machine } = bench;
  while (machine.instret < goal) {
    const typed = INPUT.get(machine.instret);
    if (typed !== undefined) bench.type(typed);
    const next = [...INPUT.keys()].find((at) => at > machine.instret) ?? goal;
    await reach(machine, Math.min(goal, next, machine.instret + cut()));
  }
}

interface Mark {
  readonly state: MachineState;
  readonly hash: string;
  readonly shown: number;
}

const isPrime = (n: number): boolean => {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
};

for (const harts of [1, 2, 4, 8]) {
  describe(`determinism, harts: ${harts}`, () => {
    const random = new Random(2026 + harts);
    const marks: Mark[] = [];
    let straight: Bench;
    let end: { hash: string; shown: string };

    const same = (bench: Bench, how: string): void => {
      assert.deepEqual({ hash: bench.machine.stateHash(), shown: bench.shown }, end, how);
    };

    before(async () => {
      straight = new Bench(busyGuest(harts));
      await drive(straight, END);
      end = { hash: straight.machine.stateHash(), shown: straight.shown };
    });

    it('the guest does what it is for', () => {
      assert.match(end.shown, /^ifmmp/);
      assert.equal(end.shown.length, [...INPUT.values()].join('').length);
      const [amo, , locked, interrupts] = straight.dwords('counter', 4);
      assert(amo !== 0n && (locked ?? 0n) > 1000n && (interrupts ?? 0n) > 50n, 'counters move');
      assert(straight.x('s7') > 8n, `disk requests: ${straight.x('s7')}`);
      assert.equal(straight.bytes(0x8010_4000 + 2048, 1)[0], 0, 'the last request succeeded');
    });

    it('is the same in pieces of any length', async () => {
      for (const most of [300, 50_000]) {
        const bench = new Bench(busyGuest(harts));
        await drive(bench, END, () => 1 + random.below(most));
        same(bench, `pieces of at most ${most}`);
      }
    });

    it('is the same with a checkpoint taken and restored every k instructions', async () => {
      const primes = Array.from({ length: 2 }, () => {
        let prime = 500 + random.below(20_000);
        while (!isPrime(prime)) prime++;
        return prime;
      });
      for (const prime of primes) {
        const bench = new Bench(busyGuest(harts));
        for (let at = prime; at < END; at += prime) {
          await drive(bench, at);
          bench.machine.restore(bench.machine.freeze());
        }
        await drive(bench, END);
        same(bench, `every ${prime} instructions`);
      }
    });

    it('is the same from any checkpoint before, in any order', async () => {
      const bench = new Bench(busyGuest(harts));
      for (let at = 0; at < END; at += 1 + random.below(60_000)) {
        await drive(bench, at);
        const { machine, shown } = bench;
        marks.push({ state: machine.freeze(), hash: machine.stateHash(), shown: shown.length });
      }
      await drive(bench, END);
      same(bench, 'with checkpoints on the way');
      for (const mark of [...marks].sort(() => random.below(3) - 1)) {
        bench.machine.restore(mark.state);
        assert.equal(bench.machine.stateHash(), mark.hash, `as frozen at ${mark.state.instret}`);
        bench.shown = end.shown.slice(0, mark.shown);
        await drive(bench, END);
        same(bench, `from ${mark.state.instret}`);
      }
    });
  });
}
