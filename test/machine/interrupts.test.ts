/** Interrupts and ends of a run, as a bare guest in M-mode sees them: CLINT, Sstc, PLIC, WFI, finisher, HTIF, RTC. */
import assert from 'node:assert/strict';
import { Bench } from '../support/bare-guest';
import { HEAR_UART } from '../support/guest-code';

const INTERRUPT = 1n << 63n;

/** A handler at `handler` that keeps mcause in s2, time in s3, and then runs `more`. */
const handled = (main: string, more: string): string => `
        la t0, handler
        csrw mtvec, t0
        ${main}
        .align 2
    handler:
        csrr s2, mcause
        csrr s3, time
        csrr s4, mepc
        ${more}`;

/** Without a PMP entry nothing below M-mode may touch memory. */
const ALLOW_ALL = `
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0`;

const SLEEP = `
        csrsi mstatus, 8
    sleep:
        wfi
        j sleep`;

describe('interrupts', () => {
  it('MTIP rises at mtimecmp, and time skipped in WFI ends there', () => {
    const bench = new Bench(
      handled(
        `li t0, 0x2004000
         li t1, 5000
         sd t1, (t0)
         li t1, 0x80
         csrs mie, t1
         ${SLEEP}`,
        `li t0, 0x2004000
         li t1, -1
         sd t1, (t0)
         csrr s5, mip
         j poweroff`,
      ),
    );
    const stop = bench.machine.run(2_000_000);
    assert.equal(stop.kind, 'idle');
    assert(bench.machine.instret < 100, 'nothing is executed while waiting');
    bench.poweroff();
    assert.equal(bench.x('s2'), INTERRUPT | 7n);
    assert.equal(bench.x('s3'), 5000n);
    assert.equal(bench.x('s5') & 0x80n, 0n);
  });

  it('a timer in the past is due at once, and a busy guest is interrupted at the tick', () => {
    const busy = new Bench(
      handled(
        `li t0, 0x2004000
         li t1, 1000
         sd t1, (t0)
         li t1, 0x80
         csrs mie, t1
         csrsi mstatus, 8
         j .`,
        'j poweroff',
      ),
    ).poweroff();
    assert.equal(busy.x('s3'), 1000n);
    const past = new Bench(
      handled(
        `li t1, 0x80
         csrs mie, t1
         csrsi mstatus, 8
         li t0, 0x2004000
         sd zero, (t0)
         li s5, 1
         j fail`,
        'j poweroff',
      ),
    ).poweroff();
    assert.equal(past.x('s5'), 0n, 'before the next instruction');
  });

  it('Sstc: stimecmp drives STIP, which software cannot clear', () => {
    const bench = new Bench(
      handled(
        `${ALLOW_ALL}
         li t0, 1
         slli t0, t0, 63
         csrs menvcfg, t0
         csrwi stimecmp, 0
         csrr s5, mip
         li t0, 0x20
         csrc mip, t0
         csrr s6, mip
         li t0, 0x222
         csrw mideleg, t0
         la t0, supervisor
         csrw mepc, t0
         la t0, strap
         csrw stvec, t0
         li t0, 0x800
         csrs mstatus, t0
         li t0, 2
         csrs mcounteren, t0
         csrs mstatus, t0
         mret
     supervisor:
         li t0, 0x20
         csrw sie, t0
         csrsi sstatus, 2
         j .
         .align 2
     strap:
         csrr s7, scause
         csrr s8, sip
         li t0, -1
         csrw stimecmp, t0
         csrr s9, sip
         j poweroff`,
        'j fail',
      ),
    ).poweroff();
    assert.equal(bench.x('s5') & 0x20n, 0x20n);
    assert.equal(bench.x('s6') & 0x20n, 0x20n);
    assert.equal(bench.x('s7'), INTERRUPT | 5n);
    assert.deepEqual([bench.x('s8') & 0x20n, bench.x('s9') & 0x20n], [0x20n, 0n]);
  });

  it('software interrupts between harts, and a vectored mtvec', () => {
    const bench = new Bench(
      `   csrr t0, mhartid
          la t1, vectors
          addi t1, t1, 1
          csrw mtvec, t1
          csrwi mie, 8
          beqz t0, 1f
          csrsi mstatus, 8
      2:  wfi
          j 2b
      1:  li t0, 0x2000004
          li t1, 1
          sw t1, (t0)
          lw s5, (t0)
          j .
          .align 2
      vectors:
          j fail
          j fail
          j fail
          j software
      software:
          csrr s2, mcause
          li t0, 0x2000004
          sw zero, (t0)
          csrr s3, mip
          j poweroff`,
      { harts: 2 },
    ).poweroff();
    assert.equal(bench.x('s5', 0), 1n);
    assert.equal(bench.x('s2', 1), INTERRUPT | 3n);
    assert.equal(bench.x('s3', 1), 0n);
  });

  it('delegates to S-mode, vectored, and takes the more urgent interrupt first', () => {
    const bench = new Bench(`
        ${ALLOW_ALL}
        li t0, 0x222
        csrw mideleg, t0
        csrw mie, t0
        la t0, vectors
        addi t0, t0, 1
        csrw stvec, t0
        li t0, 0x222
        csrw mip, t0
        la t0, supervisor
        csrw mepc, t0
        li t0, 0x800
        csrs mstatus, t0
        li s5, 0
        mret
    supervisor:
        csrsi sstatus, 2
        j fail
        .align 2
    vectors:
        j fail
        j ssi
        j fail
        j fail
        j fail
        j sti
        j fail
        j fail
        j fail
        j sei
    sei:
        slli s5, s5, 8
        ori s5, s5, 9
        li t0, 0x200
        ecall
    ssi:
        j poweroff
    sti:
        j fail`);
    // SEI first: the handler stays in S-mode with SIE off; its ecall is not delegated and ends in mtvec = 0.
    assert.equal(bench.run(1000).kind, 'reached');
    assert.equal(bench.x('s5'), 9n);
    assert.equal(bench.csr('scause'), INTERRUPT | 9n);
    assert.equal(bench.csr('mcause'), 1n, 'storm at address 0');
  });

  it('the PLIC tells of UART input: claim, read, complete', () => {
    const bench = new Bench(
      handled(
        `${HEAR_UART}
         li s7, 0
         ${SLEEP}`,
        `li t0, 0xc200004
         lw s5, (t0)
         li t1, 0x10000000
         lbu s6, (t1)
         add s7, s7, s6
         sw s5, (t0)
         csrr s8, mip
         li t2, 'b'
         beq s6, t2, poweroff
         mret`,
      ),
    );
    assert.deepEqual(bench.run(), { kind: 'idle', skipTicks: undefined }, 'only input can wake it');
    bench.type('ab');
    bench.poweroff();
    assert.equal(bench.x('s2'), INTERRUPT | 11n);
    assert.equal(bench.x('s5'), 10n);
    assert.equal(bench.x('s7'), BigInt(97 + 98));
    assert.equal(bench.x('s8') & 0x800n, 0n);
  });

  it('WFI goes on without an interrupt taken when one is pending and enabled in mie alone', () => {
    const bench = new Bench(`
        li t0, 0x2004000
        li t1, 100
        sd t1, (t0)
        li t1, 0x80
        csrw mie, t1
        wfi
        csrr s1, mip
        csrr s2, time
        j poweroff`).poweroff();
    assert.deepEqual([bench.x('s1'), bench.x('s2')], [0x80n, 100n]);
  });

  it('a write of mtime moves time for everyone', () => {
    const bench = new Bench(`
        li t0, 0x200bff8
        li t1, 0x123456789a
        sd t1, (t0)
        csrr s1, time
        ld s2, (t0)
        sd zero, (t0)
        csrr s3, time
        j poweroff`).poweroff();
    assert.equal(bench.x('s1'), 0x12_3456_789an);
    assert.equal(bench.x('s2'), 0x12_3456_789an);
    assert.equal(bench.x('s3'), 0n);
  });
});

