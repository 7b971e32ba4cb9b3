// A guest whose callers keep variables in registers, which the functions that they call save, or leave alone.
volatile long total, given;
volatile double share;

__attribute__((noinline)) long inner(long a) {
  given += a;
  asm volatile("" ::: "s1", "s2", "s3", "fs0"); // saved here, and some of them nowhere else
  total += a; // #INNER
  return a + 1;
}

__attribute__((noinline)) long middle(long a) {
  long kept = a * 3 + given;
  long back = inner(a);
  back += kept;
  total = back + kept; // #MIDDLE
  return back;
}

__attribute__((noinline)) double outer(long a) {
  long base = a + given;
  long far = a - given;
  double weight = share;
  long back = middle(a);
  given = base + far;
  share = weight * 2;
  return back + base + share; // #OUTER
}

int main(void) {
  asm volatile("csrs mstatus, %0" ::"r"(0x6000UL));
  given = 2;
  share = 0.75;
  total = (long)outer(5);
  return (int)total;
}
