enum Plain { PLAIN = 3 };
namespace ns {
enum Color { Red = 1, Green };
enum class Mode : unsigned char { off, on = 200 };
namespace {
enum Hidden { HIDDEN = -1 };
}
inline namespace v2 {
enum { VERSIONED = 77 };
}
struct Class {
  enum Kind { NONE = 8, SOME } kind;
  enum class Strict : short { NONE = -8 } strict;
  int member(int value) {
    enum { LOCAL = 55 };
    return value == LOCAL ? kind : static_cast<int>(strict);
  }
};
using Alias = Color;
Color color = Red;
Mode mode = Mode::on;
Hidden hidden = HIDDEN;
int versioned = VERSIONED;
Class thing{Class::SOME, Class::Strict::NONE};
}  // namespace ns
Plain plain = PLAIN;
ns::Alias alias = ns::Green;

extern "C" void _start() {
  plain = static_cast<Plain>(ns::thing.member(ns::mode == ns::Mode::on));
  ns::versioned += ns::VERSIONED + (ns::hidden == ns::HIDDEN);
  for (;;)
    ;
}
