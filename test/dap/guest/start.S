# Power-on to main and off again. The trap handler goes on behind the instruction that trapped.
.globl _start
_start:
  la sp, stack_top
  la t0, trap
  csrw mtvec, t0
  call main
  li t0, 0x100000
  li t1, 0x5555
  sw t1, 0(t0)
1:
  j 1b

.balign 4
trap:
  addi sp, sp, -16
  sd t0, 0(sp)
  csrr t0, mepc
  addi t0, t0, 4
  csrw mepc, t0
  ld t0, 0(sp)
  addi sp, sp, 16
  mret

.bss
.balign 16
.space 16384
stack_top:
