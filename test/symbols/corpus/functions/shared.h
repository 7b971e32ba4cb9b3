/* Inlined wherever it is called from: of the first there is no function at all. */
static inline __attribute__((always_inline)) int only_inlined(int value) {
  int twice = value * 2;
  return twice + (twice >> 3);
}
static inline int sometimes(int value) {
  for (int i = 0; i < 3; i++)
    value += i ^ value;
  return value;
}
int first(int);
int second(int);
int apart(int);
