// A guest for looking at C++: namespaces, classes with bases, references, templates.
namespace kernel {
enum class Mode : unsigned char { Idle, Busy = 3 };
int ticks = 1234;

namespace detail {
int depth = 3;
int nested(int level) {
  int sum = depth + ticks + level; // #NESTED
  return sum;
}
} // namespace detail

struct Base {
  int id;
  static int made;
};
int Base::made = 17;

struct Device : Base {
  Mode mode;
  const char *name;
  int &counter;
  Device(int number, Mode start, const char *text, int &count) : Base{number}, mode(start), name(text), counter(count) {}
  int look(int extra);
};

template <typename T, int N> struct Ring {
  T slots[N];
  int head;
};

int Device::look(int extra) {
  Ring<short, 4> ring = {{1, 2, 3, 4}, 2};
  int &alias = ring.head;
  const Device &self = *this;
  counter += extra;
  ticks += alias + self.id + made; // #STOP
  return extra + ring.slots[1];
}
} // namespace kernel

int global = 40;

extern "C" int main() {
  kernel::Device device(5, kernel::Mode::Busy, "disk", global);
  return device.look(2) + kernel::detail::nested(1);
}
