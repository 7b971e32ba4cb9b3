enum { SHARED = 2, ONLY_HERE = 0x7fffffff };
int state = ONLY_HERE;

int other(int value) {
  state += value == SHARED;
  return state;
}
