//! Stands for the crate that rustc takes memory's functions from. The others of that crate are in gcc's library, and
//! start.S has memcpy and memset.
#![no_std]
#![allow(internal_features)]
#![feature(compiler_builtins)]
#![compiler_builtins]
#![no_builtins]

#[no_mangle]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    let forward = (to as usize) < (from as usize);
    let mut done = 0;
    while done < count {
        let at = if forward { done } else { count - 1 - done };
        *to.add(at) = *from.add(at);
        done += 1;
    }
    to
}

#[no_mangle]
pub unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    let mut at = 0;
    while at < count {
        let difference = *left.add(at) as i32 - *right.add(at) as i32;
        if difference != 0 {
            return difference;
        }
        at += 1;
    }
    0
}
