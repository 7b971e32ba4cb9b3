//! Structs, tuples, unions, and what they are in.
use crate::support::sink;
use core::marker::PhantomData;

#[derive(Clone, Copy)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

#[derive(Clone, Copy)]
pub struct Pair(pub u8, pub u64);

#[derive(Clone, Copy)]
pub struct Meters(pub f64);

#[derive(Clone, Copy)]
pub struct Marker;

pub struct Typed<T> {
    raw: usize,
    kind: PhantomData<T>,
}

#[repr(C)]
pub union Word {
    whole: u32,
    halves: [u16; 2],
    bytes: [u8; 4],
}

#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct Packed {
    tag: u8,
    value: u32,
}

pub struct Frame<'a> {
    corner: Point,
    sizes: (u16, u16),
    label: &'a str,
    parent: Option<&'a Frame<'a>>,
    grid: [[u8; 3]; 2],
}

impl Point {
    #[inline(never)]
    pub fn length(&self) -> i32 {
        let sum = self.x * self.x + self.y * self.y;
        sink(sum as u64);
        sum
    }

    #[inline(never)]
    pub fn shift(&mut self, by: i32) -> &mut Self {
        self.x += by;
        self.y -= by;
        self
    }

    #[inline(never)]
    pub fn swapped(self) -> Self {
        let Point { x, y } = self;
        Point { x: y, y: x }
    }
}

#[inline(never)]
pub fn structs(salt: u32) -> u64 {
    plain(salt) + nested(salt) + unions(salt)
}

#[inline(never)]
fn plain(salt: u32) -> u64 {
    let mut point = Point { x: salt as i32, y: -3 };
    let pair = Pair(salt as u8, 1 << 40);
    let tuple = (salt, 'q', -(salt as i64));
    let mixed = ((salt as u8, true), [salt; 2], ());
    let meters = Meters(salt as f64 + 0.5);
    let marker = Marker;
    let length = point.length();
    point.shift(2).shift(1);
    let swapped = point.swapped();
    sink(tuple.0 as u64 + tuple.1 as u64 + tuple.2 as u64);
    sink(mixed.0 .0 as u64 + mixed.1[1] as u64 + mixed.0 .1 as u64);
    sink(marked(marker, meters));
    (length + swapped.x) as u64 + pair.0 as u64 + pair.1
}

#[inline(never)]
fn marked(marker: Marker, meters: Meters) -> u64 {
    let Meters(inner) = meters;
    let _kept = marker;
    sink(inner as u64)
}

#[inline(never)]
fn nested(salt: u32) -> u64 {
    let outer = Frame {
        corner: Point { x: 1, y: salt as i32 },
        sizes: (640, 480),
        label: "outer",
        parent: None,
        grid: [[1, 2, 3], [4, 5, salt as u8]],
    };
    let inner = Frame {
        corner: Point { x: 5, y: 6 },
        sizes: (salt as u16, 2),
        label: "inner",
        parent: Some(&outer),
        grid: [[0; 3]; 2],
    };
    let depth = depth_of(&inner);
    sink(depth + inner.label.len() as u64);
    depth
}

#[inline(never)]
fn depth_of(frame: &Frame) -> u64 {
    let mut depth = frame.sizes.0 as u64 + frame.grid[1][2] as u64 + frame.corner.x as u64;
    let mut at = frame;
    while let Some(parent) = at.parent {
        depth += 1;
        at = parent;
    }
    sink(depth)
}

#[inline(never)]
fn unions(salt: u32) -> u64 {
    let mut word = Word { whole: salt * 0x0101_0101 };
    let packed = Packed { tag: 3, value: salt };
    let typed: Typed<Point> = Typed { raw: salt as usize, kind: PhantomData };
    unsafe {
        word.bytes[1] = 0;
        sink(word.whole as u64);
        sink(word.halves[1] as u64);
    }
    let value = packed.value;
    sink(value as u64 + packed.tag as u64);
    typed_of(&typed)
}

#[inline(never)]
fn typed_of(typed: &Typed<Point>) -> u64 {
    typed.raw as u64
}
