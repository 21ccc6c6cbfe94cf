//! A lock that cannot allocate: spins, then yields. And the word that says how far a freeze is.
//!
//! May use: `os`.

use super::os;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU32, Ordering};

/// `NONE`, `COMING` while a thread is taking the regions of the table, `HELD` while it holds all of them.
pub static FREEZE: AtomicU32 = AtomicU32::new(NONE);
pub const NONE: u32 = 0;
pub const COMING: u32 = 1;
pub const HELD: u32 = 2;

/// A lock of one word: 0 free, 1 held.
#[repr(transparent)]
pub struct Lock(AtomicU32);

impl Lock {
    /// A free lock.
    pub const fn new() -> Self {
        Lock(AtomicU32::new(0))
    }

    /// Takes the lock if it is free.
    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        self.0.swap(1, Ordering::Acquire) == 0
    }

    /// Takes the lock. The caller must not hold it.
    #[inline(always)]
    pub fn lock(&self) {
        if !self.try_lock() {
            self.wait(pause);
        }
    }

    /// Takes a lock that a freeze holds to its end: sleeps until then. The caller must hold no lock at all.
    #[inline(always)]
    pub fn lock_or_sleep(&self) {
        if !self.try_lock() {
            self.wait(pause_or_sleep);
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, pause: fn(&mut u32)) {
        let mut tries = 0u32;
        loop {
            if self.0.load(Ordering::Relaxed) == 0 && self.try_lock() {
                return;
            }
            pause(&mut tries);
        }
    }

    /// Gives the lock back.
    #[inline(always)]
    pub fn unlock(&self) {
        self.0.store(0, Ordering::Release);
    }
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
