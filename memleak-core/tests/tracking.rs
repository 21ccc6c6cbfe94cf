//! The allocator hook from end to end, in a process that is tracked from its first allocation.

mod child;

use child::tracked;
use memleak_core::tracker::{self, Allocator, Block, Crossing, Origin};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
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
            stop.store(true, Ordering::Relaxed);
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

#[test]
fn the_highest_sum_of_watched_blocks_is_known() {
    tracked("the_highest_sum_of_watched_blocks_is_known", || {
        let before = black_box(vec![0u8; 1_000_000]);
        let mut grown_before: Vec<u8> = black_box(Vec::with_capacity(100));
        let epoch = tracker::freeze().watch(10_000);
        let first = black_box(vec![1u8; 6000]);
        // What lived before is not watched, until it moves.
        drop(before);
        let second = black_box(Box::new([2u8; 3000]));
        drop(first);
        grown_before.reserve_exact(500);
        let mut list: Vec<u8> = black_box(Vec::with_capacity(4000));
        // The old block and the new are never both part of the sum.
        list.reserve_exact(8000);
        let crossed_by = black_box(&list).as_ptr() as u64;
        drop(list);
        black_box(vec![3u8; 7000]);
        let peak = tracker::freeze().watch_ends();
        black_box(vec![4u8; 50_000]);
        assert_eq!(peak.highest, 3000 + 500 + 8000);
        let Crossing::Kept(blocks) = peak.crossing else { panic!("{:?}", peak.crossing) };
        let mut watched: Vec<&Block> = blocks.iter().filter(|block| block.epoch >= epoch).collect();
        watched.sort_by_key(|block| block.size);
        assert_eq!(watched.iter().map(|block| block.size).collect::<Vec<_>>(), [500, 3000, 8000]);
        assert_eq!(watched[2].address.0, crossed_by);
        assert!(blocks.len() > watched.len(), "what lived before is kept as well");
        drop((second, grown_before));

        // A second watch knows nothing of the first.
        let _frozen = tracker::freeze().watch(10_000);
        drop(black_box(Box::new([5u8; 300])));
        let peak = tracker::freeze().watch_ends();
        assert_eq!((peak.highest, peak.crossing), (300, Crossing::None));
    });
}

/// Each watch is crossed by threads that allocate, reallocate and free, while another thread freezes.
#[test]
fn crossing_a_limit_waits_for_no_other_freeze() {
    tracked("crossing_a_limit_waits_for_no_other_freeze", || {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mut list: Vec<u64> = black_box(Vec::with_capacity(10));
                        list.reserve_exact(200);
                        black_box(list).shrink_to(50);
                    }
                });
            }
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    black_box(tracker::freeze().end_epoch());
                }
            });
            let mut wrong = Vec::new();
            for _ in 0..1000 {
                let epoch = tracker::freeze().watch(1000);
                std::thread::sleep(Duration::from_micros(100));
                let peak = tracker::freeze().watch_ends();
                let kept = match &peak.crossing {
                    Crossing::Kept(blocks) => peak.highest > 1000 && blocks.iter().any(|block| block.epoch >= epoch),
                    // A thread may be about to.
                    Crossing::None => true,
                    Crossing::NoRoom => false,
                };
                wrong.extend((!kept).then_some(peak));
            }
            stop.store(true, Ordering::Relaxed);
            assert!(wrong.is_empty(), "{} of 1000: {:?}", wrong.len(), wrong[0]);
        });
    });
}
