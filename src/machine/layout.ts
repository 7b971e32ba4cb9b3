/**
 * THE layout of the machine's linear memory (style habit 7): typed views, WebAssembly offsets and saved checkpoints
 * derive from it. One shared WebAssembly.Memory per machine:
 *
 *     globals | current hart | saved harts | soft TLBs | frame tables | decode slots | page frames ...
 *
 * The hart that runs is copied into the block at CURRENT, so that compiled code finds its state at constant addresses;
 * the other harts' blocks rest in HARTS. Everything before `FRAMES_BASE` but the hart blocks is derived state: it can
 * be rebuilt from the hart blocks, the page table and the frames.
 */

export const PAGE = 4096;
export const RAM_BASE = 0x8000_0000;
export const MAX_HARTS = 8;
/** 2 GiB of RAM in pages. */
export const MAX_RAM_PAGES = 0x8_0000;
/** Frames that 4 GiB of linear memory could hold; the tables are this long, but only touched parts cost memory. */
export const MAX_FRAMES = 0x10_0000;

/** Consecutive fields from a base; `at` gives each field's address. */
const fields = <const N extends readonly (readonly [string, number])[]>(
  base: number,
  list: N,
): Record<N[number][0], number> & { readonly end: number } => {
  const at: Record<string, number> = {};
  let address = base;
  for (const [name, size] of list) {
    address = Math.ceil(address / Math.min(size, 8)) * Math.min(size, 8);
    at[name] = address;
    address += size;
  }
  at.end = address;
  return at as Record<N[number][0], number> & { readonly end: number };
};

/** Cells of the engine as a whole. */
export const G = fields(0x1000, [
  /** Instructions that may still be attempted in this run (i32). Spilled around every call that may look at time. */
  ['budget', 4],
  /** Why the run ends: Exit. Checked whenever the engine leaves straight-line execution. */
  ['exit', 4],
  /** Instret (i64) at which the budget would be used up: now = icountEnd - budget. */
  ['icountEnd', 8],
  /** Ticks (i64) that idle skips have added to time. */
  ['timeSkew', 8],
  ['instructionsPerTick', 8],
  /** A trap is wanted: 1, with cause and tval. */
  ['trapPending', 4],
  ['trapCause', 4],
  ['trapTval', 8],
  ['epoch', 4],
  ['freeFrames', 4],
  /** RAM size in pages. */
  ['ramPages', 4],
  ['nextSlot', 4],
  ['slotCount', 4],
  /** Decode slots that carry breakpoint marks exist. */
  ['breakpoints', 4],
  /** Instret (i64) and pc at which a breakpoint does not stop: where the debuggee stands. */
  ['skipAt', 8],
  ['skipPc', 8],
  /** Instret (i64) at which trap stops do not stop: before this trap the debuggee has stopped already. */
  ['skipTrapAt', 8],
  ['stopExceptions', 8],
  ['stopInterrupts', 8],
  ['watchCount', 4],
  ['watchPad', 4],
  /** The access that a watchpoint saw: index + 1, address, size | write << 8, pc. */
  ['watchHit', 4],
  ['watchHitSize', 4],
  ['watchHitAddress', 8],
  ['watchHitPc', 8],
  /** 16 watch ranges: start (i64), last (i64), flags 1 read 2 write 4 physical (i64). */
  ['watches', 16 * 24],
  /** RAM page that holds tohost, or -1; its offset in the page. */
  ['tohostPage', 4],
  ['tohostOffset', 4],
  /** S-mode ecall leaves the run (built-in firmware). */
  ['sbi', 4],
  ['hartCount', 4],
  /** MMIO: physical address, value; written before an import is called. */
  ['mmioAddress', 8],
  ['mmioValue', 8],
  /** Set by fetch when the record of a page-crossing instruction was made. */
  ['crossRecord', 4],
  ['svadu', 4],
  /** Interrupt lines or a deadline changed: the scheduler must look. */
  ['attention', 4],
  /** Where compiled code stands: record, base of its decode slot, virtual page. Valid during calls out of it. */
  ['record', 4],
  ['slotBase', 4],
  ['pageVa', 8],
  /** Results of a page walk: bytes the leaf maps (i64). */
  ['walkSize', 8],
  ['scratch', 64],
  /** Page directory: frame of the leaf for each 4 MiB of RAM (1024 pages). */
  ['directory', 4 * (MAX_RAM_PAGES / 1024)],
  /** Frames of the ROM pages at 0x1000..0xffff. */
  ['rom', 4 * 16],
] as const);

