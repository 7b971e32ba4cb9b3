//! Closures with what they capture, functions as values, iterators.
use crate::support::sink;
use alloc::boxed::Box;

type Handler = fn(u32, &mut u64) -> bool;

struct Table {
    handlers: [Handler; 2],
    name: &'static str,
}

#[inline(never)]
fn first(cause: u32, total: &mut u64) -> bool {
    *total += sink(cause as u64);
    cause > 3
}

#[inline(never)]
fn second(cause: u32, total: &mut u64) -> bool {
    *total = total.wrapping_mul(cause as u64 + 1);
    false
}

#[inline(never)]
fn apply<F: Fn(u32) -> u32>(function: F, value: u32) -> u32 {
    let once = function(value);
    function(once)
}

#[inline(never)]
fn apply_mut(function: &mut dyn FnMut(u32), times: u32) {
    for index in 0..times {
        function(index);
    }
}

#[inline(never)]
fn apply_once(function: Box<dyn FnOnce(u64) -> u64>) -> u64 {
    function(3)
}

#[inline(never)]
pub fn closures(salt: u32) -> u64 {
    let factor = salt + 1;
    let text = "captured";
    let scaled = |value: u32| {
        let product = value * factor;
        sink(product as u64);
        product + text.len() as u32
    };
    let applied = apply(scaled, 2);
    let mut counted = 0u64;
    let mut count = |index: u32| {
        counted += index as u64 * 2;
        sink(counted);
    };
    apply_mut(&mut count, 3);
    let owned = (salt, 'o');
    let moved = move |value: u64| {
        let (number, letter) = owned;
        sink(value + number as u64 + letter as u64)
    };
    let boxed: Box<dyn FnOnce(u64) -> u64> = Box::new(moved);
    let once = apply_once(boxed);
    counted + once + applied as u64 + functions(salt) + iterators(salt)
}

#[inline(never)]
fn functions(salt: u32) -> u64 {
    let table = Table { handlers: [first, second], name: "table" };
    let direct: Handler = second;
    let mut total = table.name.len() as u64;
    for handler in table.handlers.iter() {
        let done = handler(salt, &mut total);
        if done {
            sink(total);
        }
    }
    direct(2, &mut total);
    total
}

#[inline(never)]
fn iterators(salt: u32) -> u64 {
    let limit = salt * 2;
    let squares = (0..limit).filter(|one| one % 3 == 1).map(|one| {
        let square = one as u64 * one as u64;
        sink(square);
        square
    });
    let mut seen = 0;
    for square in squares.take(3) {
        seen += square;
    }
    seen
}
