/* Console (ns16550a), timer (CLINT) and power (test finisher) of QEMU's `virt` board, on hart 0 in M-mode. */
#include "board.h"

#define REG8(address) (*(volatile unsigned char *)(address))
#define REG32(address) (*(volatile unsigned int *)(address))
#define REG64(address) (*(volatile unsigned long *)(address))

#define FINISHER 0x100000ul
#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL 0x3333u

#define CLINT_MTIMECMP 0x2004000ul
#define CLINT_MTIME 0x200bff8ul

#define UART_THR 0x10000000ul
#define UART_LSR 0x10000005ul
#define UART_LSR_THR_EMPTY 0x20

#define MIE_TIMER (1ul << 7)
#define MSTATUS_MIE (1ul << 3)

static void put(char c)
{
    while (!(REG8(UART_LSR) & UART_LSR_THR_EMPTY))
        ;
    REG8(UART_THR) = c;
}

static void put_text(const char *text)
{
    while (*text)
        put(*text++);
}

static void put_number(long value)
{
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;

    *--at = '\0';
    do {
        *--at = '0' + rest % 10;
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--at = '-';
    put_text(at);
}

void print(const char *format, ...)
{
    __builtin_va_list arguments;

    __builtin_va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%')
            put(*format);
        else if (*++format == 'd')
            put_number(__builtin_va_arg(arguments, long));
        else if (*format == 's')
            put_text(__builtin_va_arg(arguments, const char *));
        else
            put(*format);
    }
    __builtin_va_end(arguments);
}

void ring_after(unsigned long ticks)
{
    REG64(CLINT_MTIMECMP) = REG64(CLINT_MTIME) + ticks;
}

void start_bells(void (*handler)(void), unsigned long ticks)
{
    ring_after(ticks);
    __asm__ volatile("csrw mtvec, %0" ::"r"(handler));
    __asm__ volatile("csrs mie, %0" ::"r"(MIE_TIMER));
    __asm__ volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE));
}

void power_off(unsigned status)
{
    REG32(FINISHER) = status == 0 ? FINISHER_PASS : status << 16 | FINISHER_FAIL;
    for (;;)
        __asm__ volatile("wfi");
}
