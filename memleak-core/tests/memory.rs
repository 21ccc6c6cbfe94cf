//! Where blocks come from and what is left of them: memleak's own memory, and the zeros that the inner allocator gets back.

mod child;

use child::tracked;
use memleak_core::address::RuntimeAddress;
use memleak_core::tracker::{self, Allocator, Block, Origin};
use std::alloc::{GlobalAlloc, Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// `System`, looking at what it gets back.
struct Watching;

#[global_allocator]
static ALLOCATOR: Allocator<Watching> = Allocator::new(Watching);

static FREED: AtomicUsize = AtomicUsize::new(0);
static FREED_BYTES: AtomicUsize = AtomicUsize::new(0);
static NOT_WIPED: AtomicUsize = AtomicUsize::new(0);
static REALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: forwards to `System`.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is still there, and all of it has been written.
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        FREED.fetch_add(1, Ordering::Relaxed);
        FREED_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        if !all_zero(bytes) {
            NOT_WIPED.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        REALLOCATED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

/// A block and what is in it, which any thread may free.
struct Raw {
    at: *mut u8,
    layout: Layout,
}

// SAFETY: an allocation of the global allocator can be used by any thread.
unsafe impl Send for Raw {}

impl Raw {
    fn new(size: usize, align: usize) -> Raw {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the size is not zero.
        let raw = Raw { at: unsafe { alloc(layout) }, layout };
        raw.checked()
    }

    fn zeroed(size: usize, align: usize) -> Raw {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the size is not zero.
        let raw = Raw { at: unsafe { alloc_zeroed(layout) }, layout };
        assert!(all_zero(raw.bytes()), "{layout:?}");
        raw.checked()
    }

    fn checked(self) -> Raw {
        assert!(!self.at.is_null() && (self.at as usize).is_multiple_of(self.layout.align()), "{:?}", self.layout);
        // SAFETY: ours, and as long as that.
        unsafe { ptr::write_bytes(self.at, 0, self.layout.size()) };
        self
    }

    /// Writes what [`Raw::assert_filled`] expects.
    fn fill(&mut self) {
        // SAFETY: ours, and as long as that.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.at, self.layout.size()) };
        bytes.iter_mut().zip(PERIOD).for_each(|(byte, value)| *byte = value);
        let mut done = PERIOD.len();
        while done < bytes.len() {
            let more = done.min(bytes.len() - done);
            bytes.copy_within(..more, done);
            done += more;
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: ours, as long as that, and all of it was written.
        unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) }
    }

    fn assert_filled(&self, len: usize) {
        let bytes = &self.bytes()[..len];
        let first = bytes.len().min(PERIOD.len());
        assert!(bytes[..first] == PERIOD[..first], "{:?}", self.layout);
        assert!(len < PERIOD.len() || bytes[PERIOD.len()..] == bytes[..len - PERIOD.len()], "{:?}", self.layout);
    }

    /// Grows or shrinks, and checks that what was filled is still there.
    fn resize(&mut self, size: usize) {
        let kept = self.layout.size().min(size);
        // SAFETY: ours; the size is not zero.
        self.at = unsafe { realloc(self.at, self.layout, size) };
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        assert!(!self.at.is_null() && (self.at as usize).is_multiple_of(self.layout.align()));
        self.assert_filled(kept);
        self.fill();
    }

    fn is_own(&self) -> bool {
        is_own(self.at)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: ours, and not used any more.
        unsafe { dealloc(self.at, self.layout) }
    }
}

/// Repeated in a filled block.
const PERIOD: [u8; 251] = {
    let mut bytes = [0; 251];
    let mut i = 0;
    while i < bytes.len() {
        bytes[i] = i as u8 + 1;
        i += 1;
    }
    bytes
};

/// By comparing with itself, which is fast in every profile.
fn all_zero(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0 && bytes[1..] == bytes[..bytes.len() - 1])
}

fn is_own<T>(at: *const T) -> bool {
    tracker::own_memory().contains(&RuntimeAddress(at as u64))
}

fn find<T>(address: *const T) -> Option<Block> {
    let frozen = tracker::freeze();
    frozen.blocks().into_iter().find(|block| block.address.0 == address as u64)
}

/// Small, of every remainder, around a page, and such that their pages are given back instead of being written.
fn sizes() -> impl Iterator<Item = usize> {
    (1..=300).chain([1023, 4096, 8191, 70_001, 131_072, 1_000_003, 1 << 20, (1 << 20) + 1, 5_000_001, (40 << 20) + 1])
}

