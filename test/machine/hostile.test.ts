/** Memory accesses at their edges, and guests that do what no guest should: each ends in a value, never in a hang. */
import assert from 'node:assert/strict';
import { Bench } from '../support/bare-guest';

/** Keeps mcause and mtval in s2 and s3, counts traps in s4, and goes on at s5 in M-mode. */
const trapping = (main: string): string => `
        la t0, handler
        csrw mtvec, t0
        li s4, 0
        ${main}
        .align 2
    handler:
        csrr s2, mcause
        csrr s3, mtval
        addi s4, s4, 1
        li t0, 0x20000
        csrc mstatus, t0
        li t0, 0x1800
        csrs mstatus, t0
        csrw mepc, s5
        mret`;

describe('code', () => {
  for (const fence of ['', 'fence.i']) {
    it(`that is rewritten runs as rewritten${fence && ', with fence.i'}, also within a page of data`, () => {
      const bench = new Bench(`
        li s0, 0
        li s1, 1000
        la s2, patch
        lwu s3, (s2)
    loop:
        li t0, 0x100000
        add s3, s3, t0
        sw s3, (s2)
        ${fence}
    patch:
        addi a0, zero, 0
        add s0, s0, a0
        addi s1, s1, -1
        bnez s1, loop
        j poweroff`).poweroff();
      let sum = 0n;
      for (let round = 1n; round <= 1000n; round++) sum += BigInt.asIntN(12, round);
      assert.equal(bench.x('s0'), sum);
    });
  }

  it('across a page boundary runs, is rewritten by halves, and stops at a breakpoint', () => {
    const source = `
        .equ place, 0x80000ffe
        la s0, place
        li s3, 0
        li t0, 0x0513
        sh t0, (s0)
        li t0, 0x0010
        sh t0, 2(s0)
        li t0, 0x8067
        sw t0, 4(s0)
        jalr s0
        mv s1, a0
        li t0, 0x0070
        sh t0, 2(s0)
        jalr s0
        mv s2, a0
        j poweroff`;
    const plain = new Bench(source).poweroff();
    assert.deepEqual([plain.x('s1'), plain.x('s2')], [1n, 7n]);
    const stopped = new Bench(source);
    stopped.machine.stops.setBreakpoints([0x8000_0ffen]);
    for (const expected of [1n, 7n]) {
      const stop = stopped.run();
      assert(stop.kind === 'breakpoint' && stop.pc === 0x8000_0ffen);
      stopped.machine.stops.passBreakpoint(stopped.machine.instret, stop.pc);
      stopped.machine.run(stopped.machine.instret + 1);
      assert.equal(stopped.x('a0'), expected);
    }
    stopped.poweroff();
    assert.equal(stopped.machine.instret, plain.machine.instret);
    assert.equal(stopped.machine.stateHash(), plain.machine.stateHash());
  });

  it('in the second half of a page that PMP forbids does not run, however it is reached', () => {
    const bench = new Bench(
      trapping(`
        li t0, 0x80200000
        li t1, 0x00000013
        li t2, 1024
    1:  sw t1, (t0)
        addi t0, t0, 4
        addi t2, t2, -1
        bnez t2, 1b
        li t0, 0x20080000 + 0x200
        csrw pmpaddr0, t0
        li t0, -1
        csrw pmpaddr1, t0
        li t0, 0x1b0f
        csrw pmpcfg0, t0
        la s5, poweroff
        li t0, 0x1800
        csrc mstatus, t0
        li t0, 0x80200700
        csrw mepc, t0
        mret`),
    ).poweroff();
    assert.deepEqual([bench.x('s2'), bench.x('s3'), bench.x('s4')], [1n, 0x8020_0800n, 1n]);
  });
});

