//! Enums: plain ones, with data, and those whose tag hides in what they carry.
use crate::structs::Point;
use crate::support::sink;
use alloc::boxed::Box;
use core::cmp::Ordering;
use core::num::{NonZeroU16, NonZeroU32};

#[derive(Clone, Copy, PartialEq)]
pub enum Color {
    Red,
    Green,
    Blue = 9,
}

#[repr(i16)]
#[derive(Clone, Copy)]
pub enum Level {
    Low = -300,
    Mid = 0,
    High = 300,
}

#[repr(u64)]
#[derive(Clone, Copy)]
pub enum Wide {
    Small = 1,
    Large = 0x8000_0000_0000_0001,
}

#[derive(Clone, Copy)]
pub enum Shape {
    Empty,
    Circle { radius: u32 },
    Rectangle { width: u32, height: u32 },
    Segment(Point, Point),
    Tagged(Color, u8),
}

#[repr(u8)]
#[derive(Clone, Copy)]
pub enum Event {
    Key(char) = 3,
    Click { x: i16, y: i16 } = 200,
    Idle = 7,
}

#[repr(i16)]
#[derive(Clone, Copy)]
pub enum Signed {
    Minus(u64) = -5,
    Plus(u8) = 5,
}

#[repr(u64)]
#[derive(Clone, Copy)]
pub enum Far {
    Near(u8) = 1,
    Away(u16) = 0xffff_ffff_0000_0000,
}

pub enum Tree {
    Leaf,
    Node(Box<Tree>, u32, Box<Tree>),
}

pub enum Never {}

pub enum One {
    Only(u32, u8),
}

pub enum Nested {
    Both(Option<Color>, Option<Option<bool>>),
    First(Result<u8, Color>),
    Rest,
}

pub enum Generic<T, E> {
    Good(T),
    Bad { error: E },
}

impl Shape {
    #[inline(never)]
    pub fn area(&self) -> u64 {
        match *self {
            Shape::Empty => 0,
            Shape::Circle { radius } => sink(radius as u64 * 3),
            Shape::Rectangle { width, height: tall } => {
                let area = width as u64 * tall as u64;
                sink(area)
            }
            Shape::Segment(from, to @ Point { x, .. }) => {
                let dx = from.x - x;
                sink((dx + to.y) as u64)
            }
            Shape::Tagged(color, size) if color == Color::Red => sink(size as u64),
            Shape::Tagged(.., size) => sink(size as u64 + 1),
        }
    }
}

#[inline(never)]
pub fn enums(salt: u32) -> u64 {
    plain(salt) + shapes(salt) + tagged(salt) + options(salt) + niches(salt) + nested(salt) + trees(salt)
}

#[inline(never)]
fn plain(salt: u32) -> u64 {
    let color = if salt > 3 { Color::Blue } else { Color::Red };
    let green = Color::Green;
    let level = if salt > 3 { Level::Low } else { Level::High };
    let wide = if salt > 3 { Wide::Large } else { Wide::Small };
    let order = salt.cmp(&7);
    sink(color as u64 + green as u64);
    sink(level as i16 as u64);
    sink(wide as u64);
    if order == Ordering::Equal {
        sink(1);
    }
    color as u64
}

#[inline(never)]
fn shapes(salt: u32) -> u64 {
    let shapes = [
        Shape::Empty,
        Shape::Circle { radius: salt },
        Shape::Rectangle { width: 2, height: salt },
        Shape::Segment(Point { x: 1, y: 2 }, Point { x: salt as i32, y: 4 }),
        Shape::Tagged(Color::Red, 5),
        Shape::Tagged(Color::Blue, 6),
    ];
    let mut total = 0;
    for shape in &shapes {
        total += shape.area();
    }
    total
}

#[inline(never)]
fn tagged(salt: u32) -> u64 {
    let mut sum = 0;
    for step in 0..3 {
        let event = match step {
            0 => Event::Key('k'),
            1 => Event::Click { x: salt as i16, y: -2 },
            _ => Event::Idle,
        };
        let signed = if step == 0 { Signed::Minus(1 << 40) } else { Signed::Plus(salt as u8) };
        let far = if step == 0 { Far::Near(salt as u8) } else { Far::Away(1000) };
        sum += weigh(event, signed, &far);
    }
    let one = One::Only(salt, 2);
    let One::Only(first, second) = one;
    sum + first as u64 + second as u64
}

