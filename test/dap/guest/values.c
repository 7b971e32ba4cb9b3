// A guest for looking at values: one of every kind, and a stop where all of them are known.
typedef unsigned long u64_t;
typedef unsigned char byte_t;
typedef int (*handler_t)(int);

enum state { FREE, READY, RUNNING = 5, BLOCKED };
enum rights { NONE = 0, READ = 1, WRITE = 2, EXEC = 4 };

struct list {
  struct list *next, *prev;
};
struct point {
  short x, y;
};
struct task {
  int id;
  char name[12];
  enum state state;
  enum rights rights;
  struct list link;
  union {
    unsigned int word;
    unsigned char bytes[4];
    struct point at;
  };
  unsigned int flags : 3;
  int level : 5;
  u64_t wide : 40;
  double load;
  float share;
  _Bool alive;
  handler_t handler;
  const char *title;
  struct task *parent;
  void *data;
};
struct opaque;
typedef struct task task_t;

// A copy of a struct may be a call.
void *memcpy(void *to, const void *from, u64_t count) {
  for (u64_t i = 0; i < count; i++)
    ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

static int twice(int x) { return 2 * x; }

task_t tasks[3] = {
    {.id = 7, .name = "init", .state = RUNNING, .rights = READ | EXEC, .word = 0x11223344, .flags = 5, .level = -7,
     .wide = 0x1234567890, .load = 1.5, .share = 0.1f, .alive = 1, .handler = twice, .title = "the \"first\"\n",
     .data = tasks},
    {.id = -8, .name = "idle", .state = READY, .rights = NONE, .word = 0xffffffff, .flags = 2, .level = 15,
     .load = -2.25e10, .share = 3, .title = "second", .parent = &tasks[0]},
    {.id = 9, .name = "full of text", .state = 77, .rights = WRITE, .parent = &tasks[1]},
};
int matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
unsigned short numbers[300];
const char *const words[] = {"zero", "one", "two", 0};
struct list head;
struct opaque *hidden = (struct opaque *)0x80001234;
static unsigned char hundred = 100;
signed char small = -100;
unsigned int big = 0xfffffff0u;
long long longest = -9223372036854775807LL;
volatile int sink;

__attribute__((noinline)) int look(task_t *task, int count, const char *text, double ratio) {
  int local = count * 3;
  unsigned char letter = text[1];
  int variable[count];
  static int calls = 40;
  task_t copy = *task;
  struct point points[2] = {{1, -1}, {300, -300}};
  struct point *second = &points[1];
  int (*row)[3] = &matrix[1];
  for (int i = 0; i < count; i++)
    variable[i] = i * i;
  calls++;
  {
    long local = 123456789012L;
    float third = (float)ratio / 3;
    sink = (int)local + (int)third + letter + copy.id + second->x + (*row)[0]; // #STOP
    sink += variable[1];
  }
  return local;
}

int main(void) {
  int answer = 42;
  asm volatile("csrs mstatus, %0" ::"r"(0x6000UL));
  head.next = &tasks[0].link;
  head.prev = &tasks[2].link;
  for (int i = 0; i < 3; i++) {
    tasks[i].link.next = i < 2 ? &tasks[i + 1].link : &head;
    tasks[i].link.prev = i > 0 ? &tasks[i - 1].link : &head;
  }
  for (int i = 0; i < 300; i++)
    numbers[i] = (unsigned short)(i * 7);
  sink = look(&tasks[0], 4, "text", 0.75);
  sink = look(&tasks[1], 2, "again", -1e30);
  sink = hundred + twice(3) + answer;
  return 0;
}
