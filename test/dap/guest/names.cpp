// A guest for names in C++: templates, anonymous and nested namespaces, enumerators, static members, operators, references.
enum Plain { RED, GREEN = 4, BLUE };
enum class Colour : unsigned char { Red = 1, Green, Blue = 200 };

namespace outer {
enum Level { LOW = 1, HIGH = 9 };
enum class Mode { Off, On = 6 };
int depth = 2;

namespace inner {
enum Level { LOW = 100 };
int depth = 3;
} // namespace inner

template <typename T> struct Box {
  T value;
  static int made;
  T *pointer() { return &value; }
};
template <typename T> int Box<T>::made = 11;

template <typename A, typename B> struct Pair {
  A first;
  B second;
  enum Kind { SMALL, LARGE = 70 };
  Kind kind;
};
} // namespace outer

namespace {
struct Hidden {
  long cents;
  Hidden operator+(Hidden other) const { return Hidden{cents + other.cents}; }
};
int unseen = 77;
} // namespace

class Counter {
public:
  enum State { Idle = 3, Running = 8 };
  static const int limit = 50;
  static int total;
  Counter(int start) : count(start), state(Running) {}
  int step(int by);

private:
  int count;
  State state;
};
int Counter::total = 5;

typedef int (*operation)(int);
static int twice(int x) { return 2 * x; }
operation chosen = twice;

int Counter::step(int by) {
  count += by;
  total += count;
  return count + state; // #STEP
}

namespace outer {
static int look(Box<int> *p, Pair<int, char> &pair, const Hidden &hidden) {
  Box<Pair<short, unsigned long>> nested = {{1, 2, Pair<short, unsigned long>::LARGE}};
  Colour colour = Colour::Green;
  Plain plain = GREEN;
  Mode mode = Mode::On;
  void *raw = p;
  int &alias = p->value;
  int &&moved = 5;
  Hidden sum = hidden + hidden;
  return alias + moved + pair.first + static_cast<int>(sum.cents) + nested.value.first + (raw != nullptr) +
         static_cast<int>(colour) + plain + static_cast<int>(mode) + LOW + inner::depth + inner::LOW; // #STOP
}
} // namespace outer

extern "C" int main() {
  outer::Box<int> box = {42};
  outer::Pair<int, char> pair = {7, 'c', outer::Pair<int, char>::SMALL};
  Hidden hidden = {unseen};
  Counter counter(4);
  return counter.step(3) + outer::look(&box, pair, hidden) + chosen(2) + Counter::limit + outer::Box<int>::made;
}
