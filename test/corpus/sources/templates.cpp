// Templates, overloads, operators, nested and anonymous namespaces, constexpr, auto, range-for.
#include "corpus.h"

namespace outer::inner {

template <typename T, int N> struct Array {
    T items[N];
    constexpr int size() const { return N; }
    T &operator[](int index) { return items[index]; }
    T *begin() { return items; }
    T *end() { return items + N; }
};

template <typename T> struct Optional {
    bool present;
    union {
        T value;
        char none;
    };
};

template <typename T> T NOINLINE largest(T left, T right)
{
    T result = left;
    if (right > left)
        result = right;
    return result;
}

template <> float NOINLINE largest<float>(float left, float right)
{
    float chosen = left < right ? right : left;
    return chosen;
}

inline namespace v2 {
constexpr int version = 2;
int counter = 40;
} // namespace v2

} // namespace outer::inner

namespace {

struct Money {
    long cents;
    Money operator+(Money other) const { return Money{cents + other.cents}; }
    bool operator<(const Money &other) const { return cents < other.cents; }
    bool operator>(const Money &other) const { return other < *this; }
};

int overloaded(int n) { return n + 1; }
double overloaded(double d) { return d * 2; }

template <typename... Rest> NOINLINE long total(Rest... rest)
{
    long sum = (0 + ... + static_cast<long>(rest));
    return opaque(sum);
}

} // namespace

namespace alias = outer::inner;
using Numbers = alias::Array<int, 3>;

NOINLINE static long iterated(Numbers &numbers)
{
    long sum = 0;
    for (auto &number : numbers) {
        auto doubled = number * 2;
        number += 1;
        sum += doubled;
    }
    return sum;
}

NOINLINE static Money spent(Money first, const Money &second)
{
    Money sum = first + second;
    Money most = alias::largest(first, second);
    return sum + most;
}

extern "C" long templates(int salt)
{
    Numbers numbers = {{salt, 2, 3}};
    alias::Array<alias::Array<char, 2>, 2> nested = {{{{'a', 'b'}}, {{'c', 'd'}}}};
    alias::Optional<double> optional = {true, {salt / 2.0}};
    char16_t wide = u'\u00e9';
    char32_t wider = U'\U0001f600';
    wchar_t widest = L'w';
    long sum = iterated(numbers);
    sum += alias::largest(salt, 20) + static_cast<long>(alias::largest(1.5, 2.5));
    sum += static_cast<long>(alias::largest(3.5f, 1.0f));
    Money money = spent(Money{salt}, Money{250});
    sum += money.cents + overloaded(salt) + static_cast<long>(overloaded(0.5));
    sum += total(salt, 2.0, 'c', 4l);
    sum += numbers[1] + nested[1][0] + optional.present + wide + static_cast<long>(wider) + widest;
    sum += alias::version + alias::counter++;
    return opaque(sum);
}