/** Exit reasons of a run. */
export const Exit = {
  none: 0,
  budget: 1,
  breakpoint: 2,
  wfi: 3,
  sbi: 4,
  watchpoint: 5,
  trap: 6,
  htif: 7,
  /** The scheduler must look: a deadline or an interrupt line changed. */
  attention: 8,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

/**
 * In place of an exception's cause, for the debugger alone: stops before MRET and SRET. No guest can see it; codes from 48 on
 * are for custom use (privileged specification, table of mcause).
 */
export const TRAP_RETURN = 62;

/** One hart: 4 KiB. Offsets are absolute, for the block at CURRENT. */
export const CURRENT = 0x3000;
export const HARTS = 0x4000;
export const HART_SIZE = 0x1000;

export const H = fields(CURRENT, [
  ['x', 32 * 8],
  ['f', 32 * 8],
  ['pc', 8],
  /** 0 U, 1 S, 3 M (i32). */
  ['priv', 4],
  /** 0 running, 1 in WFI, 2 stopped (SBI HSM). */
  ['waiting', 4],
  ['hartid', 8],
  ['mstatus', 8],
  ['mie', 8],
  /** Software-written pending bits; what reads as mip is mip | lines. */
  ['mip', 8],
  /** Interrupt lines as the devices drive them. */
  ['lines', 8],
  ['mideleg', 8],
  ['satp', 8],
  ['fflags', 4],
  ['frm', 4],
  ['mtvec', 8],
  ['stvec', 8],
  ['menvcfg', 8],
  ['senvcfg', 8],
  ['stimecmp', 8],
  /** Value minus instret, or the value itself while inhibited. */
  ['mcycle', 8],
  ['minstret', 8],
  ['mcountinhibit', 8],
  ['reservationValid', 4],
  ['reservationBytes', 4],
  ['reservationAddress', 8],
  ['reservationValue', 8],
  ['pmpcfg', 16],
  ['pmpaddr', 16 * 8],
  /** Derived from pmpcfg and pmpaddr: first byte, last byte + 1 (0 = off), for the highest active entry count. */
  ['pmpLow', 16 * 8],
  ['pmpHigh', 16 * 8],
  ['pmpCount', 4],
  /** Derived: the TLBs of the current mode. */
  ['dataTlb', 4],
  ['fetchTlb', 4],
  /** Superpages in the TLB: region that single-page flushes must widen to (QEMU's way). */
  ['largeValid', 4],
  ['largeBase', 8],
  ['largeMask', 8],
  /** Storage of the CSRs that merely store, in table order. */
  ['csrs', 128 * 8],
] as const);

// --- soft TLBs: 16-byte entries {tag: i64, addend or slot: i32, RAM page: i32}

export const TLB_ENTRIES = 1024;
export const TLB_BYTES = TLB_ENTRIES * 16;
/** Data contexts: U, S, S with SUM, M, M with MPRV; each has a read and a write TLB. */
export const CONTEXT_BYTES = TLB_BYTES * 2;
export const DATA_CONTEXTS = 5;
/** Fetch contexts: U, S, M. */
export const FETCH_CONTEXTS = 3;
export const TLB_BASE = 0x1_0000;
/** Dense index of each CSR number, u8; 0 = no such CSR. Fits between the hart blocks and the TLBs. */
export const CSR_MAP = 0xc000;
export const HART_TLB_BYTES = DATA_CONTEXTS * CONTEXT_BYTES + FETCH_CONTEXTS * TLB_BYTES;
export const FETCH_TLB_OFFSET = DATA_CONTEXTS * CONTEXT_BYTES;

// --- tables by frame and by RAM page

export const FRAME_EPOCH = TLB_BASE + MAX_HARTS * HART_TLB_BYTES;
/** Decode slot of each frame, u32; 0 none. */
export const FRAME_SLOT = FRAME_EPOCH + 4 * MAX_FRAMES;
/** Stack of free frames. */
export const FREE_STACK = FRAME_SLOT + 4 * MAX_FRAMES;
/** The one TLB entry that maps a RAM page for reading or fetching, or 1: several. */
export const PAGE_REF = FREE_STACK + 4 * MAX_FRAMES;
export const SLOT_FRAME = PAGE_REF + 4 * MAX_RAM_PAGES;

// --- decode slots: one 8-byte record for each halfword of a page

export const SLOT_COUNT = 2048;
export const RECORD = 8;
export const SLOT_BYTES = 2048 * RECORD + 64;
export const SLOTS_BASE = Math.ceil((SLOT_FRAME + 4 * SLOT_COUNT) / PAGE) * PAGE;

export const FRAMES_BASE = Math.ceil((SLOTS_BASE + SLOT_COUNT * SLOT_BYTES) / 65536) * 65536;
/**
 * Frame numbers are addresses / 4096, so that a frame's bytes are at frame * 4096. The first two are the shared zero page, and
 * the leaf of a region that is all zero.
 */
export const ZERO_FRAME = FRAMES_BASE / PAGE;
export const ZERO_LEAF = ZERO_FRAME + 1;
