//! Loops, blocks, shadowing, inlined calls, early ends, and modules that have a name in common.
use crate::support::sink;

mod net {
    pub mod queue {
        use crate::support::sink;
        pub static DEPTH: u32 = 11;
        #[inline(never)]
        pub fn push(value: u32) -> u64 {
            let slot = value % DEPTH;
            sink(slot as u64)
        }
    }
}

mod disk {
    pub mod queue {
        use crate::support::sink;
        pub static DEPTH: u32 = 22;
        #[inline(never)]
        pub fn push(value: u32) -> u64 {
            let slot = value * DEPTH;
            sink(slot as u64)
        }
    }
}

#[inline(always)]
fn rotate(value: u64, by: u32) -> u64 {
    let low = value >> by;
    let high = value << (64 - by);
    low | high
}

#[inline(always)]
fn mixed(value: u64) -> u64 {
    let once = rotate(value, 7);
    let twice = rotate(once ^ value, 13);
    sink(twice)
}

#[inline(never)]
fn parse(digits: &[u8]) -> Result<u32, u8> {
    let mut number = 0u32;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return Err(digit);
        }
        number = number * 10 + (digit - b'0') as u32;
    }
    Ok(number)
}

#[inline(never)]
fn tried(digits: &[u8]) -> Result<u64, u8> {
    let number = parse(digits)?;
    let doubled = number as u64 * 2;
    sink(doubled);
    Ok(doubled)
}

#[inline(never)]
fn ranges(number: u32) -> u64 {
    let kind = match number {
        0 => 1,
        1..=5 => 2,
        small @ 6..=9 => small as u64,
        large => {
            let half = large / 2;
            half as u64
        }
    };
    sink(kind)
}

#[inline(never)]
fn labels(salt: u32) -> u64 {
    let mut count = 0u64;
    let found = 'outer: loop {
        for row in 0u32..4 {
            for column in (0..row).rev() {
                count += 1;
                if row * column > salt {
                    continue 'outer;
                }
                if count > 12 {
                    break 'outer (row, column);
                }
            }
        }
        count += 5;
    };
    sink(count + found.0 as u64 * 10 + found.1 as u64)
}

#[inline(never)]
fn shadows(value: u32) -> u64 {
    let value = value as u64 + 1;
    let value = Some(value * 2);
    if let Some(value) = value {
        let value = value as f64 / 4.0;
        sink(value as u64);
    }
    let value = match value {
        Some(value) if value > 100 => 0,
        Some(value) => value,
        None => 1,
    };
    sink(value)
}

#[inline(never)]
fn fact(number: u32) -> u64 {
    if number < 2 {
        return sink(1);
    }
    let below = fact(number - 1);
    below.wrapping_mul(number as u64)
}

#[inline(never)]
pub fn flow(salt: u32) -> u64 {
    let mut total = net::queue::push(salt * 5) + disk::queue::push(salt);
    total ^= mixed(total);
    total ^= mixed(salt as u64);
    let good = tried(b"123");
    let bad = tried(b"1x3");
    sink(good.unwrap_or(1) + bad.unwrap_or(2));
    for number in [0, 3, salt, 40] {
        total += ranges(number);
    }
    total ^= labels(salt + 5);
    total ^= shadows(salt);
    total ^ fact(5)
}
