//! Generic types and functions, traits, and what is called through them.
use crate::support::sink;
use core::fmt::{self, Write};
use core::ops::{Add, Deref, Index};

pub trait Draw {
    const SIDES: u32;
    fn draw(&self, scale: u32) -> u64;
    fn name(&self) -> &'static str {
        let sides = Self::SIDES;
        if sides == 0 {
            "round"
        } else {
            "angular"
        }
    }
}

pub trait Device {
    fn id(&self) -> u32;
    fn reset(&mut self, value: u32) -> u32 {
        let id = self.id();
        sink(id as u64 + value as u64) as u32
    }
}

pub struct Uart {
    base: u32,
    count: u8,
}

pub struct Disk {
    sectors: u64,
}

impl Device for Uart {
    #[inline(never)]
    fn id(&self) -> u32 {
        let id = self.base + self.count as u32;
        sink(id as u64);
        id
    }

    #[inline(never)]
    fn reset(&mut self, value: u32) -> u32 {
        let old = self.count;
        self.count = value as u8;
        sink(old as u64) as u32
    }
}

impl Device for Disk {
    #[inline(never)]
    fn id(&self) -> u32 {
        sink(self.sectors) as u32
    }
}

impl Draw for Uart {
    const SIDES: u32 = 4;
    #[inline(never)]
    fn draw(&self, scale: u32) -> u64 {
        let size = self.base * scale;
        sink(size as u64)
    }
}

#[derive(Clone, Copy)]
pub struct Matrix<T, const ROWS: usize, const COLUMNS: usize> {
    cells: [[T; COLUMNS]; ROWS],
}

impl<T: Copy + Add<Output = T>, const ROWS: usize, const COLUMNS: usize> Matrix<T, ROWS, COLUMNS> {
    #[inline(never)]
    fn trace(&self, zero: T) -> T {
        let mut sum = zero;
        for index in 0..ROWS {
            sum = sum + self.cells[index][index];
        }
        sum
    }
}

impl<T, const ROWS: usize, const COLUMNS: usize> Index<(usize, usize)> for Matrix<T, ROWS, COLUMNS> {
    type Output = T;
    #[inline(never)]
    fn index(&self, at: (usize, usize)) -> &T {
        let (row, column) = at;
        &self.cells[row][column]
    }
}

struct Guard<T> {
    inner: T,
}

impl<T> Deref for Guard<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        sink(99);
    }
}

struct Console {
    written: usize,
}

impl Write for Console {
    #[inline(never)]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written += text.len();
        sink(self.written as u64);
        Ok(())
    }
}

#[inline(never)]
fn largest<T: PartialOrd + Copy>(values: &[T]) -> Option<T> {
    let mut best = *values.first()?;
    for value in values {
        if *value > best {
            best = *value;
        }
    }
    Some(best)
}

#[inline(never)]
fn through(device: &mut dyn Device, value: u32) -> u64 {
    let id = device.id();
    let reset = device.reset(value);
    sink(id as u64 + reset as u64)
}

#[inline(never)]
fn shown<D: Draw + ?Sized>(one: &D, scale: u32) -> u64 {
    let name = one.name();
    sink(name.len() as u64) + one.draw(scale)
}

#[inline(never)]
pub fn generics(salt: u32) -> u64 {
    let mut uart = Uart { base: salt, count: 2 };
    let mut disk = Disk { sectors: salt as u64 * 100 };
    let mut total = through(&mut uart, 5) + through(&mut disk, 6);
    let devices: [&dyn Device; 2] = [&uart, &disk];
    for device in devices {
        total += device.id() as u64;
    }
    total += shown(&uart, 3);
    let whole = Matrix { cells: [[1u32, 2], [3, salt]] };
    let real = Matrix { cells: [[0.5f64, 1.5, 2.5]; 3] };
    let trace = whole.trace(0);
    let real_trace = real.trace(0.0);
    sink(trace as u64 + real_trace as u64 + whole[(1, 0)] as u64);
    let best = largest(&[1u8, salt as u8, 3]);
    let best_real = largest(&[0.5f32, salt as f32]);
    let none = largest::<i64>(&[]);
    sink(best.unwrap_or(0) as u64 + best_real.unwrap_or(0.0) as u64 + none.is_none() as u64);
    let guard = Guard { inner: (salt, 'g') };
    sink(guard.0 as u64);
    total + written(salt)
}

#[inline(never)]
fn written(salt: u32) -> u64 {
    let mut console = Console { written: 0 };
    let result = write!(console, "{}-{:?}", salt, Some(1u8));
    sink(result.is_ok() as u64);
    console.written as u64
}
