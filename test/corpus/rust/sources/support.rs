//! What the language wants of a kernel: memory, and an end.
use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const ARENA_BYTES: usize = 64 * 1024;

#[repr(C, align(16))]
struct Arena([u8; ARENA_BYTES]);

static mut ARENA: Arena = Arena([0; ARENA_BYTES]);

/// Gives memory from the beginning to the end, and takes none back.
struct Bump {
    used: AtomicUsize,
}

unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let align = layout.align();
        let from = (self.used.load(Ordering::Relaxed) + align - 1) & !(align - 1);
        let end = from + layout.size();
        if end > ARENA_BYTES {
            return core::ptr::null_mut();
        }
        self.used.store(end, Ordering::Relaxed);
        (core::ptr::addr_of_mut!(ARENA) as *mut u8).add(from)
    }

    unsafe fn dealloc(&self, _memory: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static HEAP: Bump = Bump { used: AtomicUsize::new(0) };

static SUM: AtomicU64 = AtomicU64::new(0);

/// In this place so that whoever calls it loses the registers that calls may overwrite.
#[inline(never)]
pub fn sink(value: u64) -> u64 {
    let before = SUM.load(Ordering::Relaxed);
    SUM.store(before.wrapping_mul(31).wrapping_add(value), Ordering::Relaxed);
    before ^ value
}

#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    loop {}
}
