/* The little that a program needs of QEMU's `virt` board: console, timer, power. */
#ifndef BOARD_H
#define BOARD_H

/* Knows %d (of a long), %s and %%. */
void print(const char *format, ...);

/* Calls `handler`, which is aligned to 4 bytes, on every timer interrupt; the first one comes after `ticks` of 100 ns. */
void start_bells(void (*handler)(void), unsigned long ticks);

/* The next timer interrupt comes after `ticks` of 100 ns. */
void ring_after(unsigned long ticks);

/* Ends the machine; a status other than 0 counts as failed. */
__attribute__((noreturn)) void power_off(unsigned status);

#endif
