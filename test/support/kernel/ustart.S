# Beginning and system calls of user programs.
        .section .text.start
        .globl user_start
        .type user_start, @function
user_start:
        call    main
        li      a7, 5
        ecall
        .size user_start, . - user_start

        .text
        .globl system_call
        .type system_call, @function
# u64 system_call(u64 number, u64 first, u64 second)
system_call:
        mv      a7, a0
        mv      a0, a1
        mv      a1, a2
        ecall
        ret
        .size system_call, . - system_call
