// Process 2: another program at the same addresses.
typedef unsigned long u64;
u64 system_call(u64 number, u64 first, u64 second);

struct item {
  int key;
  struct item *next;
};

struct item items[8];
int compared;

static struct item *find(struct item *list, int key) {
  for (struct item *at = list; at; at = at->next) {
    compared++; // #COMPARE
    if (at->key == key) return at;
  }
  return 0;
}

int main(int pid) {
  for (int at = 0; at < 8; at++) {
    items[at].key = (at * 5) % 8;
    items[at].next = at < 7 ? &items[at + 1] : 0;
  }
  for (int round = 0; round < 30; round++) {
    struct item *found = find(items, round & 7); // #FIND
    system_call(1, (u64)('0' + found->key), 0);
  }
  return pid;
}
