// A guest for stepping: loops, calls, recursion, a call through a pointer, an environment call.
volatile long table[8];
long total;

static void put(const char *s) {
  while (*s)
    *(volatile char *)0x10000000 = *s++;
}

__attribute__((noinline)) long add(long a, long b) {
  long sum = a + b;
  return sum;
}

__attribute__((noinline)) long twice(long (*f)(long, long), long x) {
  return f(f(x, x), x);
}

__attribute__((noinline)) long fib(long n) {
  if (n < 2)
    return n;
  return fib(n - 1) + fib(n - 2);
}

int main(void) {
  long count = 0;
  for (long i = 0; i < 4; i++) {
    count = add(count, i);
    table[i] = count;
  }
  put("hello\n");
  count += twice(add, 3);
  total = fib(12) + count;
  asm volatile("ecall" ::: "memory");
  if (total > 100)
    put("done\n");
  return 0;
}
