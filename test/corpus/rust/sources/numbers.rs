//! Numbers of every size, characters, truth, and nothing.
use crate::support::sink;
use core::num::Wrapping;

#[inline(never)]
pub fn numbers(salt: u32) -> u64 {
    integers(salt) + floats(salt) + letters(salt) + nothing(salt)
}

#[inline(never)]
fn integers(salt: u32) -> u64 {
    let byte = salt as u8;
    let negative = -(salt as i8);
    let half = salt as u16 * 300;
    let short = -(salt as i16) * 300;
    let word = salt * 70_000;
    let int = -(salt as i32) * 70_000;
    let wide = salt as u64 * 0x1_0000_0001;
    let long = -(salt as i64) * 0x1_0000_0001;
    let size = salt as usize + 1;
    let offset = -(salt as isize);
    let huge = salt as u128 * 0x1_0000_0000_0000_0001;
    let deep = -(salt as i128) << 64 | 5;
    let wrapped = Wrapping(salt) * Wrapping(0x4000_0000);
    sink(byte as u64 + negative as u64);
    sink(half as u64 ^ short as u64 ^ word as u64 ^ int as u64);
    sink(wide ^ long as u64 ^ size as u64 ^ offset as u64);
    sink(huge as u64 ^ (deep >> 64) as u64);
    wrapped.0 as u64
}

#[inline(never)]
fn floats(salt: u32) -> u64 {
    let single = salt as f32 / 4.0;
    let double = salt as f64 * -1.25;
    let infinite = double / (salt - 7) as f64;
    sink(single as u64);
    sink((double + infinite.min(0.0)) as i64 as u64);
    single.to_bits() as u64
}

#[inline(never)]
fn letters(salt: u32) -> u64 {
    let ascii = char::from(b'a' + salt as u8);
    let euro = if salt > 3 { '€' } else { '$' };
    let crab = char::from_u32(0x1f980 + salt - 7).unwrap_or('?');
    let is_high = salt > 5;
    let is_low = salt < 5;
    let text_byte = b'x';
    sink(ascii as u64 + euro as u64 + crab as u64);
    sink(is_high as u64 * 2 + is_low as u64 + text_byte as u64)
}

#[inline(never)]
fn nothing(salt: u32) -> u64 {
    let unit = ();
    let shadowed = salt + 1;
    let shadowed = shadowed as u64 * 3;
    {
        let shadowed = shadowed == 24;
        sink(shadowed as u64);
    }
    sink(shadowed);
    unit_of(unit)
}

#[inline(never)]
fn unit_of(_: ()) -> u64 {
    1
}
