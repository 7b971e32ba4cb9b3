#include "inline.h"

/* The same static name as in main.c would be no test; this one is only here. */
static int twice(int v) {
  int doubled = v + v;
  return doubled;
}

int helper(int a, int b) {
  int first = twice(a);
  int second = twice(b);
  return clamp(first + second, -100, 100);
}

int fibonacci(int n) {
  if (n < 2) return n;
  int left = fibonacci(n - 1);
  int right = fibonacci(n - 2);
  return left + right;
}

int never_called(int n) { return n * 3; }

/* Compilers call it for aggregates even in freestanding programs. */
__attribute__((used)) void *memcpy(void *to, const void *from, unsigned long size) {
  volatile char *out = to;
  const char *in = from;
  while (size-- > 0) *out++ = *in++;
  return to;
}
