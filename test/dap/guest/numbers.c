// A guest for expressions: a variable of every kind that C computes with, and a stop where all of them are known.
typedef unsigned char u8_t;
typedef unsigned short word_t;
typedef long long wide_t;
typedef unsigned long size_type;
typedef const int constant_t;

enum colour { RED, GREEN = 5, BLUE };
enum signs { BELOW = -3, ABOVE = 4 };
enum large { HUGE = 0x100000000L };

struct pair {
  short first;
  unsigned int second;
};
struct node {
  struct node *next;
  int value;
  struct pair pair;
  unsigned char bytes[6];
};
union mix {
  unsigned long whole;
  float real;
  signed char parts[8];
};

signed char s8 = -100;
unsigned char u8 = 200;
short s16 = -30000;
unsigned short u16 = 60000;
int s32 = -2000000000;
unsigned int u32 = 4000000000u;
long s64 = -9000000000000000000L;
unsigned long u64 = 18000000000000000000UL;
long long sll = 1234567890123LL;
unsigned long long ull = 0xfedcba9876543210ULL;
char letter = 'x';
_Bool yes = 1;
_Bool no = 0;
float f32 = 1.7f;
double f64 = -2.5e3;
float zero32 = 0;
int lowest = -2147483647 - 1;
int one = 1;
int seven = 7;
int nothing = 0;
enum colour colour = GREEN;
enum signs signs = BELOW;
enum large large = HUGE;
const int fixed = 12;
volatile short loose = -3;
u8_t alias8 = 255;
word_t alias16 = 65535;
wide_t wide = -5;
size_type size = 24;
constant_t constant = 99;

int numbers[8] = {3, -1, 4, -1, 5, -9, 2, -6};
unsigned char octets[5] = {1, 2, 3, 254, 255};
short grid[2][3] = {{1, 2, 3}, {-4, -5, -6}};
const char text[] = "abc";
struct node second = {0, 20, {7, 8}, {1}};
struct node first = {&second, 10, {-5, 6}, {9, 8, 7, 6, 5, 4}};
struct node nodes[3] = {{&first, 1}, {&second, 2}, {0, 3}};
union mix mix = {0x40490fdb};
int *middle = &numbers[4];
int *end = &numbers[8];
const short *row = grid[1];
char *word = (char *)text;
struct node *list = &first;
void *raw = numbers;
int **handle = &middle;
unsigned char (*block)[5] = &octets;

int add(int a, int b) { return a + b; }
int (*function)(int, int) = add;

volatile int sink;

int main(void) {
  struct {
    unsigned int low : 3;
    int high : 6;
    unsigned long most : 50;
  } bits = {5, -17, 0x2345678901234};
  int local = 17;
  asm volatile("csrs mstatus, %0" ::"r"(0x6000UL));
  sink = add(local, bits.low + bits.high + (int)bits.most); // #STOP
  return one + seven + letter + yes;
}
