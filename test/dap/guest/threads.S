# Gives each of two harts a stack, and a block of thread-local variables that tp points to.
.globl _start
_start:
  csrr a0, mhartid
  la sp, stacks_end
  slli t0, a0, 12
  sub sp, sp, t0
  la tp, blocks
  slli t0, a0, 8
  add tp, tp, t0
  mv t0, tp
  la t1, template
  la t2, template_end
1:
  bgeu t1, t2, 2f
  lb t3, 0(t1)
  sb t3, 0(t0)
  addi t0, t0, 1
  addi t1, t1, 1
  j 1b
2:
  call run
3:
  j 3b

.bss
.balign 16
blocks:
.space 512
.space 8192
stacks_end:
