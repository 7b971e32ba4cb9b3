//! Arrays, slices and text, borrowed.
use crate::structs::Point;
use crate::support::sink;

#[inline(never)]
pub fn slices(salt: u32) -> u64 {
    let mut numbers = [1u32, 2, 3, salt, 5];
    let total = sum(&numbers) + sum(&numbers[1..3]) + sum(&[]);
    fill(&mut numbers[2..], 9);
    sink(numbers[4] as u64);
    total + points(salt) + text(salt) + grids(salt)
}

#[inline(never)]
fn sum(numbers: &[u32]) -> u64 {
    let mut total = 0u64;
    for (index, number) in numbers.iter().enumerate() {
        total += *number as u64 * index as u64;
        sink(total);
    }
    total
}

#[inline(never)]
fn fill(numbers: &mut [u32], value: u32) {
    for number in numbers.iter_mut() {
        *number = value;
        sink(value as u64);
    }
}

#[inline(never)]
fn points(salt: u32) -> u64 {
    let mut points = [Point { x: 1, y: 2 }, Point { x: salt as i32, y: 4 }];
    let slice = &points[..];
    let last = slice.last();
    let first = match slice {
        [first, ..] => first,
        [] => return 0,
    };
    sink(first.x as u64 + last.map_or(0, |one| one.y) as u64);
    let (head, tail) = points.split_at_mut(1);
    head[0].x += 1;
    tail[0].y += 1;
    sink((head[0].x + tail[0].y) as u64)
}

#[inline(never)]
fn text(salt: u32) -> u64 {
    let hello = "hello";
    let accents = "h\u{e9}llo \u{20ac}\n\"quoted\"\\";
    let part = &accents[..salt as usize - 1];
    let empty = "";
    let bytes = b"raw\0bytes";
    let view: &[u8] = bytes;
    let words = ["one", "two", hello];
    sink(hello.len() as u64 + accents.len() as u64 + part.len() as u64 + empty.len() as u64);
    sink(view.len() as u64 + words.len() as u64 + bytes[1] as u64);
    letters(part)
}

#[inline(never)]
fn letters(text: &str) -> u64 {
    let mut count = 0;
    for letter in text.chars() {
        count += letter as u64;
        sink(count);
    }
    count
}

#[inline(never)]
fn grids(salt: u32) -> u64 {
    let grid = [[1i16, 2, 3], [4, 5, salt as i16]];
    let rows: [&[i16]; 2] = [&grid[0][..2], &grid[1]];
    let none: [u64; 0] = [];
    let pairs = [(1u8, 'a'), (salt as u8, 'b')];
    let mut total = none.len() as i16;
    for row in rows {
        for cell in row {
            total += cell;
        }
    }
    sink(total as u64 + pairs[1].0 as u64)
}