describe('accesses', () => {
  it('that are misaligned give the same bytes, also across pages', () => {
    const bench = new Bench(`
        li s0, 0x80200ff9
        li t0, 0x1122334455667788
        sd t0, (s0)
        ld s1, (s0)
        lw s2, 5(s0)
        lhu s3, 6(s0)
        lbu s4, 7(s0)
        j poweroff`).poweroff();
    assert.equal(bench.x('s1'), 0x1122_3344_5566_7788n);
    assert.deepEqual([bench.x('s3'), bench.x('s4')], [0x1122n, 0x11n]);
    assert.equal(bench.x('s2') & 0xff_ffffn, 0x11_2233n);
  });

  it('atomic ones trap when misaligned', () => {
    for (const [text, cause] of [
      ['amoadd.w a0, a0, (s0)', 6n],
      ['lr.d a0, (s0)', 4n],
      ['sc.w a0, a0, (s0)', 6n],
    ] as const) {
      const bench = new Bench(trapping(`la s5, poweroff\nli s0, 0x80200002\n${text}\nj fail`)).poweroff();
      assert.deepEqual([bench.x('s2'), bench.x('s3')], [cause, 0x8020_0002n], text);
    }
  });

  it('cbo.zero clears its block, and nothing beside it', () => {
    const bench = new Bench(`
        li s0, 0x80200000
        li t0, -1
        li t1, 24
    1:  sd t0, (s0)
        addi s0, s0, 8
        addi t1, t1, -1
        bnez t1, 1b
        li s0, 0x80200047
        cbo.zero (s0)
        j poweroff`).poweroff();
    const words = bench.dwords(0x8020_0000, 24).map((word) => word !== 0n);
    assert.deepEqual(
      words,
      words.map((_, index) => index < 8 || index >= 16),
    );
  });

  it('of odd sizes and places of devices trap or are answered', () => {
    const bench = new Bench(
      trapping(`
        la s5, next
        li s0, 0x10000000
        ld t1, (s0)
    next:
        la s5, second
        li s0, 0x2000000
        lw t1, 2(s0)
        j fail
    second:
        la s5, third
        li s0, 0x20000000
        sd t1, (s0)
        j fail
    third:
        la s5, poweroff
        li s0, 0x7ffffffe
        lw t1, (s0)
        j fail`),
    ).poweroff();
    assert(bench.x('s4') >= 3n);
    assert.deepEqual([bench.x('s2'), bench.x('s3')], [5n, 0x7fff_fffen]);
  });

  it('LR/SC: another hart’s store in between makes SC fail', () => {
    const bench = new Bench(
      `   csrr t0, mhartid
          la s0, lock
          la s1, go
          bnez t0, other
          lr.d t1, (s0)
          li t0, 1
          sd t0, (s1)
      1:  ld t0, 8(s1)
          beqz t0, 1b
          li t0, 5
          sc.d s2, t0, (s0)
          ld s3, (s0)
          j poweroff
      other:
          ld t0, (s1)
          beqz t0, other
          li t0, 9
          sd t0, (s0)
          li t0, 1
          sd t0, 8(s1)
          j .
          .align 3
      lock: .dword 0
      go: .dword 0, 0`,
      { harts: 2 },
    ).poweroff();
    assert.deepEqual([bench.x('s2'), bench.x('s3')], [1n, 9n]);
  });
});

/** Sv39 with `entries` more in the root (index: value), in M-mode with MPRV, so that the handler runs unmapped. */
const mapped = (entries: Readonly<Record<number, string>>, main: string): string =>
  trapping(`
        .equ root, 0x80300000
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        la t0, root
        ${Object.entries(entries)
          .map(([index, value]) => `li t1, ${value}\nsd t1, ${8 * Number(index)}(t0)`)
          .join('\n')}
        srli t0, t0, 12
        li t1, 8
        slli t1, t1, 60
        or t0, t0, t1
        csrw satp, t0
        la s5, poweroff
        li t0, 0x1800
        csrc mstatus, t0
        li t0, 0x800
        csrs mstatus, t0
        li t0, 0x20000
        csrs mstatus, t0
        ${main}
        j fail`);

