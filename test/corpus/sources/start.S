# Power-on to main and off again; every register begins as 0, so that no machine's start shows.
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    .cfi_startproc
    .cfi_undefined ra
    .option push
    .option norelax
    la   gp, __global_pointer$
    .option pop
    la   sp, stack_top
    # The floating point unit is off (mstatus.FS).
    li   t0, 0x6000
    csrs mstatus, t0
    fscsr zero
    .irp n, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    li   x\n, 0
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.d.x f\n, zero
    .endr
    call main
    li   t0, 0x100000
    li   t1, 0x5555
    sw   t1, 0(t0)
1:  j    1b
    .cfi_endproc
    .size _start, . - _start

# In assembly: compilers turn loops of this shape into calls of these. In the same
# section: GDB takes a unit that lies in two places for all that is between.
    .globl memset
    .type memset, @function
memset:
    add  a2, a0, a2
    mv   a3, a0
1:  beq  a3, a2, 2f
    sb   a1, 0(a3)
    addi a3, a3, 1
    j    1b
2:  ret
    .size memset, . - memset

    .globl memcpy
    .type memcpy, @function
memcpy:
    add  a2, a0, a2
    mv   a3, a0
1:  beq  a3, a2, 2f
    lbu  a4, 0(a1)
    sb   a4, 0(a3)
    addi a1, a1, 1
    addi a3, a3, 1
    j    1b
2:  ret
    .size memcpy, . - memcpy

    .section .bss.stack, "aw", @nobits
    .balign 16
    .skip 65536
    .globl stack_top
stack_top:
