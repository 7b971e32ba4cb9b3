namespace ns {
template <typename T> T __attribute__((noinline)) larger(T a, T b) {
  T kept = a;
  return kept > b ? kept : b;
}
template <typename T, int N> struct Box {
  T items[N];
  Box(T first) {
    for (int i = 0; i < N; i++)
      items[i] = first + i;
  }
  T __attribute__((noinline)) sum() const {
    T all = 0;
    for (T one : items)
      all += one;
    return all;
  }
};
struct Base {
  int value;
  Base(int start);
  Base(const char *name);
  virtual ~Base();
  virtual int act() { return value; }
  static int count(int from);
};
struct Derived : virtual Base {
  Derived(int start);
  int act() override { return value * 2; }
};
Base::Base(int start) : value(start) {
  value += 3;
}
Base::Base(const char *name) : value(name[0]) {
  value += 4;
}
Base::~Base() {
  value = 0;
}
Derived::Derived(int start) : Base(start + 1) {
  value *= 5;
}
int Base::count(int from) {
  int next = from + 1;
  return next;
}
namespace {
int __attribute__((noinline)) hidden(int value) {
  return value * 3;
}
}  // namespace
}  // namespace ns

void operator delete(void *, unsigned long) noexcept {}
void operator delete(void *) noexcept {}
int __attribute__((noinline)) overloaded(int value) { return value + 1; }
int __attribute__((noinline)) overloaded(long value) { return static_cast<int>(value) + 2; }

extern "C" void __cxa_pure_virtual() {}
extern "C" void _start() {
  ns::Box<int, 4> small(3);
  ns::Box<long, 2> large(4);
  ns::Derived derived(5);
  ns::Base base("x");
  int all = small.sum() + static_cast<int>(large.sum()) + ns::larger(1, 2) + ns::larger(3L, 4L) > 0;
  all += derived.act() + base.act() + ns::Base::count(all) + ns::hidden(all) + overloaded(all) + overloaded(4L);
  for (; all;)
    ;
}
