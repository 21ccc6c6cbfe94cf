//! memleak's own memory: one range of addresses, reserved once, from which the kernel's tables and the blocks of untracked threads come.
//!
//! May use: `os`, `lock`, `interface_tracker`. Its lock is the innermost of all: nothing is called while it is held.
//!
//! Blocks are a power of two of bytes and aligned to their size, so nothing is written in front of them: whoever gives a block back knows its
//! size. Free ones are kept by size, and never cut or joined. Fresh ones are cut off the range's untouched end.

use super::super::interface_tracker::Range;
use super::lock::Lock;
use super::os;
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The smallest block has this many bits.
const SMALLEST: u32 = 4;
const CLASSES: usize = 40;
/// The pages of free blocks of this many bits and more go back to the system.
const LARGE: u32 = 17;

/// How much is asked for. It is address space only: pages come with their first use.
const WANTED: usize = 1 << 38;
/// With less there is no tracking.
const NEEDED: usize = 1 << 24;
/// Pages are made usable in such steps.
const STEP: usize = 1 << 21;

/// Where the range begins and how long it is; zero before [`reserve`].
static START: AtomicUsize = AtomicUsize::new(0);
static LEN: AtomicUsize = AtomicUsize::new(0);

struct Pool {
    lock: Lock,
    inner: UnsafeCell<Inner>,
}

struct Inner {
    /// Free blocks by size, each holding the address of the next.
    free: [*mut *mut u8; CLASSES],
    /// Everything from here on was never touched.
    next: usize,
    /// Pages up to here can be used.
    usable: usize,
}

// SAFETY: `inner` is touched only under `lock`.
unsafe impl Sync for Pool {}

static POOL: Pool =
    Pool { lock: Lock::new(), inner: UnsafeCell::new(Inner { free: [ptr::null_mut(); CLASSES], next: 0, usable: 0 }) };

/// Reserves the range, before anything else; false if the system does not give one.
pub fn reserve() -> bool {
    if LEN.load(Ordering::Relaxed) != 0 {
        return true;
    }
    // Where addresses are limited, most of them are for the program.
    let allowed = os::address_space_limit() >> 2;
    let mut len = if allowed < WANTED { allowed & !(STEP - 1) } else { WANTED };
    while len >= NEEDED {
        let start = os::reserve(len);
        if !start.is_null() {
            let _held = POOL.lock.hold();
            // SAFETY: the lock is held.
            let inner = unsafe { &mut *POOL.inner.get() };
            (inner.next, inner.usable) = (start as usize, start as usize);
            START.store(start as usize, Ordering::Relaxed);
            LEN.store(len, Ordering::Release);
            return true;
        }
        len = len >> 1 & !(STEP - 1);
    }
    false
}

/// Whether an address is in the range.
#[inline(always)]
pub fn owns(address: *const u8) -> bool {
    (address as usize).wrapping_sub(START.load(Ordering::Relaxed)) < LEN.load(Ordering::Relaxed)
}

/// The range.
pub fn range() -> Range {
    let start = START.load(Ordering::Relaxed) as u64;
    Range { start, end: start.wrapping_add(LEN.load(Ordering::Acquire) as u64) }
}

/// Which blocks have room for `size` bytes at a multiple of `align`.
#[inline(always)]
pub const fn bits(size: usize, align: usize) -> u32 {
    let needed = if size < align { align } else { size };
    let bits = usize::BITS.wrapping_sub(needed.wrapping_sub(1).leading_zeros());
    if needed <= 1 << SMALLEST { SMALLEST } else { bits }
}

/// `1 << bits` zeroed bytes, aligned to their number; null if there are none.
pub fn take(bits: u32) -> *mut u8 {
    take_block(bits, true)
}

/// As [`take`], and zeroed only if asked for.
pub fn take_block(bits: u32, zeroed: bool) -> *mut u8 {
    let bits = if bits < SMALLEST { SMALLEST } else { bits };
    let held = POOL.lock.hold();
    // SAFETY: the lock is held.
    let inner = unsafe { &mut *POOL.inner.get() };
    let Some(head) = inner.free.get_mut((bits - SMALLEST) as usize) else { return ptr::null_mut() };
    if head.is_null() {
        return inner.carve(bits);
    }
    let at: *mut u8 = head.cast();
    // SAFETY: a free block holds the next one's address.
    *head = unsafe { **head }.cast();
    drop(held);
    if zeroed {
        // A large free block is zero but for the word that held the address.
        let dirty = if bits < LARGE { 1usize << bits } else { size_of::<*mut u8>() };
        // SAFETY: the block is ours and as long as that.
        unsafe { ptr::write_bytes(at, 0, dirty) };
    }
    at
}

/// Gives a block back.
///
/// # Safety
/// `at` came from [`take`] or [`take_block`] with the same `bits` and nothing uses it any more.
pub unsafe fn give(at: *mut u8, bits: u32) {
    let bits = if bits < SMALLEST { SMALLEST } else { bits };
    // SAFETY: the block is ours, as long as that, and made of whole pages.
    if bits >= LARGE && !unsafe { os::discard(at, 1usize << bits) } {
        // SAFETY: as above.
        unsafe { ptr::write_bytes(at, 0, 1usize << bits) };
    }
    let _held = POOL.lock.hold();
    // SAFETY: the lock is held; the block is ours to write.
    unsafe { (*POOL.inner.get()).put(at, bits) };
}

impl Inner {
    /// # Safety
    /// `at` is a usable block that belongs to nobody.
    unsafe fn put(&mut self, at: *mut u8, bits: u32) {
        if let Some(head) = self.free.get_mut((bits - SMALLEST) as usize) {
            let block: *mut *mut u8 = at.cast();
            // SAFETY: by contract; a block has room for an address.
            unsafe { *block = (*head).cast() };
            *head = block;
        }
    }

    /// A block that was never touched; null if the range is used up or the system gives no more pages.
    #[cold]
    #[inline(never)]
    fn carve(&mut self, bits: u32) -> *mut u8 {
        let size = 1usize << bits;
        let at = self.next.wrapping_add(size - 1) & !(size - 1);
        let end = at.wrapping_add(size);
        let limit = START.load(Ordering::Relaxed).wrapping_add(LEN.load(Ordering::Relaxed));
        if end > limit || end < self.next || !self.make_usable(end, limit) {
            return ptr::null_mut();
        }
        // What lies before it is cut into the largest blocks that fit.
        while self.next != at {
            let bits = self.next.trailing_zeros();
            // SAFETY: usable, and behind everything that was given out.
            unsafe { self.put(self.next as *mut u8, bits) };
            self.next = self.next.wrapping_add(1 << bits);
        }
        self.next = end;
        at as *mut u8
    }

    fn make_usable(&mut self, end: usize, limit: usize) -> bool {
        if end <= self.usable {
            return true;
        }
        let rounded = end.wrapping_add(STEP - 1) & !(STEP - 1);
        let until = if rounded < limit { rounded } else { limit };
        // SAFETY: within the range, whose pages behind `usable` nobody uses.
        let usable = unsafe { os::make_usable(self.usable as *mut u8, until.wrapping_sub(self.usable)) };
        if usable {
            self.usable = until;
        }
        usable
    }
}

/// Takes the lock for a freeze.
pub fn lock() {
    POOL.lock.lock();
}

/// Ends [`lock`].
pub fn unlock() {
    POOL.lock.unlock();
}
