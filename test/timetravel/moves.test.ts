/** Moving through time: seeking, steps and runs in both directions, on one hart and several. */
import assert from 'node:assert/strict';
import { instret } from '../../src/base/brand';
import { Random } from '../isa/random';
import { busyGuest } from '../support/busy-guest';
import { A0, S0, S1, Travel } from './support';

/** Counts in s0, stores the count, and calls `leaf` each time. */
const COUNTER = `
        li s0, 0
        la s1, cell
    loop:
        addi s0, s0, 1
    stores:
        sd s0, (s1)
        call leaf
        j loop
    leaf:
        ld a0, (s1)
        ret
        .align 3
    cell: .dword 0`;
/** Instructions of a round, and before the first. */
const ROUND = 6;
const BEFORE = 3;

describe('moves of one hart', () => {
  it('goes to any instant, back and forth, and is in the same state there', async () => {
    const random = new Random(7);
    const guest = new Travel(busyGuest(1));
    const known = new Map<number, string>();
    for (let index = 0; index < 40; index++) {
      const goal = random.below(120_000);
      await guest.seek(goal);
      if (index % 5 === 0) guest.time.takeCheckpoint();
      const hash = known.get(goal) ?? guest.time.stateHash();
      known.set(goal, hash);
      assert.equal(guest.time.stateHash(), hash);
    }
    for (const [goal, hash] of known) {
      await guest.seek(goal);
      assert.equal(guest.time.stateHash(), hash, `at ${goal}`);
    }
  });

  it('steps back to the state before each step', async () => {
    const guest = new Travel(COUNTER);
    await guest.seek(1000);
    const past = [guest.where];
    for (let step = 0; step < 30; step++) {
      assert.deepEqual(await guest.time.stepInstructions(0, 1), { kind: 'done' });
      past.push(guest.where);
    }
    for (const expected of past.reverse().slice(1)) {
      assert.deepEqual(await guest.time.reverseStepInstructions(0, 1), { kind: 'done' });
      assert.deepEqual(guest.where, expected);
    }
    assert.deepEqual(guest.time.stepSync(0), { kind: 'done' });
    assert.equal(guest.time.now, 1001);
  });

  it('stops at the beginning of the recording', async () => {
    const guest = new Travel(COUNTER);
    await guest.seek(5);
    assert.deepEqual(await guest.time.reverseStepInstructions(0, 10), { kind: 'beginning' });
    assert.equal(guest.time.now, 0);
    assert.deepEqual(await guest.time.reverseStepInstructions(0, 1), { kind: 'beginning' });
    await guest.seek(5);
    assert.deepEqual(await guest.time.reverseResume(), { kind: 'beginning' });
    assert.equal(guest.time.now, 0);
  });

  it('runs backwards to the last hit before now, not to the one it stands on', async () => {
    const guest = new Travel(COUNTER);
    guest.stops({ at: ['leaf'] });
    const forward = [];
    for (let hit = 1; hit <= 4; hit++) {
      assert.equal((await guest.resume()).kind, 'breakpoint');
      assert.equal(guest.x(S0), BigInt(hit));
      forward.push(guest.where);
    }
    for (const expected of forward.reverse().slice(1)) {
      assert.equal((await guest.time.reverseResume()).kind, 'breakpoint');
      assert.deepEqual(guest.where, expected);
    }
    assert.deepEqual(await guest.time.reverseResume(), { kind: 'beginning' });
    // A temporary breakpoint serves one move alone.
    guest.stops({});
    await guest.seek(600);
    const temporary = [guest.at('loop')];
    assert.equal((await guest.time.reverseResume({ temporary })).kind, 'breakpoint');
    assert.equal(600 - guest.time.now <= ROUND, true);
    assert.deepEqual(await guest.time.reverseResume(), { kind: 'beginning' });
  });

  it('watches: forwards behind the store, backwards before it', async () => {
    const guest = new Travel(COUNTER);
    const watchpoints = [{ address: guest.at('cell'), length: 8, access: 'write' as const }];
    guest.stops({ watchpoints });
    const stop = await guest.resume();
    assert(
      stop.kind === 'watchpoint' && stop.pc === guest.at('stores') && stop.write && stop.sizeBytes === 8,
    );
    assert.equal(guest.time.hart(0).pc, guest.at('stores') + 4n);
    await guest.resume();
    assert.equal(guest.x(S0), 2n);
    assert.equal((await guest.time.reverseResume()).kind, 'watchpoint');
    assert.equal(guest.time.hart(0).pc, guest.at('stores'));
    assert.equal(guest.x(S0), 2n);
    assert.deepEqual(guest.time.hart(0).readMemory(guest.at('cell'), 1), Uint8Array.of(1));
    await guest.time.reverseResume();
    assert.equal(guest.x(S0), 1n);
    assert.deepEqual(await guest.time.reverseResume(), { kind: 'beginning' });
    guest.stops({ watchpoints: [{ address: guest.at('cell') + 7n, length: 4, access: 'read' }] });
    const read = await guest.resume();
    assert(read.kind === 'watchpoint' && !read.write && read.pc === guest.at('leaf'));
  });

  it('asks whether to accept a hit, in both directions', async () => {
    const guest = new Travel(COUNTER);
    guest.stops({ at: ['leaf'] });
    const accept = (wanted: bigint) => () => guest.x(S0) === wanted;
    await guest.resume({ accept: accept(50n) });
    assert.equal(guest.x(S0), 50n);
    await guest.time.reverseResume({ accept: accept(20n) });
    assert.equal(guest.x(S0), 20n);
    assert.deepEqual(await guest.time.reverseResume({ accept: () => false }), { kind: 'beginning' });
  });

  it('lives on beyond the end of the recording', async () => {
    const guest = new Travel(COUNTER);
    await guest.seek(1000);
    await guest.seek(100);
    assert.equal(guest.time.end, 1000);
    await guest.seek(1500);
    assert.equal(guest.time.end, 1500);
    assert.equal(guest.x(S0), BigInt(Math.ceil((1500 - 6 - BEFORE) / ROUND)));
    assert.equal(guest.time.branch, 0);
  });
});

