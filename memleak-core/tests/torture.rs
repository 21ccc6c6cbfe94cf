//! Threads that do to the allocator what programs do, on top of an allocator that keeps count itself.

mod child;

use child::tracked;
use memleak_core::tracker::{self, Allocator, Block, Frozen, Origin, Status};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{RefCell, UnsafeCell};
use std::hint::{black_box, spin_loop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// `System`, with a list of its live blocks.
struct Counting {
    lock: AtomicBool,
    /// (address, size); an address of 1 is a place that was used.
    places: UnsafeCell<[(usize, usize); PLACES]>,
}

const PLACES: usize = 1 << 18;

// SAFETY: `places` is touched only under `lock`.
unsafe impl Sync for Counting {}

#[global_allocator]
static ALLOCATOR: Allocator<&Counting> = Allocator::new(&COUNTING);
static COUNTING: Counting = Counting { lock: AtomicBool::new(false), places: UnsafeCell::new([(0, 0); PLACES]) };

impl Counting {
    fn with<T>(&self, f: impl FnOnce(&mut [(usize, usize); PLACES]) -> T) -> T {
        while self.lock.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        // SAFETY: the lock is held.
        let answer = f(unsafe { &mut *self.places.get() });
        self.lock.store(false, Ordering::Release);
        answer
    }

    fn add(&self, block: *mut u8, size: usize) {
        self.with(|places| {
            let mut at = home(block);
            while places[at].0 > 1 {
                at = (at + 1) % PLACES;
            }
            places[at] = (block as usize, size);
        });
    }

    fn find(places: &[(usize, usize); PLACES], block: *mut u8) -> usize {
        let mut at = home(block);
        for _ in 0..PLACES {
            if places[at].0 == block as usize {
                return at;
            }
            at = (at + 1) % PLACES;
        }
        // Not a panic: that would allocate in the allocator.
        std::process::abort()
    }

    fn remove(&self, block: *mut u8) {
        self.with(|places| places[Self::find(places, block)].0 = 1);
    }
}

/// The thread whose next `alloc`, which is part of a `realloc`, takes long, or that it does so now.
static SLOW: AtomicU64 = AtomicU64::new(0);
const IS_SLOW: u64 = 1;

/// Different for each thread, and never [`IS_SLOW`].
fn thread_id() -> u64 {
    thread_local!(static HERE: u64 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here) as u64)
}

fn home(block: *mut u8) -> usize {
    (block as usize >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.ilog2())
}

// SAFETY: forwards to `System`.
unsafe impl GlobalAlloc for &Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SLOW.load(Ordering::Relaxed) == thread_id() {
            SLOW.store(IS_SLOW, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(100));
        }
        // SAFETY: the caller's promise, passed on.
        let block = unsafe { System.alloc(layout) };
        self.add(block, layout.size());
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        let block = unsafe { System.alloc_zeroed(layout) };
        self.add(block, layout.size());
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.remove(block);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        self.remove(block);
        // SAFETY: the caller's promise, passed on.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        self.add(moved, new_size);
        moved
    }
}

/// A block that does not care which thread frees it.
struct Raw {
    at: *mut u8,
    layout: Layout,
}

// SAFETY: an allocation of the global allocator can be used by any thread.
unsafe impl Send for Raw {}

impl Raw {
    fn new(random: &mut Random) -> Raw {
        let size = match random.below(200) {
            0 => 100_000 + random.below(3_000_000),
            1..20 => 2_000 + random.below(20_000),
            _ => 1 + random.below(500),
        };
        let align = if random.below(10) == 0 { 1 << random.below(13) } else { 8 };
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the size is not zero.
        let at =
            unsafe { if random.below(4) == 0 { std::alloc::alloc_zeroed(layout) } else { std::alloc::alloc(layout) } };
        let raw = Raw { at, layout };
        raw.check_alignment();
        raw
    }

    fn resize(&mut self, size: usize) {
        // SAFETY: the block is ours, and the size is not zero.
        self.at = unsafe { std::alloc::realloc(self.at, self.layout, size) };
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        self.check_alignment();
    }