describe('ends of a run', () => {
  const finish = (value: string) => new Bench(`li t0, 0x100000\nli t1, ${value}\nsw t1, (t0)\nj .`).run();

  it('the finisher powers off and tells codes', () => {
    assert.deepEqual(finish('0x5555'), { kind: 'finished', reason: 'poweroff', exitCode: 0 });
    assert.deepEqual(finish('0x33333'), { kind: 'finished', reason: 'fail', exitCode: 3 });
    assert.deepEqual(finish('0x1003333'), { kind: 'finished', reason: 'fail', exitCode: 256 });
    assert.equal(finish('0x1234').kind, 'reached');
  });

  it('a guest that has ended stays so', () => {
    const bench = new Bench('j poweroff').poweroff();
    const { instret } = bench.machine;
    bench.poweroff();
    assert.equal(bench.machine.instret, instret);
  });

  it('HTIF ends, shows characters, reads the keyboard, and proxies write', () => {
    const bench = new Bench(`
        la s0, tohost
        la s1, fromhost
        li t0, 0x0101000000000041
        sd t0, (s0)
        ld s2, (s0)
        ld s3, (s1)
        sd zero, (s1)
        la t0, magic
        sd t0, (s0)
        ld s4, (s1)
        ld s5, (t0)
        la t0, magic
        li t1, 57
        sd t1, (t0)
        sd t0, (s0)
        ld s6, (t0)
    1:  li t0, 0x0100000000000000
        sd zero, (s1)
        sd t0, (s0)
        ld s7, (s1)
        beqz s7, 1b
        li t0, 85
        sw t0, (s0)
        sw zero, 4(s0)
        j .
    text: .ascii "text"
        .align 6
    magic: .dword 64, 1, text, 4, 0, 0, 0, 0
    tohost: .dword 0
    fromhost: .dword 0`);
    assert.equal(bench.run(1000).kind, 'reached');
    bench.type('k');
    assert.deepEqual(bench.run(), { kind: 'finished', reason: 'htif', exitCode: 42 });
    assert.equal(bench.shown, 'Atext');
    assert.equal(bench.x('s2'), 0n);
    assert.equal(bench.x('s3') >> 48n, 0x101n);
    assert.deepEqual([bench.x('s4'), bench.x('s5')], [1n, 4n]);
    assert.equal(BigInt.asIntN(64, bench.x('s6')), -38n, 'ENOSYS');
    assert.equal(bench.x('s7') & 0xffn, 0x6bn);
  });

  it('an HTIF exit code beyond a byte is no success', () => {
    const bench = new Bench('la t0, tohost\nli t1, 513\nsd t1, (t0)\nj .\n.align 3\ntohost: .dword 0');
    assert.deepEqual(bench.run(), { kind: 'finished', reason: 'htif', exitCode: 256 });
  });

  it('the goldfish RTC starts at a fixed time and goes with virtual time', () => {
    const bench = new Bench(`
        li t0, 0x101000
        lwu s0, (t0)
        lwu s1, 4(t0)
        j poweroff`).poweroff();
    const ns = (bench.x('s1') << 32n) | bench.x('s0');
    assert(ns - 1_735_689_600_000_000_000n < 1000n, `${ns}`);
  });
});
