//! References to references, raw pointers, cells, atomics, volatile memory.
use crate::structs::Point;
use crate::support::sink;
use core::cell::{Cell, RefCell, UnsafeCell};
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

struct List {
    value: u32,
    next: *mut List,
}

#[repr(C)]
struct Registers {
    control: u32,
    status: u32,
}

struct Lock<T> {
    locked: AtomicBool,
    data: UnsafeCell<T>,
}

impl<T> Lock<T> {
    #[inline(never)]
    fn with<R>(&self, action: impl FnOnce(&mut T) -> R) -> R {
        let was = self.locked.swap(true, Ordering::Acquire);
        let inner = unsafe { &mut *self.data.get() };
        let result = action(inner);
        self.locked.store(was, Ordering::Release);
        result
    }
}

#[inline(never)]
fn references(salt: u32) -> u64 {
    let number = salt;
    let once = &number;
    let twice = &once;
    let thrice = &twice;
    let mut point = Point { x: 3, y: salt as i32 };
    {
        let changed = &mut point;
        let again = &mut *changed;
        again.x += ***thrice as i32;
        sink(again.x as u64);
    }
    let tuple = (&point, &number);
    sink(tuple.0.x as u64 + *tuple.1 as u64)
}

#[inline(never)]
fn raw(salt: u32) -> u64 {
    let mut last = List { value: salt, next: core::ptr::null_mut() };
    let mut middle = List { value: 20, next: &mut last };
    let head = List { value: 10, next: &mut middle };
    let mut at: *const List = &head;
    let mut total = 0;
    while !at.is_null() {
        let node = unsafe { &*at };
        total += node.value;
        at = node.next;
    }
    let numbers = [1u16, 2, 3];
    let start = numbers.as_ptr();
    let end = unsafe { start.add(2) };
    let slice: *const [u16] = &numbers[1..];
    let nothing: *const () = start as *const ();
    sink(unsafe { *end } as u64 + unsafe { (*slice).len() } as u64 + nothing.is_null() as u64);
    sink(total as u64)
}

#[inline(never)]
fn cells(salt: u32) -> u64 {
    let cell = Cell::new(salt);
    let shared = RefCell::new(Point { x: salt as i32, y: 8 });
    cell.set(cell.get() + 1);
    {
        let mut borrowed = shared.borrow_mut();
        borrowed.x += 1;
        sink(borrowed.x as u64);
    }
    let lock = Lock { locked: AtomicBool::new(false), data: UnsafeCell::new([salt; 2]) };
    let locked = lock.with(|data| {
        data[0] += 1;
        sink(data[0] as u64)
    });
    let counter = AtomicU32::new(salt);
    counter.fetch_add(3, Ordering::SeqCst);
    let mut target = 5u32;
    let pointer = AtomicPtr::new(&mut target);
    let mut later = MaybeUninit::<u64>::uninit();
    later.write(salt as u64);
    let later = unsafe { later.assume_init() };
    let pinned = Pin::new(&target);
    sink(cell.get() as u64 + counter.load(Ordering::SeqCst) as u64 + later + *pinned as u64);
    locked + pointer.load(Ordering::SeqCst).is_null() as u64
}

#[inline(never)]
fn device(salt: u32) -> u64 {
    let mut memory = Registers { control: 1, status: 0 };
    let registers: *mut Registers = &mut memory;
    unsafe {
        core::ptr::write_volatile(&mut (*registers).status, salt);
        let status = core::ptr::read_volatile(&(*registers).status);
        sink(status as u64);
        core::ptr::read_volatile(&(*registers).control) as u64
    }
}

#[inline(never)]
pub fn places(salt: u32) -> u64 {
    references(salt) + raw(salt) + cells(salt) + device(salt)
}
