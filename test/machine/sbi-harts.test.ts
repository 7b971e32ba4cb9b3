/** The built-in firmware's calls between harts: HSM, IPI, RFENCE. */
import assert from 'node:assert/strict';
import { Waiting } from '../../src/machine/harts';
import { H } from '../../src/machine/layout';
import {
  ALREADY_AVAILABLE,
  call,
  HSM,
  INVALID_ADDRESS,
  INVALID_PARAM,
  IPI,
  RFENCE,
  supervisor,
  TIME,
} from './sbi-calls';

describe('builtin firmware (SBI) between harts', () => {
  /** Hart 0 starts all others at `second`, each of which counts itself in; then `main` runs. */
  const started = (main: string, second: string, more = ''): string => `
          li s8, 1
      1:  li t0, HARTS
          bge s8, t0, 2f
          mv a0, s8
          la a1, second_start
          li a2, 0x77
          li a7, ${HSM}
          li a6, 0
          ecall
          bnez a0, fail
          addi s8, s8, 1
          j 1b
      2:  la t0, arrived
          ld t1, (t0)
          li t2, HARTS - 1
          bne t1, t2, 2b
          ${main}
      second_start:
          mv s0, a0
          mv s1, a1
          la t0, arrived
          li t1, 1
          amoadd.d zero, t1, (t0)
          ${second}
          ${more}
          .align 3
      arrived: .dword 0
      seen: .zero 64
  `;

  for (const harts of [2, 4, 8]) {
    it(`HSM: starts ${harts - 1} more harts, with a0 the hart and a1 what was given`, () => {
      const bench = supervisor(`.equ HARTS, ${harts}\n${started('j poweroff', 'j .')}`, { harts }).poweroff();
      for (let hart = 1; hart < harts; hart++) {
        assert.equal(bench.x('s0', hart), BigInt(hart));
        assert.equal(bench.x('s1', hart), 0x77n);
        assert.equal(bench.csr('satp', hart), 0n);
        assert.equal(bench.machine.harts.get32(hart, H.priv), 1);
      }
    });

    it(`IPI: reaches the ${harts - 1} other harts of its mask, and no other`, () => {
      const receive = `
          la t0, ipi
          csrw stvec, t0
          csrsi sie, 2
          csrsi sstatus, 2
      3:  wfi
          j 3b
          .align 2
      ipi:
          csrci sip, 2
          csrr s2, scause
          la t0, seen
          add t0, t0, s0
          lbu t1, (t0)
          addi t1, t1, 1
          sb t1, (t0)
          sret`;
      // All but hart 0 by a mask; then the last one alone, by a base; then everyone (base -1), hart 0 too.
      const send = `
          li t0, 100000
      4:  addi t0, t0, -1
          bnez t0, 4b
          ${call(IPI, 0, 2 ** harts - 2, 0)}
          bnez a0, fail
          li t0, 100000
      4:  addi t0, t0, -1
          bnez t0, 4b
          ${call(IPI, 0, 1, harts - 1)}
          bnez a0, fail
          li t0, 100000
      4:  addi t0, t0, -1
          bnez t0, 4b
          ${call(IPI, 0, 0, -1)}
          bnez a0, fail
          csrr s9, sip
          li t0, 100000
      4:  addi t0, t0, -1
          bnez t0, 4b
          j poweroff`;
      const bench = supervisor(`.equ HARTS, ${harts}\n${started(send, receive)}`, { harts }).poweroff(
        10_000_000,
      );
      const counts = Array.from({ length: harts }, (_, hart) =>
        hart === 0 ? 0 : hart === harts - 1 ? 3 : 2,
      );
      assert.deepEqual([...bench.bytes('seen', harts)], counts);
      assert.equal(bench.x('s9') & 2n, 2n, 'hart 0 has sent one to itself');
      assert.equal(bench.x('s2', 1), (1n << 63n) | 1n);
    });
  }

  it('HSM: reports harts as started, suspended and stopped; refuses a second start and a wild address', () => {
    const status = (hart: number, keep: string): string => `${call(HSM, 2, hart)}\nmv ${keep}, a1`;
    const pause = `
          li t0, 100000
      5:  addi t0, t0, -1
          bnez t0, 5b`;
    const main = `
          ${status(1, 's1')}
          ${call(HSM, 0, 1, 'second_start', 0)}
          mv s2, a0
          ${status(0, 's3')}
          ${call(IPI, 0, 2, 0)}
          ${pause}
          ${status(1, 's4')}
          ${call(IPI, 0, 2, 0)}
          ${pause}
          ${status(1, 's5')}
          ${call(HSM, 0, 1, 0x1000_0000, 0)}
          mv s6, a0
          ${call(HSM, 0, 2, 'second_start', 0)}
          mv s7, a0
          ${call(HSM, 0, 1, 'again', 0x55)}
          mv s9, a0
          ${pause}
          j fail`;
    // Waits for an IPI, suspends (retentive) until the next, then stops.
    const second = `
          csrsi sie, 2
          wfi
          csrci sip, 2
          ${call(HSM, 3, 0, 0, 0)}
          mv s2, a0
          csrci sip, 2
          ${call(HSM, 1)}
          j fail
      again:
          mv s3, a0
          mv s4, a1
          j poweroff`;
    const bench = supervisor(`.equ HARTS, 2\n${started(main, second)}`, { harts: 2 }).poweroff(10_000_000);
    assert.equal(bench.x('s1'), 0n, 'started');
    assert.equal(BigInt.asIntN(64, bench.x('s2')), ALREADY_AVAILABLE);
    assert.equal(bench.x('s3'), 0n);
    assert.equal(bench.x('s4'), 4n, 'suspended');
    assert.equal(bench.x('s5'), 1n, 'stopped');
    assert.equal(BigInt.asIntN(64, bench.x('s6')), INVALID_ADDRESS);
    assert.equal(BigInt.asIntN(64, bench.x('s7')), INVALID_PARAM);
    assert.equal(bench.x('s9'), 0n);
    assert.equal(bench.x('s2', 1), 0n, 'the suspended hart went on behind its call');
    assert.deepEqual([bench.x('s3', 1), bench.x('s4', 1)], [1n, 0x55n]);
  });

  it('HSM: resumes a non-retentive suspend at its address in the state of a start', () => {
    const bench = supervisor(`
          rdtime a0
          addi a0, a0, 100
          li a7, ${TIME}
          li a6, 0
          ecall
          li t0, 0x20
          csrs sie, t0
          csrsi sstatus, 2
          li a0, 0x80000000
          la a1, resumed
          li a2, 0x1234
          li a7, ${HSM}
          li a6, 3
          ecall
          j fail
      resumed:
          mv s0, a0
          mv s1, a1
          csrr s2, sstatus
          j poweroff`).poweroff();
    assert.deepEqual([bench.x('s0'), bench.x('s1'), bench.x('s2') & 2n], [0n, 0x1234n, 0n]);
  });

  it('RFENCE: makes other harts see a changed page table', () => {
    // Hart 1 reads through virtual page 0x40000000 until the value is the second page's.
    const setUp = `
          .equ root, 0x80010000
          .equ leaf, 0x80011000
          .equ level0, 0x80012000
          .equ first, 0x80013000
          .equ second_page, 0x80014000
          .equ ready, 0x80015000
          li t0, 111
          la t1, first
          sd t0, (t1)
          li t0, 222
          la t1, second_page
          sd t0, (t1)
          la t0, root
          li t1, 0xcf
          sd t1, (t0)
          la t1, leaf
          srli t2, t1, 2
          ori t2, t2, 1
          sd t2, 8(t0)
          la t1, level0
          srli t2, t1, 2
          ori t2, t2, 1
          la t3, leaf
          sd t2, (t3)
          la t3, level0
          la t1, first
          srli t2, t1, 2
          ori t2, t2, 0xc7
          sd t2, (t3)
          li t2, 0x20000000
          ori t2, t2, 0xcf
          sd t2, 16(t0)`;
    const main = `
      6:  la t0, ready
          ld t0, (t0)
          beqz t0, 6b
          la t1, second_page
          srli t2, t1, 2
          ori t2, t2, 0xc7
          la t3, level0
          sd t2, (t3)
          ${call(RFENCE, 1, 2, 0, 0x4000_0000, 4096)}
          bnez a0, fail
          ${call(RFENCE, 0, 3, 0)}
          bnez a0, fail
          ${call(RFENCE, 2, 0, -1, 0, -1)}
          bnez a0, fail
          j .`;
    const second = `
          la t0, root
          srli t0, t0, 12
          li t1, 8
          slli t1, t1, 60
          or t0, t0, t1
          csrw satp, t0
          sfence.vma
          li t0, 0x40000000
          ld s2, (t0)
          la t1, ready
          li t2, 1
          sd t2, (t1)
          li t3, 200000
      7:  ld s3, (t0)
          addi t3, t3, -1
          beqz t3, fail
          beq s2, s3, 7b
          j poweroff`;
    const bench = supervisor(`.equ HARTS, 2\n${setUp}\n${started(main, second)}`, { harts: 2 });
    bench.poweroff();
    assert.deepEqual([bench.x('s2', 1), bench.x('s3', 1)], [111n, 222n]);
  });

  it("a hart that the debugger holds gets no turn, whatever asks for it; its state is the guest's affair", () => {
    const main = `
          la t0, seen
      6:  lb t1, (t0)
          beqz t1, 6b
          ${call(HSM, 2, 1)}
          mv s1, a1
          ${call(IPI, 0, 6, 0)}
          ${call(HSM, 0, 3, 'second_start', 9)}
          bnez a0, fail
          ${call(HSM, 2, 3)}
          mv s2, a1
          li s3, 1
          j .`;
    const second = `
          csrsi sie, 2
          wfi
          li s4, 1
          j .`;
    const startTwo = started(main, second).replaceAll('HARTS', '3');
    const bench = supervisor(startTwo, { harts: 4 });
    const { harts } = bench.machine;
    while (bench.dword('arrived') < 2n) bench.run(bench.machine.instret + 1000);
    while (harts.waiting(2) !== Waiting.wfi) bench.run(bench.machine.instret + 1000);
    harts.alone = 0;
    assert.equal(harts.alone, 0);
    bench.machine.memory.write(bench.program.at('seen'), Uint8Array.of(1));
    bench.run(bench.machine.instret + 200_000);
    const statuses = [bench.x('s1'), bench.x('s2'), bench.x('s3')];
    assert.deepEqual(statuses, [0n, 0n, 1n], 'a held hart is started for the guest, and can be');
    assert.equal(harts.waiting(2), Waiting.wfi);
    assert.deepEqual(
      [1, 2].map((hart) => bench.x('s4', hart)),
      [0n, 0n],
      'nor does an interrupt wake one',
    );
    assert.equal(bench.pc(3), BigInt(bench.program.at('second_start')));
    harts.alone = undefined;
    assert.equal(harts.alone, undefined);
    bench.run(bench.machine.instret + 200_000);
    assert.deepEqual(
      [1, 2].map((hart) => bench.x('s4', hart)),
      [1n, 1n],
    );
    assert.equal(bench.x('s0', 3), 3n);
  });
});
