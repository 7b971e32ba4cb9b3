// A variable of the same name as one of the other file.
static _Thread_local unsigned hidden = 90;
unsigned *volatile otherAt;

unsigned other(int hart) {
  hidden += hart + 1;
  otherAt = &hidden;
  return hidden; // #OTHER
}
