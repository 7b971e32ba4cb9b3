/* Frames of every kind: recursion, leaves, a function pointer, an early return, a large frame, alloca, a trap. */
typedef unsigned long word;

volatile int sink;
word traps[4];

__attribute__((noinline)) static int leaf(int v) { return v * 3 + 1; }

__attribute__((noinline)) int fibonacci(int n) {
  if (n < 2) return n;
  return fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline)) static int apply(int (*function)(int), int v) {
  int result = function(v);
  sink = result;
  return result + 1;
}

__attribute__((noinline)) static int early(int v) {
  if (v == 0) return 1;
  for (int i = 0; i < v; i++) sink += leaf(i);
  if (sink & 1) return leaf(v) + 2;
  return apply(leaf, v);
}

__attribute__((noinline)) static int large(int v) {
  volatile char room[2100];
  room[v] = 1;
  return leaf(room[v]) + apply(leaf, v);
}

__attribute__((noinline)) static int growing(int v) {
  volatile char *room = __builtin_alloca(v * 16);
  room[0] = (char)v;
  sink = leaf(v);
  return room[0] + leaf(sink);
}

__attribute__((noinline)) static word trapping(word v) {
  register word a0 __asm__("a0") = v;
  __asm__ volatile("ecall" : "+r"(a0) : : "memory");
  sink = leaf((int)a0);
  return a0;
}

__attribute__((noinline)) void handle_trap(word *saved) {
  word epc;
  __asm__ volatile("csrr %0, mepc" : "=r"(epc));
  traps[0] = epc;
  sink = leaf(4);
  __asm__ volatile("csrw mepc, %0" : : "r"(epc + 4));
  saved[10] += 1;
}

int program(void) {
  int total = (int)trapping(5);
  total += fibonacci(3);
  total += apply(fibonacci, 0);
  total += early(0) + early(1);
  total += large(3);
  total += growing(2);
  return total;
}
