/** The built-in firmware's calls (SBI 2.0) from S-mode code on one hart; sbi-harts.test.ts has those between harts. */
import assert from 'node:assert/strict';
import {
  BASE,
  call,
  DBCN,
  HSM,
  INVALID_PARAM,
  IPI,
  NOT_SUPPORTED,
  RFENCE,
  SRST,
  supervisor,
  TIME,
} from './sbi-calls';

/** What one call gives: error and value, signed. */
function answer(extension: number, fid: number, ...args: number[]): [bigint, bigint] {
  const bench = supervisor(`${call(extension, fid, ...args)}\nmv s0, a0\nmv s1, a1\nj poweroff`).poweroff();
  return [BigInt.asIntN(64, bench.x('s0')), BigInt.asIntN(64, bench.x('s1'))];
}

describe('builtin firmware (SBI)', () => {
  it('BASE: version 2.0, its extensions, and no machine ids', () => {
    assert.deepEqual(answer(BASE, 0), [0n, 0x0200_0000n]);
    for (const present of [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0, 1, 2, 8]) {
      assert.deepEqual(answer(BASE, 3, present), [0n, 1n], `extension ${present.toString(16)}`);
    }
    for (const absent of [9, 0x53555350, 0x504d55, 0x12345678])
      assert.deepEqual(answer(BASE, 3, absent), [0n, 0n]);
    for (const id of [4, 5, 6]) assert.deepEqual(answer(BASE, id), [0n, 0n]);
  });

  it('refuses what it does not know', () => {
    assert.equal(answer(BASE, 7)[0], NOT_SUPPORTED);
    assert.equal(answer(0x12345678, 0)[0], NOT_SUPPORTED);
    for (const extension of [TIME, IPI, HSM, SRST, DBCN])
      assert.equal(answer(extension, 9)[0], NOT_SUPPORTED);
    assert.equal(answer(RFENCE, 3)[0], NOT_SUPPORTED, 'hfence is for hypervisors');
    assert.equal(answer(0xf, 0)[0], NOT_SUPPORTED, 'legacy calls end at 8');
    assert.equal(answer(SRST, 0, 3)[0], INVALID_PARAM);
    assert.equal(answer(HSM, 3, 5)[0], INVALID_PARAM);
    assert.equal(answer(HSM, 2, 1)[0], INVALID_PARAM, 'there is one hart');
    assert.equal(answer(IPI, 0, 2, 0)[0], INVALID_PARAM);
    assert.equal(answer(RFENCE, 1, 1, 5)[0], INVALID_PARAM);
  });

  it('keeps all registers but a0 and a1', () => {
    const names = ['ra', 'sp', 't0', 's1', 'a2', 'a3', 'a4', 'a5', 's11', 't6'];
    const bench = supervisor(
      `${names.map((name, index) => `li ${name}, ${index + 100}`).join('\n')}
       li a7, ${BASE}
       li a6, 0
       ecall
       mv s0, t6
       j poweroff`,
    ).poweroff();
    assert.deepEqual(
      names.slice(0, -1).map((name) => bench.x(name)),
      names.slice(0, -1).map((_, index) => BigInt(index + 100)),
    );
    assert.equal(bench.x('s0'), 109n);
  });

  for (const [name, setTimer] of [
    ['TIME', `li a7, ${TIME}\nli a6, 0`],
    ['the legacy call', 'li a7, 0'],
  ] as const) {
    it(`${name}: sets the timer, which interrupts at its tick and is quiet once set anew`, () => {
      const bench = supervisor(`
          la t0, handler
          csrw stvec, t0
          li t0, 0x20
          csrs sie, t0
          rdtime s0
          addi a0, s0, 1000
          mv s1, a0
          ${setTimer}
          ecall
          csrsi sstatus, 2
      1:  wfi
          beqz s2, 1b
          j poweroff
          .align 2
      handler:
          rdtime s2
          csrr s3, scause
          csrr s5, sip
          li a0, -1
          ${setTimer}
          ecall
          csrr s4, sip
          sret`).poweroff();
      assert.equal(bench.x('s2'), bench.x('s1'), 'time did not run past the tick');
      assert.equal(bench.x('s3'), (1n << 63n) | 5n);
      assert.equal(bench.x('s5') & 0x20n, 0x20n);
      assert.equal(bench.x('s4') & 0x20n, 0n);
    });
  }

  it('DBCN: writes and reads memory and single bytes, and refuses what is not RAM', () => {
    const bench = supervisor(`
          ${call(DBCN, 0, 5, 'text', 0)}
          mv s0, a0
          mv s1, a1
          ${call(DBCN, 2, 0x121)}
          mv s2, a0
      1:  ${call(DBCN, 1, 64, 'buffer', 0)}
          bnez a0, fail
          beqz a1, 1b
          mv s3, a1
          ${call(DBCN, 0, 8, 0x7fff_fffc, 0)}
          mv s4, a0
          ${call(DBCN, 1, 8, 0x1000, 0)}
          mv s5, a0
          ${call(DBCN, 0, 8, 0x8000_0000, 1)}
          mv s6, a0
          ${call(DBCN, 0, 0, 'text', 0)}
          mv s7, a0
          mv s8, a1
          j poweroff
      text: .ascii "hello"
      buffer: .zero 64`);
    assert.equal(bench.run(500).kind, 'reached');
    assert.equal(bench.shown, 'hello!');
    bench.type('typed');
    bench.poweroff();
    assert.deepEqual([bench.x('s0'), bench.x('s1'), bench.x('s2')], [0n, 5n, 0n]);
    assert.equal(bench.x('s3'), 5n);
    assert.equal(new TextDecoder().decode(bench.bytes('buffer', 5)), 'typed');
    for (const wrong of ['s4', 's5', 's6'])
      assert.equal(BigInt.asIntN(64, bench.x(wrong)), INVALID_PARAM, wrong);
    assert.deepEqual([bench.x('s7'), bench.x('s8')], [0n, 0n]);
  });

  it('legacy: console, IPI by a null mask, fences, shutdown; a1 stays', () => {
    const bench = supervisor(`
          li a1, 0x66
          li a0, 'A'
          li a7, 1
          ecall
          mv s0, a0
          li a7, 2
          ecall
          mv s1, a0
      1:  li a7, 2
          ecall
          bltz a0, 1b
          mv s2, a0
          li a0, 0
          li a7, 4
          ecall
          csrr s3, sip
          li a7, 3
          ecall
          csrr s4, sip
          li a0, 0
          li a7, 5
          ecall
          li a7, 6
          ecall
          li a7, 7
          ecall
          mv s5, a0
          mv s6, a1
          li a7, 8
          ecall
          j fail`);
    assert.equal(bench.run(500).kind, 'reached');
    bench.type('q');
    bench.poweroff();
    assert.equal(bench.shown, 'A');
    assert.deepEqual([bench.x('s0'), BigInt.asIntN(64, bench.x('s1')), bench.x('s2')], [0n, -1n, 0x71n]);
    assert.deepEqual([bench.x('s3') & 2n, bench.x('s4') & 2n], [2n, 0n]);
    assert.deepEqual([bench.x('s5'), bench.x('s6')], [0n, 0x66n]);
  });

  it('SRST: powers off, tells a failure, and starts again', () => {
    assert.deepEqual(supervisor(call(SRST, 0, 0, 0)).run(), {
      kind: 'finished',
      reason: 'poweroff',
      exitCode: 0,
    });
    assert.deepEqual(supervisor(call(SRST, 0, 0, 1)).run(), {
      kind: 'finished',
      reason: 'fail',
      exitCode: 1,
    });
    for (const type of [1, 2]) {
      const bench = supervisor(`
          csrr s0, sscratch
          bnez s0, fail
          csrw sscratch, sp
          li a0, 'r'
          li a7, 1
          ecall
          ${call(SRST, 0, type, 0)}`);
      let left = 3;
      bench.onByte = () => {
        if (--left === 0) bench.machine.interrupt();
      };
      assert.deepEqual(bench.run(), { kind: 'interrupted' });
      assert.equal(bench.shown, 'rrr');
    }
  });

  it('answers no call from U-mode: that one is the supervisor’s', () => {
    const bench = supervisor(`
          la t0, handler
          csrw stvec, t0
          la t0, user
          csrw sepc, t0
          sret
      user: ecall
          .align 2
      handler:
          csrr s0, scause
          j poweroff`).poweroff();
    assert.equal(bench.x('s0'), 8n);
  });
});
