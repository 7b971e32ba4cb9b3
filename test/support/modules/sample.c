/* A module: an object file, as .ko files are. */
int sample_count = 40;

__attribute__((noinline)) static int sample_work(int by) {
  sample_count += by; /* #WORK */
  return sample_count; /* #DONE */
}

int sample_init(void) {
  return sample_work(2);
}
