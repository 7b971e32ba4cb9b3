    .section .text
    .globl asm_entry
asm_entry:
    addi sp, sp, -16
    sd   ra, 8(sp)
    call main
1:  ld   ra, 8(sp)
    addi sp, sp, 16
    ret
asm_tail:
    nop
    j    asm_tail
