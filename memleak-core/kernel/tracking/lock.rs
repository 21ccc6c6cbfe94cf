//! A lock that cannot allocate: spins, then yields, then sleeps while a freeze lasts.
//!
//! May use: `os`.

use super::os;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU32, Ordering};

/// 1 while a thread holds all regions of the table. Waiters sleep on it.
pub static FREEZE: AtomicU32 = AtomicU32::new(0);

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
            self.wait();
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
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

/// One step of waiting for something another thread does: longer the more often it is called.
pub fn pause(tries: &mut u32) {
    *tries = tries.saturating_add(1);
    if *tries < 64 {
        spin_loop();
    } else if *tries < 128 || FREEZE.load(Ordering::Relaxed) == 0 {
        os::yield_now();
    } else {
        os::wait_while(&FREEZE, 1);
    }
}
