/** What is recorded: branches, checkpoints in any order, the console, memory budget, divergence, idling, pauses. */
import assert from 'node:assert/strict';
import { UserError } from '../../src/base/errors';
import { physAddr, instret } from '../../src/base/brand';
import type { ConsoleOutput } from '../../src/timetravel/api';
import { Random } from '../isa/random';
import { busyGuest } from '../support/busy-guest';
import { HEAR_UART, MAP_ALIAS } from '../support/guest-code';
import { A0, S0, Travel } from './support';

const NEVER_ENDING = `
        li s0, 0
    loop:
        addi s0, s0, 1
        j loop
        .align 3
    cell: .dword 0`;

/** Echoes what is typed, by polling. */
const ECHO = `
        li s1, 0x10000000
    1:  lbu t0, 5(s1)
        andi t0, t0, 1
        beqz t0, 1b
        lbu a0, (s1)
        sb a0, (s1)
        j 1b`;

const code = (expected: string) => (error: unknown) => error instanceof UserError && error.code === expected;

describe('branches (I7)', () => {
  const changes: Readonly<Record<string, (guest: Travel) => void>> = {
    'a register': (guest) => {
      guest.time.poke.setX(0, S0, 1_000_000n);
    },
    memory: (guest) => assert(guest.time.poke.writeMemory(0, guest.at('cell'), Uint8Array.of(9))),
    'physical memory': (guest) =>
      assert(guest.time.poke.writePhysical(physAddr(0x8050_0000n), Uint8Array.of(9))),
    'a CSR': (guest) => {
      guest.time.poke.setCsr(0, 0x340, 77n);
    },
    'the pc': (guest) => {
      guest.time.poke.setPc(0, guest.at('loop'));
      guest.time.poke.setF(0, 3, 5n);
    },
    'console input': (guest) => {
      guest.type('x');
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    it(`${name} in the past starts one; the old one and its future stay`, async () => {
      const guest = new Travel(NEVER_ENDING);
      await guest.seek(3000);
      const kept = guest.time.takeCheckpoint('kept').id;
      await guest.seek(5000);
      const old = guest.where;
      await guest.seek(1000);
      change(guest);
      assert.equal(guest.time.branch, 1);
      assert.equal(guest.time.end, 1000);
      await guest.seek(5000);
      const fresh = guest.where;
      assert.notEqual(fresh.hash, old.hash);
      // There and back on the new branch: the change is replayed.
      await guest.seek(500);
      await guest.seek(5000);
      assert.deepEqual(guest.where, fresh);
      assert.deepEqual(await guest.time.restoreCheckpoint(kept), { kind: 'done' });
      assert.equal(guest.time.branch, 0);
      assert.equal(guest.time.end, 5000, 'its future too');
      await guest.seek(5000);
      assert.deepEqual(guest.where, old);
    });
  }

  it('an instant means the state before what entered there, whatever checkpoints there are', async () => {
    const guest = new Travel(NEVER_ENDING);
    await guest.seek(1000);
    const { hash } = guest.where;
    guest.time.poke.setX(0, S0, 5n);
    const changed = guest.where.hash;
    const id = guest.time.takeCheckpoint().id;
    await guest.seek(2000);
    const end = guest.where;
    await guest.seek(1000);
    assert.equal(guest.where.hash, hash);
    await guest.seek(2000);
    assert.deepEqual(guest.where, end);
    await guest.time.restoreCheckpoint(id);
    assert.equal(guest.where.hash, changed);
    assert.equal(guest.time.currentCheckpoint, id);
  });

  it('restart begins again, on a branch of its own', async () => {
    const guest = new Travel(NEVER_ENDING);
    const begin = guest.time.stateHash();
    await guest.seek(2000);
    const kept = guest.time.takeCheckpoint().id;
    await guest.time.restart();
    assert.deepEqual([guest.time.now, guest.time.end, guest.time.stateHash()], [0, 0, begin]);
    assert.equal(guest.time.branch, 1);
    await guest.time.restoreCheckpoint(kept);
    assert.deepEqual([guest.time.now, guest.time.branch], [2000, 0]);
  });
});

describe('checkpoints', () => {
  it('are taken, restored, renamed and deleted in any order', async () => {
    const random = new Random(11);
    const guest = new Travel(busyGuest(2), {}, { record: false });
    const { time } = guest;
    const hashes = new Map<string, string>();
    const frames = (): number => time['recording'].machine.memory.framesInUse;
    for (let turn = 0; turn < 120; turn++) {
      const ids = [...hashes.keys()];
      const id = ids[random.below(Math.max(1, ids.length))];
      switch (random.below(5)) {
        case 0:
        case 1: {
          await guest.time.seek(instret(time.now + 1 + random.below(4000)));
          const { id: taken } = time.takeCheckpoint();
          hashes.set(taken, time.stateHash());
          break;
        }
        case 2:
          if (id === undefined) break;
          await time.restoreCheckpoint(id);
          assert.equal(time.stateHash(), hashes.get(id));
          if (random.below(2) === 0) guest.type('typed');
          break;
        case 3:
          if (id === undefined) break;
          time.renameCheckpoint(id, `name ${turn}`);
          assert.equal(time.checkpoints().find((info) => info.id === id)?.name, `name ${turn}`);
          break;
        default:
          if (id === undefined || hashes.size < 4) break;
          time.deleteCheckpoint(id);
          hashes.delete(id);
          assert.throws(() => time.restoreCheckpoint(id), code('CHECKPOINT_UNKNOWN'));
      }
    }
    for (const [id, hash] of hashes) {
      await time.restoreCheckpoint(id);
      assert.equal(time.stateHash(), hash);
    }
    const [root] = time.checkpoints();
    await time.restoreCheckpoint(root?.id ?? '');
    for (const id of hashes.keys()) time.deleteCheckpoint(id);
    const least = frames();
    await guest.seek(40_000);
    await guest.seek(0);
    assert.equal(frames(), least);
    assert.throws(() => time.deleteCheckpoint(root?.id ?? ''), code('CHECKPOINT_ROOT'));
  });

  it('taken automatically stay within the memory budget, and going back is right', async () => {
    // Writes a page every few instructions, over 8 MiB.
    const source = `
        li s0, 0
        li s1, 0x80400000
        li s2, 0x7ff000
        li s3, 4096
    loop:
        addi s0, s0, 1
        slli t0, s0, 12
        and t0, t0, s2
        add t0, t0, s1
        sd s0, (t0)
        j loop`;
    const budget = 48 << 20;
    // What the guest writes until the next checkpoint comes on top.
    const most = budget + (9 << 20);
    const guest = new Travel(source, {}, { memoryBudgetBytes: budget });
    const { time } = guest;
    const marks = new Map<number, string>();
    for (let goal = 2_500_000; goal <= 60_000_000; goal += 5_750_000) {
      await guest.seek(goal);
      marks.set(goal, time.stateHash());
      assert(time['recording'].machine.memory.framesInUse * 4096 <= most, `at ${goal}`);
    }
    const automatic = time.checkpoints().filter((info) => info.automatic);
    assert(automatic.length >= 2, 'some are kept');
    for (const goal of [...marks.keys()].reverse().slice(0, 4)) {
      await guest.seek(goal);
      assert.equal(time.stateHash(), marks.get(goal), `at ${goal}`);
    }
    assert(time['recording'].machine.memory.framesInUse * 4096 <= most);
  });
});

describe('the input log', () => {
  it('is replayed: what was typed comes again at its instants', async () => {
    const guest = new Travel(ECHO);
    for (const text of ['one', 'two', 'three']) {
      await guest.seek(guest.time.now + 1000);
      guest.type(text);
    }
    await guest.seek(5000);
    const end = guest.where;
    assert.equal(guest.console(), 'onetwothree');
    const events: ConsoleOutput[] = [];
    const listening = guest.time.onConsole((event) => events.push(event));
    await guest.seek(2500);
    assert.equal(guest.console(), 'onetwo');
    assert.deepEqual(
      events.map(({ data, reset }) => [new TextDecoder().decode(data), reset]),
      [['onetwo', true]],
    );
    await guest.seek(5000);
    assert.deepEqual(guest.where, end);
    assert.equal(guest.console(), 'onetwothree');
    assert.deepEqual(
      events.slice(1).map(({ data, reset }) => [new TextDecoder().decode(data), reset]),
      [['three', false]],
    );
    listening.dispose();
    assert.equal(guest.time.branch, 0);
  });

  it('that was tampered with is told as a divergence (I8)', async () => {
    const guest = new Travel(ECHO);
    await guest.seek(1000);
    guest.type('abc');
    await guest.seek(3000);
    const [entry] = guest.time['recording'].branch.entries;
    assert(entry?.kind === 'console');
    entry.bytes[1] = 0x58;
    await guest.seek(0);
    const stop = await guest.time.seek(instret(3000));
    assert(stop.kind === 'diverged' && stop.message.includes('console'), stop.kind);
  });

  it('is checked against the checkpoints that a replay passes (I8)', async () => {
    const guest = new Travel(NEVER_ENDING);
    await guest.seek(1000);
    guest.time.poke.setX(0, A0, 1n);
    await guest.seek(2000);
    guest.time.takeCheckpoint();
    await guest.seek(3000);
    const [entry] = guest.time['recording'].branch.entries;
    assert(entry?.kind === 'x');
    Object.assign(entry, { value: 2n });
    await guest.seek(500);
    const stop = await guest.resume();
    assert(stop.kind === 'diverged' && stop.message.includes('checkpoint'), stop.kind);
  });

  it('holds idle time: skipped, or waited for with the host', async () => {
    const source = `
        li t0, 0x2004000
        li t1, 300000
        sd t1, (t0)
        li t1, 0x80
        csrw mie, t1
        wfi
        csrr s0, time
        j poweroff`;
    const runs = await Promise.all(
      (['skip', 'wait'] as const).map(async (idle) => {
        const guest = new Travel(source, {}, { idle });
        const started = performance.now();
        assert.equal((await guest.resume()).kind, 'exited');
        const took = performance.now() - started;
        assert.equal(guest.x(S0), 300_000n);
        const end = guest.where;
        await guest.seek(1);
        assert.equal((await guest.resume()).kind, 'exited');
        assert.deepEqual(guest.where, end);
        return { took, end };
      }),
    );
    const [skipped, waited] = runs;
    assert((waited?.took ?? 0) >= 29, `30 ms of virtual time took ${String(waited?.took)} ms`);
    assert.deepEqual(skipped?.end, waited?.end);
  });

  it('wakes a guest that waits for input alone, while it waits', async () => {
    const guest = new Travel(
      `   ${HEAR_UART}
          wfi
          lbu s0, (t0)
          j poweroff`,
      {},
      { idle: 'wait', onDeadIdle: 'wait' },
    );
    const running = guest.resume();
    await new Promise((resolve) => setImmediate(resolve));
    guest.type('k');
    assert.equal((await running).kind, 'exited');
    assert.equal(guest.x(S0), 0x6bn);
  });
});

describe('a pause', () => {
  const guests: Readonly<Record<string, string>> = {
    'a loop': NEVER_ENDING,
    'a loop over device registers': ECHO,
    'a storm of traps': 'la t0, handler\ncsrw mtvec, t0\n.align 2\nhandler: .word 0',
    'a storm of traps with mtvec unmapped': 'csrw mtvec, zero\nunimp',
    'a guest asleep': 'csrw mie, zero\n1: wfi\nj 1b',
  };
  for (const [name, source] of Object.entries(guests)) {
    it(`stops ${name} within 100 ms`, async () => {
      const guest = new Travel(source, {}, { idle: 'wait', onDeadIdle: 'wait' });
      const cancel = { cancelled: false };
      const running = guest.resume({ cancel });
      await new Promise((resolve) => setTimeout(resolve, 150));
      const asked = performance.now();
      cancel.cancelled = true;
      assert.deepEqual(await running, { kind: 'paused' });
      const took = performance.now() - asked;
      assert(took < 100, `${took} ms`);
      assert(guest.time.now > 0, 'time goes on');
    });
  }

  it('asked of a search backwards leaves the guest where it was', async () => {
    const guest = new Travel(NEVER_ENDING);
    await guest.seek(3_000_000);
    const before = guest.where;
    guest.stops({ at: ['cell'] });
    const cancel = { cancelled: true };
    assert.deepEqual(await guest.time.reverseResume({ cancel }), { kind: 'paused' });
    assert.deepEqual(guest.where, before);
  });

  it('is needed before another move', async () => {
    const guest = new Travel(NEVER_ENDING);
    const cancel = { cancelled: false };
    const running = guest.resume({ cancel });
    await assert.rejects(guest.time.stepInstructions(0, 1), code('GUEST_RUNNING'));
    cancel.cancelled = true;
    await running;
  });
});

describe('breakpoints and the MMU', () => {
  it('stop at the virtual address that was chosen, not at another one of the same page', async () => {
    // The page of `shared` is mapped at 0x40000000 too.
    const guest = new Travel(
      `   ${MAP_ALIAS}
          li s0, 0
          la s1, shared
          li t0, 0x40000000
          sub s2, s1, t0
      loop:
          jalr s1
          jalr s2
          addi s0, s0, 1
          li t0, 3
          bltu s0, t0, loop
          j poweroff
      shared:
          addi a0, a0, 1
          ret`,
      { firmware: 'builtin' },
    );
    const alias = guest.at('shared') - 0x4000_0000n;
    guest.time.setStopPoints({ breakpoints: [alias], watchpoints: [], exceptions: [], interrupts: [] });
    for (let round = 0n; round < 3n; round++) {
      const stop = await guest.resume();
      assert(stop.kind === 'breakpoint' && stop.pc === alias, `round ${round}`);
      assert.equal(guest.x(A0), 2n * round + 1n);
    }
    assert.equal((await guest.resume()).kind, 'exited');
    assert.equal((await guest.time.reverseResume()).kind, 'breakpoint');
    assert.equal(guest.x(A0), 5n);
  });
});
