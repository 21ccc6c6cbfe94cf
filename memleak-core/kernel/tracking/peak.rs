//! The highest sum of blocks that are watched, and what lived when it first was above a limit.
//!
//! May use: `pool`, `table`, and the door's word that says which blocks are watched.
//!
//! Nobody may be watching: then all that an event pays is one comparison with that word, which lies beside the epoch.

use super::super::interface_tracker::*;
use super::hooks::MEMLEAK_TRACKER;
use super::pool;
use super::table;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

static SUM: AtomicU64 = AtomicU64::new(0);
static HIGHEST: AtomicU64 = AtomicU64::new(0);
static LIMIT: AtomicU64 = AtomicU64::new(0);
/// `BELOW`, `KEPT` or `NO_ROOM`; changed during a freeze.
static CROSSING: AtomicU32 = AtomicU32::new(BELOW);
/// What was kept: `COUNT` blocks, in one of `1 << BITS` bytes; null if there are none.
static BLOCKS: AtomicPtr<RawBlock> = AtomicPtr::new(ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);
static BITS: AtomicU32 = AtomicU32::new(0);

/// Whether blocks of this epoch are watched.
#[inline(always)]
pub fn is_watched(epoch: u32) -> bool {
    epoch >= MEMLEAK_TRACKER.watched.load(Ordering::Relaxed)
}

/// A watched block is recorded. Whether [`keep`] is due. As its region is held, no watch begins or ends between the block and the sum.
#[cold]
#[inline(never)]
pub fn add(size: u64) -> bool {
    let sum = SUM.fetch_add(size, Ordering::Relaxed).wrapping_add(size);
    HIGHEST.fetch_max(sum, Ordering::Relaxed);
    sum > LIMIT.load(Ordering::Relaxed) && CROSSING.load(Ordering::Relaxed) == BELOW
}

/// The record of a watched block is taken out, its region held as in [`add`].
#[cold]
#[inline(never)]
pub fn subtract(size: u64) {
    SUM.fetch_sub(size, Ordering::Relaxed);
}

/// While frozen: keeps what lives, unless another thread has done so. Before the freeze the watch may have ended, and another begun.
pub fn keep() {
    let crossed = HIGHEST.load(Ordering::Relaxed) > LIMIT.load(Ordering::Relaxed);
    if !crossed || CROSSING.load(Ordering::Relaxed) != BELOW || !is_watched(LAST_EPOCH) {
        return;
    }
    let count = table::count();
    let bits = pool::bits(count.wrapping_mul(size_of::<RawBlock>()), align_of::<RawBlock>());
    let room: *mut RawBlock = pool::take_block(bits, false).cast();
    if room.is_null() {
        CROSSING.store(NO_ROOM, Ordering::Relaxed);
        return;
    }
    // SAFETY: there is room for so many, and any bytes are a block.
    let written = table::copy(unsafe { core::slice::from_raw_parts_mut(room, count) });
    BLOCKS.store(room, Ordering::Relaxed);
    COUNT.store(written, Ordering::Relaxed);
    BITS.store(bits, Ordering::Relaxed);
    CROSSING.store(KEPT, Ordering::Relaxed);
}

/// While frozen: watches blocks of this epoch or later. What was kept before is forgotten, unless this only ends the watch.
pub fn watch(epoch: u32, limit: u64) {
    MEMLEAK_TRACKER.watched.store(epoch, Ordering::Relaxed);
    if epoch == NOBODY {
        return;
    }
    SUM.store(0, Ordering::Relaxed);
    HIGHEST.store(0, Ordering::Relaxed);
    LIMIT.store(limit, Ordering::Relaxed);
    CROSSING.store(BELOW, Ordering::Relaxed);
    COUNT.store(0, Ordering::Relaxed);
    let old = BLOCKS.swap(ptr::null_mut(), Ordering::Relaxed);
    if !old.is_null() {
        // SAFETY: it came from the pool with these bits.
        unsafe { pool::give(old.cast(), BITS.load(Ordering::Relaxed)) };
    }
}

/// How high the sum has been.
pub fn so_far() -> RawPeak {
    RawPeak {
        highest: HIGHEST.load(Ordering::Relaxed),
        crossing: CROSSING.load(Ordering::Relaxed),
        count: COUNT.load(Ordering::Relaxed),
    }
}

/// While frozen: the blocks that were kept, as many as fit.
pub fn kept(into: &mut [RawBlock]) {
    let (blocks, count) = (BLOCKS.load(Ordering::Relaxed), COUNT.load(Ordering::Relaxed));
    if blocks.is_null() {
        return;
    }
    for (at, slot) in into.iter_mut().take(count).enumerate() {
        // SAFETY: so many were written, and the freeze keeps others from forgetting them.
        *slot = unsafe { *blocks.add(at) };
    }
}
