/**
 * A guest that does everything at once, for tests of determinism: each hart takes timer interrupts, sends the next hart
 * software interrupts, counts with AMOs and LR/SC, rewrites code that it then runs, walks over RAM, and sleeps now and
 * then; hart 0 also echoes what is typed, and reads and writes a virtio disk all the time. It never ends by itself.
 */
import { CowDisk } from '../../src/disk/cow-disk';
import { MemoryImage } from '../../src/disk/images';
import { bareGuest, type BareGuest } from './bare-guest';

const SOURCE = `
        .equ uart, 0x10000000
        .equ disk, 0x10008000
        .equ rings, 0x80100000
        .equ buffers, 0x80104000
        csrr s0, mhartid
        la t0, handler
        csrw mtvec, t0
        li t0, 0x2004000
        slli t1, s0, 3
        add s1, t0, t1              # mtimecmp
        li t0, 0x2000000
        slli t1, s0, 2
        add s2, t0, t1              # msip, own
        addi t1, s0, 1
        li t2, HARTS
        bltu t1, t2, 1f
        li t1, 0
    1:  slli t1, t1, 2
        add s3, t0, t1              # msip, the next hart's
        csrr t0, time
        addi t0, t0, 50
        sd t0, (s1)
        li t0, 0x888
        csrw mie, t0
        li s4, 12345
        add s4, s4, s0              # random numbers
        slli t0, s0, 12
        la s5, code_pages
        add s5, s5, t0
        li s6, 0
        bnez s0, go
        # UART receive interrupt through the PLIC
        li t0, 0xc000028
        li t1, 1
        sw t1, (t0)
        li t0, 0xc002000
        li t1, 0x400
        sw t1, (t0)
        li t0, uart
        li t1, 1
        sb t1, 1(t0)
        # a legacy virtio disk: one queue of 8
        li t0, disk
        li t1, 3
        sw t1, 0x70(t0)
        sw zero, 0x20(t0)
        li t1, 4096
        sw t1, 0x28(t0)
        sw zero, 0x30(t0)
        li t2, 8
        sw t2, 0x38(t0)
        sw t1, 0x3c(t0)
        li t1, rings
        srli t1, t1, 12
        sw t1, 0x40(t0)
        li t1, 7
        sw t1, 0x70(t0)
        li s7, 0                    # requests made
    go: csrsi mstatus, 8
    loop:
        # random numbers
        li t0, 6364136223846793005
        mul s4, s4, t0
        addi s4, s4, 1442
        # AMO, LR/SC
        la t0, counter
        srli t1, s4, 40
        amoadd.d t2, t1, (t0)
        addi t0, t0, 8
        amoxor.w t2, t1, (t0)
        addi t0, t0, 8
    1:  lr.d t1, (t0)
        addi t1, t1, 1
        sc.d t2, t1, (t0)
        bnez t2, 1b
        # somewhere in 2 MiB of RAM
        srli t0, s4, 43
        li t1, 0x80200000
        andi t2, t0, -8
        add t1, t1, t2
        ld t2, (t1)
        xor t2, t2, s4
        sd t2, (t1)
        # rewrites: li a0, N; ret
        srli t0, s4, 52
        andi t0, t0, 0x7ff
        slli t0, t0, 20
        li t1, 0x513
        or t0, t0, t1
        sw t0, (s5)
        li t1, 0x8067
        sw t1, 4(s5)
        andi t2, s4, 1
        beqz t2, 2f
        fence.i
    2:  jalr s5
        add s6, s6, a0
        bnez s0, 4f
        call serve_disk
    4:  andi t0, s6, 63
        bnez t0, loop
        wfi
        j loop

    serve_disk:
        li t0, rings + 4096
        lhu t1, 2(t0)               # used index
        slli t2, s7, 48
        srli t2, t2, 48
        bne t1, t2, 9f              # the last one is not done
        li t0, disk
        lw t1, 0x60(t0)
        sw t1, 0x64(t0)
        li t0, buffers
        andi t1, s7, 1
        sw t1, (t0)                 # 0 read, 1 write
        srli t1, s4, 58
        sd t1, 8(t0)                # sector
        ld t1, 16(t0)
        add t1, t1, s4
        sd t1, 16(t0)
        li t2, rings
        sd t0, (t2)                 # header
        li t3, 16
        sw t3, 8(t2)
        li t3, 0x10001
        sw t3, 12(t2)
        addi t3, t0, 16
        sd t3, 16(t2)               # data
        li t3, 1024
        sw t3, 24(t2)
        andi t3, s7, 1
        xori t3, t3, 1
        slli t3, t3, 1
        ori t3, t3, 1
        li t4, 0x20000
        or t3, t3, t4
        sw t3, 28(t2)
        li t4, 2048
        add t3, t0, t4
        sd t3, 32(t2)               # status
        li t3, 1
        sw t3, 40(t2)
        li t3, 2
        sw t3, 44(t2)
        andi t3, s7, 7
        slli t3, t3, 1
        add t3, t3, t2
        sh zero, 132(t3)            # available ring: head 0
        addi s7, s7, 1
        sh s7, 130(t2)
        li t0, disk
        sw zero, 0x50(t0)
    9:  ret

        .align 2
    handler:
        csrw mscratch, t0
        la t0, saved
        slli s8, s0, 5
        add s8, s8, t0
        sd t1, (s8)
        sd t2, 8(s8)
        csrr t1, mcause
        andi t1, t1, 0xf
        li t2, 7
        beq t1, t2, timer
        li t2, 11
        beq t1, t2, external
        sw zero, (s2)
        la t0, counter
        li t1, 1
        addi t0, t0, 24
        amoadd.d zero, t1, (t0)
    done:
        ld t1, (s8)
        ld t2, 8(s8)
        csrr t0, mscratch
        mret
    timer:
        csrr t1, time
        addi t1, t1, 60
        add t1, t1, s0
        sd t1, (s1)
        li t1, 1
        sw t1, (s3)
        j done
    external:
        li t0, 0xc200004
        lw t1, (t0)
        li t0, uart
    1:  lbu t2, 5(t0)
        andi t2, t2, 1
        beqz t2, 2f
        lbu t2, (t0)
        addi t2, t2, 1
        sb t2, (t0)
        j 1b
    2:  li t0, 0xc200004
        sw t1, (t0)
        j done
        .align 3
    counter: .zero 32
    saved: .zero 256
        .align 12
    code_pages: .zero 32768
`;

/** 64 sectors and more, each with bytes of its own. */
const IMAGE = Uint8Array.from({ length: 66 * 512 }, (_, at) => (at * 7 + (at >> 9)) & 0xff);

/** A guest with a disk of its own: each machine needs another one. */
export function busyGuest(harts: number, quantum = 777): BareGuest {
  const disks = [{ port: new CowDisk(new MemoryImage(IMAGE)), slot: 7 }];
  return bareGuest(`.equ HARTS, ${harts}\n${SOURCE}`, { harts, quantum, disks, legacyVirtio: true });
}
