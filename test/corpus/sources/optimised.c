/* What optimisation takes apart: structs in registers, constants, values at entry, loops, calls that are split. */
#include "corpus.h"

struct pair {
    long first, second;
};

struct triple {
    int a;
    char b;
    short c;
    long d;
};

struct vector {
    double x, y;
};

volatile int device_register;

/* Its members live in registers, or nowhere: pieces. */
NOINLINE static long scattered(long n)
{
    struct pair pair = {n, n * 2};
    struct triple triple = {(int)n, 'b', (short)(n + 1), 0};
    for (int i = 0; i < 3; i++) {
        pair.first += i;
        triple.a += i;
        sink = pair.first;
    }
    pair.second = opaque(pair.first);
    triple.d = pair.second;
    return pair.first + pair.second + triple.a + triple.d + triple.c;
}

NOINLINE static long constants(int n)
{
    const int fixed = 42;
    int folded = fixed * 2;
    const char *name = "folded";
    int *where = &folded;
    struct pair known = {1, 2};
    sink = n;
    long sum = folded + name[2] + known.first;
    sink = sum;
    return sum + *where + known.second;
}

/* The argument is dead after its use: only the caller's value at the call tells it. */
NOINLINE static int forgotten(int argument, int other)
{
    int used = argument + other;
    device_register = used;
    sink = opaque(used);
    return device_register;
}

NOINLINE static int passes_constants(int n)
{
    int first = forgotten(11, n);
    int second = forgotten(n, 22);
    return first + second;
}

NOINLINE static long loops(int count)
{
    long sum = 0;
    unsigned product = 1;
    for (int i = 0, j = count; i < j; i++, j--) {
        long step = i * j;
        sum += step;
        product *= (unsigned)(j + 1);
        sink = sum;
    }
    int left = count;
    do {
        sum ^= left;
        left -= 2;
        sink = left;
    } while (left > 0);
    return sum + product;
}

INLINE long implicit(const struct pair *pair)
{
    long total = pair->first + pair->second;
    sink = total;
    return total;
}

INLINE void bump(long *counter, long by)
{
    long before = *counter;
    *counter = before + by;
    sink = before;
}

/* The addresses that the inlined functions get are of what is in registers: implicit pointers. */
NOINLINE static long pointed(long n)
{
    struct pair local = {n, n + 5};
    long counter = n * 3;
    long found = implicit(&local);
    bump(&counter, found);
    bump(&counter, 2);
    return counter;
}

NOINLINE static struct vector scaled(struct vector v, double by)
{
    struct vector result = {v.x * by, v.y * by};
    device_register = (int)result.x;
    return result;
}

NOINLINE static double length_squared(struct vector v)
{
    double x = v.x * v.x;
    double y = v.y * v.y;
    device_register = 1;
    return x + y;
}

NOINLINE static struct pair swapped(struct pair in)
{
    struct pair out = {in.second, in.first};
    device_register = 2;
    return out;
}

static int unused_argument(int used, int unused)
{
    sink = used;
    return used * 3;
}

NOINLINE static int partial(int n)
{
    int early = n * 5;
    sink = early;
    int late = early + device_register;
    sink = late;
    if (n < 0) {
        int error = -n;
        sink = error;
        opaque(error);
        opaque(late);
    }
    return late;
}

long optimised(int salt)
{
    long sum = scattered(salt);
    sum += constants(salt);
    sum += passes_constants(salt);
    sum += loops(salt);
    sum += pointed(salt);
    struct vector v = scaled((struct vector){salt, 2}, 1.5);
    sum += (long)length_squared(v);
    struct pair pair = swapped((struct pair){salt, 77});
    sum += pair.first * 2 + pair.second;
    sum += unused_argument(salt, 5) + unused_argument(salt + 1, 6);
    sum += partial(salt);
    return opaque(sum);
}
