/* Another program at the same addresses as worker.c's. */
#include <unistd.h>

volatile int total;

__attribute__((noinline)) static void count(void) {
  for (int i = 0; i < 1000; i++) total += i;
}

int main(void) {
  count();
  write(1, "other\n", 6);
  return 0;
}
