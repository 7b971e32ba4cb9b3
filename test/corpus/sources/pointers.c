/* Pointers of every kind, lists, callbacks, and bytes that another type lies on. */
#include "corpus.h"

static short shared_name = 300;

struct link {
    struct link *next;
};

struct task {
    int id;
    struct link queue;
    const char *name;
    struct task *parent;
    void (*entry)(void *);
    void *argument;
};

struct opaque_handle;
typedef int (*compare_t)(const void *, const void *);
typedef struct task task_t;

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer) - __builtin_offsetof(type, member)))

static void idle(void *argument)
{
    sink = *(int *)argument;
}

static int idle_argument = 5;
static task_t tasks[3] = {
    {1, {0}, "init", 0, idle, &idle_argument},
    {2, {0}, "shell", &tasks[0], 0, 0},
    {3, {0}, "child", &tasks[1], idle, 0},
};
struct link run_queue;
int (*volatile operation)(int);
struct opaque_handle *handle = (struct opaque_handle *)tasks;
void *anything = &shared_name;
int *const restrict_free = &idle_argument;
const volatile char *const volatile *strings;

NOINLINE static void push(struct link *head, struct link *item)
{
    item->next = head->next;
    head->next = item;
}

NOINLINE static int ids(const struct link *head)
{
    int sum = 0;
    for (const struct link *at = head->next; at; at = at->next) {
        const struct task *task = CONTAINER_OF(at, struct task, queue);
        sum = sum * 10 + task->id;
    }
    return sum;
}

static int by_value(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return a < b ? -1 : a > b;
}

NOINLINE static void sorted(int *items, int count, compare_t compare)
{
    for (int i = 1; i < count; i++) {
        int j = i;
        while (j > 0 && compare(&items[j - 1], &items[j]) > 0) {
            int swap = items[j];
            items[j] = items[j - 1];
            items[j - 1] = swap;
            j--;
        }
    }
}

static int plus_one(int n)
{
    return n + 1;
}

NOINLINE static long indirections(int **twice, int ***thrice, int (*array)[3], char *restrict text)
{
    int *once = *twice;
    long sum = *once + ***thrice + (*array)[1];
    unsigned char *bytes = (unsigned char *)once;
    void *nothing = 0;
    void **slot = &nothing;
    *slot = bytes;
    sum += bytes[1] + text[0];
    return opaque(sum);
}

NOINLINE static unsigned hash(const char *text)
{
    unsigned h = 5381;
    for (const char *at = text; *at; at++)
        h = h * 33 + (unsigned char)*at;
    return h;
}

long pointers(int salt)
{
    int items[4] = {9, salt, 3, -1};
    int *first = items;
    int **twice = &first;
    int three[3] = {1, 2, 3};
    char text[6] = {'h', 'e', 'l', 'l', 'o'};
    for (int i = 0; i < 3; i++)
        push(&run_queue, &tasks[i].queue);
    long sum = ids(&run_queue);
    sorted(items, 4, by_value);
    operation = plus_one;
    sum += operation(salt);
    sum += indirections(twice, &twice, &three, text);
    sum += hash(tasks[1].name) + hash(text);
    tasks[0].entry(tasks[0].argument);
    shared_name = (short)(shared_name + sum);
    return opaque(sum + items[0] + (handle != 0) + (anything != 0) + *restrict_free + (strings == 0));
}
