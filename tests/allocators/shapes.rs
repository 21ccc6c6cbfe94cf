//! Tests that lose memory, keep it or are clean, with the allocator busy around them. `tests/compile/allocators.rs` runs them over several
//! allocators: each `lost_N_…` has to say that N blocks are unreachable.

use memleak::leak_test;
use std::cell::RefCell;
use std::mem;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

struct Session(#[allow(dead_code, reason = "memory that the session owns")] String);

struct Node {
    #[allow(dead_code, reason = "only its count matters")]
    next: RefCell<Option<Rc<Node>>>,
}

static KEPT: Mutex<Vec<Arc<Session>>> = Mutex::new(Vec::new());
static BYTES: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Leaves something in every list and cache of the allocator.
fn churn() {
    for round in 0..20 {
        drop((0..200).map(|i| vec![round; i * 37 % 3000 + 1]).collect::<Vec<Vec<u8>>>());
        drop((0..500).map(Box::new).collect::<Vec<Box<u64>>>());
    }
}

/// Loses every second one of 64; the ones between are free.
fn lose_every_second<const WORDS: usize>() {
    churn();
    let blocks: Vec<_> = (0..64).map(|i| Box::new([i; WORDS])).collect();
    lose_odd(blocks);
}

fn lose_odd<T>(blocks: Vec<Box<T>>) {
    for (i, block) in blocks.into_iter().enumerate() {
        if i % 2 == 1 {
            mem::forget(block);
        }
    }
}

/// The first block of its size: nothing else is in its page.
#[leak_test]
fn lost_1_that_is_first() {
    mem::forget(Box::new([0_u64; 45]));
}

#[leak_test]
fn lost_32_of_one_word() {
    lose_every_second::<1>();
}

#[leak_test]
fn lost_32_of_three_words() {
    lose_every_second::<3>();
}

#[leak_test]
fn lost_32_of_600_words() {
    lose_every_second::<600>();
}

#[leak_test]
fn lost_32_of_5000_words() {
    lose_every_second::<5000>();
}

#[leak_test]
fn lost_3_that_are_large() {
    for size in [400_000, 4_000_000, 40_000_000] {
        mem::forget(vec![1_u8; size]);
    }
}

#[leak_test]
fn lost_64_on_threads() {
    let lose = || {
        lose_every_second::<4>();
        churn();
    };
    [thread::spawn(lose), thread::spawn(lose)].map(|thread| thread.join().unwrap());
}

#[leak_test]
fn lost_32_freed_by_another_thread() {
    let blocks: Vec<_> = (0..64).map(|i| Box::new([i; 3])).collect();
    thread::spawn(move || lose_odd(blocks)).join().unwrap();
}

#[leak_test]
fn lost_2_in_a_cycle() {
    churn();
    let first = Rc::new(Node { next: RefCell::new(None) });
    let second = Rc::new(Node { next: RefCell::new(Some(first.clone())) });
    *first.next.borrow_mut() = Some(second);
}

/// The memory of the ones kept is not initialised: what the allocator has left in it may lead to the others.
#[leak_test]
fn lost_64_beside_spare_memory() {
    churn();
    for i in 0..64 {
        BYTES.lock().unwrap().push(Vec::with_capacity(24));
        mem::forget(Box::new([i; 3]));
    }
}

#[leak_test(expect_zero = "Session")]
fn kept() {
    churn();
    KEPT.lock().unwrap().push(Arc::new(Session("ada".to_owned())));
}

#[leak_test(expect_zero = "Session")]
fn clean() {
    churn();
    drop(Arc::new(Session("ada".to_owned())));
}

#[leak_test]
fn clean_with_statics() {
    churn();
    KEPT.lock().unwrap().extend((0..100).map(|i| Arc::new(Session(i.to_string()))));
    KEPT.lock().unwrap().truncate(50);
    churn();
}

#[leak_test]
fn clean_with_threads() {
    [thread::spawn(churn), thread::spawn(churn)].map(|thread| thread.join().unwrap());
    thread::spawn(|| {
        let held: Vec<_> = (0..50).map(|i| Box::new([i; 4])).collect();
        thread::sleep(Duration::from_secs(5));
        drop(held);
    });
    thread::sleep(Duration::from_millis(50));
}