#[inline(never)]
fn weigh(event: Event, signed: Signed, far: &Far) -> u64 {
    let a = match event {
        Event::Key(key) => key as u64,
        Event::Click { x, y } => (x + y) as u64,
        Event::Idle => 0,
    };
    let b = match signed {
        Signed::Minus(large) => large,
        Signed::Plus(small) => small as u64,
    };
    let c = match far {
        Far::Near(byte) => *byte as u64,
        Far::Away(half) => *half as u64,
    };
    sink(a + b + c)
}

#[inline(never)]
fn options(salt: u32) -> u64 {
    let some = Some(salt);
    let none: Option<u32> = if salt > 3 { None } else { some };
    let pair = Some((salt as u8, 2u64));
    let good: Result<u32, Color> = if salt > 3 { Ok(salt) } else { Err(Color::Green) };
    let bad: Result<(), Point> = Err(Point { x: 1, y: salt as i32 });
    let text = Some("text");
    let no_text: Option<&str> = if salt > 3 { None } else { text };
    let letter = if salt > 3 { Some('z') } else { None };
    let truth = if salt > 3 { Some(false) } else { None };
    let generic: Generic<u16, i64> = if salt > 3 { Generic::Good(5) } else { Generic::Bad { error: -1 } };
    let failed: Generic<u16, i64> = if salt > 3 { Generic::Bad { error: -1 } } else { Generic::Good(5) };
    sink(some.unwrap_or(0) as u64 + none.unwrap_or(1) as u64);
    if let Some((first, second)) = pair {
        sink(first as u64 + second);
    }
    if let (Ok(value), Err(point)) = (&good, &bad) {
        sink(*value as u64 + point.y as u64);
    }
    sink(text.map_or(0, str::len) as u64 + no_text.is_none() as u64);
    sink(letter.map_or(0, u32::from) as u64 + truth.is_some() as u64);
    unwrap(generic) + unwrap(failed)
}

#[inline(never)]
fn unwrap<T: Into<u64>, E: Into<i64>>(generic: Generic<T, E>) -> u64 {
    match generic {
        Generic::Good(value) => sink(value.into()),
        Generic::Bad { error } => sink(error.into() as u64),
    }
}

#[inline(never)]
fn niches(salt: u32) -> u64 {
    let number = salt * 2;
    let reference = if salt > 3 { Some(&number) } else { None };
    let no_reference: Option<&u32> = if salt > 3 { None } else { Some(&number) };
    let boxed: Option<Box<Pair2>> = Some(Box::new(Pair2 { first: salt as u8, second: 77 }));
    let no_box: Option<Box<u64>> = if salt > 3 { None } else { Some(Box::new(1)) };
    let non_zero = NonZeroU32::new(salt);
    let zero = NonZeroU16::new((salt - 7) as u16);
    let function: Option<fn(u32) -> u64> = if salt > 3 { Some(niches_helper) } else { None };
    sink(reference.copied().unwrap_or(0) as u64 + no_reference.is_none() as u64);
    sink(boxed.as_ref().map_or(0, |one| one.first as u64 + one.second) + no_box.is_some() as u64);
    sink(non_zero.map_or(0, |one| one.get()) as u64 + zero.is_none() as u64);
    function.map_or(0, |one| one(salt))
}

struct Pair2 {
    first: u8,
    second: u64,
}

#[inline(never)]
fn niches_helper(salt: u32) -> u64 {
    sink(salt as u64)
}

#[inline(never)]
fn nested(salt: u32) -> u64 {
    let both = Nested::Both(Some(Color::Blue), Some(Some(salt > 3)));
    let half = Nested::Both(None, Some(None));
    let first = Nested::First(Err(Color::Green));
    let rest = Nested::Rest;
    weight(&both) + weight(&half) + weight(&first) + weight(&rest)
}

#[inline(never)]
fn weight(nested: &Nested) -> u64 {
    match nested {
        Nested::Both(Some(color), inner) => sink(*color as u64 + inner.is_some() as u64),
        Nested::Both(None, inner) => sink(inner.is_some() as u64),
        Nested::First(result) => sink(result.is_ok() as u64),
        Nested::Rest => sink(3),
    }
}

#[inline(never)]
fn trees(salt: u32) -> u64 {
    let left = Box::new(Tree::Node(Box::new(Tree::Leaf), salt, Box::new(Tree::Leaf)));
    let tree = Tree::Node(left, 100, Box::new(Tree::Leaf));
    let empty: Option<Never> = None;
    sum(&tree) + empty.is_none() as u64
}

#[inline(never)]
fn sum(tree: &Tree) -> u64 {
    match tree {
        Tree::Leaf => 0,
        Tree::Node(left, value, right) => {
            let below = sum(left) + sum(right);
            sink(below + *value as u64)
        }
    }
}