    fn check_alignment(&self) {
        assert!(!self.at.is_null() && (self.at as usize).is_multiple_of(self.layout.align()));
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: the block is ours.
        unsafe { std::alloc::dealloc(self.at, self.layout) }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Blocks on their way from the thread that made them to the one that frees them.
static SHARED: Mutex<Vec<Raw>> = Mutex::new(Vec::new());
static STOP: AtomicBool = AtomicBool::new(false);

/// Allocates and frees when its thread ends.
struct AtExit(Vec<Raw>);

impl Drop for AtExit {
    fn drop(&mut self) {
        let mut random = Random(self.0.len() as u64 + 99);
        self.0.push(Raw::new(&mut random));
        SHARED.lock().unwrap().extend(self.0.drain(1..));
        black_box(Box::new([1u8; 300]));
    }
}

thread_local!(static AT_EXIT: RefCell<AtExit> = const { RefCell::new(AtExit(Vec::new())) });

fn work(seed: u64, steps: usize) {
    let mut random = Random(seed);
    let mut mine = vec![Raw::new(&mut random)];
    AT_EXIT.with_borrow_mut(|at_exit| at_exit.0.push(Raw::new(&mut random)));
    let mut untracked = None;
    for _ in 0..steps {
        let choice = random.below(mine.len());
        if random.below(15) == 0 {
            untracked = if untracked.is_some() { None } else { Some(tracker::untracked()) };
        }
        match random.below(12) {
            0..4 => mine.push(Raw::new(&mut random)),
            4..7 if mine.len() > 1 => drop(mine.swap_remove(choice)),
            7 | 8 => {
                let size = 1 + random.below(4_000);
                mine[choice].resize(size);
            }
            9 if mine.len() > 1 => SHARED.lock().unwrap().push(mine.swap_remove(choice)),
            10 => {
                let theirs = SHARED.lock().unwrap().pop();
                mine.extend(theirs);
            }
            11 if random.below(40) == 0 => {
                let panics = AssertUnwindSafe(|| {
                    let _lost_in_the_unwind = Raw::new(&mut random);
                    std::panic::resume_unwind(Box::new(String::from("a payload")));
                });
                assert!(catch_unwind(panics).is_err());
            }
            _ => AT_EXIT.with_borrow_mut(|at_exit| at_exit.0.push(mine.pop().unwrap_or_else(|| Raw::new(&mut random)))),
        }
        if mine.is_empty() {
            mine.push(Raw::new(&mut random));
        }
    }
}

/// Each recorded block must be one that the counting allocator knows, of that size; says how many there are.
fn check(frozen: &Frozen) -> usize {
    let blocks = frozen.blocks();
    for block in &blocks {
        let known = COUNTING.with(|places| places[Counting::find(places, block.address.0 as *mut u8)].1);
        assert_eq!(known as u64, block.size);
        assert_ne!(block.stack.0, 0);
    }
    blocks.len()
}

/// Nothing else is going on: both lists must be the same, once a thread of the test harness that was about to wait does so.
fn compare() {
    let mut unknown = (0, 0);
    for _ in 0..100 {
        let frozen = tracker::freeze();
        let blocks = frozen.blocks();
        check(&frozen);
        unknown = (0, 0);
        COUNTING.with(|places| {
            for (address, size) in places.iter().filter(|place| place.0 > 1) {
                let known = blocks.binary_search_by_key(&(*address as u64), |block| block.address.0).is_ok();
                // What untracked threads have is in neither list.
                if !known {
                    unknown = (*address, *size);
                }
            }
        });
        drop(frozen);
        if unknown == (0, 0) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{unknown:x?} lives and is not recorded");
}

/// A child of fork is not tracked, and can allocate whatever its parent's other threads were doing.
fn fork_and_check() {
    // SAFETY: the child only allocates, which the C library allows after a fork, and exits.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // The lock of this test's allocator may have been another thread's.
        COUNTING.lock.store(false, Ordering::Relaxed);
        let mut random = Random(77);
        let mut blocks: Vec<Raw> = (0..100).map(|_| Raw::new(&mut random)).collect();
        blocks.iter_mut().for_each(|block| block.resize(1000));
        drop(blocks);
        drop(tracker::freeze());
        let right = tracker::status() == Status::Off;
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(if right { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: `status` is a place for the answer.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's status");
}

#[test]
fn the_table_is_what_the_inner_allocator_says() {
    tracked("the_table_is_what_the_inner_allocator_says", || {
        compare();
        let workers: Vec<_> = (1..=4)
            .map(|worker| {
                thread::spawn(move || {
                    for round in 0..60u64 {
                        let seed = worker * 1_000_003 + round * 7_919;
                        // Ends with blocks in thread-locals, and in a thread that was never joined by their maker.
                        thread::spawn(move || work(seed, 400)).join().unwrap();
                        work(seed ^ 0xabcdef, 200);
                    }
                })
            })
            .collect();
        let forks = thread::spawn(|| {
            while !STOP.load(Ordering::Relaxed) {
                fork_and_check();
                thread::sleep(Duration::from_millis(5));
            }
        });
        let mut copies = Vec::new();
        while !workers.iter().all(thread::JoinHandle::is_finished) {
            let began = Instant::now();
            let frozen = tracker::freeze();
            check(&frozen);
            for block in frozen.blocks().iter().step_by(7) {
                copies.clear();
                assert!(frozen.copy(block, &mut copies));
            }
            drop(frozen);
            // One freeze after another would let the others do a step or two in between.
            thread::sleep(began.elapsed());
        }
        STOP.store(true, Ordering::Relaxed);
        for thread in workers.into_iter().chain([forks]) {
            thread.join().unwrap();
        }
        // It grew during freezes.
        drop(copies);
        compare();
        SHARED.lock().unwrap().clear();
        compare();
    });
}

/// However long that takes.
#[test]
fn a_freeze_waits_for_a_slow_realloc() {
    tracked("a_freeze_waits_for_a_slow_realloc", || {
        let resizer = thread::spawn(|| {
            let mut raw = Raw::new(&mut Random(3));
            SLOW.store(thread_id(), Ordering::Relaxed);
            raw.resize(5_000);
            raw
        });
        while SLOW.load(Ordering::Relaxed) != IS_SLOW {
            thread::yield_now();
        }
        let frozen = tracker::freeze();
        let found = frozen.blocks().iter().filter(|block| block.size == 5_000).count();
        drop(frozen);
        assert_eq!(found, 1);
        drop(resizer.join().unwrap());
    });
}

/// In each freeze, a block that is being reallocated is in one place, the old or the new one.
#[test]
fn a_freeze_sees_every_block_that_is_being_reallocated() {
    tracked("a_freeze_sees_every_block_that_is_being_reallocated", || {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        let epoch = tracker::next_epoch();
        let mut random = Random(5);
        let blocks: Vec<Raw> = (0..50).map(|_| Raw::new(&mut random)).collect();
        // The list itself is of this epoch, too.
        let expected = blocks.len() + 1;
        tracker::next_epoch();
        let resizer = thread::spawn(move || {
            let mut blocks = blocks;
            let mut random = Random(6);
            while !STOP.load(Ordering::Relaxed) {
                let choice = random.below(blocks.len());
                blocks[choice].resize(1 + random.below(300_000));
                STARTED.fetch_add(1, Ordering::Relaxed);
            }
            blocks
        });
        for _ in 0..300 {
            let before = STARTED.load(Ordering::Relaxed);
            let frozen = tracker::freeze();
            let is_one =
                |block: &&Block| block.epoch == epoch || (block.epoch > epoch && block.origin == Origin::Realloc);
            assert_eq!(frozen.blocks().iter().filter(is_one).count(), expected);
            drop(frozen);
            while STARTED.load(Ordering::Relaxed) < before + 2 {
                thread::yield_now();
            }
        }
        STOP.store(true, Ordering::Relaxed);
        drop(resizer.join().unwrap());
        compare();
    });
}

/// Keys' destructors run after Rust's thread-locals are gone, and after the first of them the thread's record is gone as well.
#[test]
fn a_dying_thread_is_recorded_to_the_end() {
    tracked("a_dying_thread_is_recorded_to_the_end", || {
        static ROUNDS: AtomicU64 = AtomicU64::new(0);
        static KEPT: AtomicU64 = AtomicU64::new(0);
        static KEY: AtomicU64 = AtomicU64::new(0);
        static OTHER_IS_UNTRACKED: AtomicBool = AtomicBool::new(false);

        /// A new thread, which gets the record that the dying one gave back, and is untracked for a while.
        extern "C" fn other(_: *mut libc::c_void) -> *mut libc::c_void {
            let guard = tracker::untracked();
            OTHER_IS_UNTRACKED.store(true, Ordering::Release);
            while OTHER_IS_UNTRACKED.load(Ordering::Acquire) {
                thread::yield_now();
            }
            drop(guard);
            std::ptr::null_mut()
        }

        unsafe extern "C" fn destructor(_: *mut libc::c_void) {
            let mut thread = 0;
            // SAFETY: `thread` is a place for the answer.
            let started =
                unsafe { libc::pthread_create(&raw mut thread, std::ptr::null(), other, std::ptr::null_mut()) };
            assert_eq!(started, 0);
            while !OTHER_IS_UNTRACKED.load(Ordering::Acquire) {
                thread::yield_now();
            }
            let kept = Box::into_raw(Box::new(*b"allocated by a dying thread"));
            if ROUNDS.fetch_add(1, Ordering::Relaxed) < 2 {
                // SAFETY: the key exists; asks for another round.
                unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed) as u32, kept.cast()) };
            }
            KEPT.store(kept as u64, Ordering::Relaxed);
            OTHER_IS_UNTRACKED.store(false, Ordering::Release);
            // SAFETY: started above, and joined once.
            unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
        }

        let mut key = 0;
        // SAFETY: `key` is a place for the answer.
        assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) }, 0);
        KEY.store(key.into(), Ordering::Relaxed);
        for _ in 0..20 {
            ROUNDS.store(0, Ordering::Relaxed);
            thread::spawn(move || {
                black_box(Box::new(5u8));
                // SAFETY: the key exists.
                unsafe { libc::pthread_setspecific(key, std::ptr::dangling::<u8>().cast()) };
            })
            .join()
            .unwrap();
            assert_eq!(ROUNDS.load(Ordering::Relaxed), 3);
            let frozen = tracker::freeze();
            let kept = KEPT.load(Ordering::Relaxed);
            assert!(frozen.blocks().iter().any(|block| block.address.0 == kept && block.size == 27));
        }
        compare();
    });
}
