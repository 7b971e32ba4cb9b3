// A small kernel for tests: Sv39, processes at the same virtual addresses, system calls that can be interrupted, a timer
// that switches processes, and page faults in user programs and in the kernel itself. Deterministic: it depends on
// nothing but the time, which is the number of instructions.
typedef unsigned long u64;
typedef unsigned char u8;

struct trap_frame {
  u64 zero, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7;
  u64 s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6;
  u64 epc, status, cause, tval;
};

struct context {
  u64 ra, sp, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
};

enum state { UNUSED, READY, RUNNING, ENDED };

struct process {
  int pid;
  enum state state;
  char name[8];
  u64 *page_table;
  struct context context;
  struct trap_frame *frame;
  u64 ticks;
};

struct elf_header {
  u8 ident[16];
  unsigned short type, machine;
  unsigned version;
  u64 entry, phoff, shoff;
  unsigned flags;
  unsigned short ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct segment {
  unsigned type, flags;
  u64 offset, vaddr, paddr, filesz, memsz, align;
};

enum { PROCESSES = 3, PAGE = 4096, STACK_TOP = 0x40000, LAZY = 0x50000, SLICE = 2000 };
enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };

extern u8 image_first[], image_second[], kernel_end[];
extern void trap_vector(void), trap_return(void);
extern void switch_context(struct context *from, struct context *to);

struct process processes[PROCESSES];
struct process *current;
struct context scheduler_context;
u64 system_calls;
u64 nested_traps;
static u8 *next_free;

#define csr_read(name) ({ u64 value_; __asm__ volatile("csrr %0, " #name : "=r"(value_)); value_; })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"(value) : "memory")
#define csr_set(name, value) __asm__ volatile("csrs " #name ", %0" ::"r"(value) : "memory")
#define csr_clear(name, value) __asm__ volatile("csrc " #name ", %0" ::"r"(value) : "memory")

static u64 sbi(u64 extension, u64 function, u64 argument, u64 second) {
  register u64 a0 __asm__("a0") = argument;
  register u64 a1 __asm__("a1") = second;
  register u64 a6 __asm__("a6") = function;
  register u64 a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
  return a0;
}

static u64 read_time(void) { return csr_read(time); }

static void set_timer(u64 ticks) { sbi(0x54494d45, 0, read_time() + ticks, 0); }

static void put(char c) { sbi(1, 0, (u64)c, 0); }

static void power_off(void) { sbi(0x53525354, 0, 0, 0); }

static void *new_page(void) {
  u64 *page = (u64 *)next_free;
  next_free += PAGE;
  for (int at = 0; at < PAGE / 8; at++) page[at] = 0;
  return page;
}

static u64 *entry_of(u64 *table, u64 address) {
  for (int level = 2; level > 0; level--) {
    u64 *entry = &table[(address >> (12 + 9 * level)) & 511];
    if (!(*entry & V)) *entry = ((u64)new_page() >> 12 << 10) | V;
    table = (u64 *)(*entry >> 10 << 12);
  }
  return &table[(address >> 12) & 511];
}

static u8 *map(u64 *table, u64 address, u64 flags) {
  u64 *entry = entry_of(table, address);
  if (!(*entry & V)) *entry = ((u64)new_page() >> 12 << 10);
  *entry |= flags | V | U | A | D;
  return (u8 *)(*entry >> 10 << 12);
}

static void load(struct process *process, const u8 *image) {
  const struct elf_header *header = (const struct elf_header *)image;
  const struct segment *segments = (const struct segment *)(image + header->phoff);
  for (int i = 0; i < header->phnum; i++) {
    const struct segment *one = &segments[i];
    if (one->type != 1) continue;
    u64 flags = (one->flags & 1 ? X : 0) | (one->flags & 2 ? W : 0) | (one->flags & 4 ? R : 0);
    for (u64 at = 0; at < one->memsz; at++) {
      u8 *page = map(process->page_table, one->vaddr + at, flags);
      page[(one->vaddr + at) % PAGE] = at < one->filesz ? image[one->offset + at] : 0;
    }
  }
  map(process->page_table, STACK_TOP - PAGE, R | W);
}

