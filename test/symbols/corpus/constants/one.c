/* Enumerators of the file, of functions, and of another file that has other values for some of the same names. */
enum color { RED, GREEN = 5, BLUE };
enum { NAMELESS = -7, SHARED = 1 };
typedef enum { TYPED = 40 } typed_t;
struct holder {
  enum within { INSIDE = 11 } field;
};
typed_t typed = TYPED;
struct holder holder = {INSIDE};
enum color color = BLUE;
int other(int);

int locals(int value) {
  enum { RED_HERE = 21, SHARED = 22 } mine = value ? RED_HERE : SHARED;
  {
    enum { DEEP = 33 } deep = value > 3 ? DEEP : 0;
    value += other(deep);
  }
  return mine + value;
}

void _start(void) {
  int nameless = NAMELESS + SHARED;
  color = locals(nameless);
  other(color);
}
