#include "shared.h"

static int __attribute__((noinline)) vfs_read(int value) {
  int seen = value & 5;
  return seen ? only_inlined(seen) : 3;
}
int apart(int value) { return value * 7; }
int second(int value) {
  int sum = sometimes(value) + apart(value);
  return vfs_read(sum) + only_inlined(sum);
}
