/*
 * A kernel that does nothing but load a module as Linux does: what a debugger reads of it has Linux's names and layout
 * (struct module, its list, and what sysfs tells of sections), in the version that OLD or NEW says.
 */
#define PLACE ((char *)0x80200000)

struct list_head { struct list_head *next, *prev; };
struct attribute { const char *name; unsigned short mode; };
struct bin_attribute { struct attribute attr; unsigned long size; void *private; };

#ifdef NEW /* 6.14 and later */
struct attribute_group { const char *name; struct bin_attribute **bin_attrs; };
struct module_sect_attrs { struct attribute_group grp; struct bin_attribute attrs[2]; };
static struct module_sect_attrs sections = {
  {"sections", (struct bin_attribute *[]){&sections.attrs[0], &sections.attrs[1], 0}},
  {{{".text", 0}, 0, PLACE}, {{".data", 0}, 0, PLACE + 0x1000}},
};
#else /* 5.8 to 6.13 */
struct module_sect_attr { struct bin_attribute battr; unsigned long address; };
struct module_sect_attrs { unsigned int nsections; struct module_sect_attr attrs[2]; };
static struct module_sect_attrs sections = {
  2,
  {{{{".text", 0}, 0, 0}, (unsigned long)PLACE}, {{{".data", 0}, 0, 0}, (unsigned long)PLACE + 0x1000}},
};
#endif

struct module {
  int state;
  struct list_head list;
  char name[56];
  struct module_sect_attrs *sect_attrs;
  int (*init)(void);
};

struct list_head modules = {&modules, &modules};
static struct module sample = {.name = "sample_one", .sect_attrs = &sections, .init = (int (*)(void))INIT};

extern char image[], image_end[];
__asm__(".section .rodata\n.globl image, image_end\nimage: .incbin \"" IMAGE "\"\nimage_end:\n.text");

__attribute__((noinline)) int do_init_module(struct module *mod) {
  __asm__ volatile("" ::: "memory");
  return mod->init() + mod->state;
}

void kernel_main(void) {
  for (long at = 0; at < image_end - image; at++) PLACE[at] = image[at];
  __asm__ volatile("fence.i" ::: "memory");
  sample.list = (struct list_head){&modules, &modules};
  modules = (struct list_head){&sample.list, &sample.list};
  do_init_module(&sample);
  for (;;) __asm__ volatile("wfi");
}

__asm__(".globl _start\n_start: li sp, 0x80100000\ncall kernel_main");
