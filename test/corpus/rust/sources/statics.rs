//! Statics and constants, in modules and functions.
use crate::enums::{Color, Shape};
use crate::structs::Point;
use crate::support::sink;
use core::sync::atomic::{AtomicUsize, Ordering};

pub const LIMIT: u32 = 32;
pub static NAME: &str = "statics";
pub static PRIMES: [u16; 5] = [2, 3, 5, 7, 11];
pub static ORIGIN: Point = Point { x: -1, y: 1 };
pub static SHAPE: Shape = Shape::Circle { radius: 12 };
pub static DEFAULT: Option<Color> = Some(Color::Green);
pub static mut COUNTER: u64 = 5;
pub static TICKS: AtomicUsize = AtomicUsize::new(3);
static TABLE: [(&str, fn(u32) -> u64); 2] = [("low", low), ("high", high)];

pub mod inner {
    pub static NAME: &str = "inner";
    pub static mut BUFFER: [u8; 8] = *b"buffer\0\0";
}

#[inline(never)]
fn low(value: u32) -> u64 {
    sink(value as u64 & 0xff)
}

#[inline(never)]
fn high(value: u32) -> u64 {
    sink(value as u64 >> 8)
}

#[inline(never)]
fn counted() -> u64 {
    static mut CALLS: u32 = 0;
    unsafe {
        CALLS += 1;
        sink(CALLS as u64)
    }
}

#[inline(never)]
pub fn statics(salt: u32) -> u64 {
    let index = salt as usize % PRIMES.len();
    let prime = PRIMES[index];
    unsafe {
        COUNTER += prime as u64;
        inner::BUFFER[index] = b'X';
        sink(COUNTER);
    }
    TICKS.fetch_add(1, Ordering::Relaxed);
    let mut total = NAME.len() as u64 + inner::NAME.len() as u64 + LIMIT as u64;
    for (name, function) in TABLE.iter() {
        total += function(salt) + name.len() as u64;
    }
    if let Shape::Circle { radius } = SHAPE {
        total += radius as u64 + DEFAULT.is_some() as u64 + ORIGIN.x as u64;
    }
    total + counted() + counted()
}
