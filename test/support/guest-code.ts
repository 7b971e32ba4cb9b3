/** Pieces of assembly that several guests of the tests begin with. */

/**
 * Sets up the virtio disk in a slot, with a queue of 8 and no features but version 1. Leaves its registers' address in s0,
 * and in s1 the descriptors; the driver's ring is 256 bytes behind them, the device's 512. Changes t0.
 */
export const startDisk = (slot: number): string => `
        .equ disk, ${0x10001000 + 0x1000 * slot}
        .equ rings, 0x80100000
        li s0, disk
        li t0, 3
        sw t0, 0x70(s0)
        sw zero, 0x24(s0)
        sw zero, 0x20(s0)
        li t0, 1
        sw t0, 0x24(s0)
        sw t0, 0x20(s0)
        li t0, 11
        sw t0, 0x70(s0)
        sw zero, 0x30(s0)
        li t0, 8
        sw t0, 0x38(s0)
        li s1, rings
        sw s1, 0x80(s0)
        sw zero, 0x84(s0)
        addi t0, s1, 256
        sw t0, 0x90(s0)
        sw zero, 0x94(s0)
        addi t0, s1, 512
        sw t0, 0xa0(s0)
        sw zero, 0xa4(s0)
        li t0, 1
        sw t0, 0x44(s0)
        li t0, 15
        sw t0, 0x70(s0)`;

/** Turns Sv39 on: the first GiB of RAM at its physical address and at 0x40000000, devices at theirs. Changes t0, t1. */
export const MAP_ALIAS = `
        .equ root, 0x80010000
        la t0, root
        li t1, 0x20000000 + 0xcf
        sd t1, 16(t0)
        sd t1, 8(t0)
        li t1, 0xcf
        sd t1, (t0)
        srli t0, t0, 12
        li t1, 8
        slli t1, t1, 60
        or t0, t0, t1
        csrw satp, t0
        sfence.vma`;

/** Lets the UART's input interrupt hart 0 in M-mode, through the PLIC. Leaves the UART's address in t0; changes t1. */
export const HEAR_UART = `
        li t0, 0xc000028
        li t1, 1
        sw t1, (t0)
        li t0, 0xc002000
        li t1, 0x400
        sw t1, (t0)
        li t0, 0x10000000
        li t1, 1
        sb t1, 1(t0)
        li t1, 0x800
        csrw mie, t1`;
