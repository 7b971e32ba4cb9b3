#include "shared.h"

// Begins with what is inlined, behind a prologue; nobody calls it, so that the linker may drop it.
int begins(int value) {
  int before = only_inlined(value);
  return second(before) + second(value) + before;
}