describe('moves among several harts', () => {
  for (const harts of [2, 4]) {
    it(`a step is one attempt of its hart, forwards and backwards (${harts} harts)`, async () => {
      const guest = new Travel(busyGuest(harts, 97));
      await guest.seek(30_000);
      for (let hart = 0; hart < harts; hart++) {
        const before: { now: number; pc: bigint }[] = [];
        const instretOf = (): bigint => guest.time.hart(hart).pc;
        for (let step = 0; step < 12; step++) {
          before.push({ now: guest.time.now, pc: instretOf() });
          const stepped = step % 2 === 0 ? guest.time.stepSync(hart) : undefined;
          if (!stepped) assert.deepEqual(await guest.time.stepInstructions(hart, 1), { kind: 'done' });
        }
        for (const { pc } of before.reverse()) {
          assert.deepEqual(await guest.time.reverseStepInstructions(hart, 1), { kind: 'done' });
          assert.equal(guest.time.hart(hart).pc, pc, `hart ${hart}`);
        }
      }
    });
  }

  it('a step lets a hart that was woken run one instruction only', async () => {
    // Hart 1 spins for a while and sleeps; hart 0 sleeps until hart 1 wakes it, then counts.
    const guest = new Travel(
      `   csrr t0, mhartid
          csrwi mie, 8
          bnez t0, other
          wfi
      awake:
          li s0, 0
      1:  addi s0, s0, 1
          j 1b
      other:
          li t0, 100
      1:  addi t0, t0, -1
          bnez t0, 1b
          li t0, 0x2000000
          li t1, 1
          sw t1, (t0)
      2:  wfi
          j 2b`,
      { harts: 2 },
    );
    guest.stops({ at: ['awake'] });
    await guest.seek(20);
    assert.deepEqual(await guest.time.stepInstructions(0, 1), { kind: 'done' });
    assert.equal(guest.time.hart(0).pc, guest.at('awake') + 4n);
    assert.equal(guest.x(S0), 0n);
    assert.deepEqual(await guest.time.reverseStepInstructions(0, 1), { kind: 'done' });
    assert.equal(guest.time.hart(0).pc, guest.at('awake'));
  });
});

describe('one hart alone', () => {
  const COUNTERS = `
          csrr t0, mhartid
          bnez t0, sleepy
          li s0, 0
      1:  addi s0, s0, 1
          j 1b
      sleepy:
          li s0, 0
          li t1, 20000
      2:  addi s0, s0, 1
          bne s0, t1, 2b
      3:  wfi
          j 3b`;
  const counters = (guest: Travel): bigint[] => [guest.x(S0, 0), guest.x(S0, 1), guest.x(S0, 2)];
  const others = (guest: Travel): bigint[] => counters(guest).slice(1);
  const begun = async (): Promise<Travel> => {
    const guest = new Travel(COUNTERS, { harts: 3 });
    await guest.seek(40_000);
    return guest;
  };

  it('goes on while the others stand, however long; then all go on', async () => {
    const guest = await begun();
    const before = counters(guest);
    guest.time.setAlone(0);
    await guest.seek(3_000_000);
    assert.deepEqual(others(guest), before.slice(1));
    assert(guest.x(S0) > 1_000_000n);
    guest.time.setAlone(undefined);
    await guest.seek(3_200_000);
    assert.deepEqual(others(guest), [20_000n, 20_000n], 'the others have ended their loops');
  });

  it('steps by instructions, and without waiting', async () => {
    const guest = await begun();
    guest.time.setAlone(1);
    const before = { now: guest.time.now, zero: guest.x(S0) };
    assert.deepEqual(await guest.time.stepInstructions(1, 5), { kind: 'done' });
    for (let steps = 0; steps < 5; steps++) assert(guest.time.stepSync(1));
    assert.equal(guest.time.now, before.now + 10, 'no turn of another');
    assert.equal(guest.x(S0), before.zero);
  });

  it('is replayed as it was, with checkpoints on the way, and changes nothing that is recorded', async () => {
    const guest = await begun();
    guest.time.setAlone(0);
    await guest.seek(300_000);
    const middle = guest.time.takeCheckpoint('alone');
    await guest.seek(400_000);
    guest.time.setAlone(undefined);
    await guest.seek(500_000);
    const end = guest.where;
    const { branch } = guest.time;
    await guest.seek(100);
    guest.time.setAlone(2);
    await guest.seek(500_000);
    assert.deepEqual(guest.where, end);
    await guest.time.restoreCheckpoint(middle.id);
    guest.time.setAlone(undefined);
    await guest.seek(500_000);
    assert.deepEqual(guest.where, end);
    assert.equal(guest.time.branch, branch);
  });

  it('ends with the next move on a branch that leaves the past in the middle of it', async () => {
    const guest = await begun();
    const before = counters(guest);
    guest.time.setAlone(0);
    await guest.seek(300_000);
    guest.time.setAlone(undefined);
    await guest.seek(200_000);
    assert.deepEqual(others(guest), before.slice(1));
    guest.time.poke.setX(0, A0, 1n);
    await guest.seek(400_000);
    assert.deepEqual(others(guest), [20_000n, 20_000n]);
  });

  it('waits for ever where only a held hart could wake it, and can be paused', async () => {
    const guest = await begun();
    guest.time.setAlone(1);
    assert.deepEqual(await guest.resume(), { kind: 'paused' });
    assert.equal(guest.x(S0, 1), 20_000n);
    guest.time.setAlone(undefined);
    const { now } = guest.time;
    await guest.seek(now + 100_000);
    assert.equal(guest.x(S0, 2), 20_000n);
  });
});

