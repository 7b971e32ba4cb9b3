// Processes 1 and 3: recursion, system calls, and memory that comes to be when it is touched.
typedef unsigned long u64;
u64 system_call(u64 number, u64 first, u64 second);

int my_pid;
u64 total;

int fib(int n) {
  if (n < 2) return n; // #FIB
  return fib(n - 1) + fib(n - 2);
}

static void say(char c) {
  system_call(1, (u64)c, 0); // #SAY
}

static u64 touch(volatile unsigned char *at) {
  at[0] = 5; // #TOUCH
  return at[0];
}

int main(int pid) {
  my_pid = pid;
  for (int round = 0; round < 4; round++) {
    int value = fib(5 + round); // #ROUND
    say((char)('a' + pid));
    total += (u64)value;
    total += touch((unsigned char *)(0x50000 + 4096 * (u64)(round & 1)));
    total += system_call(4, 0x52000 + 4096 * (u64)(round & 1), 100);
    system_call(3, 0, 0); // #YIELD
  }
  total += touch((unsigned char *)0x50000) + (u64)fib(3); // #CALLS
  say('.');
  return 0;
}
