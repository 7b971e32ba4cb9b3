/** How harts start: the reset ROM with its registers, firmware `none` and `builtin`, and sizes of RAM. */
import assert from 'node:assert/strict';
import { linuxImageHeader, planBoot, rawImage } from '../../src/machine/boot';
import { UserError } from '../../src/base/errors';
import { H } from '../../src/machine/layout';
import { physAddr } from '../../src/base/brand';
import { Bench, bareGuest, RAM } from '../support/bare-guest';

const MiB = 1 << 20;
const code = (expected: string) => (error: unknown) => error instanceof UserError && error.code === expected;

/** Each hart stores a0, a1, a2 and mhartid at 32 * mhartid behind `table`. */
const KEEP_ARGUMENTS = `
        csrr t0, mhartid
        slli t1, t0, 5
        la t2, table
        add t2, t2, t1
        sd a0, (t2)
        sd a1, 8(t2)
        sd a2, 16(t2)
        sd t0, 24(t2)
        la t3, count
        li t4, 1
        amoadd.d t5, t4, (t3)
        li t4, HARTS - 1
        beq t5, t4, poweroff
        j .
        .align 3
    count: .dword 0
    table: .zero 256
`;

describe('boot', () => {
  for (const harts of [1, 2, 8]) {
    it(`starts ${harts} harts at the reset vector with hart id, device tree and fw_dynamic_info`, () => {
      const bench = new Bench(`.equ HARTS, ${harts}\n${KEEP_ARGUMENTS}`, { harts });
      assert.equal(bench.pc(0), 0x1000n);
      assert.equal(bench.machine.harts.get32(0, H.priv), 3);
      bench.poweroff();
      for (let hart = 0; hart < harts; hart++) {
        const [a0, a1, a2, id] = bench.dwords(bench.program.at('table') + 32 * hart, 4);
        assert.equal(a0, BigInt(hart));
        assert.equal(id, BigInt(hart));
        assert.deepEqual([...bench.bytes(Number(a1), 4)], [0xd0, 0x0d, 0xfe, 0xed], 'magic of a device tree');
        const info = bench.machine.looks.physical(physAddr(a2 ?? 0n), 48);
        assert(info, 'a2 points into the ROM');
        const words = new BigUint64Array(info.buffer.slice(0));
        // fw_dynamic_info: magic "OSBI", version, next address, next mode (1: S), options, boot hart
        assert.deepEqual([...words], [0x4942_534fn, 2n, BigInt(RAM), 1n, 0n, 0n]);
      }
    });
  }

  it('gives a supervisor under the builtin firmware hart 0 in S-mode, the others stopped', () => {
    const bench = new Bench(
      `   mv s0, a0
          mv s1, a1
          csrr s2, sstatus
          csrr s3, satp
          rdtime s4
          rdcycle s5
          j poweroff`,
      { firmware: 'builtin', harts: 4 },
    );
    assert.equal(bench.pc(0), BigInt(RAM));
    assert.equal(bench.machine.harts.get32(0, H.priv), 1);
    assert.deepEqual(
      [1, 2, 3].map((hart) => bench.machine.harts.get32(hart, H.waiting)),
      [2, 2, 2],
    );
    bench.poweroff();
    assert.equal(bench.x('s0'), 0n);
    assert.deepEqual([...bench.bytes(Number(bench.x('s1')), 4)], [0xd0, 0x0d, 0xfe, 0xed]);
    assert.equal(bench.x('s2') & 2n, 0n, 'SIE is off');
    assert.equal(bench.x('s3'), 0n);
  });

  it('zeroes what a segment has in memory beyond its bytes', () => {
    const { config, program } = bareGuest('j poweroff');
    const boot = planBoot({
      ramBytes: 16 * MiB,
      harts: 1,
      svadu: true,
      firmware: { kind: 'none' },
      program: {
        entry: RAM,
        segments: [{ address: RAM, bytes: program.bytes, sizeBytes: 3 * MiB }],
      },
    });
    const bench = new Bench({ program, config: { ...config, boot } }).poweroff();
    assert(bench.bytes(RAM + program.bytes.length, MiB).every((byte) => byte === 0));
  });

  it('gives a guest with 16 MiB no byte more', () => {
    const bench = new Bench(`
        la t0, trapped
        csrw mtvec, t0
        li s0, 0x81000000
        sb zero, -1(s0)
        lbu s1, -1(s0)
        li s2, 1
        sb zero, (s0)
        j fail
        .align 2
    trapped:
        csrr s3, mcause
        csrr s4, mtval
        j poweroff`).poweroff();
    assert.deepEqual([bench.x('s2'), bench.x('s3'), bench.x('s4')], [1n, 7n, 0x8100_0000n]);
  });

  it('gives a guest with 2 GiB its last page', () => {
    const bench = new Bench(
      `   li s0, 0xfffffffffffffff8
          li t0, 0x100000000
          add s0, s0, t0
          li t1, 0x1122334455667788
          sd t1, (s0)
          ld s1, (s0)
          j poweroff`,
      { ramBytes: 2048 * MiB },
    );
    const before = bench.machine.memory.framesInUse;
    bench.poweroff();
    assert.equal(bench.x('s1'), 0x1122_3344_5566_7788n);
    assert.equal(bench.dword(0xffff_fff8), 0x1122_3344_5566_7788n);
    assert.equal(bench.machine.memory.framesInUse - before, 2, 'one page and its leaf');
  });

  it('starts again after a reset through the finisher, with RAM as at power-on', () => {
    const bench = new Bench(`
        li s1, 0x80800000
        ld s2, (s1)
        bnez s2, fail
        li s2, 5
        sd s2, (s1)
        la t0, value
        lw s3, (t0)
        sw zero, (t0)
        beqz s3, fail
        li t0, 0x10000000
        li t1, 'x'
        sb t1, (t0)
        lbu t1, 7(t0)
        bnez t1, fail
        li t1, 1
        sb t1, 7(t0)
        li t0, 0x100000
        li t1, 0x7777
        sw t1, (t0)
        j .
    value: .word 7`);
    let left = 3;
    bench.onByte = () => {
      if (--left === 0) bench.machine.interrupt();
    };
    assert.deepEqual(bench.run(), { kind: 'interrupted' });
    assert.equal(bench.shown, 'xxx');
    assert.equal(bench.machine.harts.get32(0, H.priv), 3);
  });

  describe('refuses with a code', () => {
    const request = {
      ramBytes: 16 * MiB,
      harts: 1,
      svadu: true,
      firmware: { kind: 'none' },
      program: rawImage(new Uint8Array(16), RAM),
    } as const;

    it('a program outside RAM', () => {
      assert.throws(
        () => planBoot({ ...request, program: rawImage(new Uint8Array(16), 0x1000) }),
        code('IMAGE_OUTSIDE_RAM'),
      );
      const large = rawImage(new Uint8Array(17 * MiB), RAM);
      assert.throws(() => planBoot({ ...request, program: large }), code('IMAGE_TOO_LARGE'));
      const wild = { ...request.program, entry: 0x4000_0000 };
      assert.throws(() => planBoot({ ...request, program: wild }), code('ENTRY_OUTSIDE_RAM'));
    });

    it('programs and firmware that overlap, and an initrd without room', () => {
      const firmware = { kind: 'image', image: rawImage(new Uint8Array(32), RAM + 8) } as const;
      assert.throws(() => planBoot({ ...request, firmware }), code('IMAGES_OVERLAP'));
      assert.throws(
        () => planBoot({ ...request, initrd: new Uint8Array(10 * MiB) }),
        code('INITRD_TOO_LARGE'),
      );
      // The device tree's own place.
      const whole = rawImage(new Uint8Array(16 * MiB), RAM);
      assert.throws(() => planBoot({ ...request, program: whole }), code('IMAGES_OVERLAP'));
    });

    it('nothing that is no Linux Image', () => {
      assert.equal(linuxImageHeader(new Uint8Array(63)), undefined);
      assert.equal(linuxImageHeader(new Uint8Array(4096)), undefined);
    });
  });
});
