//! A lock that cannot allocate: spins, then yields, then sleeps. And the freeze: one thread holds every lock of the kernel.
//!
//! May use: `os`.

use super::os;
use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// `NONE`, `COMING` while a thread is taking all locks, `HELD` while it has them.
static FREEZE: AtomicU32 = AtomicU32::new(NONE);
const NONE: u32 = 0;
const COMING: u32 = 1;
const HELD: u32 = 2;

/// Who holds all locks: an address that is different for each thread.
static HOLDER: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// A lock of one word: 0 free, 1 held.
#[repr(transparent)]
pub struct Lock(AtomicU32);

/// A lock that this thread may act under, until it is dropped.
#[must_use]
pub struct Held<'a> {
    lock: &'a Lock,
    /// Not if the thread holds all of them anyway.
    release: bool,
}

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.release {
            self.lock.unlock();
        }
    }
}

impl Lock {
    /// A free lock.
    pub const fn new() -> Self {
        Lock(AtomicU32::new(0))
    }

    #[inline(always)]
    fn try_lock(&self) -> bool {
        self.0.swap(1, Ordering::Acquire) == 0
    }

    /// Takes the lock until the answer is dropped; the holder of a freeze has it already.
    #[inline(always)]
    pub fn hold(&self) -> Held<'_> {
        if self.try_lock() { Held { lock: self, release: true } } else { self.hold_contended() }
    }

    #[cold]
    #[inline(never)]
    fn hold_contended(&self) -> Held<'_> {
        let mine = held_by_me();
        if !mine {
            self.wait();
        }
        Held { lock: self, release: !mine }
    }

    /// Takes the lock for a freeze that is coming.
    pub fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        let mut tries = 0u32;
        while self.0.load(Ordering::Relaxed) != 0 || !self.try_lock() {
            pause_or_sleep(&mut tries);
        }
    }

    /// Gives the lock back.
    #[inline(always)]
    pub fn unlock(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// The only freeze from here on. The caller then takes all locks, in their order, and calls [`freeze_is_here`].
pub fn freeze_is_coming() {
    let mut tries = 0;
    while FREEZE.compare_exchange(NONE, COMING, Ordering::SeqCst, Ordering::Relaxed).is_err() {
        pause_or_sleep(&mut tries);
    }
}

/// This thread has all locks.
pub fn freeze_is_here() {
    HOLDER.store(os::thread_word().cast(), Ordering::Relaxed);
    FREEZE.store(HELD, Ordering::SeqCst);
}

/// The holder is about to give all locks back.
pub fn freeze_is_ending() {
    HOLDER.store(ptr::null_mut(), Ordering::Relaxed);
}

/// All locks are back.
pub fn freeze_is_over() {
    FREEZE.store(NONE, Ordering::SeqCst);
    os::wake(&FREEZE);
}

/// Whether this thread holds the freeze.
pub fn held_by_me() -> bool {
    HOLDER.load(Ordering::Relaxed) == os::thread_word().cast()
}

/// Whether no thread holds the freeze, or is about to.
pub fn nobody_freezes() -> bool {
    FREEZE.load(Ordering::SeqCst) == NONE
}

/// One step of waiting for something that another thread does.
pub fn pause(tries: &mut u32) {
    *tries = tries.saturating_add(1);
    if *tries < 64 { spin_loop() } else { os::yield_now() }
}

/// Like [`pause`], and sleeps while a freeze lasts. Not while it is coming: the thread that brings it may wait for this one, and waits
/// itself with the functions of this file.
pub fn pause_or_sleep(tries: &mut u32) {
    if *tries >= 128 && FREEZE.load(Ordering::Relaxed) == HELD {
        os::wait_while(&FREEZE, HELD);
    } else {
        pause(tries);
    }
}
