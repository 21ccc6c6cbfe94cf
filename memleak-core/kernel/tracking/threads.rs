//! What the hook keeps per thread.
//!
//! May use: `lock`, `os`, `pool`, `stacks`, `unwind`, `whereabouts`, and the door's count of untracked threads.
//!
//! A thread's record is made at its first event, found through one thread-local word, and returned by a pthread key's destructor when
//! the thread exits. A thread that still allocates after that (in destructors of other keys) takes a record again and its destructor is
//! called again; after the system's last round of destructors the record stays taken, which costs memory but no events. Rust's own
//! thread-local destructors run before any key's.

use super::hooks::MEMLEAK_TRACKER;
use super::lock::Lock;
use super::os;
use super::pool;
use super::stacks;
use super::unwind::Memo;
use super::whereabouts;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// One thread's record. All of it is the thread's own, but for `reallocating` and `counters`, which others read.
pub struct Thread {
    /// Set while this thread is inside the hook.
    pub busy: Cell<bool>,
    /// How many untracked guards there are. Changed by [`Thread::suspend`].
    pub suspended: Cell<u32>,
    /// How many freezes this thread holds, one in another.
    pub freezes: Cell<u32>,
    /// How often this thread has entered the hook.
    pub calls: Cell<u64>,
    /// Above zero while a block of this thread is in neither its old nor its new place in the table.
    pub reallocating: AtomicU32,
    /// The next of all records ever made.
    next: Cell<*const Thread>,
    next_free: Cell<*const Thread>,
    /// What was allocated with this record, by stack; only its thread adds, anyone may read.
    counters: [AtomicPtr<Counter>; CHUNKS],
    /// Used only while `busy`.
    pub memo: UnsafeCell<Memo>,
}

/// What was allocated from one stack by the threads that had one record. Each thread has its own, so that none waits for another.
pub struct Counter {
    pub allocations: AtomicU64,
    pub bytes: AtomicU64,
}

const _: () = assert!(size_of::<Counter>() == 16);

const CHUNK_BITS: u32 = 8;
/// How many counters there are in a chunk.
pub const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNKS: usize = stacks::LIMIT >> CHUNK_BITS;

static ALL: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());
static FREE: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());
static LISTS: Lock = Lock::new();
static KEY: AtomicU32 = AtomicU32::new(0);

