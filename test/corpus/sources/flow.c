/* Blocks, shadowing, inlining, recursion, varargs, tail calls, alloca, variable-length arrays, statics. */
#include "corpus.h"

static int shared_name = 200;

NOINLINE static long blocks(int value)
{
    long total = value;
    {
        int value = 10;
        total += value;
        {
            long value = total * 2;
            total += value;
        }
        total += value;
    }
    for (int round = 0; round < 2; round++) {
        int twice = round * 2;
        if (twice > 0) {
            int value = twice + 1;
            total += opaque(value);
        } else {
            char value = 'x';
            total += opaque(value);
        }
        total += value;
    }
    return total;
}

INLINE int innermost(int base, int power)
{
    int result = 1;
    while (power-- > 0)
        result *= base;
    return result;
}

INLINE int middle(int number)
{
    int squared = innermost(number, 2);
    int cubed = innermost(number, 3);
    return (int)opaque(squared + cubed);
}

NOINLINE static int outer(int start)
{
    int first = middle(start);
    int second = middle(start + 1) + innermost(first & 3, 2);
    return first - second;
}

NOINLINE static long factorial(int n)
{
    long below;
    if (n <= 1)
        return 1;
    below = factorial(n - 1);
    return n * below;
}

static int is_odd(int n);

NOINLINE static int is_even(int n)
{
    if (n == 0)
        return 1;
    return is_odd(n - 1);
}

NOINLINE static int is_odd(int n)
{
    if (n == 0)
        return 0;
    return is_even(n - 1);
}

NOINLINE static long summed(int count, ...)
{
    __builtin_va_list list;
    long sum = 0;
    __builtin_va_start(list, count);
    for (int index = 0; index < count; index++) {
        long one = __builtin_va_arg(list, long);
        sum += one;
    }
    __builtin_va_end(list);
    return sum;
}

NOINLINE static long variable_length(int count, int width)
{
    int row[count];
    short grid[count][width];
    for (int i = 0; i < count; i++) {
        row[i] = i * i;
        for (int j = 0; j < width; j++)
            grid[i][j] = (short)(i * 10 + j);
    }
    long sum = sizeof(row) + sizeof(grid);
    sum += row[count - 1] + grid[count - 1][width - 1];
    return opaque(sum);
}

NOINLINE static long allocated(int count)
{
    long *list = __builtin_alloca((size_t)count * sizeof(long));
    for (int i = 0; i < count; i++)
        list[i] = i + count;
    return opaque(list[count - 1]);
}

NOINLINE static int counted(void)
{
    static int calls = 3;
    static struct {
        int low, high;
    } range = {0, 10};
    calls++;
    range.high += calls;
    return calls + range.high + shared_name;
}

NOINLINE static int chosen(int kind)
{
    int result;
    switch (kind) {
    case 0:
        result = 5;
        break;
    case 1: {
        int part = kind * 3;
        result = part + 1;
        break;
    }
    case 2:
        result = counted();
        /* fallthrough */
    default:
        result = kind * 7;
    }
    return result;
}

NOINLINE static long jumping(int n)
{
    long seen = 0;
again:
    seen += n;
    if (--n > 0)
        goto again;
    return seen;
}

long control_flow(int salt)
{
    long sum = blocks(salt);
    sum += outer(salt & 3);
    sum += factorial(4);
    sum += is_even(5);
    sum += summed(4, 1l, 2l, 3l, (long)salt);
    sum += variable_length(3, 2);
    sum += allocated(4);
    sum += counted() + counted();
    for (int kind = 0; kind < 3; kind++)
        sum += chosen(kind);
    sum += jumping(3);
    return opaque(sum);
}
