/* Structs, unions, bit fields, anonymous members, arrays, enums. */
#include "corpus.h"

enum colour { RED, GREEN = 5, BLUE };
enum sign { NEGATIVE = -1, NONE, POSITIVE };
enum { UNNAMED_FIRST = 10, UNNAMED_SECOND };
enum access { READ = 1, WRITE = 2, EXECUTE = 4, ALL = 7 };
enum __attribute__((packed)) small { SMALL_A = 200, SMALL_B };
enum large { LARGE = 0x123456789abcdef };

struct point {
    int x, y;
};

struct packed {
    char tag;
    long value;
    short tail;
} __attribute__((packed));

struct bits {
    unsigned low : 3;
    int sign : 5;
    unsigned : 0;
    unsigned long across : 40;
    _Bool flag : 1;
    enum colour colour : 4;
    signed char tiny : 2;
};

struct packed_bits {
    unsigned a : 7;
    unsigned long b : 33;
    int c : 13;
} __attribute__((packed));

union number {
    int whole;
    float real;
    unsigned char bytes[8];
    struct {
        short low, high;
    } halves;
};

struct variant {
    enum access access;
    union {
        int number;
        struct {
            char first, second;
        };
        struct point place;
    };
    struct {
        int deep;
        union {
            long deeper;
            double as_double;
        };
    } named;
};

struct flexible {
    int count;
    short items[];
};

struct node {
    struct node *next, *previous;
    int payload;
    struct point at;
};

struct everything {
    struct point corners[2];
    union number number;
    struct variant variant;
    int (*operation)(int, int);
    const char *text;
    enum small small;
    struct bits bits;
};

struct point origin = {0, 0};
struct everything global_everything;
int matrix[3][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}};
char text[] = "a text";
const char *texts[] = {"one", "two", 0};
enum sign a_sign = NEGATIVE;
enum large a_large = LARGE;
struct flexible flexible_storage = {3, {7, 8, 9}};
typedef struct point point_t;
typedef int row_t[4];
row_t rows[2] = {{1}, {2}};
struct node global_nodes[2] = {{&global_nodes[1], &global_nodes[1], 1, {2, 3}}, {global_nodes, global_nodes, 4, {5, 6}}};

NOINLINE static int add(int left, int right)
{
    return left + right;
}

NOINLINE static struct point moved(struct point from, int by)
{
    struct point to = from;
    to.x += by;
    to.y -= by;
    return to;
}

/* Too big for registers: by reference there and back. */
NOINLINE static struct everything filled(struct everything old, int salt)
{
    struct everything whole = old;
    whole.corners[0] = moved(old.corners[1], salt);
    whole.corners[1].x = salt;
    whole.number.real = (float)salt / 2;
    whole.variant.access = READ | EXECUTE;
    whole.variant.place.x = salt * 2;
    whole.variant.named.as_double = salt / 4.0;
    whole.operation = add;
    whole.text = "filled";
    whole.small = SMALL_B;
    return whole;
}

NOINLINE static long bit_fields(struct bits in, int salt)
{
    struct bits local = in;
    struct packed_bits packed = {0};
    local.low = (unsigned)salt;
    local.sign = -salt;
    local.across = 0x12345678ul * (unsigned long)salt;
    local.flag = salt > 3;
    local.colour = BLUE;
    local.tiny = -2;
    packed.a = (unsigned)salt * 3;
    packed.b = 0x1ffffffffull - (unsigned long)salt;
    packed.c = -salt;
    return (long)(local.across + local.low + packed.b) + local.sign + packed.c + local.tiny;
}

NOINLINE static long arrays(int salt)
{
    int local[5] = {salt, salt * 2, salt * 3};
    long cube[2][3][2];
    struct point points[3];
    enum access accesses[] = {READ, WRITE, ALL};
    char word[8] = "word";
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 2; k++)
                cube[i][j][k] = i * 100 + j * 10 + k + salt;
    for (int i = 0; i < 3; i++) {
        points[i].x = local[i];
        points[i].y = -local[i];
    }
    word[0] = (char)('A' + salt);
    long sum = cube[1][2][1] + points[2].y + accesses[2] + word[0];
    sum += matrix[salt % 3][salt % 4];
    return opaque(sum);
}

NOINLINE static long unions(union number number, struct packed packed, enum sign sign)
{
    union number copy = number;
    copy.halves.high = (short)(packed.tail + sign);
    long sum = copy.whole + packed.value + packed.tag;
    return opaque(sum);
}

long aggregates(int salt)
{
    struct point start = {salt, -salt};
    point_t end = moved(start, 3);
    struct everything whole = filled(global_everything, salt);
    struct bits bits = {1, -3, 99, 1, GREEN, 1};
    struct packed packed = {'p', salt * 1000l, -7};
    enum colour colour = salt > 100 ? RED : BLUE;
    enum access access = WRITE | EXECUTE;
    long sum = end.x + end.y + whole.corners[0].x + colour + access;
    global_everything = whole;
    sum += whole.operation(salt, 4);
    sum += bit_fields(bits, salt);
    sum += arrays(salt);
    sum += unions(whole.number, packed, salt > 0 ? POSITIVE : a_sign);
    sum += flexible_storage.count + UNNAMED_SECOND + (long)a_large + rows[1][0];
    sum += text[1] + texts[1][0] + origin.x + global_nodes[0].next->payload;
    return opaque(sum);
}
