/* What the parts of the corpus share. The seeds are volatile: no compiler may compute the program away. */
#ifndef CORPUS_H
#define CORPUS_H

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))

#ifdef __cplusplus
extern "C" {
#endif

typedef __SIZE_TYPE__ size_t;

extern volatile int seed;
extern volatile long sink;

/* In another file and never inlined: whoever calls it has its caller-saved registers lost. */
long opaque(long value);

long base_types(int salt);
long aggregates(int salt);
long control_flow(int salt);
long optimised(int salt);
long pointers(int salt);
long classes(int salt);
long templates(int salt);

#ifdef __cplusplus
}
#endif

#endif
