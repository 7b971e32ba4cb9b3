// A guest for conditions: a loop that comes by a breakpoint a hundred thousand times.
struct item {
  struct item *next;
  int key;
};
volatile long sum;
struct item items[4] = {{&items[1], 1}, {&items[2], 2}, {&items[3], 3}, {&items[0], 4}};

int main(void) {
  struct item *item = items;
  for (int i = 0; i < 100000; i++) {
    item = item->next;
    sum += i; // #HIT
  }
  return (int)sum; // #END
}
