//! The Rust part of the corpus: what a kernel in Rust is made of, with nothing behind it but `core` and `alloc`. Each part
//! takes a number that no compiler may know, and gives one, so that nothing of it is computed away.
#![no_std]
#![no_main]
#![allow(dead_code, stable_features)]
// For Rust before 1.68.
#![feature(arbitrary_enum_discriminant, default_alloc_error_handler)]

extern crate alloc;

mod closures;
mod enums;
mod flow;
mod generics;
mod heap;
mod numbers;
mod places;
mod slices;
mod statics;
mod structs;
mod support;

/// Read as volatile memory: nobody may know it before.
static SEED: u32 = 7;

/// Called by start.S, which switches the machine off afterwards.
#[no_mangle]
pub extern "C" fn main() -> i32 {
    let salt = unsafe { core::ptr::read_volatile(&SEED) };
    let mut total = numbers::numbers(salt);
    total = total.wrapping_add(structs::structs(salt));
    total = total.wrapping_add(enums::enums(salt));
    total = total.wrapping_add(slices::slices(salt));
    total = total.wrapping_add(heap::heap(salt));
    total = total.wrapping_add(generics::generics(salt));
    total = total.wrapping_add(closures::closures(salt));
    total = total.wrapping_add(flow::flow(salt));
    total = total.wrapping_add(places::places(salt));
    total = total.wrapping_add(statics::statics(salt));
    support::sink(total);
    total as i32
}
