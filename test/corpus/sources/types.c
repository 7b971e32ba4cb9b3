/* Base types of every size and encoding, as locals, arguments, globals and results. */
#include "corpus.h"

typedef unsigned char byte_t;
typedef byte_t tiny_t;
typedef const volatile tiny_t odd_t;

_Bool a_bool = 1;
char a_char = 'c';
signed char a_signed_char = -5;
unsigned char an_unsigned_char = 250;
short a_short = -1234;
unsigned short an_unsigned_short = 54321;
int an_int = -123456789;
unsigned an_unsigned = 3123456789u;
long a_long = -1234567890123456789;
unsigned long an_unsigned_long = 12345678901234567890ul;
long long a_long_long = -42;
__int128 a_wide = ((__int128)0x0123456789abcdef << 64) | 0xfedcba9876543210;
unsigned __int128 an_unsigned_wide = ~(unsigned __int128)5;
float a_float = 1.5f;
double a_double = -2.718281828459045;
long double a_long_double = 3.14159265358979323846264338327950288L;
_Complex float a_complex_float = 1.0f + 2.0if;
_Complex double a_complex = 3.0 - 4.0i;
static odd_t an_odd = 9;
float special_floats[] = {0.0f, -0.0f, 1.0f / 3, __builtin_inff(), -__builtin_inff(), 1e-40f};
double special_doubles[] = {0.0, -0.0, 1.0 / 3, __builtin_inf(), 5e-324, 1.7976931348623157e308};

NOINLINE static unsigned char narrow(_Bool flag, char c, signed char sc, unsigned char uc, short s,
                                     unsigned short us)
{
    unsigned char sum = (unsigned char)(flag + c + sc);
    sum = (unsigned char)(sum + uc);
    sum = (unsigned char)(sum + s + us);
    return sum;
}

NOINLINE static double floating(float f, double d, long double l)
{
    float half = f / 2;
    double twice = d * 2;
    long double both = l + half;
    both = both * twice;
    return (double)both;
}

NOINLINE static __int128 wide(__int128 left, unsigned __int128 right)
{
    __int128 sum = left + (__int128)right;
    unsigned __int128 shifted = right >> 3;
    sum ^= (__int128)shifted;
    return sum;
}

NOINLINE static _Complex double turned(_Complex double z, _Complex float w)
{
    _Complex double product = z * 1.0i;
    product += w;
    return product;
}

/* More arguments than there are registers: the last ones lie on the caller's stack. */
NOINLINE static long many(int a, long b, char c, short d, unsigned e, long f, int g, long h, int i, char j,
                          double k, float l)
{
    long sum = a + b + c + d;
    sum += e + f + g + h;
    sum += i + j + (long)k + (long)l;
    return sum;
}

long base_types(int salt)
{
    _Bool odd = salt & 1;
    char letter = (char)('a' + salt);
    signed char below = (signed char)-salt;
    unsigned char above = (unsigned char)(200 + salt);
    short medium = (short)(salt * -1000);
    unsigned short positive = (unsigned short)(salt * 9000);
    float single = (float)salt / 3;
    double twofold = salt / 7.0;
    long double fourfold = (long double)salt / 11;
    long sum = narrow(odd, letter, below, above, medium, positive);
    sum += (long)floating(single, twofold, fourfold);
    __int128 big = wide((__int128)salt << 70, (unsigned __int128)-1 >> salt);
    sum += (long)(big >> 64);
    _Complex double z = turned(salt + 1.0i, 2.0if);
    sum += (long)__real__ z + (long)__imag__ z;
    sum += many(salt, sum, letter, medium, an_unsigned, a_long, -salt, 8, 9, 'j', twofold, single);
    a_bool = !a_bool;
    a_float += single;
    sum += an_odd + (long)special_floats[2] + (long)special_doubles[2];
    return opaque(sum);
}
