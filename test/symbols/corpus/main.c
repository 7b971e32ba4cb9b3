/* The corpus of the symbol tests: calls, loops, inlining, a struct, a switch, recursion, a weak and a static name. */
#include "inline.h"

struct point {
  int x;
  int y;
};

int counter = 7;
static long long hidden[4] = {1, 2, 3, 4};
const char message[] = "corpus";
unsigned char small_value = 0x5a;

extern int helper(int a, int b);
extern int fibonacci(int n);

__attribute__((weak)) int maybe(void) { return 1; }

static int sum_points(const struct point *points, int count) {
  int sum = 0;
  for (int i = 0; i < count; i++) {
    sum += points[i].x * points[i].y;
    sum += clamp(points[i].x, 0, 10);
  }
  return sum;
}

__attribute__((noinline)) int classify(int value) {
  switch (value) {
    case 0:
      return 10;
    case 1:
      return helper(value, 2);
    case 2:
      return 30 + maybe();
    case 3:
      return clamp(value, 1, 2);
    case 9:
      return -1;
    default:
      break;
  }
  return value > 100 ? fibonacci(value & 7) : 0;
}

int main(void) {
  struct point points[3] = {{1, 2}, {3, 4}, {50, 6}};
  int total = sum_points(points, 3);
  for (int i = 0; i < 4; i++) total += classify(i) + (int)hidden[i];
  counter += total;
  return counter;
}

void _start(void) {
  main();
  for (;;)
    ;
}
