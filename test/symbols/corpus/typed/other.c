/* The other unit: definitions of what types.c only declares, and names that both have. */
struct opaque {
  int secret;
  struct opaque *self;
};

struct point {
  int x, y;
};

struct point elsewhere = {3, 4};
static int sink = 5;
static struct opaque only = {6, &only};

int use(const void *where) {
  int got = *(const char *)where;
  sink += got;
  return sink + only.secret;
}