#[test]
fn what_is_freed_is_zero() {
    tracked("what_is_freed_is_zero", || {
        for size in sizes() {
            for align in [1, 16, 64, 4096] {
                let before = FREED_BYTES.load(Ordering::Relaxed);
                let mut raw = Raw::new(size, align);
                raw.fill();
                drop(raw);
                assert!(FREED_BYTES.load(Ordering::Relaxed) >= before + size, "the inner allocator got it back");
                assert_eq!(NOT_WIPED.load(Ordering::Relaxed), 0, "size {size}, alignment {align}");
            }
        }
        let strings: Vec<String> = (0..1000).map(|i| format!("a string with {i} in it")).collect();
        thread::spawn(move || drop(strings)).join().unwrap();
        assert_eq!(NOT_WIPED.load(Ordering::Relaxed), 0);
    });
}

/// Memory that is shared with other processes: it keeps what is in it when its pages are given back.
struct Shared;

static SHARED: Allocator<Shared> = Allocator::new(Shared);

// SAFETY: each block is a mapping.
unsafe impl GlobalAlloc for Shared {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: an anonymous mapping at an address of the system's choice.
        unsafe { libc::mmap(ptr::null_mut(), layout.size(), access, kind, -1, 0).cast() }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is still there, and all of it has been written.
        if !all_zero(unsafe { std::slice::from_raw_parts(block, layout.size()) }) {
            NOT_WIPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn what_is_freed_is_zero_wherever_it_comes_from() {
    tracked("what_is_freed_is_zero_wherever_it_comes_from", || {
        let layout = Layout::from_size_align(40 << 20, 4096).unwrap();
        // SAFETY: a block of this size, not used after it was freed.
        unsafe {
            let block = SHARED.alloc(layout);
            ptr::write_bytes(block, 7, layout.size());
            SHARED.dealloc(block, layout);
        }
        assert_eq!(NOT_WIPED.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_realloc_moves_all_and_leaves_zeros() {
    tracked("a_realloc_moves_all_and_leaves_zeros", || {
        let sizes: Vec<usize> = sizes().collect();
        for (i, from) in sizes.iter().step_by(5).enumerate() {
            for to in sizes.iter().skip(i % 7).step_by(7) {
                let mut raw = Raw::new(*from, 1 << (i % 8));
                raw.fill();
                raw.resize(*to);
                assert_eq!(find(raw.at).map(|block| (block.size, block.origin)), Some((*to as u64, Origin::Realloc)));
                drop(raw);
                assert_eq!(NOT_WIPED.load(Ordering::Relaxed), 0, "from {from} to {to}");
            }
        }
        assert_eq!(REALLOCATED.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn an_untracked_thread_has_memory_of_its_own() {
    tracked("an_untracked_thread_has_memory_of_its_own", || {
        let freed = FREED.load(Ordering::Relaxed);
        let guard = tracker::untracked();
        let mut blocks = Vec::new();
        for round in 0..3 {
            for size in sizes() {
                for align in [1, 8, 64, 4096, 65_536, 4 << 20] {
                    // What was used before comes back, and has to be zero if that is asked for.
                    let mut raw = if round == 1 { Raw::zeroed(size, align) } else { Raw::new(size, align) };
                    raw.fill();
                    assert!(raw.is_own());
                    blocks.push(raw);
                    if blocks.len() > 20 {
                        blocks.swap_remove(size % 20).assert_filled(1);
                    }
                }
            }
        }
        blocks.iter().for_each(|raw| raw.assert_filled(raw.layout.size()));
        assert!(is_own(blocks.as_ptr()));
        drop(guard);
        assert!(!Raw::new(100, 8).is_own());
        let before = FREED.load(Ordering::Relaxed);
        drop(blocks);
        assert_eq!(FREED.load(Ordering::Relaxed), before, "the inner allocator never had them");
        assert!(before <= freed + 1);
    });
}

#[test]
fn a_block_stays_where_it_belongs() {
    tracked("a_block_stays_where_it_belongs", || {
        let mut theirs = Raw::new(100, 8);
        theirs.fill();
        let guard = tracker::untracked();
        let mut own = Raw::new(100, 8);
        own.fill();
        theirs.resize(1000);
        drop(guard);
        assert!(!theirs.is_own());
        assert_eq!(find(theirs.at).map(|block| block.size), Some(1000));
        for size in [50, 1, 128, 5_000, 3 << 20, 200_000, 7] {
            own.resize(size);
            assert!(own.is_own() && find(own.at).is_none());
        }
        // Another thread, which is tracked, frees the one, and one which is not the other.
        thread::spawn(move || drop(own)).join().unwrap();
        let at = theirs.at;
        let free = move || {
            let _untracked = tracker::untracked();
            drop(theirs);
        };
        thread::spawn(free).join().unwrap();
        assert_eq!(find(at), None);
    });
}

#[test]
fn the_program_is_tracked_within_an_untracked_thread() {
    tracked("the_program_is_tracked_within_an_untracked_thread", || {
        let _outer = tracker::untracked();
        let _inner = tracker::untracked();
        let theirs = tracker::tracked(|| Box::new(1u8));
        let own = Box::new(2u8);
        assert!(find(&raw const *theirs).is_some() && !is_own(&raw const *theirs));
        assert!(find(&raw const *own).is_none() && is_own(&raw const *own));
    });
}

/// Of this process, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn large_blocks_do_not_keep_memory() {
    tracked("large_blocks_do_not_keep_memory", || {
        let _untracked = tracker::untracked();
        let before = resident();
        for _ in 0..4 {
            let mut blocks: Vec<Raw> = (1..=20).map(|i| Raw::new(i * 300_000, 8)).collect();
            blocks.iter_mut().for_each(Raw::fill);
            let most = resident();
            assert!(most > before + 50_000_000, "{before} {most}");
            drop(blocks);
            let after = resident();
            assert!(after < before + 5_000_000, "{before} {after}");
        }
    });
}

/// A block that was hardly used must not be filled with memory when it is wiped.
#[test]
fn wiping_a_large_block_takes_no_memory() {
    tracked("wiping_a_large_block_takes_no_memory", || {
        let size = 1 << 28;
        let block: Vec<u8> = black_box(Vec::with_capacity(size));
        let before = resident();
        drop(block);
        // SAFETY: zeroes are a valid `rusage`, and the call fills it.
        let most = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
            usage.ru_maxrss
        };
        assert!(usize::try_from(most).unwrap() * 1024 < before + 100_000_000);
    });
}

static STOP: AtomicBool = AtomicBool::new(false);

/// A thread that waits for ever is a failure, too.
fn do_not_hang() {
    // SAFETY: the default action of the alarm ends the process.
    unsafe { libc::alarm(60) };
}

/// Hardly anything but memleak's own memory, so that a stop finds this thread there.
fn hammer_own_memory() {
    let _untracked = tracker::untracked();
    let layout = Layout::from_size_align(48, 8).unwrap();
    while !STOP.load(Ordering::Relaxed) {
        for _ in 0..100 {
            // SAFETY: the size is not zero; freed at once.
            unsafe { dealloc(alloc(layout), layout) };
        }
    }
}

/// Allocates and frees, untracked now and then.
fn hammer(seed: u64) {
    let mut random = seed;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut kept = Vec::new();
    while !STOP.load(Ordering::Relaxed) {
        let guard = next().is_multiple_of(3).then(tracker::untracked);
        for _ in 0..20 {
            let size = 1 + (next() % if next().is_multiple_of(30) { 300_000 } else { 2_000 }) as usize;
            let raw = if next().is_multiple_of(4) { Raw::zeroed(size, 8) } else { Raw::new(size, 8) };
            assert_eq!(raw.is_own(), guard.is_some());
            kept.push(raw);
            if kept.len() > 30 {
                kept.swap_remove((next() % 30) as usize);
            }
        }
    }
}

#[test]
fn the_holder_of_a_freeze_can_allocate() {
    tracked("the_holder_of_a_freeze_can_allocate", || {
        do_not_hang();
        let workers: Vec<_> = (1..=4).map(|seed| thread::spawn(move || hammer(seed * 7919))).collect();
        for _ in 0..100 {
            let frozen = tracker::freeze();
            let again = tracker::freeze();
            let mut kept: Vec<Raw> = (1..100).map(|i| Raw::new(i * 31, 8)).collect();
            kept.iter_mut().for_each(|raw| {
                raw.fill();
                raw.resize(raw.layout.size() * 3);
            });
            assert!(kept.iter().all(Raw::is_own));
            assert!(!frozen.blocks().iter().any(|block| tracker::own_memory().contains(&block.address)));
            drop((again, kept));
            drop(frozen);
            thread::yield_now();
        }
        STOP.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

static STOPPED: AtomicUsize = AtomicUsize::new(0);
static RELEASED: AtomicU64 = AtomicU64::new(0);

/// Keeps its thread where it is.
extern "C" fn stop_here(_: libc::c_int) {
    let round = RELEASED.load(Ordering::SeqCst);
    STOPPED.fetch_add(1, Ordering::SeqCst);
    while RELEASED.load(Ordering::SeqCst) == round {
        // SAFETY: no preconditions, and a handler may.
        unsafe { libc::sched_yield() };
    }
}

/// Threads are stopped anywhere: in the inner allocator with its lock, or where one of our locks is waited for.
#[test]
fn the_holder_can_allocate_while_threads_are_stopped_anywhere() {
    tracked("the_holder_can_allocate_while_threads_are_stopped_anywhere", || {
        do_not_hang();
        // SAFETY: the handler only waits.
        unsafe { libc::signal(libc::SIGUSR1, stop_here as extern "C" fn(libc::c_int) as libc::sighandler_t) };
        let (ids, threads) = mpsc::channel();
        let workers: Vec<_> = (1..=4)
            .map(|seed| {
                let ids = ids.clone();
                thread::spawn(move || {
                    // SAFETY: no preconditions.
                    ids.send(unsafe { libc::gettid() }).unwrap();
                    if seed < 3 { hammer_own_memory() } else { hammer(seed * 104_729) }
                })
            })
            .collect();
        let threads: Vec<i32> = threads.iter().take(workers.len()).collect();
        for round in 1..=50 {
            let frozen = tracker::freeze();
            STOPPED.store(0, Ordering::SeqCst);
            for thread in &threads {
                // SAFETY: threads of this process, which are joined later.
                assert_eq!(unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), *thread, libc::SIGUSR1) }, 0);
            }
            while STOPPED.load(Ordering::SeqCst) < threads.len() {
                thread::yield_now();
            }
            let mut kept: Vec<Raw> = (1..60).map(|i| Raw::zeroed(i * i * 100, 8)).collect();
            kept.truncate(30);
            kept.iter_mut().for_each(|raw| {
                raw.fill();
                raw.resize(raw.layout.size() * 2);
            });
            assert!(frozen.blocks().len() > 3);
            drop(kept);
            RELEASED.store(round, Ordering::SeqCst);
            drop(frozen);
            thread::yield_now();
        }
        STOP.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn a_child_of_fork_can_free_what_its_parent_had() {
    tracked("a_child_of_fork_can_free_what_its_parent_had", || {
        let guard = tracker::untracked();
        let own = Raw::new(1000, 8);
        drop(guard);
        // SAFETY: the child only frees and exits.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let before = FREED.load(Ordering::Relaxed);
            let right = own.is_own();
            drop(own);
            let guard = tracker::untracked();
            let plain = !Raw::new(10, 8).is_own();
            drop(guard);
            let right = right && plain && FREED.load(Ordering::Relaxed) == before + 1;
            // SAFETY: ends the child without running what belongs to the parent.
            unsafe { libc::_exit(if right { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: `status` is a place for the answer.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child's status");
    });
}

/// Under `ulimit -v`, a part of what is allowed is reserved, and the rest is for the program.
#[test]
fn little_address_space_is_shared() {
    tracked("little_address_space_is_shared", || {
        let limited = std::env::var_os("MEMLEAK_TEST_LIMITED").is_some();
        if !limited {
            let own = tracker::own_memory();
            assert!(own.end.0 - own.start.0 >= 64 << 30);
            let status = std::process::Command::new("sh")
                .args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\""])
                .arg(std::env::current_exe().unwrap())
                .args(["little_address_space_is_shared", "--exact", "--nocapture"])
                .env("MEMLEAK_TEST_LIMITED", "1")
                .status();
            assert!(status.unwrap().success());
            return;
        }
        let own = tracker::own_memory();
        assert!((100_000_000..400_000_000).contains(&(own.end.0 - own.start.0)));
        let _untracked = tracker::untracked();
        assert!(Raw::new(50_000_000, 8).is_own());
        let too_much = Layout::from_size_align(1 << 29, 8).unwrap();
        // SAFETY: the size is not zero, and nothing is done with the answer.
        assert!(unsafe { alloc(too_much) }.is_null(), "no memory, instead of memory of the program's");
    });
}
