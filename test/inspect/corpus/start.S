# Reset code and a trap vector that saves every register on the stack of the code that trapped.
    .section .text
    .globl reset
reset:
    la   sp, stack_top
    la   t0, trap_vector
    csrw mtvec, t0
    call program
1:  j 1b

    .balign 4
    .globl trap_vector
trap_vector:
    addi sp, sp, -256
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd   x\n, (\n * 8)(sp)
    .endr
    mv   a0, sp
    call handle_trap
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld   x\n, (\n * 8)(sp)
    .endr
    addi sp, sp, 256
    mret

    .bss
    .balign 16
    .skip 16384
stack_top:
