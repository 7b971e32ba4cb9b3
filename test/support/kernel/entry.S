# Beginning, traps and context switches of the kernel. A trap saves everything on the kernel's stack, in the order of
# struct trap_frame; sscratch is that stack's top while a user program runs, and 0 while the kernel does.

        .section .text.start
        .globl _start
        .type _start, @function
_start: la      sp, boot_stack_top
        call    kernel_main
1:      j       1b
        .size _start, . - _start

        .text
        .balign 4
        .globl trap_vector
        .type trap_vector, @function
trap_vector:
        csrrw   sp, sscratch, sp
        bnez    sp, from_user
        csrr    sp, sscratch
from_user:
        addi    sp, sp, -288
        sd      ra, 8(sp)
        sd      gp, 24(sp)
        sd      tp, 32(sp)
        sd      t0, 40(sp)
        sd      t1, 48(sp)
        sd      t2, 56(sp)
        sd      s0, 64(sp)
        sd      s1, 72(sp)
        sd      a0, 80(sp)
        sd      a1, 88(sp)
        sd      a2, 96(sp)
        sd      a3, 104(sp)
        sd      a4, 112(sp)
        sd      a5, 120(sp)
        sd      a6, 128(sp)
        sd      a7, 136(sp)
        sd      s2, 144(sp)
        sd      s3, 152(sp)
        sd      s4, 160(sp)
        sd      s5, 168(sp)
        sd      s6, 176(sp)
        sd      s7, 184(sp)
        sd      s8, 192(sp)
        sd      s9, 200(sp)
        sd      s10, 208(sp)
        sd      s11, 216(sp)
        sd      t3, 224(sp)
        sd      t4, 232(sp)
        sd      t5, 240(sp)
        sd      t6, 248(sp)
        csrr    t0, sscratch
        sd      t0, 16(sp)
        csrw    sscratch, zero
        csrr    t1, sepc
        csrr    t2, sstatus
        csrr    t3, scause
        csrr    t4, stval
        sd      t1, 256(sp)
        sd      t2, 264(sp)
        sd      t3, 272(sp)
        sd      t4, 280(sp)
        mv      a0, sp
        call    handle_trap
        .globl trap_return
trap_return:
        ld      t1, 256(sp)
        ld      t2, 264(sp)
        csrw    sepc, t1
        csrw    sstatus, t2
        andi    t2, t2, 0x100
        bnez    t2, 1f
        addi    t0, sp, 288
        csrw    sscratch, t0
1:      ld      ra, 8(sp)
        ld      gp, 24(sp)
        ld      tp, 32(sp)
        ld      t0, 40(sp)
        ld      t1, 48(sp)
        ld      t2, 56(sp)
        ld      s0, 64(sp)
        ld      s1, 72(sp)
        ld      a0, 80(sp)
        ld      a1, 88(sp)
        ld      a2, 96(sp)
        ld      a3, 104(sp)
        ld      a4, 112(sp)
        ld      a5, 120(sp)
        ld      a6, 128(sp)
        ld      a7, 136(sp)
        ld      s2, 144(sp)
        ld      s3, 152(sp)
        ld      s4, 160(sp)
        ld      s5, 168(sp)
        ld      s6, 176(sp)
        ld      s7, 184(sp)
        ld      s8, 192(sp)
        ld      s9, 200(sp)
        ld      s10, 208(sp)
        ld      s11, 216(sp)
        ld      t3, 224(sp)
        ld      t4, 232(sp)
        ld      t5, 240(sp)
        ld      t6, 248(sp)
        ld      sp, 16(sp)
        sret # #SRET
        .size trap_vector, . - trap_vector

# void switch_context(struct context *from, struct context *to)
        .globl switch_context
        .type switch_context, @function
switch_context:
        sd      ra, 0(a0)
        sd      sp, 8(a0)
        sd      s0, 16(a0)
        sd      s1, 24(a0)
        sd      s2, 32(a0)
        sd      s3, 40(a0)
        sd      s4, 48(a0)
        sd      s5, 56(a0)
        sd      s6, 64(a0)
        sd      s7, 72(a0)
        sd      s8, 80(a0)
        sd      s9, 88(a0)
        sd      s10, 96(a0)
        sd      s11, 104(a0)
        ld      ra, 0(a1)
        ld      sp, 8(a1)
        ld      s0, 16(a1)
        ld      s1, 24(a1)
        ld      s2, 32(a1)
        ld      s3, 40(a1)
        ld      s4, 48(a1)
        ld      s5, 56(a1)
        ld      s6, 64(a1)
        ld      s7, 72(a1)
        ld      s8, 80(a1)
        ld      s9, 88(a1)
        ld      s10, 96(a1)
        ld      s11, 104(a1)
        ret
        .size switch_context, . - switch_context

        .bss
        .balign 16
boot_stack:
        .skip   8192
boot_stack_top:

        .section .rodata
        .balign 8
        .globl image_first, image_second
image_first:
        .incbin FIRST
        .balign 8
image_second:
        .incbin SECOND
