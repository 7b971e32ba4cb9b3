// What C++ adds: classes, bases, references, member pointers, namespaces, templates.
extern "C" int use(const void *where);

namespace outer {
enum class Mode : unsigned char { off, on = 9 };
enum Plain { none = -1, some };

struct Base {
  int base_value = 1;
  static int count;
  virtual int act(int how) { return how + base_value; }
};
int Base::count = 3;

struct Other {
  long other_value = 2;
};

struct Virtual : virtual Other {
  char own = 'v';
};

namespace inner {
class Derived : public Base, protected Other {
public:
  struct Nested {
    short deep;
    Mode mode;
  };
  Nested nested{4, Mode::on};
  Base &reference;
  Other &&moved;
  int Base::*member;
  int (Base::*method)(int);
  unsigned bits : 7;
  Derived(Base &base, Other &&other)
      : reference(base), moved(static_cast<Other &&>(other)), member(&Base::base_value), method(&Base::act),
        bits(5) {}
  int act(int how) override {
    int local = how + nested.deep;
    use(&local);
    return local + bits;
  }
  static constexpr int limit = 12;
};
int shared = 6;
}  // namespace inner

namespace {
long hidden = 7;
}

template <typename T, int N> struct Vec {
  T items[N];
  T *begin() { return items; }
};

union Either {
  int number;
  float real;
};
}  // namespace outer

using Bytes = outer::Vec<unsigned char, 4>;
Bytes bytes{{1, 2, 3, 4}};
outer::Vec<outer::inner::Derived *, 2> pointers;
outer::Virtual with_virtual;
outer::Either either{5};
decltype(nullptr) nothing;
char16_t wide_letter = u'x';
bool truth = true;

static int overloaded(int value) {
  int doubled = value * 2;
  return doubled + static_cast<int>(outer::hidden);
}

namespace outer {
int within(const inner::Derived &derived, Plain plain) {
  Mode mode = derived.nested.mode;
  auto closure = [&](int step) { return step + static_cast<int>(mode); };
  use(&mode);
  return closure(plain) + Base::count + inner::Derived::limit;
}
}  // namespace outer

extern "C" void _start() {
  outer::Base base;
  outer::inner::Derived derived(base, outer::Other{});
  pointers.items[0] = &derived;
  use(&derived);
  derived.act(overloaded(3));
  outer::within(derived, outer::some);
  use(bytes.begin());
  use(&with_virtual);
  use(&outer::inner::shared);
  use(&either);
  use(&nothing);
  use(&wide_letter);
  use(&truth);
}

extern "C" int use(const void *where) { return *static_cast<const char *>(where); }
extern "C" void __cxa_pure_virtual() {}
void *__dso_handle;
