// Variables that each hart has of its own; what the program itself knows of them is in `seen`.
struct point {
  int x, y;
};

_Thread_local int counter = 7;
_Thread_local struct point place = {1, -2};
_Thread_local long table[3];
static _Thread_local unsigned hidden = 40;

struct seen {
  int *counterAt;
  struct point *placeAt;
  long *tableAt;
  unsigned *hiddenAt;
  int counter;
  struct point place;
  long table[3];
  unsigned hidden;
} seen[2];

volatile int ready, done;
unsigned other(int hart);

static void look(int hart) {
  struct seen *one = &seen[hart];
  one->counterAt = &counter, one->placeAt = &place, one->tableAt = table, one->hiddenAt = &hidden;
  one->counter = counter, one->place = place, one->hidden = hidden;
  for (int i = 0; i < 3; i++) one->table[i] = table[i];
}

void run(int hart) {
  counter += hart + 1;
  place.x += 10 * hart;
  table[1] = 100 + hart;
  hidden += 2 * hart;
  look(hart);
  if (hart == 1) {
    ready = 1;
    while (!done) {
    }
  }
  while (!ready) {
  }
  other(hart); // #STOP
  look(hart);
  done = 1; // #AFTER
}