describe('traps as stops', () => {
  const TRAPS = `
        la t0, handler
        csrw mtvec, t0
        li a0, 0
    faults:
        lw t1, (zero)
    after:
        addi a0, a0, 1
        ecall
        j poweroff
        .align 2
    handler:
        csrr t2, mepc
        addi t2, t2, 4
        csrw mepc, t2
        mret`;

  it('stops before an exception, goes on into its handler, and finds it backwards', async () => {
    const guest = new Travel(TRAPS);
    guest.stops({ exceptions: [5] });
    const stop = await guest.resume();
    assert(stop.kind === 'trap' && stop.cause === 5 && !stop.interrupt && stop.tval === 0n);
    assert.equal(guest.time.hart(0).pc, guest.at('faults'));
    const there = guest.where;
    assert.deepEqual(await guest.time.stepInstructions(0, 1), { kind: 'done' });
    assert.equal(guest.time.hart(0).pc, guest.at('handler'));
    assert.equal((await guest.resume()).kind, 'exited');
    assert.equal((await guest.time.reverseResume()).kind, 'trap');
    assert.deepEqual(guest.where, there);
    assert.equal((await guest.resume()).kind, 'exited', 'the trap it stands before is taken');
  });

  it('tells an exception at the very instruction that a breakpoint or a step has reached', async () => {
    const guest = new Travel(TRAPS);
    guest.stops({ at: ['faults'], exceptions: [5] });
    assert.equal((await guest.resume()).kind, 'breakpoint');
    assert.equal((await guest.resume()).kind, 'trap');
    const { now } = guest.time;
    guest.stops({ exceptions: [5] });
    await guest.seek(now - 1);
    assert.deepEqual(await guest.time.stepInstructions(0, 1), { kind: 'done' });
    assert.equal((await guest.time.stepInstructions(0, 1)).kind, 'trap');
    assert.equal(guest.time.now, now);
  });

  const TICKS = `
        la t0, handler
        csrw mtvec, t0
        li t0, 0x2004000
        li t1, 20
        sd t1, (t0)
        li t1, 0x80
        csrw mie, t1
        csrsi mstatus, 8
    busy: j busy
        .align 2
    handler:
        li t1, -1
        sd t1, (t0)
        j poweroff`;

  it('stops before an interrupt, and at a breakpoint on its handler at the same instant', async () => {
    const guest = new Travel(TICKS);
    guest.stops({ interrupts: [7], at: ['handler'] });
    const stop = await guest.resume();
    assert(stop.kind === 'trap' && stop.interrupt && stop.cause === 7);
    const { now } = guest.time;
    assert.equal(guest.time.hart(0).pc, guest.at('busy'));
    const next = await guest.resume();
    assert(next.kind === 'breakpoint' && next.pc === guest.at('handler'));
    assert.equal(guest.time.now, now);
    assert.equal((await guest.resume()).kind, 'exited');
    assert.notEqual((await guest.time.reverseResume()).kind, 'beginning');
    assert.equal(guest.time.now, now);
  });

  it('a breakpoint elsewhere at the instant where it stands is not passed over', async () => {
    const guest = new Travel(TICKS);
    guest.stops({ interrupts: [7] });
    await guest.resume();
    guest.stops({ at: ['handler'] });
    await guest.time.seek(instret(guest.time.now));
    const stop = await guest.resume();
    assert(stop.kind === 'breakpoint' && stop.pc === guest.at('handler'));
    assert.equal(guest.x(A0), 0n);
    assert.equal(guest.x(S1), 0n);
  });
});
