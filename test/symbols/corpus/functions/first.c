#include "shared.h"

static int __attribute__((noinline)) vfs_read(int value) { return only_inlined(value) + 1; }
int vfs_write(int value) {
  int before = only_inlined(value);
  return before + only_inlined(before + vfs_read(3));
}
int (*taken)(int) = sometimes;
int first(int value) {
  if (value > 3)
    value = sometimes(value);
  return vfs_write(value) + second(value);
}
void _start(void) {
  first(1);
  for (;;)
    ;
}
