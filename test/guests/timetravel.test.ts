/**
 * Time travel in Debian's Linux: breakpoints in the kernel, backwards and forwards again, and the core property (I4):
 * the same input gives the same run, whatever checkpoints are taken and gone back to on the way.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { instret } from '../../src/base/brand';
import type { Hit, StopPoints } from '../../src/timetravel/api';
import { requireGuest } from '../support/guests';
import { shellPrompt } from '../support/initrd';
import { bootedLinux, guestConfig, GuestRun } from './run';

/** A run as two runs are compared: where it ended and in which state. */
interface Outcome {
  readonly instret: number;
  readonly hash: string;
  readonly console: string;
}

const outcome = (guest: GuestRun): Outcome => ({
  instret: guest.time.now,
  hash: guest.time.stateHash(),
  console: String.fromCharCode(...guest.time.consoleHistory()),
});

/** What a person types at the first prompt in all compared runs. */
async function script(guest: GuestRun): Promise<void> {
  await guest.command('ls -l /bin | md5sum');
  await guest.command('for i in 1 2 3 4; do (seq 1 200 | sort -r | head -1) & done; wait');
}

const stopAt = (...breakpoints: bigint[]): StopPoints => ({
  breakpoints,
  watchpoints: [],
  exceptions: [],
  interrupts: [],
});

/** Instructions between forced checkpoints: a prime-like number, so that they fall everywhere in quanta and pages. */
const FORCED_EVERY = 100_003;

for (const harts of [1, 4]) {
  describe(`Linux in time, harts: ${harts}`, function () {
    this.timeout(600_000);
    let guest: GuestRun;
    let end: Outcome;
    let systemMap = '';

    /** The address of a kernel function. */
    function kernelSymbol(name: string): bigint {
      const [, address] = new RegExp(`^([0-9a-f]+) [tT] ${name}$`, 'm').exec(systemMap) ?? [];
      assert(address !== undefined, `${name} is in System.map`);
      return BigInt(`0x${address}`);
    }
    let start = '';
    let typed = '';

    before(async function () {
      const [, , map] = requireGuest(this, 'linux-image', 'linux-initrd', 'system-map');
      systemMap = readFileSync(map, 'utf8');
      ({ guest, prompt: start } = await bootedLinux(harts));
      await script(guest);
      end = outcome(guest);
      typed = guest.time.takeCheckpoint('typed').id;
    });
    afterEach(async () => {
      guest.time.setStopPoints(stopAt());
      await guest.restore(typed);
    });
    after(async () => {
      await guest.restore(start);
    });

    it('is the same run again with a checkpoint and restore forced every 100,003 instructions', async () => {
      const other = new GuestRun(guestConfig({ firmware: 'builtin', harts }), false);
      other.forceCheckpoints(FORCED_EVERY);
      await other.until(shellPrompt);
      await script(other);
      assert.deepEqual(outcome(other), end);
    });

    it('is in the same state after going 50,000,000 instructions back and forth again', async () => {
      const { time } = guest;
      await time.seek(instret(end.instret - 50_000_000));
      assert.equal(time.now, end.instret - 50_000_000);
      assert.notEqual(time.stateHash(), end.hash);
      assert.deepEqual(await time.seek(instret(end.instret)), { kind: 'done' });
      assert.deepEqual(outcome(guest), end);
    });

    it('stops at a kernel function, steps back out of it, and finds it again backwards and forwards', async () => {
      const { time } = guest;
      const address = kernelSymbol('do_sys_openat2');
      time.setStopPoints(stopAt(address));
      const hits: { at: number; hash: string; hart: number }[] = [];
      const hitNow = (stop: { kind: string }): void => {
        assert.equal(stop.kind, 'breakpoint');
        const { hart } = stop as Hit;
        assert.equal(time.hart(hart).pc, address);
        assert.equal(time.hart(hart).privilege, 1);
        hits.push({ at: time.now, hash: time.stateHash(), hart });
      };
      guest.type('cat /proc/version /proc/uptime /proc/loadavg\n');
      for (let count = 0; count < 3; count++) hitNow(await guest.run('never shown'));
      const [first, second, third] = hits;
      assert(first && second && third && first.at < second.at && second.at < third.at);

      // One instruction back is the caller's call; forward again is the breakpoint's instant.
      assert.deepEqual(await time.reverseStepInstructions(third.hart, 1), { kind: 'done' });
      assert(time.now < third.at);
      assert.notEqual(time.hart(third.hart).pc, address);
      assert.deepEqual(await time.seek(instret(third.at)), { kind: 'done' });
      assert.equal(time.stateHash(), third.hash);

      for (const expected of [second, first]) {
        const stop = await time.reverseResume();
        assert.equal(stop.kind, 'breakpoint');
        assert.deepEqual({ at: time.now, hash: time.stateHash(), hart: time.activeHart }, expected);
      }
      for (const expected of [second, third]) {
        const stop = await time.resume();
        assert.equal(stop.kind, 'breakpoint');
        assert.deepEqual({ at: time.now, hash: time.stateHash(), hart: time.activeHart }, expected);
      }
    });

    it('is in one state at an instant, however it came there', async () => {
      const { time } = guest;
      for (let instant = end.instret - 4_000_000; instant < end.instret; instant += 777_777) {
        await time.seek(instret(instant));
        const straight = time.stateHash();
        await time.seek(instret(instant - 1000));
        for (let step = instant - 1000; step <= instant; step += 125) await time.seek(instret(step));
        assert.equal(time.stateHash(), straight);
        time.setStopPoints(stopAt(time.hart(time.activeHart).pc));
        await time.seek(instret(instant - 1));
        const stop = await time.resume();
        assert.deepEqual([stop.kind, time.now, time.stateHash()], ['breakpoint', instant, straight]);
      }
    });

    it('types something else in the past: a branch, and the first one is still there (I7)', async () => {
      const { time } = guest;
      assert.equal(await guest.command('echo one'), 'one');
      const one = { at: time.now, hash: time.stateHash(), branch: time.branch };
      const kept = time.takeCheckpoint('one').id;
      await guest.restore(typed);
      assert.equal(await guest.command('echo two'), 'two');
      assert.notEqual(time.branch, one.branch);
      assert.notEqual(time.stateHash(), one.hash);
      await guest.restore(kept);
      assert.deepEqual({ at: time.now, hash: time.stateHash(), branch: time.branch }, one);
    });
  });
}
