//! The allocator hook from end to end, in a process that is tracked from its first allocation.

mod child;

use child::tracked;
use memleak_core::tracker::{self, Allocator, Block, Origin};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::system();

fn find(address: *const u8) -> Option<Block> {
    let frozen = tracker::freeze();
    frozen.blocks().into_iter().find(|block| block.address.0 == address as u64)
}

#[test]
fn a_block_is_recorded_until_it_is_freed() {
    tracked("a_block_is_recorded_until_it_is_freed", || {
        let block = black_box(Box::new([7u8; 100]));
        let address = block.as_ptr();
        let found = find(address).unwrap();
        assert_eq!((found.size, found.origin), (100, Origin::Alloc));
        drop(block);
        assert_eq!(find(address), None);
        let zeroed = black_box(vec![0u32; 1000]);
        assert_eq!(find(zeroed.as_ptr().cast()).unwrap().origin, Origin::Zeroed);
    });
}

#[test]
fn a_realloc_is_of_its_own_epoch() {
    tracked("a_realloc_is_of_its_own_epoch", || {
        let mut list: Vec<u8> = black_box(Vec::with_capacity(10));
        let before = find(list.as_ptr()).unwrap();
        assert_eq!(tracker::next_epoch(), before.epoch + 1);
        list.reserve_exact(5000);
        let after = find(black_box(&list).as_ptr()).unwrap();
        assert_eq!((after.size, after.origin, after.epoch), (5000, Origin::Realloc, before.epoch + 1));
        assert_ne!(after.stack, before.stack);
    });
}

#[test]
fn an_epoch_ends_with_the_blocks_of_a_freeze() {
    tracked("an_epoch_ends_with_the_blocks_of_a_freeze", || {
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        black_box(Box::new([0u64; 3]));
                    }
                });
            }
            for _ in 0..300 {
                let (epoch, blocks) = {
                    let frozen = tracker::freeze();
                    (frozen.end_epoch(), frozen.blocks())
                };
                assert!(blocks.iter().all(|block| block.epoch <= epoch));
                let frozen = tracker::freeze();
                let known = |block: &Block| {
                    blocks
                        .binary_search_by_key(&block.address, |known| known.address)
                        .is_ok_and(|at| blocks[at] == *block)
                };
                assert!(frozen.blocks().iter().all(|block| block.epoch > epoch || known(block)));
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

#[test]
fn a_stack_reaches_the_thread_start() {
    tracked("a_stack_reaches_the_thread_start", || {
        let (plain, block) = std::thread::spawn(|| {
            let _not_recorded = tracker::untracked();
            let mut plain = Vec::with_capacity(500);
            // Two lines on one: the frames above this closure are the same.
            backtrace(&mut plain);
            drop(_not_recorded);
            (plain, black_box(Box::new(5u64)))
        })
        .join()
        .unwrap();
        let frames = find((&raw const *block).cast()).unwrap().stack.frames();
        let frames: Vec<u64> = frames.iter().map(|frame| frame.0).collect();
        let shared = frames.iter().rev().zip(plain.iter().rev()).take_while(|(a, b)| a == b).count();
        assert!(shared >= 3, "{frames:x?} and {plain:x?}");
        assert!(frames.len() - shared <= 12, "{frames:x?} and {plain:x?}");
    });
}

/// The system unwinder's answer, which is another implementation of the same thing.
fn backtrace(into: &mut Vec<u64>) {
    unsafe extern "C" {
        fn backtrace(buffer: *mut *mut u8, size: i32) -> i32;
    }
    let mut room = [std::ptr::null_mut(); 400];
    // SAFETY: there is room for 400 addresses.
    let count = unsafe { backtrace(room.as_mut_ptr(), 400) };
    into.extend(room.iter().take(usize::try_from(count).unwrap()).map(|&pc| pc as u64));
}

#[test]
fn contents_are_copied() {
    tracked("contents_are_copied", || {
        let block = black_box(b"forty-two bytes or so, not a multiple of eight".to_vec());
        let frozen = tracker::freeze();
        let found = frozen.blocks().into_iter().find(|found| found.address.0 == block.as_ptr() as u64).unwrap();
        let mut copy = vec![1];
        assert!(frozen.copy(&found, &mut copy));
        assert_eq!(copy[1..], *block);
        let mut memory = Vec::new();
        assert!(frozen.copy_memory(found.address, block.len(), &mut memory));
        assert_eq!(memory, block);
        assert!(!frozen.copy_memory(memleak_core::address::RuntimeAddress(4096), 8, &mut memory));
        drop(block);
        assert!(!frozen.copy(&found, &mut copy), "the holder freed it");
    });
}

#[test]
fn untracked_allocations_are_not_recorded() {
    tracked("untracked_allocations_are_not_recorded", || {
        let guard = tracker::untracked();
        let hidden = black_box(Box::new(3u64));
        drop(guard);
        let seen = black_box(Box::new(4u64));
        assert_eq!(find((&raw const *hidden).cast()), None);
        assert!(find((&raw const *seen).cast()).is_some());
    });
}

#[test]
fn traffic_is_counted_by_stack() {
    tracked("traffic_is_counted_by_stack", || {
        #[inline(never)]
        fn allocate() -> Box<[u8; 1000]> {
            black_box(Box::new([3; 1000]))
        }
        let mut kept = Vec::with_capacity(4);
        // Each thread starts from the same place, so all have the same stack.
        for _ in 0..4 {
            let thread = std::thread::spawn(|| {
                let mut last = None;
                for _ in 0..50 {
                    last = Some(allocate());
                }
                last
            });
            kept.push(thread.join().unwrap().unwrap());
        }
        let stacks: Vec<_> = kept.iter().map(|block| find(block.as_ptr()).unwrap().stack).collect();
        assert!(stacks.iter().all(|stack| *stack == stacks[0]));
        let traffic = tracker::traffic().into_iter().find(|traffic| traffic.stack == stacks[0]).unwrap();
        assert_eq!((traffic.allocations, traffic.bytes), (200, 200_000));
    });
}
