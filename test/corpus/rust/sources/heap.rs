//! What `alloc` has: boxes, vectors, text of one's own, counted references, maps.
use crate::structs::Point;
use crate::support::sink;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

#[inline(never)]
pub fn heap(salt: u32) -> u64 {
    boxes(salt) + vectors(salt) + text(salt) + counted(salt) + maps(salt)
}

#[inline(never)]
fn boxes(salt: u32) -> u64 {
    let number = Box::new(salt);
    let mut point = Box::new(Point { x: salt as i32, y: 2 });
    let slice: Box<[u16]> = Box::new([1, 2, salt as u16]);
    let nested = Box::new(Box::new(5u8));
    let text: Box<str> = Box::from("boxed");
    point.x += 1;
    sink(*number as u64 + point.x as u64);
    sink(slice[2] as u64 + **nested as u64 + text.len() as u64);
    let moved = *point;
    moved.x as u64
}

#[inline(never)]
fn vectors(salt: u32) -> u64 {
    let mut numbers: Vec<u32> = Vec::new();
    let empty: Vec<u64> = Vec::new();
    for index in 0..4 {
        numbers.push(salt + index);
    }
    let points = vec![Point { x: 1, y: 2 }, Point { x: 3, y: salt as i32 }];
    let nested: Vec<Vec<u8>> = vec![vec![1, 2], vec![], vec![salt as u8]];
    let bytes = vec![0x41u8; 3];
    sink(numbers[3] as u64 + points[1].y as u64 + empty.len() as u64);
    sink(nested[2][0] as u64 + bytes.len() as u64);
    let doubled: Vec<u64> = numbers.iter().map(|one| *one as u64 * 2).collect();
    doubled.iter().sum()
}

#[inline(never)]
fn text(salt: u32) -> u64 {
    let mut name = String::from("kernel");
    name.push('-');
    name.push_str("rust");
    let empty = String::new();
    let names = vec![String::from("init"), name.clone()];
    let borrowed: Cow<str> = Cow::Borrowed("cow");
    let owned: Cow<str> = if salt > 3 { Cow::Owned(name.clone()) } else { Cow::Borrowed("") };
    sink(name.len() as u64 + empty.len() as u64 + names[1].len() as u64);
    sink(borrowed.len() as u64 + owned.len() as u64);
    names.len() as u64
}

struct Node {
    name: &'static str,
    parent: RefCell<Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
    visits: Cell<u32>,
}

#[inline(never)]
fn counted(salt: u32) -> u64 {
    let leaf = Rc::new(Node {
        name: "leaf",
        parent: RefCell::new(Weak::new()),
        children: RefCell::new(Vec::new()),
        visits: Cell::new(salt),
    });
    let root = Rc::new(Node {
        name: "root",
        parent: RefCell::new(Weak::new()),
        children: RefCell::new(vec![Rc::clone(&leaf)]),
        visits: Cell::new(0),
    });
    *leaf.parent.borrow_mut() = Rc::downgrade(&root);
    root.visits.set(root.visits.get() + 1);
    let shared = Arc::new(salt as u64);
    let other = Arc::clone(&shared);
    let slice: Rc<[u8]> = Rc::from(&[1u8, 2, 3][..]);
    sink(leaf.visits.get() as u64 + root.children.borrow().len() as u64);
    sink(*other + slice[1] as u64 + leaf.name.len() as u64);
    Rc::strong_count(&leaf) as u64
}

#[inline(never)]
fn maps(salt: u32) -> u64 {
    let mut map = BTreeMap::new();
    map.insert(salt, 'a');
    map.insert(salt + 1, 'b');
    let mut queue = VecDeque::new();
    queue.push_back(salt);
    queue.push_front(1);
    let first = queue.pop_front();
    sink(map.len() as u64 + first.unwrap_or(0) as u64);
    queue.len() as u64
}
