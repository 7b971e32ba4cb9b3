// Classes, bases (virtual ones too), references, member pointers, lambdas, scoped enums, static members.
#include "corpus.h"

namespace shapes {

enum class Kind : unsigned char { none, circle = 3, square };
enum class Flags { a = 1, b = 2, c = 4 };

class Shape {
public:
    explicit Shape(int id) : id_(id) { count++; }
    virtual long area() const { return 0; }
    virtual Kind kind() const { return Kind::none; }
    int id() const { return id_; }
    static int count;
    static const int limit = 12;

protected:
    int id_;
};

int Shape::count = 0;

class Square : public Shape {
public:
    Square(int id, int side) : Shape(id), side_(side) {}
    long area() const override;
    Kind kind() const override { return Kind::square; }

private:
    int side_;
};

long Square::area() const
{
    long result = static_cast<long>(side_) * side_;
    return result + id_;
}

class Circle final : public Shape {
public:
    Circle(int id, double radius) : Shape(id), radius_(radius) {}
    NOINLINE long area() const override
    {
        double exact = radius_ * radius_ * 3.14;
        return static_cast<long>(exact);
    }
    Kind kind() const override { return Kind::circle; }
    double radius_;
};

namespace {
int hidden = 77;
}

} // namespace shapes

struct Named {
    const char *name;
};

struct Priced {
    int price;
    int cents() const { return price * 100; }
};

struct Item : Named, Priced {
    int amount;
    struct Inner {
        short depth;
    } inner;
};

struct Root {
    int root = 1;
    virtual ~Root() {}
};

struct Left : virtual Root {
    int left = 2;
};

struct Right : virtual Root {
    int right = 3;
};

struct Diamond : Left, Right {
    int bottom = 4;
    NOINLINE int sum() const
    {
        int all = root + left;
        all += right + bottom;
        return all;
    }
};

// The compiler wants it for virtual destructors.
void operator delete(void *) noexcept {}
void operator delete(void *, unsigned long) noexcept {}
extern "C" void __cxa_pure_virtual() {}

Item global_item = {{"thing"}, {5}, 3, {9}};
int &global_reference = global_item.amount;

NOINLINE static long by_reference(int &changed, const long &read, Item &&taken)
{
    changed += 2;
    long sum = read + taken.amount;
    taken.price = changed;
    return opaque(sum);
}

NOINLINE static long polymorphic(const shapes::Shape &shape, const shapes::Shape *other)
{
    shapes::Kind kind = shape.kind();
    long area = shape.area() + other->area();
    return area + static_cast<long>(kind) + shape.id();
}

NOINLINE static int member_pointers(Item *item, int Item::*field, int (Priced::*method)() const)
{
    int value = item->*field;
    int priced = (item->*method)();
    return value + priced;
}

template <typename Function> NOINLINE static int called(Function function, int times)
{
    int total = 0;
    for (int i = 0; i < times; i++)
        total += function(i);
    return total;
}

NOINLINE static int lambdas(int base)
{
    int calls = 0;
    auto add = [base, &calls](int n) {
        calls++;
        return base + n;
    };
    int sum = called(add, 3);
    return sum + calls;
}

NOINLINE static long diamonds(int salt)
{
    Diamond diamond;
    diamond.bottom = salt;
    Root &root = diamond;
    Left *left = &diamond;
    root.root = salt * 2;
    left->left += salt;
    return diamond.sum();
}

extern "C" long classes(int salt)
{
    shapes::Square square(salt, 4);
    shapes::Circle circle{salt + 1, 2.5};
    Item item{{"local"}, {salt}, 8, {2}};
    int number = salt;
    long constant = 5;
    shapes::Flags flags = static_cast<shapes::Flags>(5);
    decltype(nullptr) nothing = nullptr;
    long sum = polymorphic(square, &circle);
    sum += by_reference(number, constant, static_cast<Item &&>(item));
    sum += member_pointers(&item, &Item::amount, &Item::cents);
    sum += lambdas(salt);
    sum += diamonds(salt);
    sum += shapes::Shape::count + shapes::hidden + static_cast<int>(flags) + (nothing == nullptr);
    global_reference++;
    return opaque(sum);
}
