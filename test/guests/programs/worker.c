/*
 * A program of Linux for the debugger to look at: threads, thread-local variables, a fork, system calls. What it computes
 * it prints, so that the tests have its own word for it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct item {
  struct item *next;
  int weight;
  char name[8];
};

__thread int turns;
static int shared = 3;
static struct item second = {0, 20, "second"};
static struct item first = {&second, 10, "first"};

__attribute__((noinline)) static int weigh(const struct item *item, int factor) {
  int sum = 0;
  for (; item; item = item->next) {
    sum += item->weight * factor; /* #WEIGH */
    turns++;
  }
  return sum;
}

static void *thread_main(void *argument) {
  int factor = *(int *)argument;
  turns = 100 * factor;
  int sum = weigh(&first, factor);
  printf("thread: factor %d, sum %d, turns %d\n", factor, sum, turns); /* #THREAD */
  return 0;
}

__attribute__((noinline)) static long ask(void) {
  register long number __asm__("a7") = 173; /* getppid */
  register long parent __asm__("a0");
  __asm__ volatile("ecall" : "=r"(parent) : "r"(number) : "memory"); /* #CALL */
  return parent; /* #ANSWER */
}

int main(int argc, char **argv) {
  int factors[2] = {2, 3};
  pthread_t threads[2];
  int factor = argc > 1 ? atoi(argv[1]) : 1;
  setbuf(stdout, 0);
  printf("begin: pid %d, sum %d\n", getpid(), weigh(&first, factor)); /* #BEGIN */
  ask();
  for (int i = 0; i < 2; i++) {
    pthread_create(&threads[i], 0, thread_main, &factors[i]);
    pthread_join(threads[i], 0);
  }
  if (fork() == 0) {
    shared += factor; /* #CHILD */
    _exit(shared); /* #CHANGED */
  }
  int status;
  wait(&status);
  printf("end: child %d, shared %d\n", WEXITSTATUS(status), shared); /* #END */
  return 0;
}