static void enter_user(void) {
  __asm__ volatile("mv sp, %0\n\tj trap_return" ::"r"(current->frame));
}

static void make_process(int index, const char *name, const u8 *image) {
  struct process *process = &processes[index];
  process->pid = index + 1;
  for (int at = 0; name[at]; at++) process->name[at] = name[at];
  process->page_table = new_page();
  process->page_table[2] = (0x80000000ul >> 12 << 10) | V | R | W | X | A | D;
  load(process, image);
  u8 *stack = new_page();
  process->frame = (struct trap_frame *)(stack + PAGE - sizeof(struct trap_frame));
  process->frame->epc = ((const struct elf_header *)image)->entry;
  process->frame->sp = STACK_TOP;
  process->frame->a0 = process->pid;
  process->frame->status = 0x20;
  process->context.ra = (u64)enter_user;
  process->context.sp = (u64)process->frame;
  process->state = READY;
}

static void use_page_table(u64 *table) {
  csr_write(satp, (8ul << 60) | ((u64)table >> 12));
  __asm__ volatile("sfence.vma");
}

static void yield(void) {
  if (current->state == RUNNING) current->state = READY;
  switch_context(&current->context, &scheduler_context);
}

static void schedule(void) {
  for (int left = PROCESSES; left > 0;) {
    left = 0;
    for (int i = 0; i < PROCESSES; i++) {
      struct process *process = &processes[i];
      if (process->state != READY) continue;
      left++;
      current = process;
      process->state = RUNNING;
      use_page_table(process->page_table);
      switch_context(&scheduler_context, &process->context);
    }
  }
}

static __attribute__((noinline)) u64 sum_of(const u8 *bytes, u64 count) {
  u64 sum = 0;
  for (u64 at = 0; at < count; at++) sum += bytes[at]; // #SUM
  return sum;
}

static u64 system_call(struct trap_frame *frame) {
  system_calls++;
  // The kernel lets interrupts in from here on: traps nest.
  csr_set(sstatus, 2);
  u64 result = 0;
  switch (frame->a7) {
  case 1:
    put((char)frame->a0);
    break;
  case 2:
    result = (u64)current->pid;
    break;
  case 3:
    yield();
    break;
  case 4:
    // The user's memory may not be there yet: a page fault of the kernel.
    csr_set(sstatus, 1ul << 18);
    result = sum_of((const u8 *)frame->a0, frame->a1);
    csr_clear(sstatus, 1ul << 18);
    break;
  case 5:
    current->state = ENDED;
    yield();
    break;
  }
  csr_clear(sstatus, 2);
  return result;
}

static __attribute__((noinline)) void page_fault(u64 address) {
  if (address < LAZY || address >= LAZY + 4 * PAGE) {
    put('!');
    power_off();
  }
  u8 *page = map(current->page_table, address, R | W);
  for (int at = 0; at < PAGE; at++) page[at] = (u8)(at & 3);
  __asm__ volatile("sfence.vma");
}

static void timer_interrupt(struct trap_frame *frame) {
  current->ticks++;
  set_timer(SLICE);
  // In the middle of a system call nobody else runs.
  if (!(frame->status & 0x100)) yield();
}

void handle_trap(struct trap_frame *frame) {
  if (frame->status & 0x100) nested_traps++;
  switch (frame->cause) {
  case 8:
    frame->epc += 4;
    frame->a0 = system_call(frame);
    break;
  case 13:
  case 15:
    page_fault(frame->tval);
    break;
  case (1ul << 63) | 5:
    timer_interrupt(frame);
    break;
  default:
    put('?');
    power_off();
  }
}

void kernel_main(void) {
  next_free = kernel_end;
  csr_write(stvec, (u64)trap_vector);
  csr_write(sscratch, 0);
  csr_write(sie, 0x20);
  make_process(0, "first", image_first);
  make_process(1, "second", image_second);
  make_process(2, "third", image_first);
  set_timer(SLICE);
  schedule();
  put('\n');
  power_off();
}
