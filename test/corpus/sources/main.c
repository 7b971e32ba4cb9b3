/* The order of the parts, and globals that hide others of the same name. */
#include "corpus.h"

volatile int seed = 7;
volatile long sink;

/* pointers.c and flow.c have static ones of this name. */
int shared_name = 100;
static const char *const file_title = "main.c";

NOINLINE long opaque(long value)
{
    sink = sink + value;
    return sink ^ value;
}

int main(void)
{
    long total = 0;
    int salt = seed;
    total += base_types(salt);
    total += aggregates(salt + 1);
    total += control_flow(salt + 2);
    total += optimised(salt + 3);
    total += pointers(salt + 4);
    total += classes(salt + 5);
    total += templates(salt + 6);
    shared_name += (int)total + file_title[0];
    sink = total;
    return (int)total;
}