impl Thread {
    /// Raises or lowers the number of untracked guards, to zero at least; answers what it was.
    pub fn suspend(&self, by: i32) -> u32 {
        let before = self.suspended.get();
        let after = before.saturating_add_signed(by);
        self.suspended.set(after);
        match (before, after) {
            (0, 1..) => MEMLEAK_TRACKER.untracked.fetch_add(1, Ordering::Relaxed),
            (1.., 0) => MEMLEAK_TRACKER.untracked.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        before
    }

    /// Counts an allocation. False if there is no memory for the counter.
    #[inline(always)]
    pub fn count(&self, stack: u32, size: u64) -> bool {
        let Some(slot) = self.counters.get((stack >> CHUNK_BITS) as usize) else { return false };
        let mut chunk = slot.load(Ordering::Relaxed);
        if chunk.is_null() {
            chunk = pool::take(CHUNK_BITS.wrapping_add(4)).cast();
            if chunk.is_null() {
                return false;
            }
            slot.store(chunk, Ordering::Release);
        }
        // SAFETY: a chunk has `CHUNK` counters and is never given back.
        let counter = unsafe { &*chunk.add(stack as usize & CHUNK.wrapping_sub(1)) };
        // Only this thread writes, so this needs no locked instruction.
        counter.allocations.store(counter.allocations.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        counter.bytes.store(counter.bytes.load(Ordering::Relaxed).wrapping_add(size), Ordering::Relaxed);
        true
    }
}

/// Passes all threads' counters of the stacks from `chunk * CHUNK` on to `add`, with the place in the chunk.
pub fn each_counter(chunk: usize, mut add: impl FnMut(usize, &Counter)) {
    each(|thread| {
        let counters = thread.counters.get(chunk).map_or(ptr::null_mut(), |slot| slot.load(Ordering::Acquire));
        if !counters.is_null() {
            for at in 0..CHUNK {
                // SAFETY: a chunk has `CHUNK` counters and is never given back.
                add(at, unsafe { &*counters.add(at) });
            }
        }
    });
}

/// Passes all records ever made to `f`.
fn each(mut f: impl FnMut(&Thread)) {
    let mut next = ALL.load(Ordering::Acquire).cast_const();
    while !next.is_null() {
        // SAFETY: records are never unmapped.
        let thread = unsafe { &*next };
        f(thread);
        next = thread.next.get();
    }
}

/// Must be called once, before the first [`current`]; false if the system has no key left.
pub fn start() -> bool {
    let mut key = 0;
    // SAFETY: `key` outlives the call; the destructor takes what `current` sets.
    if unsafe { os::pthread_key_create(&mut key, Some(exit)) } != 0 {
        return false;
    }
    KEY.store(key, Ordering::Release);
    true
}

/// This thread's record; none if there is no memory for one.
#[inline(always)]
pub fn current() -> Option<&'static Thread> {
    // SAFETY: the word is null or a record, which is never unmapped.
    unsafe {
        let record: *const Thread = (*os::thread_word()).cast_const().cast();
        if record.is_null() { enter() } else { Some(&*record) }
    }
}

#[cold]
#[inline(never)]
fn enter() -> Option<&'static Thread> {
    let record = take_record();
    if record.is_null() {
        return None;
    }
    // SAFETY: the word is this thread's. The key's value is only passed to `exit`.
    unsafe {
        *os::thread_word() = record.cast_mut().cast();
        os::pthread_setspecific(KEY.load(Ordering::Acquire), record.cast());
        whereabouts::enter();
        Some(&*record)
    }
}

fn take_record() -> *const Thread {
    const BITS: u32 = pool::bits(size_of::<Thread>(), align_of::<Thread>());
    let _held = LISTS.hold();
    let free = FREE.load(Ordering::Relaxed).cast_const();
    if !free.is_null() {
        // SAFETY: a record on the free list is nobody's.
        FREE.store(unsafe { (*free).next_free.get() }.cast_mut(), Ordering::Relaxed);
        return free;
    }
    let fresh: *const Thread = pool::take(BITS).cast_const().cast();
    if !fresh.is_null() {
        // SAFETY: zeroed memory is a record without events.
        unsafe { (*fresh).next.set(ALL.load(Ordering::Relaxed)) };
        ALL.store(fresh.cast_mut(), Ordering::Release);
    }
    fresh
}

/// The key's destructor: the thread is exiting.
unsafe extern "C" fn exit(record: *mut c_void) {
    // SAFETY: the word is this thread's.
    unsafe { *os::thread_word() = ptr::null_mut() };
    // SAFETY: `enter` set the key to this thread's record.
    let thread = unsafe { &*record.cast_const().cast::<Thread>() };
    thread.busy.set(false);
    thread.suspend(i32::MIN);
    whereabouts::leave();
    let _held = LISTS.hold();
    thread.next_free.set(FREE.load(Ordering::Relaxed));
    FREE.store(record.cast(), Ordering::Relaxed);
}

/// This thread's record, if it has one.
pub fn existing() -> Option<&'static Thread> {
    // SAFETY: the word is null or a record, which is never unmapped.
    unsafe { (*os::thread_word()).cast_const().cast::<Thread>().as_ref() }
}

/// Waits until no thread but this one is in a `realloc`. New ones must be held off already.
pub fn wait_for_reallocs(me: &Thread, mut wait: impl FnMut()) {
    each(|thread| {
        while !ptr::eq(thread, me) && thread.reallocating.load(Ordering::SeqCst) != 0 {
            wait();
        }
    });
}

/// Takes the lock for a freeze.
pub fn lock() {
    LISTS.lock();
}

/// Ends [`lock`].
pub fn unlock() {
    LISTS.unlock();
}
