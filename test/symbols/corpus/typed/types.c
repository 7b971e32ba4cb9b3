/* What C has in types and variables; compiled freestanding, never run. */
typedef unsigned long size_t;
typedef int (*handler_t)(int code, void *data);

enum color { RED, GREEN = 5, BLUE };
enum level { LOW = -3, HIGH = 7 };
enum big { SMALL = 1, HUGE = 0xf0000000u };

struct point {
  int x, y;
};

union number {
  long whole;
  double real;
  unsigned char bytes[8];
};

struct node {
  struct node *next, *prev;
  struct point where;
  union {
    int plain;
    float real;
    struct {
      short low;
      short high;
    };
  };
  char name[16];
  handler_t handler;
};

struct flags {
  unsigned ready : 1;
  unsigned mode : 3;
  int delta : 5;
  unsigned : 0;
  unsigned long wide : 40;
  enum color color : 4;
  _Bool on : 1;
  char tail;
};

struct packed {
  char a;
  int b : 12;
  int c : 20;
  long d;
} __attribute__((packed));

struct flexible {
  size_t count;
  struct point items[];
};

struct opaque;

typedef const volatile struct node *const node_view;

struct everything {
  struct node node;
  struct flags flags;
  struct packed packed;
  const char *restrict text;
  int matrix[3][4];
  struct point *rows[2];
  struct opaque *hidden;
  node_view view;
  enum level level;
  enum big big;
  long double quad;
  _Bool flag;
  signed char tiny;
  unsigned short half;
  _Complex double wave;
  __int128 wide;
  int (*table[2])(int, void *);
  typeof(int[5]) *to_array;
  union number number;
  struct flexible *flexible;
};

struct point origin = {1, 2};
static struct node head;
struct everything all;
static enum color favourite = BLUE;
const int limit = 42;
_Thread_local long per_thread = 3;
extern struct point elsewhere;
extern int not_defined_with_debug_information;
static volatile int sink;

int use(const void *where);

static int on_event(int code, void *data) { return code + *(int *)data; }

int leaf(int first, long second, struct point *third) {
  static int calls = 7;
  int sum = first;
  calls++;
  {
    long inner = second * 2;
    struct point copy = *third;
    sum += (int)inner + copy.x;
    {
      unsigned char deepest = (unsigned char)sum;
      sink = deepest;
    }
  }
  return sum + calls;
}

int variable_length(int n, int m) {
  int square[n][m];
  char line[n + 1];
  square[0][0] = m;
  line[0] = 0;
  use(square);
  use(line);
  return square[0][0];
}

static inline __attribute__((always_inline)) int inlined(int value, int unused) {
  int twice = value * 2;
  int dead = 5;
  use(&twice);
  return twice + sink;
}

__attribute__((noinline)) int callee(long kept, int lost) {
  use(&origin);
  sink = (int)kept;
  use(&head);
  return 3;
}

struct pair {
  long low, high;
};

__attribute__((noinline)) long split(struct pair pair, double real, float small) {
  long constant = 12;
  struct pair other = {pair.high, pair.low};
  sink = (int)(other.low + constant);
  use(&sink);
  return other.low - other.high + (long)(real * small);
}

void _start(void) {
  extern struct point elsewhere;
  int data = 4;
  head.handler = on_event;
  head.next = &all.node;
  data += leaf(1, 2, &origin);
  data += inlined(data, 9);
  data += variable_length(data, 3);
  data += callee(17, data);
  data += (int)split((struct pair){data, 2}, 1.5, 2.5f);
  use(&data);
  use(&elsewhere);
  use(&not_defined_with_debug_information);
  per_thread += data + favourite + limit;
  for (;;)
    ;
}