describe('page tables', () => {
  it('that point to themselves end in a fault', () => {
    const bench = new Bench(mapped({ 1: '0x200c0001' }, 'li s0, 0x40201000\nld t0, (s0)')).poweroff();
    assert.equal(bench.x('s2'), 13n);
    assert.equal(bench.x('s3'), 0x4020_1000n);
  });

  it('in a device or outside RAM are access faults', () => {
    for (const entry of ['0x4000001', '0x3ffffffffff001']) {
      const bench = new Bench(mapped({ 1: entry }, 'li s0, 0x40201000\nsd t0, (s0)')).poweroff();
      assert.equal(bench.x('s2'), 7n, entry);
    }
  });

  it('without hardware updates, accessed and dirty bits fault (Svadu off)', () => {
    const read = 'li s0, 0x40000000\nld s6, (s0)\n';
    for (const [svadu, flags, cause, traps] of [
      [false, 0x07, 13n, 1n],
      [false, 0x47, 15n, 1n],
      [true, 0x07, 0n, 0n],
    ] as const) {
      const main = `${read}sd s6, (s0)\nli t0, 0x20000\ncsrc mstatus, t0\nj poweroff`;
      const entry = `0x20000000 + ${flags}`;
      const bench = new Bench(mapped({ 1: entry }, main), { svadu }).poweroff();
      assert.deepEqual([bench.x('s2'), bench.x('s4')], [cause, traps]);
      const after = bench.dword(0x8030_0008) & 0xffn;
      assert.equal(after, BigInt(svadu ? flags | 0xc0 : flags));
    }
  });

  it('give a page its permissions: neither writable code nor executable data', () => {
    const writes = new Bench(mapped({ 1: '0x20000000 + 0xcb' }, 'li s0, 0x40000000\nsd t0, (s0)')).poweroff();
    assert.equal(writes.x('s2'), 15n);
    const runs = new Bench(
      mapped({ 1: '0x20000000 + 0xc7' }, 'li t0, 0x40000000\ncsrw mepc, t0\nmret'),
    ).poweroff();
    assert.deepEqual([runs.x('s2'), runs.x('s3')], [12n, 0x4000_0000n]);
  });
});

describe('hostile guests', () => {
  const storms: Readonly<Record<string, string>> = {
    'with mtvec in nothing': 'li t0, 0x40000000\ncsrw mtvec, t0\nunimp',
    'with mtvec at 0': 'ecall',
    'that jump wildly': 'li t0, 0xdeadbeefdeadbee0\njr t0',
    'that jump into a device': 'li t0, 0x10000000\njr t0',
    'that jump to the last bytes of RAM': 'li t0, 0x80fffffc\njr t0',
    'that wait for ever': 'csrw mie, zero\n1: wfi\nj 1b',
  };
  for (const [name, source] of Object.entries(storms)) {
    it(`${name}: time goes on, and run() returns`, () => {
      const bench = new Bench(source);
      const stop = bench.run(50_000);
      if (stop.kind === 'idle') assert.equal(stop.skipTicks, undefined);
      else {
        assert.deepEqual(stop, { kind: 'reached' });
        assert.equal(bench.machine.instret, 50_000);
      }
    });
  }

  it('a virtio disk that is told to reach outside RAM asks for a reset, and nothing is written there', () => {
    const bench = new Bench(`
        li s0, 0x10007000
        li t0, 3
        sw t0, 0x70(s0)
        sw zero, 0x30(s0)
        li t0, 8
        sw t0, 0x38(s0)
        li t0, 0x7ffff000
        sw t0, 0x80(s0)
        sw t0, 0x90(s0)
        sw t0, 0xa0(s0)
        li t0, 1
        sw t0, 0x44(s0)
        li t0, 15
        sw t0, 0x70(s0)
        sw zero, 0x50(s0)
        lw s1, 0x70(s0)
        j poweroff`).poweroff();
    assert(bench.x('s1') <= 0xffn);
  });
});
